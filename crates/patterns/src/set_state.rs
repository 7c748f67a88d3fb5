//! What one key carries for all patterns of a set.

use std::ops::Range;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::codec::{self, Read};
use crate::output::{Outcome, Sink};
use crate::pattern::Pattern;
use crate::set::PatternKey;
use crate::state::{NEVER, PatternState};
use crate::varint;

/// What one key (a customer, say) carries for all patterns of a set.
///
/// Sparse: a pattern of which nothing has begun takes no room, and one of which nothing is open any more is not
/// stored. Lazy: in a binary format each pattern's state is stored as bytes that are read when an event or a
/// deadline concerns it, and written again as they were if none did.
#[derive(Debug, Clone)]
pub struct SetState<E> {
    /// By key, ascending; apart from the states because they are looked through at every event.
    pub(crate) heads: Vec<Head>,
    slots: Vec<Slot<E>>,
    /// Not later than the earliest deadline.
    pub(crate) wake: i64,
    /// What dormant states were stored as.
    stored: Vec<u8>,
    read: Option<Read<E>>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    pub(crate) key: PatternKey,
    /// Not later than the pattern's earliest deadline.
    pub(crate) wake: i64,
    /// The automaton's states in which partial matches are, or at least these.
    pub(crate) occupied: u64,
}

#[derive(Debug, Clone)]
enum Slot<E> {
    /// Apart, so that the many that stay dormant take little room.
    Live(Box<PatternState<E>>),
    /// So many partial matches are open, stored in this part of the bytes.
    Dormant(u32, Range<u32>),
}

impl<E> Default for SetState<E> {
    fn default() -> Self {
        Self { heads: Vec::new(), slots: Vec::new(), wake: NEVER, stored: Vec::new(), read: None }
    }
}

impl<E> SetState<E> {
    /// Whether nothing has begun for any pattern.
    pub fn is_empty(&self) -> bool {
        self.slots.iter().all(|slot| !slot.is_open())
    }

    /// The log time of the next deadline of any pattern, if there is one.
    pub fn next_deadline(&self) -> Option<i64> {
        self.heads.iter().zip(&self.slots).filter_map(|(head, slot)| slot.deadline(head)).min()
    }

    /// How many partial matches are open, over all patterns.
    pub fn open(&self) -> usize {
        self.slots.iter().map(Slot::open).sum()
    }

    /// How many partial matches of a pattern are open.
    pub fn open_of(&self, key: PatternKey) -> usize {
        self.position(key).map_or(0, |place| self.slots[place].open())
    }

    /// Forgets a pattern, for one that was withdrawn; answers how many of its partial matches were open.
    pub fn remove(&mut self, key: PatternKey) -> usize {
        let Some(place) = self.position(key) else { return 0 };
        self.heads.remove(place);
        self.slots.remove(place).open()
    }

    /// Frees the room of patterns of which nothing is open any more; worth calling before keeping the state
    /// in memory for long. Their counts of what was dropped go with them.
    pub fn compact(&mut self) {
        let heads = std::mem::take(&mut self.heads);
        let slots = std::mem::take(&mut self.slots);
        let open = heads.into_iter().zip(slots).filter(|(_, slot)| slot.is_open());
        (self.heads, self.slots) = open.unzip();
    }

    fn position(&self, key: PatternKey) -> Option<usize> {
        self.heads.binary_search_by_key(&key, |head| head.key).ok()
    }

    /// Where a key is, or would be, at or after a place at which it is not yet passed.
    pub(crate) fn position_from(&self, from: usize, key: PatternKey) -> usize {
        from + self.heads[from..].partition_point(|head| head.key < key)
    }

    pub(crate) fn insert(&mut self, place: usize, key: PatternKey) {
        self.heads.insert(place, Head { key, wake: NEVER, occupied: 0 });
        self.slots.insert(place, Slot::Live(Box::default()));
    }

    /// The head that is to be woken first, when, and up to when it is the only one.
    pub(crate) fn first_to_wake(&self) -> (usize, i64, i64) {
        let (mut place, mut first, mut others) = (0, NEVER, NEVER);
        for (number, head) in self.heads.iter().enumerate() {
            if head.wake < first {
                // at the same instant the pattern with the lower key goes first
                others = others.min(first.saturating_sub(1));
                (place, first) = (number, head.wake);
            } else {
                others = others.min(head.wake);
            }
        }
        (place, first, others)
    }

