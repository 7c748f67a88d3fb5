//! Events and judged moments for the tests: one place in which all their fields are written down.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::sync::Arc;

use elate_domain::system::MomentJudged;
use elate_domain::{
    CustomerId, Event, EventType, Outcome, RawJson, SourceId, Stage, Timestamp, Truth, WorkspaceId,
};

pub(crate) const DAY: i64 = 86_400_000;

/// An event of a customer with nothing but a name, properties and a time. Each has an id of its own.
pub(crate) fn event(
    workspace: &WorkspaceId,
    customer: CustomerId,
    event_type: EventType,
    name: &str,
    at: i64,
    properties: RawJson,
) -> Event {
    Event {
        workspace: workspace.clone(),
        customer,
        source: SourceId::try_new("site").unwrap(),
        message_id: uuid::Uuid::new_v4().to_string(),
        event_type,
        name: Arc::from(name),
        user_id: None,
        anonymous_id: None,
        occurred_at: Timestamp(at),
        properties,
        traits: RawJson::default(),
        context: RawJson::default(),
        caused_by: None,
        producer: None,
        historical: false,
        clamped: false,
        conflicting: false,
        trace_parent: None,
    }
}

/// A moment on the journey `gift-order`, magical from a gap of 1 on, miserable from −1.
pub(crate) fn judged(id: &str, touchpoint: &str, at: i64, gap: f64) -> MomentJudged {
    let outcome = match gap {
        g if g >= 1.0 => Outcome::Magical,
        g if g <= -1.0 => Outcome::Miserable,
        _ => Outcome::Neutral,
    };
    MomentJudged {
        moment_id: id.to_owned(),
        revision: 0,
        moment: touchpoint.to_owned(),
        definitions_version: 1,
        truth: Truth::Smot,
        journey: "gift-order".to_owned(),
        stage: Stage::Use,
        touchpoint: touchpoint.to_owned(),
        product: format!("{touchpoint}-product"),
        channel: String::new(),
        key: String::new(),
        occurred_at: Timestamp(at),
        experienced: 0.0,
        expected: None,
        expectation: None,
        unit: "number".to_owned(),
        tolerance: 1.0,
        gap,
        outcome,
        weight: 1.0,
        provisional: false,
        promise_id: None,
        because: Vec::new(),
    }
}
