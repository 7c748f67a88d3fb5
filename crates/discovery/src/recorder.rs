//! Events in, summary out.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;

use elate_domain::Timestamp;
use serde::{Deserialize, Serialize};

use crate::encoding::ordered;
use crate::names::{OTHER, OTHER_ID};
use crate::profile::{Profile, Unusual};
use crate::settings::{Error, Settings};
use crate::summary::Summary;
use crate::trace::{Ending, Folded, SegmentSets, Trace, Visit};

/// When there are too many open instances, this share of them is folded at once.
const CUT_SHARE: usize = 16;

/// One step of one instance.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// The instance: of a journey, a process, a customer's order.
    pub instance: &'a str,
    /// What happened: a touchpoint, a stage, an event's name.
    pub name: &'a str,
    /// When.
    pub at: Timestamp,
    /// Traits and properties to divide by, as key and value. A key that is not among them keeps the value that
    /// earlier steps of the instance gave it.
    pub segments: &'a [(&'a str, &'a str)],
}

/// Takes steps in the order of the log, and keeps each instance until it ends.
///
/// Steps of an instance are put in order of time; those of equal time stay in the order in which they came. Instances
/// that end are folded into the [`Summary`]; those that are open count in [`summary`](Self::summary) as they stand.
/// A step of an instance that has ended begins another instance under the same id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Recorder {
    /// What has ended.
    ended: Summary,
    #[serde(with = "ordered")]
    open: HashMap<Arc<str>, Trace>,
    sets: SegmentSets,
}

impl Recorder {
    /// A recorder of nothing yet; fails where the settings are wrong.
    pub fn try_new(settings: Settings) -> Result<Self, Error> {
        Ok(Self { ended: Summary::try_new(settings)?, open: HashMap::new(), sets: SegmentSets::default() })
    }

    /// Takes one step in.
    pub fn record(&mut self, step: &Step<'_>) {
        self.ended.note(step.at.0);
        let set = self.set(step.segments);
        let limits = &self.ended.settings.limits;
        let longest = limits.instance_steps;
        let name = self.ended.names.intern(step.name, limits);
        if name == OTHER_ID && step.name != OTHER {
            self.ended.overflow.renamed_events += 1;
        }
        let visit = Visit { step: name, at: step.at.0, set };
        if let Some(trace) = self.open.get_mut(step.instance) {
            if trace.visits.len() >= longest {
                self.ended.overflow.dropped_steps += 1;
            } else {
                trace.insert(visit);
            }
            return;
        }
        if self.open.len() >= limits.open_instances.max(1) {
            self.cut();
        }
        self.open.insert(Arc::from(step.instance), Trace { visits: vec![visit] });
    }

    /// Folds an instance that came to its end. Says whether it was open.
    pub fn end(&mut self, instance: &str, ending: Ending) -> bool {
        let Some(trace) = self.open.remove(instance) else { return false };
        self.ended.fold(&Folded { visits: &trace.visits, ending, cut: false }, &self.sets);
        true
    }

    /// Folds all instances whose last step is earlier than `before`. Returns how many.
    pub fn end_idle(&mut self, before: Timestamp, ending: Ending) -> usize {
        let idle = self.open.iter().filter(|(_, trace)| trace.last_at() < before.0);
        let mut idle: Vec<Arc<str>> = idle.map(|(instance, _)| Arc::clone(instance)).collect();
        idle.sort_unstable();
        for instance in &idle {
            self.end(instance, ending);
        }
        idle.len()
    }

    /// How many instances are open.
    pub fn open_instances(&self) -> usize {
        self.open.len()
    }

    /// The summary of all that was recorded, open instances as they stand.
    pub fn summary(&self) -> Summary {
        let mut summary = self.ended.clone();
        for (_, trace) in self.in_order() {
            let folded = Folded { visits: &trace.visits, ending: Ending::Ongoing, cut: false };
            summary.fold(&folded, &self.sets);
        }
        summary
    }

    /// The summary of the instances that have ended.
    pub fn ended(&self) -> &Summary {
        &self.ended
    }

