//! Funnels: how many instances come through a row of steps, and in what time.

use serde::{Deserialize, Serialize};

use crate::times::{Times, between};
use crate::trace::Visit;

/// Steps that are to come in this order, with others in between allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Funnel {
    /// Unique among the funnels of a summary.
    pub name: String,
    /// The steps in order; a name may come twice.
    pub steps: Vec<String>,
    /// All of it within so many milliseconds of the first step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_millis: Option<u64>,
    /// Each step within so many milliseconds of the one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_window_millis: Option<u64>,
}

/// How many instances reached each step of a funnel.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct FunnelCounts {
    /// Instances that came so far, by step.
    pub(crate) reached: Vec<u64>,
    /// The time since the step before, when the step was first reached; none for the first.
    pub(crate) since_previous: Vec<Times>,
    /// The time from the first step to the last.
    pub(crate) total: Times,
}

/// The newest way to a step: when it began, and when it came there.
#[derive(Debug, Clone, Copy)]
struct Way {
    began: i64,
    at: i64,
}

impl FunnelCounts {
    pub(crate) fn new(steps: usize) -> Self {
        Self {
            reached: vec![0; steps],
            since_previous: vec![Times::default(); steps],
            total: Times::default(),
        }
    }

    /// Takes one instance in; `steps` are the numbers of the funnel's steps.
    ///
    /// It is enough to remember the newest way to each step: a later one both began later and came later than those
    /// before it, so that it fits into every window into which they would have fitted.
    pub(crate) fn fold(&mut self, funnel: &Funnel, steps: &[u32], visits: &[Visit]) {
        let mut ways: Vec<Option<Way>> = vec![None; steps.len()];
        for visit in visits {
            // From the last step to the first, so that one visit is not two steps.
            for place in (0..steps.len()).rev() {
                if steps[place] != visit.step {
                    continue;
                }
                let way = match place.checked_sub(1) {
                    None => Some((None, Way { began: visit.at, at: visit.at })),
                    Some(before) => ways[before]
                        .filter(|way| fits(funnel, way, visit.at))
                        .map(|way| (Some(way), Way { began: way.began, at: visit.at })),
                };
                let Some((before, way)) = way else { continue };
                if ways[place].is_none() {
                    self.reach(place, before, &way);
                }
                ways[place] = Some(way);
            }
        }
    }

    fn reach(&mut self, place: usize, before: Option<Way>, way: &Way) {
        self.reached[place] += 1;
        if let Some(before) = before {
            self.since_previous[place].add(between(before.at, way.at));
        }
        if place + 1 == self.reached.len() {
            self.total.add(between(way.began, way.at));
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.reached.iter_mut().zip(&other.reached) {
            *mine += theirs;
        }
        for (mine, theirs) in self.since_previous.iter_mut().zip(&other.since_previous) {
            mine.merge(theirs);
        }
        self.total.merge(&other.total);
    }
}

fn fits(funnel: &Funnel, way: &Way, at: i64) -> bool {
    let within = |window: Option<u64>, from: i64| window.is_none_or(|window| between(from, at) <= window);
    within(funnel.window_millis, way.began) && within(funnel.step_window_millis, way.at)
}
