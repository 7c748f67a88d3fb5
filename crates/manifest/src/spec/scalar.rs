//! Small values of several shapes.

use std::borrow::Cow;
use std::fmt;

use elate_domain::HumanDuration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One of something, or a list of it; always a list here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OneOrMany(pub Vec<String>);

impl OneOrMany {
    /// The texts.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl Serialize for OneOrMany {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => serializer.serialize_str(one),
            many => many.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = OneOrMany;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name of an event, or a list of them")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![text.to_owned()]))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<OneOrMany, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = seq.next_element()? {
                    texts.push(text);
                }
                if texts.is_empty() {
                    return Err(A::Error::custom("the list is empty: name at least one event"));
                }
                Ok(OneOrMany(texts))
            }
        }
        deserializer.deserialize_any(Texts)
    }
}

impl JsonSchema for OneOrMany {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "OneOrMany".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "oneOf": [
            { "type": "string", "minLength": 1 },
            { "type": "array", "items": { "type": "string", "minLength": 1 }, "minItems": 1 }
        ]})
    }
}

/// What one unit of difference is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tolerance {
    /// A span of time, for experiences that are times or durations.
    Duration(HumanDuration),
    /// A number, for experiences that are numbers.
    Number(f64),
    /// Learned from the population.
    Learned,
}

impl Tolerance {
    /// The unit as a number: milliseconds for a span of time; `None` where it is learned.
    pub fn as_f64(self) -> Option<f64> {
        match self {
            Self::Duration(span) => Some(span.as_millis() as f64),
            Self::Number(number) => Some(number),
            Self::Learned => None,
        }
    }
}

impl Serialize for Tolerance {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Duration(span) => span.serialize(serializer),
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::Learned => serializer.serialize_str("learned"),
        }
    }
}

impl<'de> Deserialize<'de> for Tolerance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Unit;
        impl Visitor<'_> for Unit {
            type Value = Tolerance;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as 12h, a number, or `learned`")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Tolerance, E> {
                if text == "learned" {
                    return Ok(Tolerance::Learned);
                }
                text.parse().map(Tolerance::Duration).map_err(E::custom)
            }
            fn visit_f64<E: Error>(self, number: f64) -> Result<Tolerance, E> {
                Ok(Tolerance::Number(number))
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Tolerance, E> {
                Ok(Tolerance::Number(number as f64))
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Tolerance, E> {
                Ok(Tolerance::Number(number as f64))
            }
        }
        deserializer.deserialize_any(Unit)
    }
}

impl JsonSchema for Tolerance {
    fn schema_name() -> Cow<'static, str> {
        "Tolerance".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let duration = generator.subschema_for::<schemas::Duration>();
        json_schema!({ "oneOf": [duration, { "type": "number", "exclusiveMinimum": 0 }, { "const": "learned" }] })
    }
}

macro_rules! parsed_text {
    ($(#[$doc:meta])* $name:ident($inner:ty), $parse:expr, $schema:tt) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub struct $name(pub $inner);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                let parse: fn(&str) -> Result<$inner, String> = $parse;
                parse(&text).map(Self).map_err(D::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

parsed_text!(
    /// A time of day, `HH:MM`.
    LocalTime(chrono::NaiveTime),
    |text| chrono::NaiveTime::parse_from_str(text, "%H:%M")
        .map_err(|_| format!("{text:?} is no time of day such as 09:00")),
    { "type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$", "examples": ["09:00"] }
);

parsed_text!(
    /// A day, `YYYY-MM-DD`.
    LocalDate(chrono::NaiveDate),
    |text| chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .map_err(|_| format!("{text:?} is no day such as 2026-03-31")),
    { "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "examples": ["2026-03-31"] }
);

parsed_text!(
    /// An IANA time zone.
    Zone(chrono_tz::Tz),
    |text| text.parse().map_err(|_| format!("{text:?} is no IANA time zone such as Europe/Vienna")),
    { "type": "string", "minLength": 1, "examples": ["Europe/Vienna"] }
);

impl Serialize for LocalTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.format("%H:%M"))
    }
}

impl Serialize for LocalDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.format("%Y-%m-%d"))
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

/// A share in percent, 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Percent(pub f64);

impl Percent {
    /// The share as a number from 0 to 1.
    pub fn share(self) -> f64 {
        self.0 / 100.0
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        if (0.0..=100.0).contains(&number) {
            return Ok(Self(number));
        }
        Err(D::Error::custom(format!("{number} is no share from 0 to 100 percent")))
    }
}

impl JsonSchema for Percent {
    fn schema_name() -> Cow<'static, str> {
        "Percent".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0, "maximum": 100 })
    }
}

/// Schemas of types that belong to the common language.
pub(crate) mod schemas {
    use super::*;

    /// A span of time.
    pub(crate) struct Duration;

    impl JsonSchema for Duration {
        fn schema_name() -> Cow<'static, str> {
            "Duration".into()
        }
        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({
                "type": "string",
                "pattern": "^\\s*[0-9]+\\s*[a-zA-Zµ]+(\\s*[0-9]+\\s*[a-zA-Zµ]+)*\\s*$",
                "description": "A span of time: 5d, 12h, 1h 30m, 250ms.",
                "examples": ["5d", "12h", "1h 30m"]
            })
        }
    }

    macro_rules! words {
        ($($name:ident),+) => {$(
            /// The words of the common language's type of the same name.
            pub(crate) struct $name;
            impl JsonSchema for $name {
                fn inline_schema() -> bool {
                    true
                }
                fn schema_name() -> Cow<'static, str> {
                    stringify!($name).into()
                }
                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    let words: Vec<&str> = elate_domain::$name::ALL.iter().map(|word| word.as_str()).collect();
                    json_schema!({ "enum": words })
                }
            }
        )+};
    }
    words!(Truth, Stage, Outcome, Better, PromiseState, CaseState);
}
