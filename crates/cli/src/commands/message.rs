//! Recorded messages: one JSON object a line, in the form that tracking SDKs send.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use elate_domain::Timestamp;
use elate_proto::events::v1::{EventType, IngestMessage};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::output::to_proto;

/// A line of a recorded event file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recorded {
    /// `track`, `identify`, `page`, `screen`, `group` or `alias`.
    pub r#type: String,
    /// The sender's id.
    #[serde(default)]
    pub message_id: String,
    /// Name of a track event.
    #[serde(default)]
    pub event: String,
    /// Name of a page or screen.
    #[serde(default)]
    pub name: String,
    /// Known user.
    #[serde(default)]
    pub user_id: String,
    /// Device or browser.
    #[serde(default)]
    pub anonymous_id: String,
    /// The id that an alias gives up.
    #[serde(default)]
    pub previous_id: String,
    /// The group.
    #[serde(default)]
    pub group_id: String,
    /// When it happened.
    pub timestamp: Option<Timestamp>,
    /// Properties.
    pub properties: Option<Box<RawValue>>,
    /// Traits.
    pub traits: Option<Box<RawValue>>,
    /// Context.
    pub context: Option<Box<RawValue>>,
}

impl Recorded {
    /// Reads a line.
    pub fn parse(line: &str) -> Result<Self> {
        serde_json::from_str(line).context("this is no message")
    }

    /// The message as the events service takes it.
    pub fn to_message(&self) -> Result<IngestMessage> {
        let event_type = match self.r#type.as_str() {
            "track" => EventType::Track,
            "identify" => EventType::Identify,
            "page" => EventType::Page,
            "screen" => EventType::Screen,
            "group" => EventType::Group,
            "alias" => EventType::Alias,
            other => bail!("type {other:?} is none of track, identify, page, screen, group, alias"),
        };
        Ok(IngestMessage {
            r#type: event_type.into(),
            message_id: self.message_id.clone(),
            name: if self.event.is_empty() { self.name.clone() } else { self.event.clone() },
            user_id: self.user_id.clone(),
            anonymous_id: self.anonymous_id.clone(),
            original_time: self.timestamp.map(to_proto),
            sent_time: None,
            properties: raw(self.properties.as_deref()),
            traits: raw(self.traits.as_deref()),
            context: raw(self.context.as_deref()),
            previous_id: self.previous_id.clone(),
            group_id: self.group_id.clone(),
        })
    }
}

fn raw(json: Option<&RawValue>) -> Bytes {
    json.map(|json| Bytes::copy_from_slice(json.get().as_bytes())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_line_keeps_its_properties_byte_for_byte() {
        let line = r#"{"type":"track","messageId":"m","event":"Order Placed","userId":"u",
            "timestamp":"2026-03-02T10:00:00Z","properties":{"total": 1.50}}"#;
        let message = Recorded::parse(line).unwrap().to_message().unwrap();
        assert_eq!(&message.properties[..], br#"{"total": 1.50}"#);
        assert_eq!(message.original_time.unwrap().seconds, 1_772_445_600);
        assert!(Recorded::parse(r#"{"type":"shout"}"#).unwrap().to_message().is_err());
    }
}