    /// The state at a place, read if it was not yet. One that can't be read is dropped, which is said, and begins
    /// anew.
    pub(crate) fn wake_up(&mut self, place: usize, out: &mut impl Sink<E>) -> Option<&mut PatternState<E>> {
        if let Slot::Dormant(open, part) = &self.slots[place] {
            let bytes = self.stored.get(part.start as usize..part.end as usize);
            let state = bytes.and_then(|bytes| self.read.and_then(|read| read(bytes)));
            if state.is_none() {
                out.put(Outcome::Dropped(u64::from(*open)));
            }
            self.slots[place] = Slot::Live(Box::new(state.unwrap_or_default()));
        }
        match &mut self.slots[place] {
            Slot::Live(state) => Some(state),
            Slot::Dormant(..) => None,
        }
    }

    /// Notes in the head what has become of the state.
    pub(crate) fn note(&mut self, place: usize, pattern: &Pattern) {
        if let Slot::Live(state) = &self.slots[place] {
            let wake = if pattern.ends_silently() { NEVER } else { state.wake_hint };
            let head = &mut self.heads[place];
            (head.wake, head.occupied) = (wake, state.occupied);
            self.wake = self.wake.min(wake);
        }
    }

    fn parts(&self) -> impl Iterator<Item = (&Head, &Slot<E>)> {
        self.heads.iter().zip(&self.slots).filter(|(_, slot)| slot.is_open())
    }

    /// The state of a pattern as it is, or as it was stored.
    fn state_of(&self, slot: &Slot<E>) -> Option<PatternState<E>>
    where
        E: Clone,
    {
        match slot {
            Slot::Live(state) => Some(PatternState::clone(state)),
            Slot::Dormant(_, part) => {
                let bytes = self.stored.get(part.start as usize..part.end as usize)?;
                self.read.and_then(|read| read(bytes))
            }
        }
    }
}

impl<E> Slot<E> {
    fn is_open(&self) -> bool {
        match self {
            Self::Live(state) => !state.is_empty(),
            Self::Dormant(open, _) => *open > 0,
        }
    }

    fn open(&self) -> usize {
        match self {
            Self::Live(state) => state.open(),
            Self::Dormant(open, _) => *open as usize,
        }
    }

    /// The next deadline of which somebody is to be told.
    fn deadline(&self, head: &Head) -> Option<i64> {
        match self {
            _ if head.wake == NEVER => None,
            Self::Live(state) => state.next_deadline(),
            Self::Dormant(..) => Some(head.wake),
        }
    }
}

/// Equal if the same is open.
impl<E: PartialEq + Clone> PartialEq for SetState<E> {
    fn eq(&self, other: &Self) -> bool {
        let open = |state: &Self| -> Vec<(PatternKey, Option<PatternState<E>>)> {
            state.parts().map(|(head, slot)| (head.key, state.state_of(slot))).collect()
        };
        open(self) == open(other)
    }
}

impl<E: Eq + Clone> Eq for SetState<E> {}

/// In formats for people, the states themselves; in binary ones, heads and bytes.
impl<E: Serialize + Clone> Serialize for SetState<E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            let states = self.parts();
            return serializer.collect_seq(
                states.map(|(head, slot)| (head.key, slot.deadline(head), self.state_of(slot))),
            );
        }
        serializer.serialize_bytes(&self.to_bytes::<S::Error>()?)
    }
}

impl<'de, E: DeserializeOwned> Deserialize<'de> for SetState<E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut state = if deserializer.is_human_readable() {
            let parts: Vec<(PatternKey, Option<i64>, PatternState<E>)> = Vec::deserialize(deserializer)?;
            let mut state = Self::default();
            for (key, wake, part) in parts {
                let wake = wake.unwrap_or(NEVER);
                state.heads.push(Head { key, wake, occupied: part.occupied });
                state.slots.push(Slot::Live(Box::new(part)));
            }
            state
        } else {
            let Bytes(stored) = Bytes::deserialize(deserializer)?;
            Self::from_bytes(stored).ok_or_else(|| D::Error::custom("states that are cut off"))?
        };
        if !state.heads.is_sorted_by(|left, right| left.key < right.key) {
            return Err(D::Error::custom("patterns that are not in order"));
        }
        state.read = Some(codec::read::<E>);
        state.wake = state.heads.iter().map(|head| head.wake).min().unwrap_or(NEVER);
        Ok(state)
    }
}

