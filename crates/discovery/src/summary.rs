//! The summary of many instances: mergeable, serialisable, bounded.

use std::collections::BTreeMap;

use elate_domain::Timestamp;
use serde::{Deserialize, Serialize};

use crate::aggregate::{Aggregate, Room};
use crate::limits::{Limits, Overflow};
use crate::names::{Names, OTHER_ID, Segment, Segments};
use crate::series::{Clockwork, SeriesSet};
use crate::settings::{Error, Settings};
use crate::times::Moments;
use crate::trace::{Folded, SegmentSets};

/// Counts and times of instances, of everybody and of each segment.
///
/// While no [limit](crate::Limits) is met, it does not matter in which order instances come or in how many summaries
/// they are counted before these are merged: all sums are of integers. [`canonical`](Self::canonical) forms of equal
/// counts are equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    pub(crate) settings: Settings,
    pub(crate) names: Names,
    pub(crate) segments: Segments,
    pub(crate) everybody: Aggregate,
    pub(crate) by_segment: BTreeMap<u32, Aggregate>,
    pub(crate) series: SeriesSet,
    pub(crate) overflow: Overflow,
    /// The first and the last time of any event.
    pub(crate) first_at: Option<i64>,
    pub(crate) last_at: Option<i64>,
}

impl Summary {
    /// A summary of nothing yet; fails where the settings are wrong.
    pub fn try_new(settings: Settings) -> Result<Self, Error> {
        settings.check()?;
        Ok(Self::with(settings, Names::default(), Segments::default()))
    }

    fn with(settings: Settings, names: Names, segments: Segments) -> Self {
        let everybody = Aggregate::new(&settings.funnels);
        Self {
            settings,
            names,
            segments,
            everybody,
            by_segment: BTreeMap::new(),
            series: SeriesSet::default(),
            overflow: Overflow::default(),
            first_at: None,
            last_at: None,
        }
    }

    /// What it counts, and within which limits.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What did not fit.
    pub fn overflow(&self) -> &Overflow {
        &self.overflow
    }

    /// The time of the first and of the last event; `None` without events.
    pub fn period(&self) -> Option<(Timestamp, Timestamp)> {
        Some((Timestamp(self.first_at?), Timestamp(self.last_at?)))
    }

    /// The segments that instances were counted in, in order.
    pub fn segments(&self) -> Vec<Segment> {
        let mut segments: Vec<Segment> =
            self.by_segment.keys().filter_map(|id| self.segments.get(*id)).cloned().collect();
        segments.sort_unstable();
        segments
    }

    /// Takes all of `other` in. The instances of both must be different ones.
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        if self.settings != other.settings {
            return Err(Error::SettingsDiffer);
        }
        let limits = self.settings.limits.clone();
        self.overflow.add(&other.overflow);
        let steps = self.names.adopt(&other.names, &limits);
        for (theirs, mine) in steps.iter().enumerate() {
            if *mine == OTHER_ID && theirs != OTHER_ID as usize {
                let counts = other.everybody.steps.get(&(theirs as u32));
                self.overflow.renamed_events += counts.map_or(0, |counts| counts.visits);
            }
        }
        let segments = self.segments.adopt(&other.segments, &limits, &mut self.overflow);
        self.everybody.merge(&other.everybody, &steps, room(&limits), &mut self.overflow);
        for (segment, theirs) in &other.by_segment {
            let Some(segment) = segments.get(*segment as usize).copied().flatten() else { continue };
            let mine =
                self.by_segment.entry(segment).or_insert_with(|| Aggregate::new(&self.settings.funnels));
            mine.merge(theirs, &steps, segment_room(&limits), &mut self.overflow);
        }
        self.series.merge(&other.series, (&steps, &segments), &limits, &mut self.overflow);
        self.first_at = self.first_at.into_iter().chain(other.first_at).min();
        self.last_at = self.last_at.into_iter().chain(other.last_at).max();
        Ok(())
    }

    /// The same counts with names and segments numbered in order of the alphabet, so that equal counts are equal
    /// values.
    #[must_use]
    pub fn canonical(&self) -> Self {
        let mut canonical = Self::with(self.settings.clone(), self.names.sorted(), self.segments.sorted());
        // The settings are equal, so that nothing is refused.
        let _ = canonical.merge(self);
        canonical.overflow = self.overflow;
        canonical
    }

    /// Notes that something happened at a time, in milliseconds.
    pub(crate) fn note(&mut self, at: i64) {
        self.first_at = Some(self.first_at.map_or(at, |first| first.min(at)));
        self.last_at = Some(self.last_at.map_or(at, |last| last.max(at)));
    }

    /// Takes one instance in.
    pub(crate) fn fold(&mut self, folded: &Folded<'_>, sets: &SegmentSets) {
        if folded.visits.is_empty() {
            return;
        }
        let limits = &self.settings.limits;
        let clockwork = Clockwork {
            bucket_millis: i64::try_from(self.settings.bucket_millis).unwrap_or(i64::MAX).max(1),
            horizon_millis: self.settings.horizon_millis,
        };
        let names = (sets, &self.segments);
        let segments = self.series.fold(folded, names, clockwork, limits, &mut self.overflow);
        let funnels: Vec<_> =
            self.settings.funnels.iter().map(|funnel| (funnel, self.numbers(funnel))).collect();
        self.everybody.fold(folded, &funnels, room(limits), &mut self.overflow);
        for segment in segments {
            let counts =
                self.by_segment.entry(segment).or_insert_with(|| Aggregate::new(&self.settings.funnels));
            counts.fold(folded, &funnels, segment_room(limits), &mut self.overflow);
        }
    }

    /// The numbers of a funnel's steps; a step that nobody ever took has one that no visit has.
    fn numbers(&self, funnel: &crate::Funnel) -> Vec<u32> {
        funnel.steps.iter().map(|step| self.names.find(step).unwrap_or(u32::MAX)).collect()
    }

    /// The counts of a segment, or of everybody; `None` for a segment that nobody was in.
    pub(crate) fn aggregate(&self, segment: Option<&Segment>) -> Option<&Aggregate> {
        match segment {
            None => Some(&self.everybody),
            Some(segment) => self.by_segment.get(&self.segments.find(segment)?),
        }
    }

    /// Count and times of everybody's transitions from one step to a later one.
    pub fn eventually(&self, from: &str, to: &str) -> Option<&Moments> {
        self.everybody.eventually.get(&(self.names.find(from)?, self.names.find(to)?))
    }
}

fn room(limits: &Limits) -> Room {
    Room { pairs: limits.pairs, variants: limits.variants }
}

fn segment_room(limits: &Limits) -> Room {
    Room { pairs: limits.pairs, variants: limits.segment_variants }
}
