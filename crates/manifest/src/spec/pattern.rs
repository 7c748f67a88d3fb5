//! Patterns of events.

use std::fmt;

use elate_domain::{EventType, HumanDuration};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::event_match::TypeWords;
use super::scalar::OneOrMany;
use super::{EventMatch, schemas};
use crate::Name;
use crate::expression::{Condition, Value};

/// A pattern of events of one customer, with the meaning of Flink CEP.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    /// What correlates the steps: an expression on `event`; without it, the customer alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Value>,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// Time from the first event to the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schemas::Duration>")]
    pub within: Option<HumanDuration>,
    /// Which other matches a match rules out.
    #[serde(default)]
    pub after_match: AfterMatch,
}

/// One step of a pattern: an event, or a group of steps.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// By this name later conditions see the event. A group needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// Names of events, one of which it must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<OneOrMany>,
    /// The type it must have.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<TypeWords>")]
    pub event_type: Option<EventType>,
    /// The condition that must hold; it sees the event, the customer and the earlier steps.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// Instead of an event: steps that are repeated, or left out, together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Vec<Step>>,
    /// How the step follows the one before.
    #[serde(default, skip_serializing_if = "is_default")]
    pub contiguity: Contiguity,
    /// The event must *not* come.
    #[serde(default, skip_serializing_if = "is_default")]
    pub absent: bool,
    /// It may be left out.
    #[serde(default, skip_serializing_if = "is_default")]
    pub optional: bool,
    /// How often: a number, `{min, max}`, or `one_or_more`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<Times>,
    /// How one repetition follows the one before.
    #[serde(default, skip_serializing_if = "is_default")]
    pub repeat_contiguity: Contiguity,
    /// A repeated step keeps an event that the following step would take as well.
    #[serde(default, skip_serializing_if = "is_default")]
    pub greedy: bool,
    /// What ends an open repetition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<EventMatch>,
    /// Time since the event before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schemas::Duration>")]
    pub within: Option<HumanDuration>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Step {
    /// Which events the step takes.
    pub fn event_match(&self) -> EventMatch {
        EventMatch { on: self.on.clone(), event_type: self.event_type, condition: self.condition.clone() }
    }

    /// Whether it takes exactly one event.
    pub fn is_single(&self) -> bool {
        self.group.is_none() && !self.absent && !self.optional && self.times.is_none()
    }
}

/// How a step follows the one before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Contiguity {
    /// The very next event.
    Strict,
    /// What does not match is skipped.
    #[default]
    Relaxed,
    /// What does match may be skipped as well.
    Any,
}

/// Which other matches a match rules out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AfterMatch {
    /// None: overlaps are all reported.
    NoSkip,
    /// Those that begin with the same event.
    SkipToNext,
    /// Those that begin at or before the match's last event. The default here (Flink's is `no_skip`): a moment
    /// that is felt once is judged once.
    #[default]
    SkipPastLast,
    /// Those that begin before the first event of the named step.
    SkipToFirst(Name),
    /// Those that begin before the last event of the named step.
    SkipToLast(Name),
}

/// How often a step is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// Exactly so often.
    Exactly(u32),
    /// At least and at most so often; without `max`, without a bound.
    Between {
        /// At least so often.
        min: u32,
        /// At most so often.
        max: Option<u32>,
    },
}

impl Times {
    /// At least so often.
    pub fn min(self) -> u32 {
        match self {
            Self::Exactly(times) => times,
            Self::Between { min, .. } => min,
        }
    }

    /// At most so often; `None` is without a bound.
    pub fn max(self) -> Option<u32> {
        match self {
            Self::Exactly(times) => Some(times),
            Self::Between { max, .. } => max,
        }
    }
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TimesRange")]
struct Range {
    /// At least so often.
    min: u32,
    /// At most so often; without it, without a bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max: Option<u32>,
}

impl Serialize for Times {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Exactly(times) => serializer.serialize_u32(times),
            Self::Between { min: 1, max: None } => serializer.serialize_str("one_or_more"),
            Self::Between { min, max } => Range { min, max }.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Times {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TimesVisitor;
        impl<'de> Visitor<'de> for TimesVisitor {
            type Value = Times;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, {min, max}, or `one_or_more`")
            }
            fn visit_u64<E: Error>(self, times: u64) -> Result<Times, E> {
                u32::try_from(times)
                    .map(Times::Exactly)
                    .map_err(|_| E::custom(format!("{times} times are too many")))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Times, E> {
                match text {
                    "one_or_more" => Ok(Times::Between { min: 1, max: None }),
                    other => Err(E::custom(format!(
                        "{other:?} is neither a number, {{min, max}} nor `one_or_more`"
                    ))),
                }
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Times, A::Error> {
                let Range { min, max } = Range::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Times::Between { min, max })
            }
        }
        deserializer.deserialize_any(TimesVisitor)
    }
}

impl JsonSchema for Times {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Times".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let range = generator.subschema_for::<Range>();
        json_schema!({ "oneOf": [{ "type": "integer", "minimum": 1 }, { "const": "one_or_more" }, range] })
    }
}
