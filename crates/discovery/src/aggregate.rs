//! The counts of many instances: of everybody, or of one segment.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::encoding::pairs;
use crate::funnel::{Funnel, FunnelCounts};
use crate::limits::Overflow;
use crate::times::{LONGEST, Moments, Times, between};
use crate::trace::{Ending, Folded, Visit};

/// What is counted of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct StepCounts {
    pub(crate) visits: u64,
    pub(crate) instances: u64,
    /// Instances that came more than once.
    pub(crate) repeating: u64,
    pub(crate) starts: u64,
    pub(crate) completed: u64,
    pub(crate) abandoned: u64,
    pub(crate) ongoing: u64,
}

impl StepCounts {
    fn merge(&mut self, other: &Self) {
        self.visits += other.visits;
        self.instances += other.instances;
        self.repeating += other.repeating;
        self.starts += other.starts;
        self.completed += other.completed;
        self.abandoned += other.abandoned;
        self.ongoing += other.ongoing;
    }

    fn end(&mut self, ending: Ending) {
        match ending {
            Ending::Completed => self.completed += 1,
            Ending::Abandoned => self.abandoned += 1,
            Ending::Ongoing => self.ongoing += 1,
        }
    }
}

/// The bounds of an aggregate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) pairs: usize,
    pub(crate) variants: usize,
}

/// Counts of instances. Maps are ordered, so that equal counts are equal aggregates.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Aggregate {
    pub(crate) instances: u64,
    pub(crate) completed: u64,
    pub(crate) abandoned: u64,
    pub(crate) ongoing: u64,
    pub(crate) events: u64,
    #[serde(with = "pairs")]
    pub(crate) steps: BTreeMap<u32, StepCounts>,
    /// Directly-follows: from one step to the very next.
    #[serde(with = "pairs")]
    pub(crate) follows: BTreeMap<(u32, u32), Times>,
    /// Eventually-follows: from each step to each later one of the instance.
    #[serde(with = "pairs")]
    pub(crate) eventually: BTreeMap<(u32, u32), Moments>,
    #[serde(with = "pairs")]
    pub(crate) variants: BTreeMap<Vec<u32>, u64>,
    pub(crate) unlisted_variants: u64,
    /// From the first step to the last.
    pub(crate) duration: Times,
    pub(crate) funnels: Vec<FunnelCounts>,
}

/// A step that an instance has been to, while it is walked: times are since its first step.
struct Seen {
    step: u32,
    count: u128,
    sum: u128,
    squares: u128,
    first: u64,
    last: u64,
}

impl Aggregate {
    pub(crate) fn new(funnels: &[Funnel]) -> Self {
        let funnels = funnels.iter().map(|funnel| FunnelCounts::new(funnel.steps.len())).collect();
        Self { funnels, ..Self::default() }
    }

    /// Takes one instance in, which has at least one step.
    pub(crate) fn fold(
        &mut self,
        folded: &Folded<'_>,
        funnels: &[(&Funnel, Vec<u32>)],
        room: Room,
        overflow: &mut Overflow,
    ) {
        let (Some(first), Some(last)) = (folded.visits.first(), folded.visits.last()) else { return };
        self.instances += 1;
        self.events += folded.visits.len() as u64;
        match folded.ending {
            Ending::Completed => self.completed += 1,
            Ending::Abandoned => self.abandoned += 1,
            Ending::Ongoing => self.ongoing += 1,
        }
        self.steps.entry(first.step).or_default().starts += 1;
        self.steps.entry(last.step).or_default().end(folded.ending);
        self.duration.add(between(first.at, last.at));
        self.fold_follows(folded.visits, room, overflow);
        self.fold_eventually(folded.visits, room, overflow);
        self.fold_variant(folded.visits, room, overflow);
        for (counts, (funnel, steps)) in self.funnels.iter_mut().zip(funnels) {
            counts.fold(funnel, steps, folded.visits);
        }
    }

