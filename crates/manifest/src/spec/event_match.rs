//! Which events something is about.

use std::fmt;

use elate_domain::EventType;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::scalar::OneOrMany;
use crate::expression::{Condition, EventView, Scope};

/// Which events are meant: by name, by type, by a condition. At least one is given; all that are given must fit.
///
/// Written as a plain text it is the name: `on_exit: ["Order Cancelled"]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EventMatch {
    /// Names of events, one of which it must have. For identify and group the type is the name.
    pub on: Option<OneOrMany>,
    /// The type it must have: `page`, `screen`, …
    pub event_type: Option<EventType>,
    /// The condition that must hold.
    pub condition: Option<Condition>,
}

impl EventMatch {
    /// Every event of one name.
    pub fn named(name: &str) -> Self {
        Self { on: Some(OneOrMany(vec![name.to_owned()])), ..Self::default() }
    }

    /// Which events are meant, in words; two that mean different events are described differently.
    pub fn described(&self) -> String {
        let names = self.on.as_ref().map(|names| names.0.join(" or "));
        let mut text = names.unwrap_or_else(|| "an event".to_owned());
        if let Some(event_type) = self.event_type {
            text.push_str(&format!(" of type {}", event_type.as_str()));
        }
        if let Some(condition) = &self.condition {
            text.push_str(&format!(" where {}", condition.text()));
        }
        text
    }

    /// Whether an event is of a meant name and type; the condition is not looked at.
    pub fn fits(&self, event: &EventView) -> bool {
        let name_fits = self.on.as_ref().is_none_or(|names| names.iter().any(|name| name == &*event.name));
        name_fits && self.event_type.is_none_or(|expected| expected == event.event_type)
    }

    /// Whether an event is meant. `scope` is what the condition sees, the event included.
    pub fn matches(&self, event: &EventView, scope: &Scope<'_>) -> bool {
        self.fits(event) && self.condition.as_ref().is_none_or(|condition| condition.holds(scope))
    }
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "EventMatchFields")]
struct Fields {
    /// Names of events, one of which it must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on: Option<OneOrMany>,
    /// The type it must have.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<TypeWords>")]
    event_type: Option<EventType>,
    /// The condition that must hold.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    condition: Option<Condition>,
}

impl Serialize for EventMatch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let (Some(on), None, None) = (&self.on, self.event_type, &self.condition)
            && let [name] = on.0.as_slice()
        {
            return serializer.serialize_str(name);
        }
        let fields =
            Fields { on: self.on.clone(), event_type: self.event_type, condition: self.condition.clone() };
        fields.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for EventMatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Match;
        impl<'de> Visitor<'de> for Match {
            type Value = EventMatch;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of an event, or {on, type, where}")
            }
            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<EventMatch, E> {
                Ok(EventMatch::named(name))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<EventMatch, A::Error> {
                let Fields { on, event_type, condition } =
                    Fields::deserialize(MapAccessDeserializer::new(map))?;
                if on.is_none() && event_type.is_none() && condition.is_none() {
                    return Err(serde::de::Error::custom(
                        "says nothing: give at least one of `on`, `type`, `where`",
                    ));
                }
                Ok(EventMatch { on, event_type, condition })
            }
        }
        deserializer.deserialize_any(Match)
    }
}

impl JsonSchema for EventMatch {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EventMatch".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let fields = generator.subschema_for::<Fields>();
        json_schema!({
            "description": "Which events are meant: a name, or {on, type, where}.",
            "oneOf": [{ "type": "string", "minLength": 1 }, fields]
        })
    }
}

/// The types of events.
pub(super) struct TypeWords;

impl JsonSchema for TypeWords {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EventType".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": ["track", "identify", "page", "screen", "group", "alias", "system"] })
    }
}
