//! One message of the tracking protocol, as clients really send it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use elate_domain::{EventType, FieldError, Timestamp};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::caller::Origin;
use super::time;
use crate::model::message::Message;

/// The fields of an object, each still as it was written: properties are kept as they are, and a number with many digits
/// stays what it was.
pub(super) type Fields<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// What holds for all messages of a request.
#[derive(Debug, Default)]
pub(super) struct Common<'a> {
    /// When the request was sent, by the client's clock.
    pub(super) sent: Option<Timestamp>,
    /// Context that is merged under each message's own.
    pub(super) context: Option<Map<String, Value>>,
    /// Where the request came from.
    pub(super) origin: Option<&'a Origin>,
    /// The sender is the customer's own device, so its address is the customer's.
    pub(super) client_side: bool,
    /// The times are history and are not corrected.
    pub(super) import: bool,
}

/// The event type of a name of the protocol, or of its first letter.
pub(super) fn event_type(name: &str) -> Option<EventType> {
    match name {
        "track" | "t" => Some(EventType::Track),
        "identify" | "i" => Some(EventType::Identify),
        "page" | "p" => Some(EventType::Page),
        "screen" | "s" => Some(EventType::Screen),
        "group" | "g" => Some(EventType::Group),
        "alias" | "a" => Some(EventType::Alias),
        _ => None,
    }
}

fn value(fields: &Fields<'_>, name: &str) -> Option<Value> {
    // Each value was found to be JSON when the object was read.
    fields.get(name).and_then(|raw| serde_json::from_str(raw.get()).ok())
}

/// A text. Numbers are written out: ids are numbers in many shops.
fn text(fields: &Fields<'_>, name: &str) -> Result<Option<String>, FieldError> {
    match value(fields, name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => {
            let trimmed = text.trim();
            Ok((!trimmed.is_empty()).then(|| trimmed.to_owned()))
        }
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(_) => Err(FieldError::new(name, "is no text")),
    }
}

/// An object as it was written; nothing where it is absent, null or empty.
fn object(fields: &Fields<'_>, name: &str) -> Result<Bytes, FieldError> {
    let Some(raw) = fields.get(name) else { return Ok(Bytes::new()) };
    match raw.get().as_bytes().first() {
        Some(b'{') => Ok(Bytes::copy_from_slice(raw.get().as_bytes())),
        Some(b'n') => Ok(Bytes::new()),
        _ => Err(FieldError::new(name, "is no object")),
    }
}

fn map(fields: &Fields<'_>, name: &str) -> Option<Map<String, Value>> {
    match value(fields, name) {
        Some(Value::Object(map)) => Some(map),
        _ => None,
    }
}

fn write(map: &Map<String, Value>) -> Bytes {
    serde_json::to_vec(map).map(Bytes::from).unwrap_or_default()
}

/// Reads one message. `kind` is the kind that the path says, where it says one.
pub(super) fn read(
    kind: Option<EventType>,
    fields: &Fields<'_>,
    common: &Common<'_>,
) -> Result<Message, FieldError> {
    let kind = match kind {
        Some(kind) => kind,
        None => text(fields, "type")?.and_then(|name| event_type(&name.to_ascii_lowercase())).ok_or_else(
            || FieldError::new("type", "must be track, identify, page, screen, group or alias"),
        )?,
    };
    let mut message = Message::new(kind);
    message.message_id = text(fields, "messageId")?.unwrap_or_default();
    message.user_id = text(fields, "userId")?;
    message.anonymous_id = text(fields, "anonymousId")?;
    message.previous_id = text(fields, "previousId")?;
    message.group_id = text(fields, "groupId")?;
    message.name = match kind {
        EventType::Track => text(fields, "event")?.unwrap_or_default(),
        EventType::Page | EventType::Screen => name_of_view(fields)?,
        EventType::Identify | EventType::Group | EventType::Alias | EventType::System => String::new(),
    };
    message.properties = properties(kind, fields)?;
    message.traits = traits(kind, fields)?;
    message.context = context(fields, common)?;
    // A client's `timestamp` is its own clock; RudderStack's SDKs send their clock as `originalTimestamp` beside it.
    let written = |name: &str| value(fields, name).and_then(|value| time::parse(&value));
    message.original_time = written("timestamp").or_else(|| written("originalTimestamp"));
    message.sent_time = if common.import { None } else { written("sentAt").or(common.sent) };
    Ok(message)
}

/// The name of a page or screen; some SDKs send it only among the properties.
fn name_of_view(fields: &Fields<'_>) -> Result<String, FieldError> {
    if let Some(name) = text(fields, "name")? {
        return Ok(name);
    }
    let inner = map(fields, "properties").and_then(|properties| properties.get("name").cloned());
    Ok(inner.and_then(|name| name.as_str().map(|name| name.trim().to_owned())).unwrap_or_default())
}

fn properties(kind: EventType, fields: &Fields<'_>) -> Result<Bytes, FieldError> {
    let category =
        if matches!(kind, EventType::Page | EventType::Screen) { text(fields, "category")? } else { None };
    let Some(category) = category else { return object(fields, "properties") };
    object(fields, "properties")?;
    let mut properties = map(fields, "properties").unwrap_or_default();
    properties.entry("category").or_insert(Value::String(category));
    Ok(write(&properties))
}

/// Traits; RudderStack's SDKs send those of an identify only in the context.
fn traits(kind: EventType, fields: &Fields<'_>) -> Result<Bytes, FieldError> {
    let traits = object(fields, "traits")?;
    if !traits.is_empty() || kind != EventType::Identify {
        return Ok(traits);
    }
    let context = map(fields, "context").unwrap_or_default();
    Ok(context.get("traits").and_then(Value::as_object).map(write).unwrap_or_default())
}

