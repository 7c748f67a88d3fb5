//! What senders send, and what became of it.

use std::sync::Arc;

use bytes::Bytes;
use elate_domain::{CustomerId, EventType, SourceId, Timestamp, WorkspaceId};

/// Messages in one request at the most.
pub const MAX_MESSAGES: usize = 2_500;
/// Bytes of one message at the most: names, ids and the three objects together.
pub const MAX_MESSAGE_BYTES: usize = 32 * 1024;
/// Characters of a message id at the most.
pub const MAX_MESSAGE_ID: usize = 100;
/// Characters of a user or anonymous id, and of a name, at the most.
pub const MAX_ID: usize = 200;

/// One message as its sender gave it. Nothing is checked yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The kind; `System` is refused.
    pub event_type: EventType,
    /// The sender's id for it; made up where it is empty.
    pub message_id: String,
    /// The name.
    pub name: String,
    /// The sender's id of a known user.
    pub user_id: Option<String>,
    /// The sender's id of a device or browser.
    pub anonymous_id: Option<String>,
    /// When it happened, by the sender's clock.
    pub original_time: Option<Timestamp>,
    /// When it was sent, by the sender's clock.
    pub sent_time: Option<Timestamp>,
    /// A JSON object in UTF-8, or empty.
    pub properties: Bytes,
    /// A JSON object in UTF-8, or empty.
    pub traits: Bytes,
    /// A JSON object in UTF-8, or empty.
    pub context: Bytes,
    /// For alias: the id that is given up.
    pub previous_id: Option<String>,
    /// For group: the group.
    pub group_id: Option<String>,
}

impl Message {
    /// An empty message of a kind.
    pub fn new(event_type: EventType) -> Self {
        Self {
            event_type,
            message_id: String::new(),
            name: String::new(),
            user_id: None,
            anonymous_id: None,
            original_time: None,
            sent_time: None,
            properties: Bytes::new(),
            traits: Bytes::new(),
            context: Bytes::new(),
            previous_id: None,
            group_id: None,
        }
    }
}

/// The messages of one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The tenant, from the credential.
    pub workspace: WorkspaceId,
    /// The source, from the credential.
    pub source: SourceId,
    /// The import that the messages belong to; they are marked historical and rank lowest.
    pub import_id: Option<String>,
    /// W3C `traceparent` of the request.
    pub trace_parent: Option<Arc<str>>,
    /// The messages.
    pub messages: Vec<Message>,
}

/// What became of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Durable on the timeline.
    Accepted {
        /// The message's id, made up where there was none; `id#fingerprint` where it was used with another payload.
        message_id: String,
        /// Whose timeline.
        customer: CustomerId,
    },
    /// The same message is on the timeline already.
    Duplicate {
        /// The message's id.
        message_id: String,
        /// Whose it is, where its ids are known.
        customer: Option<CustomerId>,
    },
    /// Refused.
    Rejected {
        /// The message's id, as given.
        message_id: String,
        /// The field that is wrong, e.g. `user_id`.
        field: String,
        /// Why, and what would be right. `erased` for a customer who was erased.
        reason: String,
    },
}
