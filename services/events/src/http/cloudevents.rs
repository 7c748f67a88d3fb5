//! CloudEvents over HTTP: binary, structured and batched (the HTTP binding 1.0.2, and the web hook profile's handshake).
//!
//! An event becomes a track message: `type` is its name, `id` with `source` its message id, `subject` the customer's user
//! id (or the extension `anonymousid` an anonymous one), `data` its properties, and all attributes its context.

use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use elate_domain::{EventType, FieldError};
use serde_json::{Map, Value};

use super::answer::Refusal;
use super::batch::{Read, append, identify};
use super::{Edge, body, time};
use crate::model::message::{MAX_MESSAGE_ID, MAX_MESSAGES, Message, Outcome};

/// `OPTIONS`: a sender asks whether it may; the headers are the consent.
pub(super) async fn handshake(headers: HeaderMap) -> Response {
    let origin = headers.get("webhook-request-origin").cloned().unwrap_or(HeaderValue::from_static("*"));
    let allowed = [
        (HeaderName::from_static("webhook-allowed-origin"), origin),
        (HeaderName::from_static("webhook-allowed-rate"), HeaderValue::from_static("*")),
    ];
    (StatusCode::OK, allowed).into_response()
}

/// `POST`: the mode shows in the content type.
pub(super) async fn receive(State(edge): State<Edge>, request: Request) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body, edge.settings.max_body.as_usize()).await?;
    let token = super::pixel::pairs(parts.uri.query().unwrap_or_default())
        .into_iter()
        .find(|(name, _)| name == "access_token")
        .map(|(_, value)| value);
    let caller = identify(&edge, &parts, token.as_deref()).await?;
    let events = read(&parts.headers, &bytes)?;
    if events.len() > MAX_MESSAGES {
        let limit = format!("{MAX_MESSAGES} events");
        return Err(crate::app::Error::TooLarge { what: "the batch", limit }.into());
    }
    let read: Vec<Read> = events.into_iter().map(refusable).collect();
    append(&edge, &caller, &parts, read).await
}

type Attributes = Map<String, Value>;

fn read(headers: &HeaderMap, bytes: &Bytes) -> Result<Vec<Attributes>, Refusal> {
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_ascii_lowercase();
    let media = content_type.split(';').next().unwrap_or_default().trim();
    let broken = |error: serde_json::Error| Refusal::Body(format!("is no CloudEvent in JSON: {error}"));
    match media {
        "application/cloudevents-batch+json" => serde_json::from_slice(bytes).map_err(broken),
        "application/cloudevents+json" => Ok(vec![serde_json::from_slice(bytes).map_err(broken)?]),
        other if other.starts_with("application/cloudevents") => {
            Err(Refusal::Body(format!("is of the format {other}; JSON is read")))
        }
        _ => Ok(vec![binary(headers, media, bytes)?]),
    }
}

/// Binary mode: attributes in headers, the body is the data.
fn binary(headers: &HeaderMap, media: &str, bytes: &Bytes) -> Result<Attributes, Refusal> {
    let mut event = Attributes::new();
    for (name, value) in headers {
        let Some(attribute) = name.as_str().strip_prefix("ce-") else { continue };
        let text = std::str::from_utf8(value.as_bytes())
            .ok()
            .and_then(header_text)
            .ok_or_else(|| Refusal::Body(format!("has a header {name} that is no encoded UTF-8")))?;
        event.insert(attribute.to_owned(), Value::String(text));
    }
    if bytes.is_empty() {
        return Ok(event);
    }
    let json = media.is_empty() || media == "application/json" || media.ends_with("+json");
    let data = if json {
        let data = serde_json::from_slice(bytes);
        data.map_err(|error| Refusal::Body(format!("has data that are no JSON: {error}")))?
    } else {
        match std::str::from_utf8(bytes) {
            Ok(text) => Value::String(text.to_owned()),
            Err(_) => Value::String(STANDARD.encode(bytes)),
        }
    };
    event.insert("data".to_owned(), data);
    Ok(event)
}