/// The context with what the request adds: its own context underneath, and the sender's address and browser where the
/// sender is the customer's device (or says `direct`).
fn context(fields: &Fields<'_>, common: &Common<'_>) -> Result<Bytes, FieldError> {
    let own = object(fields, "context")?;
    let direct = || map(fields, "context").is_some_and(|own| own.get("direct") == Some(&Value::Bool(true)));
    let fill = common.client_side || (!own.is_empty() && direct());
    if common.context.is_none() && !fill {
        return Ok(own);
    }
    let mut merged = common.context.clone().unwrap_or_default();
    merged.extend(map(fields, "context").unwrap_or_default());
    if let Some(origin) = common.origin.filter(|_| fill) {
        let mut add = |name: &str, text: Option<String>| {
            if let Some(text) = text
                && merged.get(name).is_none_or(Value::is_null)
            {
                merged.insert(name.to_owned(), Value::String(text));
            }
        };
        add("ip", origin.ip.map(|ip| ip.to_string()));
        add("userAgent", origin.user_agent.clone());
    }
    Ok(if merged.is_empty() { Bytes::new() } else { write(&merged) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(json: &str, common: &Common<'_>) -> Result<Message, FieldError> {
        let fields: Fields<'_> = serde_json::from_str(json).unwrap();
        read(None, &fields, common)
    }

    fn plain(json: &str) -> Message {
        message(json, &Common::default()).unwrap()
    }

    #[test]
    fn numbers_become_ids_and_ids_are_trimmed() {
        let read = plain(r#"{"type":"track","event":"A","userId":42,"messageId":" m1 ","anonymousId":null}"#);
        assert_eq!(read.user_id.as_deref(), Some("42"));
        assert_eq!(read.message_id, "m1");
        assert_eq!(read.anonymous_id, None);
        let error =
            message(r#"{"type":"track","event":"A","userId":{"id":1}}"#, &Common::default()).unwrap_err();
        assert_eq!((error.field.as_str(), error.reason.as_str()), ("userId", "is no text"));
    }

    #[test]
    fn properties_stay_as_they_were_written() {
        let read = plain(
            r#"{"type":"track","event":"A","userId":"u","properties":{"b":1.10,"a":12345678901234567890123}}"#,
        );
        assert_eq!(read.properties, r#"{"b":1.10,"a":12345678901234567890123}"#);
    }

    #[test]
    fn the_context_of_the_batch_lies_under_that_of_the_message() {
        let shared = serde_json::from_str(r#"{"app":"shop","locale":"de"}"#).unwrap();
        let common = Common { context: Some(shared), ..Common::default() };
        let read = message(r#"{"type":"page","userId":"u","context":{"locale":"nl"}}"#, &common).unwrap();
        let context: Value = serde_json::from_slice(&read.context).unwrap();
        assert_eq!(context, serde_json::json!({"app": "shop", "locale": "nl"}));
    }

    #[test]
    fn the_address_is_filled_in_for_devices_only() {
        let origin = Origin { ip: "203.0.113.7".parse().ok(), user_agent: None };
        let server = Common { origin: Some(&origin), ..Common::default() };
        let json = r#"{"type":"page","userId":"u"}"#;
        assert!(message(json, &server).unwrap().context.is_empty());
        let client = Common { client_side: true, origin: Some(&origin), ..Common::default() };
        assert_eq!(message(json, &client).unwrap().context, r#"{"ip":"203.0.113.7"}"#);
        let own = r#"{"type":"page","userId":"u","context":{"ip":"198.51.100.1"}}"#;
        assert_eq!(message(own, &client).unwrap().context, r#"{"ip":"198.51.100.1"}"#);
        let direct = r#"{"type":"page","userId":"u","context":{"direct":true}}"#;
        let context = message(direct, &server).unwrap().context;
        assert!(String::from_utf8_lossy(&context).contains("203.0.113.7"));
    }

    #[test]
    fn times_are_those_of_the_message_then_those_of_the_batch() {
        let common = Common { sent: Timestamp::parse("2026-01-01T00:00:10Z"), ..Common::default() };
        let read = |json| message(json, &common).unwrap();
        let bare = read(r#"{"type":"page","userId":"u","originalTimestamp":"2026-01-01T00:00:01Z"}"#);
        assert_eq!(bare.original_time, Timestamp::parse("2026-01-01T00:00:01Z"));
        assert_eq!(bare.sent_time, common.sent);
        let own = read(
            r#"{"type":"page","userId":"u","timestamp":"2025-01-01T00:00:00Z","originalTimestamp":"2026-01-01T00:00:01Z","sentAt":"2026-01-01T00:00:02Z"}"#,
        );
        assert_eq!(own.original_time, Timestamp::parse("2025-01-01T00:00:00Z"));
        assert_eq!(own.sent_time, Timestamp::parse("2026-01-01T00:00:02Z"));
    }

    #[test]
    fn views_have_names_and_categories() {
        let read =
            plain(r#"{"type":"page","userId":"u","name":"Pricing","category":"Docs","properties":{"v":1}}"#);
        assert_eq!(read.name, "Pricing");
        assert_eq!(read.properties, r#"{"category":"Docs","v":1}"#);
        assert_eq!(plain(r#"{"type":"page","userId":"u","properties":{"name":"Home"}}"#).name, "Home");
    }
}
