//! Which record means what for a customer's messages.

use elate_consumer::lane::caused_by;
use elate_consumer::{Effects, Input, Merged, Processor, StepError};
use elate_domain::system::{
    DefinitionsPublished, NotificationCancelled, NotificationReceipt, NotificationRedriven,
    NotificationRequested, PauseChanged, PreferencesChanged, SuppressionSet, SurveyRequested, name,
};
use elate_domain::{Event, EventType, Record};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::contact;
use super::messages::{Arrival, Turn, timer_id};
use super::rows::{DefinitionsRow, PauseRow, Row};
use super::state::{CustomerState, MAX_SEEN, PartitionState};
use super::surveys;
use super::surveys::MAX_ASKED;

/// The notifications service's step function.
#[derive(Debug, Clone, Copy, Default)]
pub struct Notifications;

impl Processor for Notifications {
    const SERVICE: &'static str = "notifications";
    type State = CustomerState;
    type PartitionState = PartitionState;
    type Row = Row;

    fn control(
        &self,
        partition: &mut PartitionState,
        _record: &Record,
        event: &Event,
        effects: &mut Effects<Row>,
    ) -> Result<(), StepError> {
        match event.name.as_ref() {
            name::DEFINITIONS_PUBLISHED => {
                let published: DefinitionsPublished = payload(event)?;
                partition.publish(&event.workspace, &published);
                effects.row(Row::Definitions(DefinitionsRow {
                    workspace: event.workspace.clone(),
                    version: published.version,
                    documents: deliverable(published.manifests),
                }));
            }
            name::PAUSE_CHANGED => {
                let change: PauseChanged = payload(event)?;
                partition.pause(&event.workspace, &change);
                effects.row(Row::Pause(PauseRow {
                    workspace: event.workspace.clone(),
                    scope: change.scope,
                    target: change.target,
                    paused: change.paused,
                }));
            }
            _ => {}
        }
        Ok(())
    }

    fn step(
        &self,
        partition: &PartitionState,
        state: &mut CustomerState,
        input: Input<'_>,
        effects: &mut Effects<Row>,
    ) -> Result<(), StepError> {
        let rules = partition.rules(input.workspace());
        let mut turn = Turn {
            workspace: input.workspace(),
            customer: input.customer(),
            rules: &rules,
            now: input.now(),
            effects,
        };
        match input {
            Input::Timer { key, .. } => {
                if let Some(id) = timer_id(key) {
                    turn.due(state, id);
                }
            }
            Input::Record { record, event } => take(&mut turn, state, record, event)?,
        }
        Ok(())
    }

    fn merge(
        &self,
        _partition: &PartitionState,
        survivor: &mut CustomerState,
        loser: Merged<CustomerState>,
        effects: &mut Effects<Row>,
    ) -> Result<(), StepError> {
        effects.row(Row::Reassign {
            workspace: loser.workspace.clone(),
            loser: loser.loser,
            survivor: loser.survivor,
        });
        let lost = loser.state;
        survivor.reach.merge(lost.reach);
        for (class, sent) in lost.sent {
            survivor.sent.entry(class).or_default().merge(sent);
        }
        for (name, address) in lost.addresses {
            survivor.addresses.entry(name).or_insert(address);
        }
        for (address, at) in lost.suppressed {
            survivor.suppress(address, at);
        }
        survivor.locale = survivor.locale.take().or(lost.locale);
        for (id, open) in lost.open {
            survivor.open.entry(id).or_insert(open);
        }
        survivor.surveys.extend(lost.surveys);
        survivor.surveys.make_contiguous().sort_by_key(|known| known.asked.at);
        while survivor.surveys.len() > MAX_ASKED {
            survivor.surveys.pop_front();
        }
        let mut seen = lost.seen;
        seen.append(&mut survivor.seen);
        while seen.len() > MAX_SEEN {
            seen.pop_front();
        }
        survivor.seen = seen;
        Ok(())
    }

    fn wants(&self, event_type: EventType, name: &str) -> bool {
        match event_type {
            EventType::Identify => true,
            EventType::System => matches!(
                name,
                name::PREFERENCES_CHANGED
                    | name::NOTIFICATION_REQUESTED
                    | name::NOTIFICATION_CANCELLED
                    | name::NOTIFICATION_RECEIPT
                    | name::NOTIFICATION_REDRIVEN
                    | name::SUPPRESSION_SET
                    | name::SURVEY_REQUESTED
            ),
            EventType::Track => surveys::is_answer(event_type, name),
            EventType::Page | EventType::Screen | EventType::Group | EventType::Alias => false,
        }
    }
}

fn take(
    turn: &mut Turn<'_>,
    state: &mut CustomerState,
    record: &Record,
    event: &Event,
) -> Result<(), StepError> {
    if event.event_type == EventType::Identify {
        contact::learn(state, event);
        return Ok(());
    }
    if surveys::is_answer(event.event_type, &event.name) {
        surveys::answered(state, event);
        return Ok(());
    }
    let arrival = || Arrival {
        partition: record.partition,
        cause: caused_by(record.partition, record.offset, event),
        trace_parent: event.trace_parent.as_ref().map(ToString::to_string),
        historical: event.historical,
    };
    match event.name.as_ref() {
        name::PREFERENCES_CHANGED => {
            let change: PreferencesChanged = payload(event)?;
            state.reach.apply(&change, turn.now);
            if let Some(locale) = change.locale {
                state.locale = Some(locale);
            }
            turn.look_again(state);
        }
        name::NOTIFICATION_REQUESTED => {
            let request: NotificationRequested = payload(event)?;
            turn.request(state, request, arrival());
        }
        name::NOTIFICATION_REDRIVEN => {
            let redriven: NotificationRedriven = payload(event)?;
            turn.redrive(state, redriven, arrival());
        }
        name::SUPPRESSION_SET => {
            let set: SuppressionSet = payload(event)?;
            turn.set_suppression(state, set);
        }
        name::NOTIFICATION_CANCELLED => {
            let cancelled: NotificationCancelled = payload(event)?;
            turn.cancel(state, &cancelled);
        }
        name::NOTIFICATION_RECEIPT => {
            let receipt: NotificationReceipt = payload(event)?;
            turn.receipt(state, &receipt);
            turn.question_receipt(state, &receipt);
        }
        name::SURVEY_REQUESTED => {
            let requested: SurveyRequested = payload(event)?;
            // What an import brings up was asked long ago, or never.
            if !event.historical {
                turn.ask(state, requested);
            }
        }
        _ => {}
    }
    Ok(())
}

fn payload<T: DeserializeOwned>(event: &Event) -> Result<T, StepError> {
    event.properties.read().map_err(|error| StepError { reason: format!("{}: {error}", event.name) })
}

/// The documents that a delivery needs, as text.
fn deliverable(manifests: Vec<Json>) -> String {
    let needed =
        |d: &Json| matches!(d.get("kind").and_then(Json::as_str), Some("Channel" | "Template" | "Survey"));
    Json::Array(manifests.into_iter().filter(needed).collect()).to_string()
}