/// A header's value: quotes are taken off with their escapes, then one round of percent-decoding. `None` where the result
/// is no UTF-8.
fn header_text(text: &str) -> Option<String> {
    let text = text.trim();
    let mut plain = String::with_capacity(text.len());
    match text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        None => plain.push_str(text),
        Some(quoted) => {
            let mut chars = quoted.chars();
            while let Some(c) = chars.next() {
                plain.extend(if c == '\\' { chars.next() } else { Some(c) });
            }
        }
    }
    let decoded = super::pixel::percent_decode(&plain);
    // A replacement character that was not in the text stands for bytes that are no UTF-8.
    (decoded.contains('\u{fffd}') == plain.contains('\u{fffd}')).then_some(decoded)
}

fn refusable(event: Attributes) -> Read {
    let message_id = event.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    message(event).map_err(|error| Outcome::Rejected { message_id, field: error.field, reason: error.reason })
}

fn attribute(event: &Attributes, name: &str) -> Option<String> {
    match event.get(name)? {
        Value::String(text) => (!text.is_empty()).then(|| text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

fn required(event: &Attributes, name: &str) -> Result<String, FieldError> {
    attribute(event, name).ok_or_else(|| FieldError::new(name, "is required"))
}

fn message(mut event: Attributes) -> Result<Message, FieldError> {
    let (id, source) = (required(&event, "id")?, required(&event, "source")?);
    if required(&event, "specversion")? != "1.0" {
        return Err(FieldError::new("specversion", "must be 1.0"));
    }
    let (data, encoded) = (event.remove("data"), event.remove("data_base64"));
    if data.is_some() && encoded.is_some() {
        return Err(FieldError::new("data_base64", "stands beside data; one of them is allowed"));
    }
    let mut message = Message::new(EventType::Track);
    message.name = required(&event, "type")?;
    message.message_id = message_id(&source, &id);
    message.user_id = attribute(&event, "subject").or_else(|| attribute(&event, "userid"));
    message.anonymous_id = attribute(&event, "anonymousid");
    if message.user_id.is_none() && message.anonymous_id.is_none() {
        // An event about nobody in particular belongs to what sent it.
        message.anonymous_id = Some(source);
    }
    message.original_time = event.get("time").and_then(time::parse);
    message.properties = match data.or(encoded) {
        None | Some(Value::Null) => Bytes::new(),
        Some(Value::Object(data)) => write(data),
        Some(other) => write(Map::from_iter([("data".to_owned(), other)])),
    };
    message.context = write(Map::from_iter([("cloudevent".to_owned(), Value::Object(event))]));
    Ok(message)
}

/// Two events are the same where source and id are. A pair that is too long for an id is replaced by its hash.
fn message_id(source: &str, id: &str) -> String {
    let whole = format!("{source}#{id}");
    if whole.chars().count() <= MAX_MESSAGE_ID {
        return whole;
    }
    elate_rpc::auth::hash_secret(&whole).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn write(map: Map<String, Value>) -> Bytes {
    if map.is_empty() { Bytes::new() } else { serde_json::to_vec(&map).map(Bytes::from).unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_values_are_decoded_once() {
        assert_eq!(header_text("Euro%20%E2%82%AC").as_deref(), Some("Euro €"));
        assert_eq!(header_text("\"a \\\"quoted\\\" b\"").as_deref(), Some("a \"quoted\" b"));
        assert_eq!(header_text("%2520").as_deref(), Some("%20"));
        assert_eq!(header_text("%C0%A0"), None, "overlong UTF-8 is refused");
    }

    #[test]
    fn the_same_event_has_the_same_id_whatever_its_mode() {
        let structured: Attributes = serde_json::from_str(
            r#"{"specversion":"1.0","id":"1","source":"/shop","type":"t","subject":"u","data":{"a":1}}"#,
        )
        .unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("ce-specversion", "1.0"),
            ("ce-id", "1"),
            ("ce-source", "/shop"),
            ("ce-type", "t"),
            ("ce-subject", "u"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let binary = binary(&headers, "application/json", &Bytes::from_static(br#"{"a":1}"#)).unwrap();
        assert_eq!(message(structured).unwrap(), message(binary).unwrap());
    }

    #[test]
    fn required_attributes_are_named() {
        let event: Attributes =
            serde_json::from_str(r#"{"specversion":"1.0","id":"1","source":"/s"}"#).unwrap();
        assert_eq!(message(event).unwrap_err().field, "type");
    }
}
