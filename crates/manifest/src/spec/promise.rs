//! Promises: what was stated to a customer, who stated it when, and what keeps it.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::EventMatch;
use super::pattern::Step;
use super::scalar::OneOrMany;
use crate::Name;
use crate::expression::{Condition, Value};

/// A promise as a manifest writes it: the due value alone, or with events of its own.
#[derive(Debug, Clone, PartialEq)]
pub enum PromiseSource {
    /// The value that was stated. Where the experience is a time, the first step of the moment's pattern of two
    /// steps makes the promise and the second fulfils it.
    Stated(Value),
    /// The whole promise.
    Full(Box<Promise>),
}

impl PromiseSource {
    /// The value that was stated.
    pub fn due(&self) -> &Value {
        match self {
            Self::Stated(due) => due,
            Self::Full(promise) => &promise.due,
        }
    }
}

/// A promise of a time.
///
/// ```yaml
/// promise:
///   made: {name: ordered, on: "Order Placed"}
///   due: ordered.properties.promised_at
///   fulfilled: {name: delivered, on: "Order Delivered"}
///   withdrawn: "Order Cancelled"
///   moved: {on: "Delivery Rescheduled", due: event.properties.promised_at}
///   at_risk:
///     - {unless: "Order Shipped", by: "due - duration('24h')", reason: not shipped a day before it is due}
/// ```
///
/// All its events carry the moment's key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Promise {
    /// The event that states it. Left out: the first step of the moment's pattern.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<NamedMatch>,
    /// When it is due: an expression on the event that made it.
    pub due: Value,
    /// The event that fulfils it. Left out: the second step of the moment's pattern.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fulfilled: Option<NamedMatch>,
    /// What takes it back, or makes it void.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<EventMatch>,
    /// What moves its date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<Moved>,
    /// Milestones of the way. The first one missed puts the promise at risk, once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at_risk: Vec<AtRisk>,
    /// At risk as learned: from how long promises before it still took after their last milestone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learned: Option<LearnedRisk>,
}

/// When a promise is at risk by what was learned from promises before it.
///
/// ```yaml
/// learned: {milestones: ["Order Packed", "Order Shipped"], chance: 0.5}
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LearnedRisk {
    /// Events of the way. The time still needed is learned after each of them, and after the promise was made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub milestones: Vec<EventMatch>,
    /// The chance to be late, 0 to 1, above which it is at risk.
    #[serde(default = "half")]
    #[schemars(range(min = 0.01, max = 0.99))]
    pub chance: f64,
    /// Promises that must have been fulfilled before anything is said.
    #[serde(default = "thirty")]
    #[schemars(range(min = 10, max = 2000))]
    pub least: u32,
}

fn thirty() -> u32 {
    30
}

/// An event, and the name by which expressions know it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedMatch {
    /// The name in expressions.
    pub name: Name,
    /// Names of events, one of which it must have.
    pub on: OneOrMany,
    /// The condition that must hold.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
}

impl NamedMatch {
    /// Which events are meant.
    pub fn event_match(&self) -> EventMatch {
        EventMatch { on: Some(self.on.clone()), event_type: None, condition: self.condition.clone() }
    }
}

/// The date of a promise moves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Moved {
    /// Names of the events that say so.
    pub on: OneOrMany,
    /// The condition that must hold.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// The new due time: an expression on `event` and the event that made the promise.
    pub due: Value,
    /// The share of the first date in what it is judged against when it was moved before it was due; the rest is
    /// the latest date's.
    #[serde(default = "half")]
    #[schemars(range(min = 0, max = 1))]
    pub keep_first: f64,
}

impl Moved {
    /// Which events move the date.
    pub fn event_match(&self) -> EventMatch {
        EventMatch { on: Some(self.on.clone()), event_type: None, condition: self.condition.clone() }
    }
}

fn half() -> f64 {
    0.5
}

/// A rule that puts a promise at risk before it is due.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AtRisk {
    /// The milestone: an event that should have come since the promise was made …
    pub unless: EventMatch,
    /// … by this time: an expression on `due`, `now` and the event that made the promise.
    pub by: Value,
    /// What is said about it; left out, it is made of the milestone's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Only for promises for which this holds: it sees the event that made the promise, and the customer.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
}

/// A promise of a time, however its manifest writes it.
#[derive(Debug, Clone, PartialEq)]
pub struct PromiseRules<'a> {
    /// What tells promises of one customer apart; on `event`.
    pub key: Option<&'a Value>,
    /// The event that makes it.
    pub made: PromiseEvent,
    /// The event that fulfils it; its condition sees the event that made it.
    pub fulfilled: PromiseEvent,
    /// When it is due; on the event that made it.
    pub due: &'a Value,
    /// What takes it back.
    pub withdrawn: Option<&'a EventMatch>,
    /// What moves its date.
    pub moved: Option<&'a Moved>,
    /// Milestones of the way.
    pub at_risk: &'a [AtRisk],
    /// At risk as learned.
    pub learned: Option<&'a LearnedRisk>,
}

/// An event of a promise, and the name by which expressions know it.
#[derive(Debug, Clone, PartialEq)]
pub struct PromiseEvent {
    /// The name in expressions.
    pub name: Name,
    /// Which events are meant.
    pub event: EventMatch,
}

impl PromiseEvent {
    pub(super) fn of_match(named: &NamedMatch) -> Self {
        Self { name: named.name.clone(), event: named.event_match() }
    }

    pub(super) fn of_step(step: &Step) -> Option<Self> {
        Some(Self { name: step.name.clone()?, event: step.event_match() })
    }
}

impl Serialize for PromiseSource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Stated(due) => due.serialize(serializer),
            Self::Full(promise) => promise.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for PromiseSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Source;
        impl<'de> Visitor<'de> for Source {
            type Value = PromiseSource;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an expression, or {made, due, fulfilled, withdrawn, moved, at_risk, learned}")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<PromiseSource, E> {
                Value::compile(text).map(PromiseSource::Stated).map_err(E::custom)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PromiseSource, A::Error> {
                let promise = Promise::deserialize(MapAccessDeserializer::new(map))?;
                Ok(PromiseSource::Full(Box::new(promise)))
            }
        }
        deserializer.deserialize_any(Source)
    }
}

impl JsonSchema for PromiseSource {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PromiseSource".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let stated = generator.subschema_for::<Value>();
        let full = generator.subschema_for::<Promise>();
        json_schema!({ "oneOf": [stated, full] })
    }
}
