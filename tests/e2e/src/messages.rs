//! Messages and names, in a few words.

use elate_proto::common::v1::{CustomerRef, customer_ref};
use elate_proto::events::v1::{EventType, IngestMessage};
use prost_types::Timestamp;
use serde_json::Value;

/// A known user.
pub fn user(id: &str) -> CustomerRef {
    CustomerRef { r#ref: Some(customer_ref::Ref::UserId(id.to_owned())) }
}

/// A browser.
pub fn anonymous(id: &str) -> CustomerRef {
    CustomerRef { r#ref: Some(customer_ref::Ref::AnonymousId(id.to_owned())) }
}

/// A customer by Elate's own id.
pub fn customer(id: &str) -> CustomerRef {
    CustomerRef { r#ref: Some(customer_ref::Ref::CustomerId(id.to_owned())) }
}

/// A track event of a known user, as of now.
pub fn track(message_id: &str, user_id: &str, name: &str, properties: &Value) -> IngestMessage {
    IngestMessage {
        r#type: EventType::Track.into(),
        message_id: message_id.to_owned(),
        name: name.to_owned(),
        user_id: user_id.to_owned(),
        properties: properties.to_string().into_bytes().into(),
        ..Default::default()
    }
}

/// A track event of a browser that nobody has logged in with.
pub fn visit(message_id: &str, anonymous_id: &str, name: &str, properties: &Value) -> IngestMessage {
    IngestMessage {
        user_id: String::new(),
        anonymous_id: anonymous_id.to_owned(),
        ..track(message_id, "", name, properties)
    }
}

/// An identify of a user, with the browser that it was known by before.
pub fn identify(message_id: &str, user_id: &str, anonymous_id: &str, traits: &Value) -> IngestMessage {
    IngestMessage {
        r#type: EventType::Identify.into(),
        message_id: message_id.to_owned(),
        user_id: user_id.to_owned(),
        anonymous_id: anonymous_id.to_owned(),
        traits: traits.to_string().into_bytes().into(),
        ..Default::default()
    }
}

/// The time of the machine, in milliseconds since 1970.
pub fn now_millis() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("before the year 292 million")
}

/// Milliseconds since 1970 as the protocol writes them.
pub fn timestamp(millis: i64) -> Timestamp {
    let nanos = i32::try_from(millis.rem_euclid(1000) * 1_000_000).expect("below a second");
    Timestamp { seconds: millis.div_euclid(1000), nanos }
}

/// Milliseconds since 1970 as manifests and properties write them (RFC 3339, UTC).
pub fn rfc3339(millis: i64) -> String {
    elate_domain::Timestamp(millis).to_string()
}
