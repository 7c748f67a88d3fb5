//! What events and time do to instances that wait.

use std::sync::Arc;

use elate_domain::EventType;
use elate_manifest::expression::{EventView, Scope};
use elate_manifest::spec::{EventMatch, PlayStep};
use uuid::Uuid;

use super::log::{self, Taken};
use super::{Play, Standing, path, run};
use crate::model::definitions::Definitions;
use crate::model::kept;
use crate::model::state::{CustomerState, PlayInstance};
use crate::model::turn::Turn;

/// Finds a play as an instance runs it.
pub(crate) type Find<'a> = dyn Fn(&str, u64) -> Option<Arc<Play>> + 'a;

/// What an event does to an instance.
enum Effect {
    Exits(String),
    Wakes,
}

/// Why an instance leaves whose wording was forgotten.
const NOT_KEPT: &str = "the version that it runs is not kept any more";

/// Lets an event happen to the instances under way.
pub(crate) fn event(
    state: &mut CustomerState,
    turn: &mut Turn<'_>,
    standing: Standing<'_>,
    find: &Find<'_>,
    event: &EventView,
) {
    // Instances that are put back by a step come after those that are still to be looked at.
    let mut left = state.plays.len();
    let mut place = 0;
    while left > 0 {
        left -= 1;
        let Some(instance) = state.plays.get(place) else { return };
        let Some(play) = find(&instance.play, instance.version) else {
            let instance = state.plays.remove(place);
            run::leave(turn, instance, NOT_KEPT);
            continue;
        };
        let Some(effect) = effect(state, turn, standing.definitions, &play, instance, event) else {
            place += 1;
            continue;
        };
        let instance = state.plays.remove(place);
        match effect {
            Effect::Exits(reason) => run::leave(turn, instance, &reason),
            Effect::Wakes => woken(state, turn, standing, &play, instance, event),
        }
    }
}

fn effect(
    state: &CustomerState,
    turn: &Turn<'_>,
    definitions: &Definitions,
    play: &Play,
    instance: &PlayInstance,
    event: &EventView,
) -> Option<Effect> {
    let mut exits = play.spec.exit_on.iter().enumerate();
    let exit = exits.find(|(_, meant)| concerns(meant, state, turn, definitions, play, instance, event));
    if let Some((place, meant)) = exit {
        let condition = meant.condition.as_ref().map(|condition| format!(", true: {}", condition.text()));
        let reason = format!("exit_on[{place}]: {:?} came{}", &*event.name, condition.unwrap_or_default());
        return Some(Effect::Exits(reason));
    }
    let Some(PlayStep::Wait(wait)) = path::step(&play.spec.steps, &instance.at) else { return None };
    let awaited = wait.event.as_ref()?;
    concerns(awaited, state, turn, definitions, play, instance, event).then_some(Effect::Wakes)
}

/// Whether an event is meant, and belongs to this instance.
fn concerns(
    meant: &EventMatch,
    state: &CustomerState,
    turn: &Turn<'_>,
    definitions: &Definitions,
    play: &Play,
    instance: &PlayInstance,
    event: &EventView,
) -> bool {
    // The event that began the instance, and what is told late of the time before, can't end it.
    if !meant.fits(event) || event.message_id == instance.trigger.message_id {
        return false;
    }
    let view = run::view(instance);
    let mut scope = Scope::of_event(event).customer(state.profile.traits()).instance(&view).now(turn.now);
    if let Some(moment) = &instance.moment {
        scope = scope.moment(moment);
    }
    belongs(play, definitions, instance, event, &scope) && meant.matches(event, &scope)
}

/// An event that carries a key belongs to the instance of that key alone; one that carries none belongs to all.
fn belongs(
    play: &Play,
    definitions: &Definitions,
    instance: &PlayInstance,
    event: &EventView,
    scope: &Scope<'_>,
) -> bool {
    if instance.key.is_empty() {
        return true;
    }
    if let Some(key) = play.event_key(definitions).and_then(|key| key.text_of(scope).ok()) {
        return key == instance.key;
    }
    if event.event_type != EventType::System {
        return true;
    }
    // Elate's own events name their key.
    match event.properties.get().get("key").and_then(serde_json::Value::as_str) {
        Some(key) if !key.is_empty() => key == instance.key,
        _ => true,
    }
}

fn woken(
    state: &mut CustomerState,
    turn: &mut Turn<'_>,
    standing: Standing<'_>,
    play: &Play,
    mut instance: PlayInstance,
    event: &EventView,
) {
    turn.effects.cancel_timer(run::timer(instance.id));
    instance.last_event = Some(kept(event, false));
    end_wait(state, turn, standing, play, instance, "event", &format!("{:?} came", &*event.name));
}

/// The time of an instance's wait has passed.
pub(crate) fn wait_ended(
    state: &mut CustomerState,
    turn: &mut Turn<'_>,
    standing: Standing<'_>,
    find: &Find<'_>,
    instance: Uuid,
) {
    let Some(place) = state.plays.iter().position(|known| known.id == instance) else { return };
    let instance = state.plays.remove(place);
    let Some(play) = find(&instance.play, instance.version) else {
        return run::leave(turn, instance, NOT_KEPT);
    };
    let waits_for_event = match path::step(&play.spec.steps, &instance.at) {
        Some(PlayStep::Wait(wait)) => wait.event.is_some(),
        _ => false,
    };
    let (how, reason) =
        if waits_for_event { ("timeout", "nothing came") } else { ("time", "the time has passed") };
    end_wait(state, turn, standing, &play, instance, how, reason);
}

fn end_wait(
    state: &mut CustomerState,
    turn: &mut Turn<'_>,
    standing: Standing<'_>,
    play: &Play,
    mut instance: PlayInstance,
    how: &str,
    reason: &str,
) {
    instance.last_wait = Some(how.to_owned());
    log::step(turn, &mut instance, &Taken { kind: "wait", branch: Some(how), reason });
    run::resume(state, turn, standing, play, instance);
}
