//! Steps that put something on the customer's timeline: for the customer, for a service, or for people at work.
//!
//! A message and a task are handed to notifications, a survey and a reward to the services that own them; each has an
//! id made of the instance and the step, by which it is taken once.

use std::collections::BTreeMap;
use std::sync::Arc;

use elate_consumer::Emission;
use elate_domain::system::{GrantRequested, NotificationRequested, SurveyRequested, name};
use elate_domain::{HumanDuration, RawJson};
use elate_manifest::Name;
use elate_manifest::expression::{Quantity, Scope, Value};
use elate_manifest::spec::{Ask, Emit, Grant, MessageClass, PlayStep, Send, Task};
use serde_json::{Map, Value as Json, json};

use super::log::{self, Taken};
use super::run::Seen;
use crate::model::ids;
use crate::model::state::{CustomerState, PlayInstance};
use crate::model::turn::Turn;

/// Takes a step that hands something over; any other is nothing to do here.
pub(super) fn step(state: &CustomerState, turn: &mut Turn<'_>, step: &PlayStep, instance: &mut PlayInstance) {
    let reason = match step {
        PlayStep::Send(send) => ask_for_message(state, turn, send, instance),
        PlayStep::Task(task) => give_task(state, turn, task, instance),
        PlayStep::Emit(emit) => put_event(state, turn, emit, instance),
        PlayStep::Ask(ask) => ask_for_survey(state, turn, ask, instance),
        PlayStep::Grant(grant) => ask_for_reward(state, turn, grant, instance),
        PlayStep::Wait(_) | PlayStep::Branch(_) | PlayStep::Split(_) | PlayStep::Exit(_) => return,
    };
    log::step(turn, instance, &Taken { kind: step.kind(), branch: None, reason: &reason });
}

/// Where a message goes, and what makes it.
struct Message<'a> {
    channel: &'a Name,
    template: &'a Name,
    topic: Option<&'a Name>,
    class: MessageClass,
    expires: HumanDuration,
    data: Json,
}

fn ask_for_message(
    state: &CustomerState,
    turn: &mut Turn<'_>,
    send: &Send,
    instance: &mut PlayInstance,
) -> String {
    let seen = Seen::of(instance);
    let data = values(&send.data, &seen.scope(state, turn, instance));
    let message = Message {
        channel: &send.channel,
        template: &send.template,
        topic: send.topic.as_ref(),
        class: send.class,
        expires: send.expires,
        data: Json::Object(data),
    };
    request(state, turn, message, &seen, instance);
    format!("{} over {}", send.template, send.channel)
}

fn give_task(state: &CustomerState, turn: &mut Turn<'_>, task: &Task, instance: &mut PlayInstance) -> String {
    let seen = Seen::of(instance);
    let mut data = values(&task.data, &seen.scope(state, turn, instance));
    let id = ids::notification(instance.id, &instance.at);
    data.insert("task".to_owned(), json!({ "id": id, "title": task.title }));
    let message = Message {
        channel: &task.channel,
        template: &task.template,
        topic: None,
        // It belongs to what the customer has bought, and goes to those who see to it.
        class: MessageClass::Service,
        expires: task.expires,
        data: Json::Object(data),
    };
    request(state, turn, message, &seen, instance);
    format!("{:?} over {}", task.title, task.channel)
}

fn request(
    state: &CustomerState,
    turn: &mut Turn<'_>,
    message: Message<'_>,
    seen: &Seen,
    instance: &mut PlayInstance,
) {
    let requested = NotificationRequested {
        notification_id: ids::notification(instance.id, &instance.at).to_string(),
        play: instance.play.clone(),
        instance_id: instance.id.to_string(),
        step: instance.at.clone(),
        channel: message.channel.to_string(),
        template: message.template.to_string(),
        topic: message.topic.map(ToString::to_string).unwrap_or_default(),
        class: message.class.as_str().to_owned(),
        expires_at: Some(turn.now.plus(message.expires.0)),
        data: json!({
            "event": instance.trigger.to_json(),
            "moment": instance.moment,
            "play": { "name": instance.play, "instance_id": instance.id, "key": instance.key },
            "instance": seen.instance,
            "data": message.data,
        }),
        customer: state.profile.traits().clone(),
        to: None,
    };
    turn.emit(name::NOTIFICATION_REQUESTED, turn.now, &requested);
    instance.sent = true;
}

fn put_event(state: &CustomerState, turn: &mut Turn<'_>, emit: &Emit, instance: &mut PlayInstance) -> String {
    let seen = Seen::of(instance);
    let properties = Json::Object(values(&emit.properties, &seen.scope(state, turn, instance)));
    turn.effects.emissions.push(Emission {
        name: Arc::from(emit.name.as_str()),
        customer: None,
        occurred_at: turn.now,
        properties: RawJson::of(&properties),
    });
    emit.name.clone()
}

fn ask_for_survey(
    state: &CustomerState,
    turn: &mut Turn<'_>,
    ask: &Ask,
    instance: &mut PlayInstance,
) -> String {
    let seen = Seen::of(instance);
    let requested = SurveyRequested {
        survey_id: ids::notification(instance.id, &instance.at).to_string(),
        survey: ask.survey.to_string(),
        play: instance.play.clone(),
        instance_id: instance.id.to_string(),
        step: instance.at.clone(),
        key: instance.key.clone(),
        expires_at: turn.now.plus(ask.expires.0),
        data: Json::Object(values(&ask.data, &seen.scope(state, turn, instance))),
        customer: state.profile.traits().clone(),
    };
    turn.emit(name::SURVEY_REQUESTED, turn.now, &requested);
    format!("the survey {}", ask.survey)
}

fn ask_for_reward(
    state: &CustomerState,
    turn: &mut Turn<'_>,
    grant: &Grant,
    instance: &mut PlayInstance,
) -> String {
    let seen = Seen::of(instance);
    let scope = seen.scope(state, turn, instance);
    let amount = match grant.amount.quantity(&scope) {
        Ok(Quantity::Number(amount)) if amount > 0.0 => amount,
        _ => return format!("nothing of {}: {} is no number above 0", grant.budget, grant.amount.text()),
    };
    let requested = GrantRequested {
        grant_id: ids::notification(instance.id, &instance.at).to_string(),
        budget: grant.budget.to_string(),
        amount,
        reason: grant.reason.clone(),
        play: instance.play.clone(),
        instance_id: instance.id.to_string(),
        step: instance.at.clone(),
        key: instance.key.clone(),
        expires_at: turn.now.plus(grant.expires.0),
        data: Json::Object(values(&grant.data, &scope)),
    };
    turn.emit(name::GRANT_REQUESTED, turn.now, &requested);
    format!("{amount} of {}", grant.budget)
}

/// What could not be told is left out.
fn values(expressions: &BTreeMap<String, Value>, scope: &Scope<'_>) -> Map<String, Json> {
    let found = expressions.iter().filter_map(|(name, value)| Some((name.clone(), value.json(scope).ok()?)));
    found.collect()
}
