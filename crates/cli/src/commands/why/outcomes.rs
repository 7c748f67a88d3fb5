//! What became of the messages and surveys that a play asked for, as the customer's timeline tells it.

use std::collections::HashMap;

use anyhow::Result;
use elate_domain::Timestamp;
use elate_domain::system::{NotificationReceipt, SurveyAsked, SurveySkipped, name};
use elate_proto::common::v1::PageRequest;
use elate_proto::events::v1::{ListTimelineRequest, Record};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::client::Target;
use crate::commands::customer_ref;

/// What is looked for on the timeline.
const NAMES: [&str; 5] = [
    name::SURVEY_REQUESTED,
    name::SURVEY_ASKED,
    name::SURVEY_SKIPPED,
    name::NOTIFICATION_REQUESTED,
    name::NOTIFICATION_RECEIPT,
];
/// Events of one page, and pages: what is further back is not looked for.
const PAGE: u32 = 500;
const PAGES: usize = 10;

/// The latest word on each step of each instance.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    steps: HashMap<String, (String, String)>,
    said: HashMap<(String, String), String>,
}

#[derive(Deserialize)]
struct Requested {
    #[serde(alias = "survey_id")]
    notification_id: String,
    #[serde(default)]
    instance_id: String,
    #[serde(default)]
    step: String,
}

impl Outcomes {
    /// Reads a customer's timeline.
    pub(super) async fn read(target: &Target, customer: &str) -> Result<Self> {
        let mut client = target.customers().await?;
        let (mut entries, mut page_token) = (Vec::new(), String::new());
        for _ in 0..PAGES {
            let request = ListTimelineRequest {
                customer: Some(customer_ref(customer)),
                page: Some(PageRequest { page_size: PAGE, page_token }),
                oldest_first: false,
                names: NAMES.map(str::to_owned).to_vec(),
            };
            let found = client.list_timeline(request).await?.into_inner();
            entries.extend(found.entries);
            page_token = found.page.unwrap_or_default().next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        let mut outcomes = Self::default();
        for record in entries.into_iter().rev().filter_map(|entry| entry.record) {
            outcomes.hear(&record);
        }
        Ok(outcomes)
    }

    /// What became of what a step asked for.
    pub(super) fn of(&self, instance: &str, step: &str) -> Option<&str> {
        self.said.get(&(instance.to_owned(), step.to_owned())).map(String::as_str)
    }

    fn hear(&mut self, record: &Record) {
        match record.name.as_str() {
            name::SURVEY_REQUESTED | name::NOTIFICATION_REQUESTED => {
                if let Some(requested) = read::<Requested>(record) {
                    self.steps.insert(requested.notification_id, (requested.instance_id, requested.step));
                }
            }
            name::SURVEY_ASKED => {
                let asked = read::<SurveyAsked>(record);
                self.say(asked.map(|asked| (asked.survey_id, format!("asked over {}", asked.channel))));
            }
            name::SURVEY_SKIPPED => {
                let skipped = read::<SurveySkipped>(record);
                self.say(skipped.map(|skipped| {
                    let text = sentence("not asked", &skipped.reason, &skipped.detail, skipped.until);
                    (skipped.survey_id, text)
                }));
            }
            name::NOTIFICATION_RECEIPT => {
                let receipt = read::<NotificationReceipt>(record);
                self.say(receipt.map(|receipt| {
                    let text = sentence(&receipt.state, &receipt.reason, &receipt.detail, receipt.next_at);
                    (receipt.notification_id, text)
                }));
            }
            _ => {}
        }
    }

    fn say(&mut self, said: Option<(String, String)>) {
        let Some((id, text)) = said else { return };
        if let Some(step) = self.steps.get(&id) {
            self.said.insert(step.clone(), text);
        }
    }
}

fn read<T: DeserializeOwned>(record: &Record) -> Option<T> {
    serde_json::from_slice(&record.properties).ok()
}

/// `what: reason, detail, until time`, as far as there is something to say.
fn sentence(what: &str, reason: &str, detail: &str, until: Option<Timestamp>) -> String {
    let until = until.map(|until| format!("until {until}")).unwrap_or_default();
    let why: Vec<&str> = [reason, detail, &until].into_iter().filter(|text| !text.is_empty()).collect();
    if why.is_empty() { what.to_owned() } else { format!("{what}: {}", why.join(", ")) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use serde_json::{Value, json};

    use super::*;

    fn record(name: &str, properties: &Value) -> Record {
        Record {
            name: name.to_owned(),
            properties: properties.to_string().into_bytes().into(),
            ..Default::default()
        }
    }

    #[test]
    fn the_latest_word_on_a_step_stands() {
        let mut outcomes = Outcomes::default();
        let requested = json!({"survey_id": "s-1", "instance_id": "i", "step": "0"});
        outcomes.hear(&record(name::SURVEY_REQUESTED, &requested));
        assert_eq!(outcomes.of("i", "0"), None);
        let held =
            json!({"notification_id": "s-1", "state": "held", "reason": "quiet_hours", "channel": "email"});
        outcomes.hear(&record(name::NOTIFICATION_RECEIPT, &held));
        assert_eq!(outcomes.of("i", "0"), Some("held: quiet_hours"));
        let asked = json!({"survey_id": "s-1", "survey": "s", "kind": "nps", "channel": "email"});
        outcomes.hear(&record(name::SURVEY_ASKED, &asked));
        assert_eq!(outcomes.of("i", "0"), Some("asked over email"));
        let other = json!({"survey_id": "s-2", "survey": "s", "reason": "too_soon", "until": 0});
        outcomes.hear(&record(name::SURVEY_SKIPPED, &other));
        assert_eq!(outcomes.of("i", "0"), Some("asked over email"), "that was another request");
    }

    #[test]
    fn a_survey_that_did_not_ask_says_why_and_until_when() {
        let mut outcomes = Outcomes::default();
        let requested = json!({"survey_id": "s-1", "instance_id": "i", "step": "2.0"});
        outcomes.hear(&record(name::SURVEY_REQUESTED, &requested));
        let until = serde_json::to_value(Timestamp(0)).unwrap();
        let skipped = json!({"survey_id": "s-1", "survey": "s", "reason": "too_soon", "detail": "its own limit", "until": until});
        outcomes.hear(&record(name::SURVEY_SKIPPED, &skipped));
        assert_eq!(
            outcomes.of("i", "2.0"),
            Some("not asked: too_soon, its own limit, until 1970-01-01T00:00:00.000Z")
        );
    }
}