    fn fold_follows(&mut self, visits: &[Visit], room: Room, overflow: &mut Overflow) {
        for pair in visits.windows(2) {
            let key = (pair[0].step, pair[1].step);
            match slot(&mut self.follows, key, room.pairs) {
                Some(times) => times.add(between(pair[0].at, pair[1].at)),
                None => overflow.unlisted_transitions += 1,
            }
        }
    }

    /// Each step paired with every earlier one: sums over the earlier ones make it one addition a distinct step,
    /// not one a visit.
    fn fold_eventually(&mut self, visits: &[Visit], room: Room, overflow: &mut Overflow) {
        let begin = visits.first().map_or(0, |visit| visit.at);
        let mut seen: Vec<Seen> = Vec::new();
        for visit in visits {
            let at = between(begin, visit.at);
            let now = u128::from(at);
            for from in &seen {
                let moments = Moments {
                    count: from.count as u64,
                    sum: from.count * now - from.sum,
                    squares: (from.count * now * now + from.squares).saturating_sub(2 * now * from.sum),
                    least: at.saturating_sub(from.last).min(LONGEST),
                    most: at.saturating_sub(from.first),
                };
                match slot(&mut self.eventually, (from.step, visit.step), room.pairs) {
                    Some(held) => held.merge(&moments),
                    None => overflow.unlisted_eventually += moments.count,
                }
            }
            match seen.iter_mut().find(|held| held.step == visit.step) {
                Some(held) => {
                    held.count += 1;
                    held.sum += now;
                    held.squares += now * now;
                    held.last = at;
                }
                None => seen.push(Seen {
                    step: visit.step,
                    count: 1,
                    sum: now,
                    squares: now * now,
                    first: at,
                    last: at,
                }),
            }
        }
        for held in seen {
            let counts = self.steps.entry(held.step).or_default();
            counts.visits += held.count as u64;
            counts.instances += 1;
            counts.repeating += u64::from(held.count > 1);
        }
    }

    fn fold_variant(&mut self, visits: &[Visit], room: Room, overflow: &mut Overflow) {
        let variant: Vec<u32> = visits.iter().map(|visit| visit.step).collect();
        self.add_variant(variant, 1, room, overflow);
    }

    fn add_variant(&mut self, variant: Vec<u32>, count: u64, room: Room, overflow: &mut Overflow) {
        match slot(&mut self.variants, variant, room.variants) {
            Some(held) => *held += count,
            None => {
                self.unlisted_variants += count;
                overflow.unlisted_variants += count;
            }
        }
    }

    /// Takes all of `other` in, whose step numbers are those at their places in `steps` here.
    pub(crate) fn merge(&mut self, other: &Self, steps: &[u32], room: Room, overflow: &mut Overflow) {
        let of = |id: u32| steps.get(id as usize).copied().unwrap_or_default();
        self.instances += other.instances;
        self.completed += other.completed;
        self.abandoned += other.abandoned;
        self.ongoing += other.ongoing;
        self.events += other.events;
        self.unlisted_variants += other.unlisted_variants;
        self.duration.merge(&other.duration);
        for (step, counts) in &other.steps {
            self.steps.entry(of(*step)).or_default().merge(counts);
        }
        for ((from, to), times) in &other.follows {
            match slot(&mut self.follows, (of(*from), of(*to)), room.pairs) {
                Some(held) => held.merge(times),
                None => overflow.unlisted_transitions += times.moments.count,
            }
        }
        for ((from, to), moments) in &other.eventually {
            match slot(&mut self.eventually, (of(*from), of(*to)), room.pairs) {
                Some(held) => held.merge(moments),
                None => overflow.unlisted_eventually += moments.count,
            }
        }
        for (variant, count) in &other.variants {
            self.add_variant(variant.iter().map(|step| of(*step)).collect(), *count, room, overflow);
        }
        for (mine, theirs) in self.funnels.iter_mut().zip(&other.funnels) {
            mine.merge(theirs);
        }
    }
}

/// The value of a key, new where there is room for another.
pub(crate) fn slot<K: Ord, V: Default>(map: &mut BTreeMap<K, V>, key: K, room: usize) -> Option<&mut V> {
    if map.len() >= room && !map.contains_key(&key) {
        return None;
    }
    Some(map.entry(key).or_default())
}
