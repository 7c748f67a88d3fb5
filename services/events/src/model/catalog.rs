//! What has been seen: names, properties, types.

use std::collections::BTreeSet;

use elate_domain::{EventType, Timestamp};

/// A property that has been seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogProperty {
    /// Dotted path in the properties.
    pub path: String,
    /// JSON types that it had: `string`, `number`, `boolean`, `object`, `array`, `null`.
    pub types: BTreeSet<String>,
}

/// An event name that has been seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogEvent {
    /// The kind.
    pub event_type: EventType,
    /// The name.
    pub name: String,
    /// First seen.
    pub first_seen: Timestamp,
    /// Its properties, by path.
    pub properties: Vec<CatalogProperty>,
}

/// A property that events of a name had, with one of its types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenProperty {
    /// The event's name.
    pub event: String,
    /// Dotted path in the properties.
    pub path: String,
    /// The JSON type.
    pub json_type: String,
}
