//! PostHog's batch: the same facts in other words.

use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use elate_domain::{EventType, FieldError};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::answer::Refusal;
use super::batch::{Read, append, identify, items, object, text_of, value_of};
use super::{Edge, body, time};
use crate::model::message::{Message, Outcome};

/// `POST /batch/`, with the key as `api_key`.
pub(super) async fn batch(State(edge): State<Edge>, request: Request) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body, edge.settings.max_body.as_usize()).await?;
    let fields = object(&bytes)?;
    let caller = identify(&edge, &parts, text_of(&fields, "api_key").as_deref()).await?;
    let sent = value_of(&fields, "sent_at").and_then(|value| time::parse(&value));
    let read = |item: &RawValue| {
        let event: Map<String, Value> = serde_json::from_str(item.get()).unwrap_or_default();
        let id = event.get("uuid").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut message = message(event).map_err(|error| Outcome::Rejected {
            message_id: id,
            field: error.field,
            reason: error.reason,
        })?;
        message.sent_time = sent;
        Ok(message)
    };
    let read: Vec<Read> = items(&fields)?.into_iter().map(read).collect();
    append(&edge, &caller, &parts, read).await
}

fn text(map: &Map<String, Value>, name: &str) -> Option<String> {
    match map.get(name)? {
        Value::String(text) => (!text.trim().is_empty()).then(|| text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn write(map: Map<String, Value>) -> Bytes {
    if map.is_empty() { Bytes::new() } else { serde_json::to_vec(&map).map(Bytes::from).unwrap_or_default() }
}

fn part(properties: &Map<String, Value>, name: &str) -> Map<String, Value> {
    properties.get(name).and_then(Value::as_object).cloned().unwrap_or_default()
}

fn message(event: Map<String, Value>) -> Result<Message, FieldError> {
    let name = text(&event, "event").ok_or_else(|| FieldError::new("event", "is required"))?;
    let properties = part(&event, "properties");
    let distinct = text(&event, "distinct_id").or_else(|| text(&properties, "distinct_id"));
    let mut message = Message::new(match name.as_str() {
        "$identify" | "$set" => EventType::Identify,
        "$create_alias" => EventType::Alias,
        "$groupidentify" => EventType::Group,
        "$pageview" => EventType::Page,
        "$screen" => EventType::Screen,
        _ => EventType::Track,
    });
    message.message_id = text(&event, "uuid").unwrap_or_default();
    message.original_time = event.get("timestamp").and_then(time::parse);
    message.user_id = distinct;
    match message.event_type {
        EventType::Identify => {
            // `$set_once` gives way to `$set`: both are what is known now.
            let mut traits = part(&properties, "$set_once");
            traits.extend(part(&properties, "$set"));
            message.traits = write(traits);
            message.anonymous_id = text(&properties, "$anon_distinct_id");
        }
        EventType::Alias => message.previous_id = text(&properties, "alias"),
        EventType::Group => {
            message.group_id = text(&properties, "$group_key");
            message.traits = write(part(&properties, "$group_set"));
            // The sender's id is made from the group here; it is nobody whom one could know by it.
            message.anonymous_id = message.user_id.take();
        }
        EventType::Page => {
            message.name =
                text(&properties, "title").or_else(|| text(&properties, "$pathname")).unwrap_or_default();
            message.properties = write(properties);
        }
        EventType::Screen => {
            message.name = text(&properties, "$screen_name").unwrap_or_default();
            message.properties = write(properties);
        }
        EventType::Track | EventType::System => {
            message.name = name;
            message.properties = write(properties);
        }
    }
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: Value) -> Message {
        message(json.as_object().cloned().unwrap()).unwrap()
    }

    #[test]
    fn posthogs_words_mean_the_same_facts() {
        let alias = read(serde_json::json!({
            "event": "$create_alias", "distinct_id": "u-1", "uuid": "m", "properties": {"alias": "anon-1"}
        }));
        assert_eq!((alias.event_type, alias.previous_id.as_deref()), (EventType::Alias, Some("anon-1")));
        let identify = read(serde_json::json!({
            "event": "$identify", "distinct_id": "u-1",
            "properties": {"$set": {"email": "new"}, "$set_once": {"email": "old", "first": 1}, "$anon_distinct_id": "a"}
        }));
        assert_eq!(identify.traits, r#"{"email":"new","first":1}"#);
        assert_eq!(identify.anonymous_id.as_deref(), Some("a"));
        assert!(message(Map::new()).is_err());
    }
}
