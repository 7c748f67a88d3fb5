//! Names as small numbers, so that what is counted millions of times is counted by number.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::limits::{Limits, Overflow};

/// The step name that stands for all that the limit of names has no room for.
pub const OTHER: &str = "(other)";

/// The number of [`OTHER`].
pub(crate) const OTHER_ID: u32 = 0;

/// The names of steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub(crate) struct Names {
    list: Vec<String>,
    index: HashMap<String, u32>,
}

impl Default for Names {
    fn default() -> Self {
        Self::from(vec![OTHER.to_owned()])
    }
}

impl From<Vec<String>> for Names {
    fn from(list: Vec<String>) -> Self {
        let index = list.iter().enumerate().map(|(id, name)| (name.clone(), id as u32)).collect();
        Self { list, index }
    }
}

impl From<Names> for Vec<String> {
    fn from(names: Names) -> Self {
        names.list
    }
}

impl Names {
    /// The same names, in order of the alphabet.
    pub(crate) fn sorted(&self) -> Self {
        let mut rest: Vec<String> = self.list.iter().skip(1).cloned().collect();
        rest.sort_unstable();
        rest.insert(0, OTHER.to_owned());
        Self::from(rest)
    }

    /// The number of a name, new where need be; [`OTHER_ID`] where there is no room.
    pub(crate) fn intern(&mut self, name: &str, limits: &Limits) -> u32 {
        if let Some(id) = self.index.get(name) {
            return *id;
        }
        if self.list.len() > limits.step_names {
            return OTHER_ID;
        }
        let id = self.list.len() as u32;
        self.list.push(name.to_owned());
        self.index.insert(name.to_owned(), id);
        id
    }

    pub(crate) fn find(&self, name: &str) -> Option<u32> {
        self.index.get(name).copied()
    }

    pub(crate) fn name(&self, id: u32) -> &str {
        self.list.get(id as usize).map_or(OTHER, String::as_str)
    }

    /// For each number of `other`, the number here.
    pub(crate) fn adopt(&mut self, other: &Self, limits: &Limits) -> Vec<u32> {
        other.list.iter().map(|name| self.intern(name, limits)).collect()
    }
}

/// A trait or property and its value, such as `device` and `mobile`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Segment {
    /// The trait or property.
    pub key: String,
    /// Its value, as text.
    pub value: String,
}

impl std::fmt::Display for Segment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

/// The number that stands for everybody, where numbers of segments are expected.
pub(crate) const EVERYBODY: u32 = 0;

/// The segments. Their numbers begin with 1.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Segment>", into = "Vec<Segment>")]
pub(crate) struct Segments {
    list: Vec<Segment>,
    /// For each segment, the number of its key.
    keys: Vec<u32>,
    index: BTreeMap<String, (u32, HashMap<String, u32>)>,
}

impl From<Vec<Segment>> for Segments {
    fn from(list: Vec<Segment>) -> Self {
        let mut segments = Self::default();
        for segment in &list {
            segments.insert(&segment.key, &segment.value);
        }
        segments
    }
}

impl From<Segments> for Vec<Segment> {
    fn from(segments: Segments) -> Self {
        segments.list
    }
}

impl Segments {
    /// The same segments, in order.
    pub(crate) fn sorted(&self) -> Self {
        let mut list = self.list.clone();
        list.sort_unstable();
        Self::from(list)
    }

    fn insert(&mut self, key: &str, value: &str) -> u32 {
        self.list.push(Segment { key: key.to_owned(), value: value.to_owned() });
        let id = self.list.len() as u32;
        let next_key = self.index.len() as u32;
        let (key_id, values) = self.index.entry(key.to_owned()).or_insert_with(|| (next_key, HashMap::new()));
        self.keys.push(*key_id);
        values.insert(value.to_owned(), id);
        id
    }

    /// The number of a segment, new where need be; `None`, and counted, where there is no room.
    pub(crate) fn intern(
        &mut self,
        key: &str,
        value: &str,
        limits: &Limits,
        overflow: &mut Overflow,
    ) -> Option<u32> {
        if let Some(id) = self.index.get(key).and_then(|(_, values)| values.get(value)) {
            return Some(*id);
        }
        if self.list.len() >= limits.segments {
            overflow.dropped_segment_values += 1;
            return None;
        }
        Some(self.insert(key, value))
    }

    pub(crate) fn find(&self, segment: &Segment) -> Option<u32> {
        self.index.get(&segment.key)?.1.get(&segment.value).copied()
    }

    pub(crate) fn get(&self, id: u32) -> Option<&Segment> {
        self.list.get((id as usize).checked_sub(1)?)
    }

    pub(crate) fn key(&self, id: u32) -> u32 {
        (id as usize).checked_sub(1).and_then(|place| self.keys.get(place)).copied().unwrap_or_default()
    }

    /// For each number of `other` (from 1), the number here.
    pub(crate) fn adopt(
        &mut self,
        other: &Self,
        limits: &Limits,
        overflow: &mut Overflow,
    ) -> Vec<Option<u32>> {
        let mut map = vec![Some(EVERYBODY)];
        for segment in &other.list {
            map.push(self.intern(&segment.key, &segment.value, limits, overflow));
        }
        map
    }
}
