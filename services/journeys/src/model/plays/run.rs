//! Steps, one after the other, until the next wait or the end.

use elate_manifest::expression::Scope;
use elate_manifest::spec::{Branch, PlayStep, SplitArm, Wait};
use elate_reach::assign;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::log::{self, Taken};
use super::{Play, Standing, hand_over, path, wait};
use crate::model::state::{CustomerState, PlayInstance, limits};
use crate::model::turn::Turn;

/// The timer that ends an instance's wait.
pub(super) fn timer(instance: Uuid) -> String {
    format!("play:{instance}:wait")
}

/// Runs an instance that was just entered.
pub(super) fn begin(
    state: &mut CustomerState,
    turn: &mut Turn<'_>,
    standing: Standing<'_>,
    play: &Play,
    instance: PlayInstance,
) {
    let first = path::step(&play.spec.steps, "0").map(|_| "0".to_owned());
    go_on(state, turn, standing, play, instance, first);
}

/// Runs an instance from the step after its wait.
pub(super) fn resume(
    state: &mut CustomerState,
    turn: &mut Turn<'_>,
    standing: Standing<'_>,
    play: &Play,
    instance: PlayInstance,
) {
    let next = path::after(&play.spec.steps, &instance.at);
    go_on(state, turn, standing, play, instance, next);
}

/// Ends an instance before its end: at once, in the middle of a wait too. What was asked for and not handed over is
/// taken back.
pub(super) fn leave(turn: &mut Turn<'_>, mut instance: PlayInstance, reason: &str) {
    turn.effects.cancel_timer(timer(instance.id));
    log::exited(turn, &mut instance, reason);
    if instance.sent {
        log::cancel_messages(turn, &instance, reason);
    }
}

fn go_on(
    state: &mut CustomerState,
    turn: &mut Turn<'_>,
    standing: Standing<'_>,
    play: &Play,
    mut instance: PlayInstance,
    mut next: Option<String>,
) {
    let steps = &play.spec.steps;
    instance.since = None;
    instance.until = None;
    while let Some(at) = next {
        let Some(step) = path::step(steps, &at) else { break };
        instance.at = at;
        if instance.logged >= limits::STEPS {
            return leave(turn, instance, "too many steps");
        }
        next = match step {
            PlayStep::Wait(wait) => {
                if let Some(instance) = begin_wait(state, turn, standing, wait, &mut instance) {
                    state.plays.push(instance);
                    return;
                }
                path::after(steps, &instance.at)
            }
            PlayStep::Branch(branch) => {
                let way = take_branch(state, turn, branch, &mut instance);
                path::into(steps, &instance.at, way)
            }
            PlayStep::Split(arms) => {
                let way = take_split(turn, play, arms, &mut instance);
                path::into(steps, &instance.at, &format!("split.{way}"))
            }
            PlayStep::Exit(exit) => {
                // The play's own end, not a flight: what it has asked for still goes out.
                let reason = if exit.reason.is_empty() { "an exit step" } else { &exit.reason };
                return log::exited(turn, &mut instance, reason);
            }
            PlayStep::Send(_)
            | PlayStep::Emit(_)
            | PlayStep::Ask(_)
            | PlayStep::Grant(_)
            | PlayStep::Task(_) => {
                hand_over::step(state, turn, step, &mut instance);
                path::after(steps, &instance.at)
            }
        };
    }
    log::completed(turn, &mut instance);
}

/// Begins a wait; answers the waiting instance, or nothing where the wait is over already.
fn begin_wait(
    state: &CustomerState,
    turn: &mut Turn<'_>,
    standing: Standing<'_>,
    wait: &Wait,
    instance: &mut PlayInstance,
) -> Option<PlayInstance> {
    let zones = wait::Zones { customer: state.profile.time_zone(), workspace: standing.definitions.zone };
    let wait::End { at, reason } = wait::end(wait, turn.now, zones);
    log::step(turn, instance, &Taken { kind: "wait", branch: None, reason: &reason });
    if at.is_some_and(|at| at <= turn.now) {
        instance.last_wait = Some("time".to_owned());
        return None;
    }
    instance.since = Some(turn.now);
    instance.until = at;
    if let Some(at) = at {
        turn.effects.set_timer(timer(instance.id), at);
    }
    log::waits(turn, instance);
    Some(instance.clone())
}

fn take_branch(
    state: &CustomerState,
    turn: &mut Turn<'_>,
    branch: &Branch,
    instance: &mut PlayInstance,
) -> &'static str {
    let seen = Seen::of(instance);
    let answer = branch.condition.evaluate(&seen.scope(state, turn, instance));
    let way = if answer.holds { "then" } else { "else" };
    let text = branch.condition.text();
    let reason = match (answer.holds, answer.failed) {
        (true, _) => format!("true: {text}"),
        (false, false) => format!("not true: {text}"),
        (false, true) => format!("could not be told: {text}"),
    };
    log::step(turn, instance, &Taken { kind: "branch", branch: Some(way), reason: &reason });
    way
}

/// Goes one of several ways; a customer always the same one.
fn take_split<'a>(
    turn: &mut Turn<'_>,
    play: &Play,
    arms: &'a [SplitArm],
    instance: &mut PlayInstance,
) -> &'a str {
    let total: f64 = arms.iter().map(|arm| arm.weight.max(0.0)).sum();
    let weights: Vec<f64> = arms.iter().map(|arm| arm.weight.max(0.0) / total).collect();
    let ranges = assign::bucket_ranges(arms.len(), 1.0, Some(&weights));
    let seed = format!("{}:{}", play.name, instance.at);
    let hash = assign::sticky(&seed, &turn.owner.customer.to_string());
    // Rounding may leave a sliver above the last range; it belongs to the last way.
    let chosen = assign::choose(hash, &ranges).or(arms.len().checked_sub(1));
    let way = chosen.and_then(|chosen| arms.get(chosen)).map_or("", |arm| arm.name.as_str());
    log::step(turn, instance, &Taken { kind: "split", branch: Some(way), reason: "by weight" });
    way
}

/// What expressions see of an instance.
pub(super) struct Seen {
    pub(super) instance: Json,
}

impl Seen {
    pub(super) fn of(instance: &PlayInstance) -> Self {
        Self { instance: view(instance) }
    }

    pub(super) fn scope<'a>(
        &'a self,
        state: &'a CustomerState,
        turn: &Turn<'_>,
        instance: &'a PlayInstance,
    ) -> Scope<'a> {
        let last = instance.last_event.as_ref().unwrap_or(&instance.trigger);
        let scope =
            Scope::of_event(last).customer(state.profile.traits()).instance(&self.instance).now(turn.now);
        match &instance.moment {
            Some(moment) => scope.moment(moment),
            None => scope,
        }
    }
}

/// The variable `instance`.
pub(super) fn view(instance: &PlayInstance) -> Json {
    json!({
        "id": instance.id,
        "play": instance.play,
        "key": instance.key,
        "entered_at": instance.entered_at,
        "trigger": instance.trigger.to_json(),
        "last_wait": instance.last_wait,
    })
}
