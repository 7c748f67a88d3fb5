//! What was discovered, as data that serialises and as text.

mod build;
mod text;

pub use build::build;

use elate_delight::Interval;
use elate_domain::Timestamp;
use serde::{Deserialize, Serialize};

use crate::change::{Changes, Scan};
use crate::conformance::{Conformance, Design};
use crate::limits::Overflow;
use crate::names::Segment;
use crate::profile::Usual;

/// What a report is to hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Of whom; absent: everybody.
    pub segment: Option<Segment>,
    /// The design to compare with; absent: none.
    pub design: Option<Design>,
    /// How to look for changes, which are those of everybody and all segments; absent: not at all.
    pub scan: Option<Scan>,
    /// The most variants to list, the most frequent first. Their number and coverage are told in any case.
    pub variants: usize,
    /// The fewest times that a pair must have been seen for its usual time to be told.
    pub least_for_usual: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment: None, design: None, scan: None, variants: 50, least_for_usual: 5 }
    }
}

/// Times in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Seconds {
    /// How many times were measured.
    pub count: u64,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation with n − 1; absent below two.
    pub deviation: Option<f64>,
    /// The shortest.
    pub least: f64,
    /// The median.
    pub median: f64,
    /// The 90th percentile.
    pub p90: f64,
    /// The longest.
    pub most: f64,
    /// Their sum.
    pub sum: f64,
    /// By how much of its value a quantile may be off: 0 where it is exact.
    pub quantile_error: f64,
}

/// A count with its share.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// How many.
    pub count: u64,
    /// Of how many.
    pub of: u64,
    /// The share, 0 to 1; 0 of none.
    pub share: f64,
    /// Wilson's interval at 95 %; absent for a share of none.
    pub interval: Option<Interval>,
}

/// What is known of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// Its name.
    pub step: String,
    /// How often it came.
    pub visits: u64,
    /// In how many instances.
    pub instances: u64,
    /// How often it came again in an instance: visits beyond the first.
    pub repeats: u64,
    /// Instances in which it came more than once.
    pub repeating_instances: u64,
    /// Instances that began with it.
    pub starts: u64,
    /// Instances whose last step it is, however they stand.
    pub ends: u64,
    /// Of these, completed ones.
    pub completed: u64,
    /// Abandoned ones.
    pub abandoned: u64,
    /// Those that may still go on.
    pub ongoing: u64,
    /// Drop-off: instances that were abandoned here, of those that were here and are not still standing here.
    pub drop_off: Share,
}

/// From one step to the very next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FollowReport {
    /// The step.
    pub from: String,
    /// The next.
    pub to: String,
    /// How often.
    pub count: u64,
    /// The share of all transitions from the step.
    pub share: f64,
    /// How long it took.
    pub seconds: Seconds,
}

/// How often one step came some time after another, counting each pair of visits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventualReport {
    /// The earlier step.
    pub from: String,
    /// The later one.
    pub to: String,
    /// How often.
    pub count: u64,
}

/// A way that was taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VariantReport {
    /// Its steps.
    pub steps: Vec<String>,
    /// How many instances took it.
    pub count: u64,
    /// Their share of all instances.
    pub share: f64,
    /// The share of all instances that this and the more frequent variants cover.
    pub coverage: f64,
}

/// A step of a funnel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunnelStepReport {
    /// Its name.
    pub step: String,
    /// Instances that came so far.
    pub reached: u64,
    /// Of those that began the funnel.
    pub of_first: Share,
    /// Of those that reached the step before; of those that began, for the first.
    pub of_previous: Share,
    /// The time since the step before; absent for the first, and where nobody came.
    pub seconds: Option<Seconds>,
}

/// A funnel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunnelReport {
    /// Its name.
    pub name: String,
    /// All within so many seconds of the first step.
    pub window_seconds: Option<f64>,
    /// Each within so many seconds of the step before.
    pub step_window_seconds: Option<f64>,
    /// Its steps.
    pub steps: Vec<FunnelStepReport>,
    /// The time from the first step to the last; absent where nobody came.
    pub seconds: Option<Seconds>,
}

/// What is known of a segment in short. A report of its own says the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentReport {
    /// The segment.
    pub segment: Segment,
    /// Its instances.
    pub instances: u64,
    /// Those that were completed.
    pub completed: Share,
    /// Those that were abandoned.
    pub abandoned: Share,
    /// How long instances took.
    pub seconds: Option<Seconds>,
}

/// Journeys as they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Of whom; absent: everybody.
    pub segment: Option<Segment>,
    /// The time of the first and of the last event of anybody; absent without events.
    pub period: Option<(Timestamp, Timestamp)>,
    /// Instances.
    pub instances: u64,
    /// Steps of these.
    pub events: u64,
    /// Completed instances.
    pub completed: u64,
    /// Abandoned ones.
    pub abandoned: u64,
    /// Those that may still go on.
    pub ongoing: u64,
    /// How long instances took, from the first step to the last.
    pub seconds: Option<Seconds>,
    /// Steps, the most visited first.
    pub steps: Vec<StepReport>,
    /// Directly-follows, the most frequent first.
    pub follows: Vec<FollowReport>,
    /// Eventually-follows, the most frequent first.
    pub eventually: Vec<EventualReport>,
    /// The temporal profile: usual times between steps, by name. Of everybody.
    pub usual: Vec<Usual>,
    /// The most frequent variants.
    pub variants: Vec<VariantReport>,
    /// How many variants there are; those of unlisted instances are not among them.
    pub distinct_variants: usize,
    /// Instances of variants for which there was no room.
    pub unlisted_instances: u64,
    /// Funnels, as they were asked for.
    pub funnels: Vec<FunnelReport>,
    /// The comparison with the design.
    pub conformance: Option<Conformance>,
    /// Segments, by name.
    pub segments: Vec<SegmentReport>,
    /// Changes of links over time.
    pub changes: Option<Changes>,
    /// What did not fit: over everybody and all segments.
    pub overflow: Overflow,
}
