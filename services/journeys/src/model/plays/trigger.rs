//! Whether an event starts a play.

use elate_domain::CaseState;
use elate_domain::system::{CaseChanged, JourneyMoved, MomentJudged, PromiseChanged, ScoreCrossed, name};
use elate_manifest::expression::{EventView, Scope};
use elate_manifest::spec::Trigger;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use uuid::Uuid;

use super::Play;
use crate::model::cases;
use crate::model::state::CustomerState;
use crate::model::turn::Turn;

/// An event started a play.
#[derive(Debug)]
pub(crate) struct Triggered {
    /// The key that the trigger carries; the play's own goes before it.
    pub(crate) key: String,
    /// The judged moment, where that is the trigger.
    pub(crate) moment: Option<Json>,
    /// The recovery case that the play is about, if it is about one.
    pub(crate) case: Option<Uuid>,
}

/// Whether the event starts the play. Says nothing of whether the customer may enter it.
pub(crate) fn triggered(
    play: &Play,
    state: &CustomerState,
    turn: &Turn<'_>,
    event: &EventView,
) -> Option<Triggered> {
    let traits = state.profile.traits();
    let scope = || Scope::of_event(event).customer(traits).now(turn.now);
    match &play.spec.trigger {
        Trigger::Event(meant) => {
            let found = meant.matches(event, &scope());
            found.then(|| Triggered { key: String::new(), moment: None, case: None })
        }
        Trigger::Moment(trigger) => {
            let judged: MomentJudged = payload(event, name::MOMENT_JUDGED)?;
            let meant = trigger.name == judged.moment.as_str()
                && trigger.outcome.is_none_or(|outcome| outcome == judged.outcome);
            let json = event.properties.get();
            let scope = scope().moment(json);
            let holds = meant && trigger.condition.as_ref().is_none_or(|condition| condition.holds(&scope));
            let case = cases::find(state, &judged.touchpoint, &judged.key);
            holds.then(|| Triggered { key: judged.key, moment: Some(json.clone()), case })
        }
        Trigger::Promise(trigger) => {
            let changed: PromiseChanged = payload(event, name::PROMISE_CHANGED)?;
            let meant = trigger.moment == changed.moment.as_str()
                && trigger.state == changed.state
                // A moved date tells of the promise again, in the state that it is in already.
                && changed.before != Some(changed.state);
            let holds = meant && trigger.condition.as_ref().is_none_or(|condition| condition.holds(&scope()));
            let case = cases::find(state, &changed.touchpoint, &changed.key);
            holds.then_some(Triggered { key: changed.key, moment: None, case })
        }
        Trigger::Score(trigger) => {
            let crossed: ScoreCrossed = payload(event, name::SCORE_CROSSED)?;
            // Thresholds are copied from manifests, never computed, so they are equal to the bit.
            let meant =
                crossed.threshold == trigger.threshold && crossed.direction == trigger.direction.as_str();
            meant.then(|| Triggered { key: String::new(), moment: None, case: None })
        }
        Trigger::Stage(trigger) => {
            let moved: JourneyMoved = payload(event, name::JOURNEY_MOVED)?;
            let stage = trigger.stage.as_str();
            let entered = moved.to.as_deref() == Some(stage) && moved.from.as_deref() != Some(stage);
            let meant = trigger.journey == moved.journey.as_str() && entered;
            meant.then_some(Triggered { key: moved.key, moment: None, case: None })
        }
        Trigger::Case(trigger) => case_trigger(trigger, payload(event, name::CASE_CHANGED)?),
    }
}

fn case_trigger(trigger: &elate_manifest::spec::CaseTrigger, changed: CaseChanged) -> Option<Triggered> {
    let of =
        |meant: &Option<elate_manifest::Name>, found: &str| meant.as_ref().is_none_or(|name| *name == *found);
    let meant = trigger.state == changed.state
        && of(&trigger.journey, &changed.journey)
        && of(&trigger.touchpoint, &changed.touchpoint)
        // That a play was withheld is told of an open case too; it was open before.
        && !(changed.state == CaseState::Open && changed.play.is_some());
    let case = changed.case_id.parse().ok();
    meant.then_some(Triggered { key: changed.key, moment: None, case })
}

/// The payload of one of Elate's own events.
fn payload<T: DeserializeOwned>(event: &EventView, name: &str) -> Option<T> {
    if &*event.name != name {
        return None;
    }
    serde_json::from_slice(event.properties.raw().as_bytes()).ok()
}