    /// Takes all of `other` in. An instance that is open in both becomes one, in order of time; at equal times the
    /// steps recorded here come first.
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        self.ended.merge(&other.ended)?;
        let limits = self.ended.settings.limits.clone();
        let steps = self.ended.names.adopt(&other.ended.names, &limits);
        let mut uncounted = crate::Overflow::default();
        let segments = self.ended.segments.adopt(&other.ended.segments, &limits, &mut uncounted);
        let sets = self.adopt_sets(other, &segments);
        for (instance, trace) in other.in_order() {
            if !self.open.contains_key(instance) && self.open.len() >= limits.open_instances.max(1) {
                self.cut();
            }
            let mine = self.open.entry(Arc::clone(instance)).or_default();
            for visit in &trace.visits {
                if mine.visits.len() >= limits.instance_steps {
                    self.ended.overflow.dropped_steps += 1;
                    continue;
                }
                let step = steps.get(visit.step as usize).copied().unwrap_or(OTHER_ID);
                self.ended.overflow.renamed_events += u64::from(step == OTHER_ID && visit.step != OTHER_ID);
                let set = sets.get(visit.set as usize).copied().unwrap_or_default();
                mine.insert(Visit { step, at: visit.at, set });
            }
        }
        Ok(())
    }

    /// The open instances with steps that took unusually long or short, by id: see [`Profile::check`].
    pub fn unusual(&self, profile: &Profile, bound: f64) -> Vec<(String, Vec<Unusual>)> {
        let mut found = Vec::new();
        for (instance, trace) in self.in_order() {
            let names =
                trace.visits.iter().map(|visit| (self.ended.names.name(visit.step), Timestamp(visit.at)));
            let unusual = profile.check(names, bound);
            if !unusual.is_empty() {
                found.push((instance.to_string(), unusual));
            }
        }
        found
    }

    /// The open instances in order of their ids, so that limits are met by the same ones each time.
    fn in_order(&self) -> BTreeMap<&Arc<str>, &Trace> {
        self.open.iter().collect()
    }

    /// The number of the set of segments that a step carries.
    fn set(&mut self, segments: &[(&str, &str)]) -> u32 {
        if segments.is_empty() {
            return 0;
        }
        let Summary { segments: known, settings, overflow, .. } = &mut self.ended;
        let mut set: Vec<u32> = Vec::with_capacity(segments.len());
        for (key, value) in segments {
            set.extend(known.intern(key, value, &settings.limits, overflow));
        }
        set.sort_unstable();
        set.dedup();
        self.intern(&set)
    }

    fn intern(&mut self, set: &[u32]) -> u32 {
        let limit = self.ended.settings.limits.segment_sets;
        self.sets.intern(set, limit).unwrap_or_else(|| {
            self.ended.overflow.dropped_segment_sets += 1;
            0
        })
    }

    fn adopt_sets(&mut self, other: &Self, segments: &[Option<u32>]) -> Vec<u32> {
        let mut sets = Vec::with_capacity(other.sets.all().len());
        for set in other.sets.all() {
            let known = set.iter().filter_map(|id| segments.get(*id as usize).copied().flatten());
            let mut set: Vec<u32> = known.collect();
            set.sort_unstable();
            sets.push(self.intern(&set));
        }
        sets
    }

    /// Makes room: folds the instances that were quiet longest, ties by id.
    fn cut(&mut self) {
        let mut quiet: Vec<(i64, Arc<str>)> =
            self.open.iter().map(|(instance, trace)| (trace.last_at(), Arc::clone(instance))).collect();
        let share = (quiet.len() / CUT_SHARE).max(1);
        quiet.sort_unstable();
        for (_, instance) in quiet.into_iter().take(share) {
            let Some(trace) = self.open.remove(&instance) else { continue };
            self.ended.overflow.cut_instances += 1;
            let folded = Folded { visits: &trace.visits, ending: Ending::Ongoing, cut: true };
            self.ended.fold(&folded, &self.sets);
        }
    }
}
