//! An event as expressions see it. Its JSON parts are read once, when the first expression asks for them.

use std::sync::{Arc, OnceLock};

use elate_domain::{Event, EventType, RawJson, Record, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A JSON object that is parsed when it is first looked at, and only once.
#[derive(Debug, Clone, Default)]
pub struct LazyJson {
    raw: RawJson,
    parsed: OnceLock<serde_json::Value>,
}

impl LazyJson {
    /// Takes the object as it came in.
    pub fn new(raw: RawJson) -> Self {
        Self { raw, parsed: OnceLock::new() }
    }

    /// The object; `{}` where it is broken.
    pub fn get(&self) -> &serde_json::Value {
        self.parsed.get_or_init(|| self.raw.value())
    }

    /// The object as it came in.
    pub fn raw(&self) -> &RawJson {
        &self.raw
    }
}

impl From<serde_json::Value> for LazyJson {
    fn from(value: serde_json::Value) -> Self {
        Self { raw: RawJson::of(&value), parsed: OnceLock::from(value) }
    }
}

impl PartialEq for LazyJson {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw || self.get() == other.get()
    }
}

impl Serialize for LazyJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return self.get().serialize(serializer);
        }
        serializer.serialize_bytes(if self.raw.is_empty() { &[] } else { self.raw.as_bytes() })
    }
}

impl<'de> Deserialize<'de> for LazyJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return serde_json::Value::deserialize(deserializer).map(Self::from);
        }
        deserializer.deserialize_byte_buf(BytesVisitor)
    }
}

struct BytesVisitor;

impl<'de> serde::de::Visitor<'de> for BytesVisitor {
    type Value = LazyJson;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the bytes of a JSON object")
    }
    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<LazyJson, E> {
        self.visit_byte_buf(bytes.to_vec())
    }
    fn visit_byte_buf<E: serde::de::Error>(self, bytes: Vec<u8>) -> Result<LazyJson, E> {
        Ok(LazyJson::new(RawJson::from_trusted(bytes)))
    }
}

/// An event as conditions and values see it: `event`, or an earlier step of a match by its name.
///
/// It can be kept as a capture of a pattern: it serialises to JSON as well as to binary formats.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventView {
    /// The event's own name; for identify and the like the type's name.
    pub name: Arc<str>,
    /// The type.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Its log time.
    pub received_at: Timestamp,
    /// The sender's id for it.
    pub message_id: Arc<str>,
    /// Where it came from.
    #[serde(default)]
    pub source: Arc<str>,
    /// The sender's id of a known user.
    #[serde(default)]
    pub user_id: Option<Arc<str>>,
    /// The sender's id of a device.
    #[serde(default)]
    pub anonymous_id: Option<Arc<str>>,
    /// Properties.
    #[serde(default)]
    pub properties: LazyJson,
    /// Traits of identify and group.
    #[serde(default)]
    pub traits: LazyJson,
    /// Circumstances.
    #[serde(default)]
    pub context: LazyJson,
}

impl EventView {
    /// The event at its place in the log; `None` where it was erased.
    pub fn of(record: &Record) -> Option<Self> {
        record.event.as_ref().map(|event| Self::new(event, record.received_at))
    }

    /// An event that was received at `received_at`.
    pub fn new(event: &Event, received_at: Timestamp) -> Self {
        Self {
            name: if event.name.is_empty() { Arc::from(event.match_name()) } else { Arc::clone(&event.name) },
            event_type: event.event_type,
            occurred_at: event.occurred_at,
            received_at,
            message_id: Arc::from(event.message_id.as_str()),
            source: Arc::from(event.source.as_str()),
            user_id: event.user_id.as_deref().map(Arc::from),
            anonymous_id: event.anonymous_id.as_deref().map(Arc::from),
            properties: LazyJson::new(event.properties.clone()),
            traits: LazyJson::new(event.traits.clone()),
            context: LazyJson::new(event.context.clone()),
        }
    }

    /// The part that is worth keeping in a state: everything but the circumstances, unless they are asked for.
    #[must_use]
    pub fn captured(&self, with_context: bool) -> Self {
        let context = if with_context { self.context.clone() } else { LazyJson::default() };
        Self { context, ..self.clone() }
    }

    /// The event as JSON, as templates and emitted properties see it.
    pub fn to_json(&self) -> serde_json::Value {
        // Texts, times and JSON serialise without fail.
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl AsRef<EventView> for EventView {
    fn as_ref(&self) -> &EventView {
        self
    }
}
