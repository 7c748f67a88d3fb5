//! How a state is written: small, and without what can be told from the rest.
//!
//! Instants are written as distances from the earliest one, links in an order in which each comes after the one
//! that it follows, so that what is read can neither run in circles nor point nowhere. What nobody holds any more
//! is left out.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::state::{NEVER, Partial, PatternState, UNSTARTED, state_bit};
use crate::store::{NONE, Store};

/// State, link + 1, start + 1 (wrapping), when it began, when it is to be looked at.
type Entry = (u16, u32, u64, u64, Option<u64>);

/// Step, event, the link before + 1.
type Link = (u16, u32, u32);

/// The written form; `F` is an event, or a reference to one. Written as a list, without names.
#[derive(Debug, PartialEq, Eq)]
struct Form<F> {
    base: i64,
    sequence: u64,
    dropped: u64,
    partials: Vec<Entry>,
    completed: Vec<Entry>,
    links: Vec<Link>,
    events: Vec<(F, u64, u64)>,
}

impl<F: Serialize> Serialize for Form<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { base, sequence, dropped, partials, completed, links, events } = self;
        (base, sequence, dropped, partials, completed, links, events).serialize(serializer)
    }
}

impl<'de, F: Deserialize<'de>> Deserialize<'de> for Form<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (base, sequence, dropped, partials, completed, links, events) =
            Deserialize::deserialize(deserializer)?;
        Ok(Self { base, sequence, dropped, partials, completed, links, events })
    }
}

impl<'a, E> Form<&'a E> {
    fn of(state: &'a PatternState<E>) -> Self {
        let PatternState { partials, completed, store, .. } = state;
        let all = || partials.iter().chain(completed);
        let mut renumbered = store.renumbered(all().map(|partial| partial.node));
        let begun = all().filter(|partial| partial.start != UNSTARTED).map(|partial| partial.start_at);
        let wakes = all().map(|partial| partial.wake).filter(|wake| *wake != NEVER);
        let occurred = renumbered.events.iter().map(|kept| kept.at);
        let base = begun.chain(wakes).chain(occurred).min().unwrap_or(0);
        // wrapping, so that instants at the ends of time survive as well
        let since = |at: i64| at.wrapping_sub(base) as u64;
        let entry = |partial: &Partial| {
            let begun = partial.start != UNSTARTED;
            let start_at = if begun { since(partial.start_at) } else { 0 };
            let wake = (partial.wake != NEVER).then(|| since(partial.wake));
            (partial.state, renumbered.of(partial.node), partial.start.wrapping_add(1), start_at, wake)
        };
        let (partials, completed) =
            (partials.iter().map(entry).collect(), completed.iter().map(entry).collect());
        let events = renumbered.events.iter().map(|kept| (&kept.event, since(kept.at), kept.sequence));
        Self {
            base,
            sequence: state.sequence,
            dropped: state.dropped,
            partials,
            completed,
            events: events.collect(),
            links: std::mem::take(&mut renumbered.links),
        }
    }
}

impl<E> Form<E> {
    /// The state, unless it points to what is not there.
    fn into_state(self) -> Option<PatternState<E>> {
        let instant = |since: u64| self.base.wrapping_add(since as i64);
        let events = self.events.into_iter().map(|(event, at, sequence)| (event, instant(at), sequence));
        let mut store = Store::restore(&self.links, events)?;
        let mut state = PatternState { sequence: self.sequence, dropped: self.dropped, ..Default::default() };
        for (from, to) in [(self.partials, &mut state.partials), (self.completed, &mut state.completed)] {
            to.reserve_exact(from.len());
            for (in_state, node, start, start_at, wake) in from {
                let node = node.wrapping_sub(1);
                if node != NONE && !store.hold_restored(node) {
                    return None;
                }
                let start = start.wrapping_sub(1);
                let start_at = if start == UNSTARTED { 0 } else { instant(start_at) };
                let wake = wake.map_or(NEVER, instant);
                to.push(Partial { state: in_state, node, start, start_at, wake });
            }
        }
        for partial in &state.partials {
            state.occupied |= state_bit(partial.state);
            state.wake_hint = state.wake_hint.min(partial.wake);
        }
        state.store = store;
        Some(state)
    }
}

/// Equal if the same is open, however it lies in memory.
impl<E: PartialEq> PartialEq for PatternState<E> {
    fn eq(&self, other: &Self) -> bool {
        Form::of(self) == Form::of(other)
    }
}

impl<E: Eq> Eq for PatternState<E> {}

impl<E: Serialize> Serialize for PatternState<E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Form::of(self).serialize(serializer)
    }
}

impl<'de, E: Deserialize<'de>> Deserialize<'de> for PatternState<E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = Form::<E>::deserialize(deserializer)?;
        form.into_state().ok_or_else(|| D::Error::custom("a link or an event that is not there"))
    }
}

/// Writes a state as MessagePack, after what is in `bytes` already.
pub(crate) fn write<E: Serialize, X: serde::ser::Error>(
    state: &PatternState<E>,
    bytes: &mut Vec<u8>,
) -> Result<(), X> {
    // the caller's events with the names of their fields, so that fields can be added to them
    let mut serializer = rmp_serde::Serializer::new(bytes).with_struct_map();
    state.serialize(&mut serializer).map_err(X::custom)
}

/// Reads what [`write`] wrote.
pub(crate) fn read<E: DeserializeOwned>(bytes: &[u8]) -> Option<PatternState<E>> {
    rmp_serde::from_slice(bytes).ok()
}

/// A [`read`] for events of one type: noted where it is known that they can be read, called where it is not.
pub(crate) type Read<E> = fn(&[u8]) -> Option<PatternState<E>>;
