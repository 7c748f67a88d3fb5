//! What would have been handed over: a delivery without a network, for replays.
//!
//! It looks at the same things in the same order as [`attempt::deliver`](super::attempt::deliver): channel, expiry,
//! template, address. What only a provider can say is taken to be yes, at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use elate_consumer::LaneEvent;
use elate_domain::Timestamp;
use elate_manifest::spec::{Channel, Email};
use lettre::Address;

use super::attempt::settled;
use super::definitions::Definitions;
use crate::model::rows::{Change, NewNotification, Ready, Row};
use crate::model::template;
use crate::store::ChannelKey;
use crate::store::dispatch::{Claimed, Outcome};

/// The link that a template shows where it lets the customer unsubscribe; a real one is signed with a secret.
const UNSUBSCRIBE_URL: &str = "https://unsubscribe.invalid/";
/// The link to the page of a survey, likewise.
const SURVEY_URL: &str = "https://survey.invalid/";

/// Deliveries of one replay.
#[derive(Debug)]
pub struct Rehearsal {
    definitions: Definitions,
    /// What was asked for and has not ended.
    requested: BTreeMap<String, NewNotification>,
}

impl Rehearsal {
    /// Deliveries with these channels and templates.
    pub fn new(definitions: Definitions) -> Self {
        Self { definitions, requested: BTreeMap::new() }
    }

    /// Takes the rows of a step in; answers the receipts of what was handed over, at the time of the step.
    pub fn take(&mut self, rows: Vec<Row>) -> Vec<LaneEvent> {
        let mut receipts = Vec::new();
        for row in rows {
            match row {
                Row::Insert(new) => {
                    self.requested.insert(new.request.notification_id.clone(), *new);
                }
                Row::Change(change) => receipts.extend(self.change(change)),
                Row::Reassign { loser, survivor, .. } => {
                    for request in self.requested.values_mut().filter(|r| r.customer == loser) {
                        request.customer = survivor;
                    }
                }
                // Nothing stays with a delivery that ends in the step that begins it.
                Row::Stop(_) | Row::Definitions(_) | Row::Pause(_) => {}
            }
        }
        receipts
    }

    fn change(&mut self, change: Change) -> Option<LaneEvent> {
        match (change.state, change.ready) {
            ("held", _) => None,
            ("ready", Some(ready)) => {
                let new = self.requested.remove(&change.notification_id)?;
                Some(self.hand_over(&new, &ready, change.changed_at).into_event())
            }
            _ => {
                self.requested.remove(&change.notification_id);
                None
            }
        }
    }

    fn hand_over(&self, new: &NewNotification, ready: &Ready, now: Timestamp) -> Outcome {
        let claimed = Arc::new(claimed(new, ready));
        let failed = |reason: &str, detail: &str| settled(&claimed, now, "failed", reason, detail);
        let Some(channel) = self.definitions.channels.get(&ready.channel) else {
            return failed("channel_missing", "");
        };
        if now >= ready.expires_at {
            return settled(&claimed, now, "expired", "expired", "");
        }
        if let Err(error) = self.render(new, ready, channel) {
            return failed("template_failed", &error.to_string());
        }
        if channel.email.is_some() && ready.address.trim().parse::<Address>().is_err() {
            return failed("address_invalid", "the recipient's address is not valid");
        }
        Outcome {
            provider: provider(channel).unwrap_or(&ready.channel).to_owned(),
            attempt: Some("sent"),
            topic: new.request.topic.clone(),
            ..settled(&claimed, now, "sent", "", "")
        }
    }

    fn render(
        &self,
        new: &NewNotification,
        ready: &Ready,
        channel: &Channel,
    ) -> Result<template::Rendered, template::Error> {
        let request = &new.request;
        let leaves = channel.email.as_ref().is_some_and(|email: &Email| email.unsubscribe.is_some());
        let mut seen = template::context(&request.data, &request.customer, leaves.then_some(UNSUBSCRIBE_URL));
        let own = request.customer.get("locale").and_then(serde_json::Value::as_str);
        let locale = ready.locale.as_deref().or(own);
        let survey = request.data.pointer("/survey/name").and_then(serde_json::Value::as_str);
        if let Some(survey) = survey.and_then(|name| self.definitions.surveys.get(name)) {
            let (_, question) = survey.localised(locale).unwrap_or_default();
            template::put_question(&mut seen, question, SURVEY_URL);
        }
        self.definitions.templates.render(&request.template, locale, &seen)
    }
}

/// The provider that would be asked first.
fn provider(channel: &Channel) -> Option<&str> {
    channel.email.as_ref()?.providers.first().map(|provider| provider.name.as_str())
}

fn claimed(new: &NewNotification, ready: &Ready) -> Claimed {
    let request = &new.request;
    Claimed {
        key: ChannelKey { workspace: new.workspace.clone(), channel: ready.channel.clone() },
        notification_id: request.notification_id.clone(),
        customer: new.customer,
        partition: new.partition,
        epoch: 0,
        attempt: ready.attempts.saturating_add(1),
        version: ready.version,
        address: ready.address.clone(),
        locale: ready.locale.clone(),
        expires_at: ready.expires_at,
        resend: ready.resend,
        request: String::new(),
        cause: Some(new.cause.clone()),
        trace_parent: None,
        stop: None,
        template: request.template.clone(),
        play: request.play.clone(),
        instance_id: request.instance_id.clone(),
    }
}
