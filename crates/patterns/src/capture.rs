//! The earlier events of one partial match, as a condition sees them.

use crate::store::{NONE, Store};

/// The events that a partial match has taken so far.
#[derive(Debug)]
pub struct Captures<'a, E> {
    store: Option<&'a Store<E>>,
    node: u32,
    names: &'a [String],
}

impl<'a, E> Captures<'a, E> {
    pub(crate) fn new(store: &'a Store<E>, node: u32, names: &'a [String]) -> Self {
        Self { store: Some(store), node, names }
    }

    /// None at all.
    pub(crate) fn none() -> Self {
        Self { store: None, node: NONE, names: &[] }
    }

    /// All of them from the last to the first: the step's name, its time in milliseconds, the event.
    pub fn newest_first(&self) -> impl Iterator<Item = (&'a str, i64, &'a E)> {
        let names = self.names;
        self.store.into_iter().flat_map(|store| store.chain(self.node)).map(move |(step, kept)| {
            (names.get(usize::from(step)).map_or("", String::as_str), kept.at, &kept.event)
        })
    }

    /// The last event that the named step took, if it took one.
    pub fn last(&self, step: &str) -> Option<&'a E> {
        self.newest_first().find(|(name, ..)| *name == step).map(|(.., event)| event)
    }

    /// All events that the named step took, first to last.
    pub fn all(&self, step: &str) -> Vec<&'a E> {
        let mut events: Vec<&'a E> =
            self.newest_first().filter(|(name, ..)| *name == step).map(|(.., event)| event).collect();
        events.reverse();
        events
    }
}
