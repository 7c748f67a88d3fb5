//! Messages of about 400 bytes, of new and known customers mixed, with nothing that anybody waits for.

use std::ops::Range;

use elate_proto::events::v1::{EventType, IngestMessage};
use uuid::Uuid;

use super::mixed;

/// Customers that the messages of [`message`] are spread over, besides the new ones.
pub const CUSTOMERS: u64 = 10_000;
/// One message in so many is of a customer that was never seen.
const NEW_EVERY: u64 = 20;

const CONTEXT: &str = r#"{"library":{"name":"analytics.js","version":"2.11"},"page":{"path":"/products","referrer":"https://search.example/"},"locale":"de-AT"}"#;
const NAMES: [&str; 6] = [
    "Page Viewed",
    "Product Viewed",
    "Cart Item Added",
    "Checkout Started",
    "Order Completed",
    "Support Ticket Opened",
];

/// Message `i`.
pub fn message(i: u64) -> IngestMessage {
    let drawn = mixed(i);
    let customer = if i.is_multiple_of(NEW_EVERY) { CUSTOMERS + i } else { drawn % CUSTOMERS };
    let properties = format!(
        r#"{{"product_id":"p-{:05}","price":{}.{:02},"currency":"EUR","quantity":{},"list":"search results","position":{}}}"#,
        drawn % 100_000,
        i % 400,
        i % 100,
        i % 5 + 1,
        i % 50
    );
    IngestMessage {
        r#type: EventType::Track.into(),
        message_id: Uuid::from_u64_pair(drawn, mixed(i ^ 0xffff_0000)).to_string(),
        name: NAMES[(drawn % 6) as usize].to_owned(),
        user_id: format!("cust-{customer:08}"),
        properties: properties.into_bytes().into(),
        context: CONTEXT.into(),
        ..IngestMessage::default()
    }
}

/// Messages of a range.
pub fn batch(range: Range<u64>) -> Vec<IngestMessage> {
    range.map(message).collect()
}
