//! Steps, one after the other, until the next wait or the end.

use elate_consumer::Emission;
use elate_domain::RawJson;
use elate_domain::system::{NotificationRequested, name};
use elate_manifest::expression::{Scope, Value};
use elate_manifest::spec::{Branch, Emit, PlayStep, Send, SplitArm, Wait};
use elate_reach::assign;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

use super::log::{self, Taken};
use super::{Play, Standing, path, wait};
use crate::model::ids;
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
            PlayStep::Send(send) => {
                ask_for_message(state, turn, send, &mut instance);
                path::after(steps, &instance.at)
            }
            PlayStep::Emit(emit) => {
                put_event(state, turn, emit, &mut instance);
                path::after(steps, &instance.at)
            }
            PlayStep::Exit(exit) => {
                // The play's own end, not a flight: what it has asked for still goes out.
                let reason = if exit.reason.is_empty() { "an exit step" } else { &exit.reason };
                return log::exited(turn, &mut instance, reason);
            }
            PlayStep::Ask(_) | PlayStep::Grant(_) | PlayStep::Task(_) => {
                // Refused at publication; here only if a later version of the software wrote it.
                let taken = Taken { kind: step.kind(), branch: None, reason: "not supported, passed over" };
                log::step(turn, &mut instance, &taken);
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

fn ask_for_message(state: &CustomerState, turn: &mut Turn<'_>, send: &Send, instance: &mut PlayInstance) {
    let seen = Seen::of(instance);
    let data = values(&send.data, &seen.scope(state, turn, instance));
    let requested = NotificationRequested {
        notification_id: ids::notification(instance.id, &instance.at).to_string(),
        play: instance.play.clone(),
        instance_id: instance.id.to_string(),
        step: instance.at.clone(),
        channel: send.channel.to_string(),
        template: send.template.to_string(),
        topic: send.topic.as_ref().map(ToString::to_string).unwrap_or_default(),
        class: send.class.as_str().to_owned(),
        expires_at: Some(turn.now.plus(send.expires.0)),
        data: json!({
            "event": instance.trigger.to_json(),
            "moment": instance.moment,
            "play": { "name": instance.play, "instance_id": instance.id, "key": instance.key },
            "instance": seen.instance,
            "data": data,
        }),
        customer: state.profile.traits().clone(),
        to: None,
    };
    turn.emit(name::NOTIFICATION_REQUESTED, turn.now, &requested);
    instance.sent = true;
    let reason = format!("{} over {}", send.template, send.channel);
    log::step(turn, instance, &Taken { kind: "send", branch: None, reason: &reason });
}

fn put_event(state: &CustomerState, turn: &mut Turn<'_>, emit: &Emit, instance: &mut PlayInstance) {
    let seen = Seen::of(instance);
    let properties = values(&emit.properties, &seen.scope(state, turn, instance));
    turn.effects.emissions.push(Emission {
        name: Arc::from(emit.name.as_str()),
        customer: None,
        occurred_at: turn.now,
        properties: RawJson::of(&properties),
    });
    log::step(turn, instance, &Taken { kind: "emit", branch: None, reason: &emit.name });
}

/// What could not be told is left out.
fn values(expressions: &BTreeMap<String, Value>, scope: &Scope<'_>) -> Json {
    let found = expressions.iter().filter_map(|(name, value)| Some((name.clone(), value.json(scope).ok()?)));
    Json::Object(found.collect::<Map<String, Json>>())
}

/// What expressions see of an instance.
struct Seen {
    instance: Json,
}

impl Seen {
    fn of(instance: &PlayInstance) -> Self {
        Self { instance: view(instance) }
    }

    fn scope<'a>(
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
