//! From a message as it came to a draft, or the reason why not.

use std::sync::Arc;

use elate_domain::{CustomerId, Event, EventType, RawJson, Timestamp};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::draft::{Draft, Target};
use super::fingerprint::{self, Fingerprint};
use super::identity::{Blocked, blocked};
use super::json::check_object;
use super::message::{Batch, MAX_ID, MAX_MESSAGE_BYTES, MAX_MESSAGE_ID, Message};

/// How far in the future an event may lie, in milliseconds.
const MAX_AHEAD: i64 = 24 * 3_600_000;

/// Why a message was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The field that is wrong.
    pub field: &'static str,
    /// Why, and what would be right.
    pub reason: String,
}

fn refuse<T>(field: &'static str, reason: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { field, reason: reason.into() })
}

/// Checks one message of a batch, received `now`. `seed` is the installation's, `fresh` stands in for a missing id.
pub fn check(
    batch: &Batch,
    mut message: Message,
    now: Timestamp,
    seed: u64,
    fresh: Uuid,
) -> Result<Draft, Refusal> {
    if message.event_type == EventType::System {
        return refuse("type", "must be track, identify, page, screen, group or alias");
    }
    check_size(&message)?;
    let generated = message.message_id.trim().is_empty();
    let message_id = if generated { fresh.to_string() } else { message.message_id.trim().to_owned() };
    text("message_id", &message_id, MAX_MESSAGE_ID)?;
    text("name", &message.name, MAX_ID)?;
    if message.event_type == EventType::Track && message.name.trim().is_empty() {
        return refuse("name", "is required for track");
    }
    if message.name.starts_with("elate.") {
        return refuse("name", "must not begin with `elate.`, which is Elate's own");
    }
    check_ids(&mut message)?;
    for (field, object) in
        [("properties", &message.properties), ("traits", &message.traits), ("context", &message.context)]
    {
        check_object(object).or_else(|reason| refuse(field, reason))?;
    }
    let fingerprint = (!generated).then(|| Fingerprint {
        key: fingerprint::key(seed, batch.workspace.as_str(), batch.source.as_str(), &message_id),
        content: fingerprint::content(seed, &message),
    });
    let (occurred_at, clamped) = occurred(message.original_time, message.sent_time, now);
    let properties = with_ids(&message);
    let event = Event {
        workspace: batch.workspace.clone(),
        customer: CustomerId::NONE,
        source: batch.source.clone(),
        message_id,
        event_type: message.event_type,
        name: Arc::from(message.name),
        user_id: message.user_id,
        anonymous_id: message.anonymous_id,
        occurred_at,
        properties,
        traits: RawJson::from_trusted(message.traits),
        context: RawJson::from_trusted(message.context),
        caused_by: None,
        producer: None,
        historical: batch.import_id.is_some(),
        clamped,
        conflicting: false,
        trace_parent: batch.trace_parent.clone(),
    };
    Ok(Draft { event, target: Target::Ids, fingerprint, previous_id: message.previous_id, encoded: None })
}

fn check_size(message: &Message) -> Result<(), Refusal> {
    let ids = [&message.user_id, &message.anonymous_id, &message.previous_id, &message.group_id];
    let ids: usize = ids.iter().filter_map(|id| id.as_deref()).map(str::len).sum();
    let size = ids
        + message.message_id.len()
        + message.name.len()
        + message.properties.len()
        + message.traits.len()
        + message.context.len();
    if size > MAX_MESSAGE_BYTES {
        return refuse("message", format!("has {size} bytes; {MAX_MESSAGE_BYTES} are allowed"));
    }
    Ok(())
}

/// PostgreSQL's text holds no NUL, and other control characters in ids are mistakes.
fn text(field: &'static str, text: &str, most: usize) -> Result<(), Refusal> {
    if text.chars().count() > most {
        return refuse(field, format!("may have {most} characters at the most"));
    }
    if text.chars().any(char::is_control) {
        return refuse(field, "must hold no control characters");
    }
    Ok(())
}

fn check_ids(message: &mut Message) -> Result<(), Refusal> {
    for (field, id) in [
        ("user_id", &mut message.user_id),
        ("anonymous_id", &mut message.anonymous_id),
        ("previous_id", &mut message.previous_id),
        ("group_id", &mut message.group_id),
    ] {
        if let Some(value) = id {
            text(field, value, MAX_ID)?;
            let trimmed = value.trim();
            *id = if trimmed.is_empty() { None } else { Some(trimmed.to_owned()) };
        }
    }
    if let Some(Blocked(reason)) = message.user_id.as_deref().and_then(blocked) {
        return refuse("user_id", reason);
    }
    // A device's placeholder would join strangers; without it the event still stands on its user id.
    message.anonymous_id = message.anonymous_id.take().filter(|id| blocked(id).is_none());
    message.previous_id = message.previous_id.take().filter(|id| blocked(id).is_none());
    if message.event_type == EventType::Alias {
        if message.user_id.is_none() {
            return refuse("user_id", "is required for alias");
        }
        if message.previous_id.is_none() {
            return refuse("previous_id", "is required for alias, and must be no placeholder");
        }
    }
    if message.user_id.is_none() && message.anonymous_id.is_none() {
        return refuse("user_id", "or anonymous_id is required, and must be no placeholder");
    }
    Ok(())
}

