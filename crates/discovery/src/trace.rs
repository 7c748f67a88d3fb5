//! One way through a journey, as it is kept while it is open.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::names::Segments;

/// How an instance stands when it is folded into a summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It came to its end: the last step is no drop-off.
    Completed,
    /// It was given up.
    Abandoned,
    /// It may still go on.
    Ongoing,
}

/// A step of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Visit {
    pub(crate) step: u32,
    /// Milliseconds since 1970.
    pub(crate) at: i64,
    /// What the step itself carried: a number of [`SegmentSets`].
    pub(crate) set: u32,
}

/// An open instance: its steps in order of time, equal times in the order in which they came.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Trace {
    pub(crate) visits: Vec<Visit>,
}

impl Trace {
    pub(crate) fn insert(&mut self, visit: Visit) {
        let place = self.visits.partition_point(|held| held.at <= visit.at);
        self.visits.insert(place, visit);
    }

    pub(crate) fn last_at(&self) -> i64 {
        self.visits.last().map_or(i64::MIN, |visit| visit.at)
    }
}

/// What a folded instance looks like to the parts of a summary.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Folded<'a> {
    pub(crate) visits: &'a [Visit],
    pub(crate) ending: Ending,
    /// Folded for want of room: what came after its last step is unknown.
    pub(crate) cut: bool,
}

/// Combinations of segments, each with a number; 0 is the empty one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Vec<u32>>", into = "Vec<Vec<u32>>")]
pub(crate) struct SegmentSets {
    list: Vec<Vec<u32>>,
    index: HashMap<Vec<u32>, u32>,
}

impl Default for SegmentSets {
    fn default() -> Self {
        Self::from(vec![Vec::new()])
    }
}

impl From<Vec<Vec<u32>>> for SegmentSets {
    fn from(list: Vec<Vec<u32>>) -> Self {
        let index = list.iter().enumerate().map(|(id, set)| (set.clone(), id as u32)).collect();
        Self { list, index }
    }
}

impl From<SegmentSets> for Vec<Vec<u32>> {
    fn from(sets: SegmentSets) -> Self {
        sets.list
    }
}

impl SegmentSets {
    /// The number of a set (sorted, without repeats); `None` where there is no room.
    pub(crate) fn intern(&mut self, set: &[u32], limit: usize) -> Option<u32> {
        if let Some(id) = self.index.get(set) {
            return Some(*id);
        }
        if self.list.len() > limit {
            return None;
        }
        let id = self.list.len() as u32;
        self.list.push(set.to_vec());
        self.index.insert(set.to_vec(), id);
        Some(id)
    }

    pub(crate) fn get(&self, id: u32) -> &[u32] {
        self.list.get(id as usize).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn all(&self) -> &[Vec<u32>] {
        &self.list
    }
}

/// The segments along a way: a step is in those that it carries, and for other keys in those of the steps before.
#[derive(Debug, Default)]
pub(crate) struct SegmentWalk {
    /// Key and segment, as of the step reached.
    current: Vec<(u32, u32)>,
    /// The first segment of each key: where the whole instance is counted.
    firsts: Vec<u32>,
}

impl SegmentWalk {
    pub(crate) fn step(&mut self, carried: &[u32], segments: &Segments) {
        for segment in carried {
            let key = segments.key(*segment);
            match self.current.iter_mut().find(|(held, _)| *held == key) {
                Some((_, value)) => *value = *segment,
                None => {
                    self.current.push((key, *segment));
                    self.firsts.push(*segment);
                }
            }
        }
    }

    pub(crate) fn current(&self) -> impl Iterator<Item = u32> + '_ {
        self.current.iter().map(|(_, segment)| *segment)
    }

    pub(crate) fn into_firsts(self) -> Vec<u32> {
        self.firsts
    }
}
