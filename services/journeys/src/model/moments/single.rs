//! Moments that one event makes.

use elate_manifest::expression::{EventView, Scope, Value};
use elate_manifest::spec::EventMatch;

use super::{Experience, MomentDefinition, same_unit};
use crate::model::ids::Of;
use crate::model::state::CustomerState;
use crate::model::turn::Turn;

/// A moment that one event makes.
#[derive(Debug, Clone)]
pub(crate) struct SingleMoment {
    pub(crate) on: EventMatch,
    pub(crate) experience: Value,
    /// What was promised, where the event itself says so.
    pub(crate) promise: Option<Value>,
}

/// Judges the moment that an event makes, if it makes one.
pub(crate) fn judge(
    state: &mut CustomerState,
    turn: &mut Turn<'_>,
    moment: &MomentDefinition,
    single: &SingleMoment,
    event: &EventView,
) {
    if !single.on.fits(event) {
        return;
    }
    let traits = state.profile.shared();
    let scope = Scope::of_event(event).customer(&traits).now(turn.now);
    if !single.on.matches(event, &scope) {
        return;
    }
    let key = match &moment.key {
        Some(key) => key.text_of(&scope).ok(),
        None => Some(String::new()),
    };
    let (Some(key), Ok(quantity)) = (key, single.experience.quantity(&scope)) else { return };
    let promise = single.promise.as_ref().and_then(|promise| promise.quantity(&scope).ok());
    let experience = Experience {
        moment_id: turn.id(Of::Moment, &[&moment.facts.moment, &key, &event.source, &event.message_id]),
        revision: 0,
        key,
        quantity,
        occurred_at: event.occurred_at,
        promise: promise.filter(|promise| same_unit(*promise, quantity)).map(|promise| promise.as_f64()),
        promise_id: None,
        provisional: false,
        because: vec![event.message_id.to_string()],
    };
    moment.facts.judge(state, turn, &scope, experience);
}