/// When it happened: the sender's time, corrected by what the sender's clock was off when it sent; the receipt where
/// there is none. More than a day ahead is set to the receipt, and marked.
pub fn occurred(original: Option<Timestamp>, sent: Option<Timestamp>, now: Timestamp) -> (Timestamp, bool) {
    let Some(original) = original else { return (now, false) };
    let occurred = match sent {
        Some(sent) => now.plus_millis(original.millis_since(sent)),
        None => original,
    };
    if occurred.millis_since(now) > MAX_AHEAD { (now, true) } else { (occurred, false) }
}

/// The ids that only some kinds have travel in the properties.
fn with_ids(message: &Message) -> RawJson {
    let raw = RawJson::from_trusted(message.properties.clone());
    let extra = [("group_id", &message.group_id), ("previous_id", &message.previous_id)];
    if extra.iter().all(|(_, id)| id.is_none()) {
        return raw;
    }
    let mut properties: Map<String, Value> = raw.read().unwrap_or_default();
    for (name, id) in extra {
        if let Some(id) = id {
            properties.insert(name.to_owned(), Value::String(id.clone()));
        }
    }
    RawJson::of(&properties)
}

#[cfg(test)]
mod tests {
    use super::*;
    use elate_domain::{SourceId, WorkspaceId};

    fn batch() -> Batch {
        Batch {
            workspace: WorkspaceId::try_new("shop").unwrap(),
            source: SourceId::try_new("web").unwrap(),
            import_id: None,
            trace_parent: None,
            messages: Vec::new(),
        }
    }

    fn message() -> Message {
        Message {
            name: "Seen".into(),
            user_id: Some("u".into()),
            message_id: "m".into(),
            ..Message::new(EventType::Track)
        }
    }

    fn checked(message: Message) -> Result<Draft, Refusal> {
        check(&batch(), message, Timestamp(1_000_000_000_000), 7, Uuid::from_u128(9))
    }

    #[test]
    fn refusals_name_the_field() {
        let cases: Vec<(&str, Message)> = vec![
            ("type", Message { event_type: EventType::System, ..message() }),
            ("message_id", Message { message_id: "x".repeat(101), ..message() }),
            ("name", Message { name: String::new(), ..message() }),
            ("name", Message { name: "elate.moment.judged".into(), ..message() }),
            ("user_id", Message { user_id: None, ..message() }),
            (
                "user_id",
                Message { user_id: Some("NULL".into()), anonymous_id: Some("a".into()), ..message() },
            ),
            ("user_id", Message { user_id: Some("a\u{0}b".into()), ..message() }),
            ("properties", Message { properties: "[1]".into(), ..message() }),
            (
                "message",
                Message { properties: format!("{{\"a\":\"{}\"}}", "x".repeat(33_000)).into(), ..message() },
            ),
            ("previous_id", Message { event_type: EventType::Alias, ..message() }),
        ];
        for (field, message) in cases {
            assert_eq!(checked(message).unwrap_err().field, field);
        }
    }

    #[test]
    fn a_placeholder_of_a_device_is_left_out() {
        let draft = checked(Message { anonymous_id: Some("undefined".into()), ..message() }).unwrap();
        assert_eq!(draft.event.anonymous_id, None);
    }

    #[test]
    fn the_senders_clock_is_corrected_and_the_far_future_is_not_believed() {
        let now = Timestamp(1_000_000);
        assert_eq!(occurred(None, Some(Timestamp(5)), now), (now, false));
        assert_eq!(occurred(Some(Timestamp(7)), None, now), (Timestamp(7), false));
        assert_eq!(occurred(Some(Timestamp(100)), Some(Timestamp(300)), now), (Timestamp(999_800), false));
        assert_eq!(occurred(Some(now.plus_millis(MAX_AHEAD + 1)), None, now), (now, true));
    }

    #[test]
    fn a_made_up_id_is_not_looked_for() {
        let draft = checked(Message { message_id: " ".into(), ..message() }).unwrap();
        assert_eq!((draft.event.message_id, draft.fingerprint), (Uuid::from_u128(9).to_string(), None));
    }

    #[test]
    fn a_group_travels_in_the_properties() {
        let group = Message {
            event_type: EventType::Group,
            group_id: Some("g".into()),
            properties: "{\"a\":1}".into(),
            ..message()
        };
        assert_eq!(
            checked(group).unwrap().event.properties.value(),
            serde_json::json!({"a": 1, "group_id": "g"})
        );
    }
}
