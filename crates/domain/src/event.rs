//! An event of a customer, and the record that the log keeps of it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::id::{CustomerId, Offset, Partition, SourceId, WorkspaceId};
use crate::time::Timestamp;

/// A JSON object kept as the bytes that it came in: most events are stored and passed on without being read.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct RawJson(Bytes);

impl RawJson {
    /// Takes bytes that are known to be a JSON object (checked at the edge, or written by our own serialiser).
    pub fn from_trusted(bytes: impl Into<Bytes>) -> Self {
        Self(bytes.into())
    }

    /// Writes a value. Types of ours serialise without fail; where one does not, the object is empty.
    pub fn of<T: Serialize>(value: &T) -> Self {
        serde_json::to_vec(value).map(|v| Self(v.into())).unwrap_or_default()
    }

    /// Reads the object into a type. The empty text stands for `{}`.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(self.as_bytes())
    }

    /// Reads the object as a generic value; `{}` where it is broken.
    pub fn value(&self) -> serde_json::Value {
        self.read().unwrap_or_else(|_| serde_json::Value::Object(serde_json::Map::new()))
    }

    /// The text; `{}` where nothing was given.
    pub fn as_bytes(&self) -> &[u8] {
        if self.0.is_empty() { b"{}" } else { &self.0 }
    }

    /// The bytes as they are kept, without a copy; empty where nothing was given.
    pub fn to_bytes(&self) -> Bytes {
        self.0.clone()
    }

    /// Whether nothing was given.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for RawJson {
    /// Only the length: properties may hold personal data, and debug texts end in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawJson({} bytes)", self.0.len())
    }
}

/// What kind of event it is: the six of the tracking protocol, and our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventType {
    /// Somebody did something; the event has a name.
    Track,
    /// Somebody is somebody; traits.
    Identify,
    /// A page was seen.
    Page,
    /// A screen of an app was seen.
    Screen,
    /// Somebody belongs to a group.
    Group,
    /// Two ids are one.
    Alias,
    /// Elate's own services or operators; the name begins with `elate.`.
    System,
}

impl EventType {
    /// The name in the tracking protocol.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Track => "track",
            Self::Identify => "identify",
            Self::Page => "page",
            Self::Screen => "screen",
            Self::Group => "group",
            Self::Alias => "alias",
            Self::System => "system",
        }
    }
}

/// Which event brought this one about, and how long the chain of service-emitted events is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// Partition of the causing record.
    pub partition: Partition,
    /// Offset of the causing record.
    pub offset: Offset,
    /// Its message id.
    pub message_id: String,
    /// Service-emitted hops since the last event from outside (or a wait of an hour or more); deeper than 16 is held.
    pub hops: u32,
}

/// The producer of a service-emitted record. Events keeps the last sequence of each producer and ignores what is not
/// above it, so that an outbox may repeat itself without effect, without a time limit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Producer {
    /// The service, and the lane within it, e.g. `journeys` or `notifications-delivery`.
    pub service: Arc<str>,
    /// The partition whose processing emitted the record.
    pub partition: Partition,
    /// Renewed when the service's database is restored or rebuilt.
    pub generation: u32,
    /// Rises by one with every record of this producer.
    pub sequence: u64,
}

/// One event. Properties, traits and context stay raw until somebody needs them.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The tenant.
    pub workspace: WorkspaceId,
    /// Whose event it is; [`CustomerId::NONE`] for records about the partition as a whole.
    pub customer: CustomerId,
    /// Where it came from.
    pub source: SourceId,
    /// The sender's id for it, unique within workspace and source.
    pub message_id: String,
    /// The kind.
    pub event_type: EventType,
    /// The event's name (`Order Delivered`), the page's or screen's name, or a system name (`elate.moment.judged`).
    pub name: Arc<str>,
    /// The sender's id of a known user.
    pub user_id: Option<String>,
    /// The sender's id of a device or browser before the login.
    pub anonymous_id: Option<String>,
    /// When it happened, corrected for the sender's clock.
    pub occurred_at: Timestamp,
    /// What is known of it (JSON object).
    pub properties: RawJson,
    /// What is known of the customer or group (JSON object; identify and group).
    pub traits: RawJson,
    /// Circumstances: library, page, ip, locale, time zone (JSON object).
    pub context: RawJson,
    /// What brought it about, for records from our own services.
    pub caused_by: Option<Cause>,
    /// Who emitted it, for records from our own services.
    pub producer: Option<Producer>,
    /// Part of an import: deadlines wait for the import's end, effects are suppressed.
    pub historical: bool,
    /// `occurred_at` lay more than 24 h in the future and was set to the receipt.
    pub clamped: bool,
    /// The message id was used before with another payload; this is `message_id#fingerprint`.
    pub conflicting: bool,
    /// W3C `traceparent` of the request that brought it, so that one trace spans SDK to delivery.
    pub trace_parent: Option<Arc<str>>,
}

/// An event at its place in the log. The record keeps the customer id that it was appended under.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Partition of the log.
    pub partition: Partition,
    /// Place in the partition, dense from 1.
    pub offset: Offset,
    /// Log time: set under the partition's lock, never decreasing. It is every `now` of processing.
    pub received_at: Timestamp,
    /// The event; `None` where it was erased and a tombstone keeps the place.
    pub event: Option<Event>,
}

impl Event {
    /// Whether one of Elate's own services or operators wrote it.
    pub fn is_system(&self) -> bool {
        self.event_type == EventType::System
    }

    /// The name that definitions match: the event's own name, or the type where it has none (`identify`, `page`).
    pub fn match_name(&self) -> &str {
        if self.name.is_empty() { self.event_type.as_str() } else { &self.name }
    }
}
