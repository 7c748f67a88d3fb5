//! Which definitions an event may concern: told by its name and type alone, before anything of it is read.

use std::collections::HashMap;

use elate_domain::{Event, EventType};
use elate_manifest::spec::EventMatch;

/// A definition, by its place in the set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Moment(u32),
    Journey(u32),
    Play(u32),
}

/// Definitions by the events that may concern them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interests {
    by_name: HashMap<String, Vec<Target>>,
    by_type: [Vec<Target>; TYPES.len()],
}

const TYPES: [EventType; 7] = [
    EventType::Track,
    EventType::Identify,
    EventType::Page,
    EventType::Screen,
    EventType::Group,
    EventType::Alias,
    EventType::System,
];

fn place(event_type: EventType) -> usize {
    match event_type {
        EventType::Track => 0,
        EventType::Identify => 1,
        EventType::Page => 2,
        EventType::Screen => 3,
        EventType::Group => 4,
        EventType::Alias => 5,
        EventType::System => 6,
    }
}

impl Interests {
    /// The definition is about these events.
    pub(crate) fn add(&mut self, meant: &EventMatch, target: Target) {
        match (&meant.on, meant.event_type) {
            (Some(names), _) => names.iter().for_each(|name| self.add_name(name, target)),
            (None, Some(event_type)) => insert(&mut self.by_type[place(event_type)], target),
            (None, None) => self.add_any(target),
        }
    }

    /// The definition is about events of this name.
    pub(crate) fn add_name(&mut self, name: &str, target: Target) {
        insert(self.by_name.entry(name.to_owned()).or_default(), target);
    }

    /// The definition is about all events but Elate's own, which must be asked for by name or type: otherwise what
    /// Elate says would break every strict sequence, and set off what it is itself the effect of.
    pub(crate) fn add_any(&mut self, target: Target) {
        for event_type in TYPES.into_iter().filter(|event_type| *event_type != EventType::System) {
            insert(&mut self.by_type[place(event_type)], target);
        }
    }

    /// The definitions that an event may concern, each once.
    pub(crate) fn of(&self, event: &Event) -> impl Iterator<Item = Target> + Clone {
        let named = self.by_name.get(event.match_name()).map_or(&[][..], Vec::as_slice);
        let typed = self.by_type[place(event.event_type)].as_slice();
        let typed = typed.iter().filter(|target| !named.contains(target));
        named.iter().chain(typed).copied()
    }

    /// Whether any definition asks for events of this name.
    pub(crate) fn has_name(&self, name: &str) -> bool {
        self.by_name.contains_key(name) || !self.by_type[place(EventType::System)].is_empty()
    }
}

fn insert(targets: &mut Vec<Target>, target: Target) {
    if !targets.contains(&target) {
        targets.push(target);
    }
}
