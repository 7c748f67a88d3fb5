//! What a link was like over time: sums a bucket of time, in which [changes](crate::change) are looked for.
//!
//! Every visit is a departure at its own time: either the next step comes within the horizon, and the time till then
//! is an observation of that pair, or it does not, and the instance dropped off there. Because each departure is
//! watched for the same span, the newest ones do not look shorter or more faithful than the rest; those that have not
//! been watched long enough yet are left out when changes are looked for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::encoding::pairs;
use crate::limits::{Limits, Overflow};
use crate::names::{EVERYBODY, Segments};
use crate::times::{Moments, between};
use crate::trace::{Ending, Folded, SegmentSets, SegmentWalk};

/// Logarithms are kept in so many parts of an octave, as whole numbers that add up alike in any order.
pub(crate) const LOG_SCALE: f64 = 65_536.0;

/// Gaps of a pair in one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct GapCell {
    pub(crate) times: Moments,
    /// `Σ log₂(1 + milliseconds)`, in [`LOG_SCALE`] parts.
    pub(crate) logs: u64,
}

impl GapCell {
    fn add(&mut self, millis: u64) {
        self.times.add(millis);
        self.logs += ((1.0 + millis as f64).log2() * LOG_SCALE).round() as u64;
    }

    fn merge(&mut self, other: &Self) {
        self.times.merge(&other.times);
        self.logs += other.logs;
    }
}

/// Departures of a step in one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct RateCell {
    pub(crate) departures: u64,
    pub(crate) dropped: u64,
}

impl RateCell {
    fn merge(&mut self, other: &Self) {
        self.departures += other.departures;
        self.dropped += other.dropped;
    }
}

/// Cells by bucket.
pub(crate) type Line<C> = BTreeMap<i64, C>;

/// All series. The last number of a key is the segment, or [`EVERYBODY`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct SeriesSet {
    #[serde(with = "pairs")]
    pub(crate) gaps: BTreeMap<(u32, u32, u32), Line<GapCell>>,
    #[serde(with = "pairs")]
    pub(crate) drop_offs: BTreeMap<(u32, u32), Line<RateCell>>,
    cells: u64,
}

/// How time is cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clockwork {
    pub(crate) bucket_millis: i64,
    pub(crate) horizon_millis: u64,
}

impl SeriesSet {
    /// Takes one instance in, and returns the segments in which the whole of it counts.
    pub(crate) fn fold(
        &mut self,
        folded: &Folded<'_>,
        (sets, segments): (&SegmentSets, &Segments),
        clockwork: Clockwork,
        limits: &Limits,
        overflow: &mut Overflow,
    ) -> Vec<u32> {
        let mut walk = SegmentWalk::default();
        for (place, visit) in folded.visits.iter().enumerate() {
            walk.step(sets.get(visit.set), segments);
            let next = folded.visits.get(place + 1);
            if next.is_none() && (folded.cut || folded.ending == Ending::Completed) {
                continue;
            }
            let gap = next.map(|next| (next.step, between(visit.at, next.at)));
            let gap = gap.filter(|(_, gap)| *gap <= clockwork.horizon_millis);
            let bucket = visit.at.div_euclid(clockwork.bucket_millis);
            let room = limits.series_cells as u64;
            for segment in std::iter::once(EVERYBODY).chain(walk.current()) {
                let missing = &mut overflow.dropped_observations;
                let cells = &mut self.cells;
                let line = self.drop_offs.entry((visit.step, segment)).or_default();
                if let Some(cell) = cell(line, bucket, cells, room, missing) {
                    cell.departures += 1;
                    cell.dropped += u64::from(gap.is_none());
                }
                let Some((to, gap)) = gap else { continue };
                let line = self.gaps.entry((visit.step, to, segment)).or_default();
                if let Some(cell) = cell(line, bucket, cells, room, missing) {
                    cell.add(gap);
                }
            }
        }
        walk.into_firsts()
    }

    /// Takes all of `other` in, with its numbers of steps and segments as they are here.
    pub(crate) fn merge(
        &mut self,
        other: &Self,
        (steps, segments): (&[u32], &[Option<u32>]),
        limits: &Limits,
        overflow: &mut Overflow,
    ) {
        let step = |id: u32| steps.get(id as usize).copied().unwrap_or_default();
        let segment = |id: u32| segments.get(id as usize).copied().flatten();
        let room = limits.series_cells as u64;
        for ((from, to, of), theirs) in &other.gaps {
            let Some(of) = segment(*of) else {
                overflow.dropped_observations += theirs.values().map(|cell| cell.times.count).sum::<u64>();
                continue;
            };
            let line = self.gaps.entry((step(*from), step(*to), of)).or_default();
            for (bucket, theirs) in theirs {
                let mut missing = 0;
                match cell(line, *bucket, &mut self.cells, room, &mut missing) {
                    Some(held) => held.merge(theirs),
                    None => overflow.dropped_observations += theirs.times.count,
                }
            }
        }
        for ((at, of), theirs) in &other.drop_offs {
            let Some(of) = segment(*of) else {
                overflow.dropped_observations += theirs.values().map(|cell| cell.departures).sum::<u64>();
                continue;
            };
            let line = self.drop_offs.entry((step(*at), of)).or_default();
            for (bucket, theirs) in theirs {
                let mut missing = 0;
                match cell(line, *bucket, &mut self.cells, room, &mut missing) {
                    Some(held) => held.merge(theirs),
                    None => overflow.dropped_observations += theirs.departures,
                }
            }
        }
    }
}

/// The cell of a bucket, new where there is room; otherwise counts one observation as missing.
fn cell<'a, C: Default>(
    line: &'a mut Line<C>,
    bucket: i64,
    cells: &mut u64,
    room: u64,
    missing: &mut u64,
) -> Option<&'a mut C> {
    if !line.contains_key(&bucket) {
        if *cells >= room {
            *missing += 1;
            return None;
        }
        *cells += 1;
    }
    Some(line.entry(bucket).or_default())
}
