//! How a repeated message is recognised.

use elate_domain::Timestamp;
use uuid::Uuid;
use xxhash_rust::xxh3::{Xxh3, xxh3_128_with_seed};

use super::message::Message;

/// Key and contents of a message, hashed. The seed is drawn once for an installation, so nobody outside can make
/// two messages collide on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint {
    /// Of workspace, source and message id.
    pub key: Uuid,
    /// Of what the message says; the same again is a repeat, anything else under the same key is a conflict.
    pub content: u64,
}

/// The key of a message id.
pub fn key(seed: u64, workspace: &str, source: &str, message_id: &str) -> Uuid {
    // Workspace and source hold no '/', so the parts can't run into each other.
    let mut text = String::with_capacity(workspace.len() + source.len() + message_id.len() + 2);
    for part in [workspace, "/", source, "/", message_id] {
        text.push_str(part);
    }
    Uuid::from_u128(xxh3_128_with_seed(text.as_bytes(), seed))
}

/// The contents of a message: type, name, ids, properties, traits and the original time; never when it was sent or
/// received, nor its context (address, library, retry counters).
pub fn content(seed: u64, message: &Message) -> u64 {
    let mut hash = Xxh3::with_seed(seed);
    let mut part = |bytes: &[u8]| {
        hash.update(&(bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(message.event_type.as_str().as_bytes());
    part(message.name.as_bytes());
    for id in [&message.user_id, &message.anonymous_id, &message.previous_id, &message.group_id] {
        part(id.as_deref().unwrap_or_default().as_bytes());
    }
    part(&message.properties);
    part(&message.traits);
    part(&message.original_time.map_or(0, |time: Timestamp| time.0).to_le_bytes());
    hash.digest()
}

/// The id of a message whose own id was used with another payload.
pub fn conflicting_id(message_id: &str, content: u64) -> String {
    format!("{message_id}#{content:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use elate_domain::EventType;

    #[test]
    fn what_a_retry_changes_does_not_count() {
        let mut message = Message::new(EventType::Track);
        message.properties = Bytes::from_static(b"{\"a\":1}");
        let before = content(7, &message);
        message.sent_time = Some(Timestamp(5));
        message.context = Bytes::from_static(b"{\"ip\":\"192.0.2.1\"}");
        assert_eq!(content(7, &message), before);
        message.properties = Bytes::from_static(b"{\"a\":2}");
        assert_ne!(content(7, &message), before);
    }

    #[test]
    fn fields_do_not_run_into_each_other() {
        let mut one = Message::new(EventType::Track);
        one.user_id = Some("ab".into());
        let mut two = Message::new(EventType::Track);
        two.user_id = Some("a".into());
        two.anonymous_id = Some("b".into());
        assert_ne!(content(7, &one), content(7, &two));
        assert_ne!(key(7, "w", "s", "1"), key(7, "w", "s1", ""));
    }
}