impl<E> SetState<E> {
    /// How many heads, the earliest deadline, the heads, and then the bytes of all states. A head is the distance to
    /// the key before it, the deadline's distance to the earliest + 1 (0 for none), the automaton's states, how many
    /// partial matches are open, and the bytes of their state: mostly small numbers, so each is as long as it needs.
    fn to_bytes<X: serde::ser::Error>(&self) -> Result<Vec<u8>, X>
    where
        E: Serialize,
    {
        let deadlines = self.parts().filter_map(|(head, slot)| slot.deadline(head));
        let base = deadlines.min().unwrap_or(0);
        let mut bytes = Vec::with_capacity(self.stored.len().max(256));
        varint::put(&mut bytes, self.parts().count() as u64);
        bytes.extend_from_slice(&base.to_le_bytes());
        let mut states = Vec::with_capacity(self.stored.len().max(256));
        let mut before = 0;
        for (head, slot) in self.parts() {
            let from = states.len();
            match slot {
                Slot::Live(state) => codec::write::<E, X>(state, &mut states)?,
                Slot::Dormant(_, part) => {
                    let part = self.stored.get(part.start as usize..part.end as usize);
                    states.extend_from_slice(part.unwrap_or_default());
                }
            }
            let wake = slot.deadline(head).map_or(0, |wake| (wake.wrapping_sub(base) as u64).wrapping_add(1));
            let (open, length) = (slot.open() as u64, (states.len() - from) as u64);
            for number in [head.key.0.wrapping_sub(before), wake, head.occupied, open, length] {
                varint::put(&mut bytes, number);
            }
            before = head.key.0;
        }
        bytes.extend_from_slice(&states);
        Ok(bytes)
    }

    /// What [`SetState::to_bytes`] wrote; the states stay bytes until they are asked for.
    fn from_bytes(stored: Vec<u8>) -> Option<Self> {
        let mut rest = &stored[..];
        let count = usize::try_from(varint::take(&mut rest)?).ok()?;
        let (base, mut rest) = rest.split_first_chunk::<8>()?;
        let base = i64::from_le_bytes(*base);
        // each head has five bytes at least
        (count <= rest.len() / 5).then_some(())?;
        let mut state = Self::default();
        state.heads.reserve_exact(count);
        state.slots.reserve_exact(count);
        let (mut key, mut at) = (0_u64, 0_u32);
        for _ in 0..count {
            key = key.wrapping_add(varint::take(&mut rest)?);
            let wake = varint::take(&mut rest)?;
            let wake = wake.checked_sub(1).map_or(NEVER, |since| base.wrapping_add(since as i64));
            let occupied = varint::take(&mut rest)?;
            let open = u32::try_from(varint::take(&mut rest)?).ok()?;
            let end = at.checked_add(u32::try_from(varint::take(&mut rest)?).ok()?)?;
            state.heads.push(Head { key: PatternKey(key), wake, occupied });
            state.slots.push(Slot::Dormant(open, at..end));
            at = end;
        }
        let states = stored.len() - rest.len();
        (rest.len() == at as usize && u32::try_from(stored.len()).is_ok()).then_some(())?;
        for slot in &mut state.slots {
            if let Slot::Dormant(_, part) = slot {
                *part = part.start + states as u32..part.end + states as u32;
            }
        }
        state.stored = stored;
        Some(state)
    }
}

/// Bytes as such, not as a list of numbers.
struct Bytes(Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Bytes;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("the bytes of states")
            }
            fn visit_bytes<X: serde::de::Error>(self, bytes: &[u8]) -> Result<Bytes, X> {
                Ok(Bytes(bytes.to_vec()))
            }
            fn visit_byte_buf<X: serde::de::Error>(self, bytes: Vec<u8>) -> Result<Bytes, X> {
                Ok(Bytes(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Visitor)
    }
}
