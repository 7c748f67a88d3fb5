//! What is known of a workspace's events.

use std::collections::BTreeMap;

use super::kinds::Kinds;

/// The events that a workspace has seen: their names, their properties, and the types that these had. Of an event
/// that is not in it nothing is said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalog {
    events: BTreeMap<String, BTreeMap<String, Kinds>>,
}

impl Catalog {
    /// A catalogue without events: nothing is known, and only what is wrong in any case is found.
    pub fn new() -> Self {
        Self::default()
    }

    /// An event was seen.
    pub fn event(&mut self, name: &str) {
        self.events.entry(name.to_owned()).or_default();
    }

    /// An event was seen with a property. `path` is dotted within `properties`; `json_type` is one of `string`,
    /// `number`, `boolean`, `object`, `array` and `null`.
    pub fn property(&mut self, event: &str, path: &str, json_type: &str) {
        let properties = self.events.entry(event.to_owned()).or_default();
        let kinds = properties.entry(path.to_owned()).or_insert(Kinds::NONE);
        *kinds = kinds.or(Kinds::of_json(json_type));
    }

    /// Whether properties of all of these events are known.
    pub(super) fn knows(&self, events: &[String]) -> bool {
        let known = |event: &String| self.events.get(event).is_some_and(|properties| !properties.is_empty());
        !events.is_empty() && events.iter().all(known)
    }

    /// What a property of these events may be; nothing where none of them ever had it.
    pub(super) fn kinds(&self, events: &[String], path: &str) -> Kinds {
        let of = |event: &String| self.events.get(event).and_then(|properties| properties.get(path));
        events.iter().filter_map(of).fold(Kinds::NONE, |all, kinds| match *kinds {
            // what was only null so far may be anything when it is not
            Kinds::NULL => Kinds::ANY,
            kinds => all.or(kinds),
        })
    }

    /// The paths of all properties of these events, each once.
    pub(super) fn paths<'a>(&'a self, events: &'a [String]) -> Vec<&'a str> {
        let properties = events.iter().filter_map(|event| self.events.get(event));
        let mut paths: Vec<&str> = properties.flatten().map(|(path, _)| path.as_str()).collect();
        paths.sort_unstable();
        paths.dedup();
        paths
    }
}
