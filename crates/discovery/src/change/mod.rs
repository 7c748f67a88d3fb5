//! When a link changed, and for whom.
//!
//! **What is searched.** For each pair of steps the time between them, for each step the share of instances that drop
//! off there; each for everybody and for every segment; at every boundary between two buckets of time. Only departures
//! that have been watched for the whole horizon take part.
//!
//! **How.** The statistic of a series at a date is the squared cumulative sum of deviations from the mean (CUSUM; Page
//! 1954, as a retrospective scan: Csörgő & Horváth, *Limit Theorems in Change-Point Analysis*, 1997), divided by its
//! variance. The variance is taken between buckets, so that a day which differs from others as a whole does not make
//! its observations look like so many independent ones. It is taken in parts of every length (seeded intervals; Kovács,
//! Bühlmann, Li & Munk 2023), so that what broke and was mended does not hide itself. Times are compared on a
//! logarithmic scale unless asked otherwise: waits are multiples of each other, and a few endless ones do not hide the
//! rest.
//!
//! **When it is found.** The order of the buckets is shuffled, for all series alike, as often as [`Scan::permutations`]
//! says, and the highest statistic of all series, segments and dates is noted each time. Without a change each order is
//! as likely as the one that was seen, so that the probability of any finding at all is at most [`Scan::level`],
//! however many links, segments and dates are searched (maxT of Westfall & Young 1993 with step-down; p-values of
//! Phipson & Smyth 2010). That takes buckets to be exchangeable when nothing changes. A weekly rhythm is taken out by
//! comparing and shuffling only buckets of the same place in the [season](Scan::season); slow drifts are changes, and
//! are found.
//!
//! **For whom.** Of the segments that changed, the one is named whose change explains most of the squares; a segment is
//! preferred to everybody only where it explains clearly more than chance could among so many names. What happened
//! outside of the segment stands beside it.
//!
//! **Since when.** The date is where the change, fitted beside the season, explains most; the range around it is what a likelihood ratio does not
//! exclude at 95 % (the limit law `(1 − e^{−x})²` of Yao 1987). A link that changed is searched again before and after
//! (binary segmentation, Vostrikova 1981), at a quarter of the level each time: for a link that changed once, the
//! probability that any further change is found is at most the level again.

mod describe;
mod locate;
mod permute;
mod scan;
mod series;
mod statistic;

use elate_delight::Interval;
use elate_domain::Timestamp;
use serde::{Deserialize, Serialize};

use crate::names::Segment;
use crate::summary::Summary;

/// How changes are looked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scan {
    /// The highest acceptable probability of any finding where nothing changed.
    pub level: f64,
    /// How often the buckets are shuffled. The smallest p-value is `1 / (permutations + 1)`.
    pub permutations: u32,
    /// Where the shuffling begins. The same seed gives the same findings.
    pub seed: u64,
    /// After how many buckets a rhythm repeats: 7 takes weekdays out of days. 0 and 1 are none. It is left alone where
    /// fewer than two seasons were recorded.
    pub season: usize,
    /// A change has at least so many buckets on each side.
    pub least_buckets: usize,
    /// And at least so many observations.
    pub least_observations: u64,
    /// How times are compared.
    pub scale: Scale,
    /// The most series that are searched; of more, those with most observations.
    pub most_series: usize,
}

impl Default for Scan {
    fn default() -> Self {
        Self {
            level: 0.05,
            permutations: 999,
            seed: 1,
            season: 7,
            least_buckets: 2,
            least_observations: 20,
            scale: Scale::Ratio,
            most_series: 2_048,
        }
    }
}

/// How times are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// By their logarithms: twice as long counts alike at every length.
    #[default]
    Ratio,
    /// By their means.
    Difference,
}

/// What was watched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Measure {
    /// The time from a step to the very next, in seconds.
    Gap {
        /// The earlier step.
        from: String,
        /// The later step.
        to: String,
    },
    /// The share of visits after which nothing came within the horizon.
    DropOff {
        /// The step.
        step: String,
    },
}

/// One side of a change.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Side {
    /// Times or departures.
    pub observations: u64,
    /// Their mean: seconds, or a share.
    pub mean: f64,
    /// Its interval at 95 %, as if observations were independent.
    pub interval: Option<Interval>,
}

/// From one level to another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Shift {
    /// Before.
    pub before: Side,
    /// After.
    pub after: Side,
    /// How much: a factor between geometric means ([`Scale::Ratio`]), or a difference (of seconds or shares), with the
    /// season taken out.
    pub effect: f64,
    /// Its interval at 95 %, from the variance between buckets. It does not know that the date was searched for, and is
    /// a little narrow.
    pub effect_interval: Interval,
}

/// A change that was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What changed.
    pub measure: Measure,
    /// For whom; absent: everybody.
    pub segment: Option<Segment>,
    /// Since when: the beginning of the first bucket of the new level.
    pub at: Timestamp,
    /// The earliest date that is not excluded at 95 %.
    pub earliest: Timestamp,
    /// The latest one.
    pub latest: Timestamp,
    /// What changed, within the segment.
    pub shift: Shift,
    /// Whether it got worse: slower, or more drop off.
    pub is_worse: bool,
    /// The same dates outside of the segment; absent where it is everybody, or too few are outside.
    pub outside: Option<Shift>,
    /// Whether nothing speaks for a change outside: the interval there holds none. Absent where there is no outside.
    pub is_confined: Option<bool>,
    /// Other segments of the same link that changed by themselves.
    pub also: Vec<Segment>,
    /// The p-value, corrected for all links, segments and dates of the search.
    pub p_value: f64,
    /// From when to when the two sides are: from the change of the link before to the one after, if there are.
    pub compared: (Timestamp, Timestamp),
}

/// What was searched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Searched {
    /// Links: pairs of steps, and steps.
    pub links: usize,
    /// Series: links by segment.
    pub series: usize,
    /// Series with too few observations to be searched.
    pub too_small: usize,
    /// Series beyond [`Scan::most_series`].
    pub left_out: usize,
    /// Buckets that have been watched for the whole horizon.
    pub buckets: usize,
    /// Buckets before those that were searched: only the newest 1,024 are.
    pub older_buckets: usize,
    /// The season that was taken out, in buckets; 1: none.
    pub season: usize,
}

/// All changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Changes {
    /// In order of time; ties in order of the measure.
    pub findings: Vec<Finding>,
    /// What was searched.
    pub searched: Searched,
}

/// Looks for changes in all links of a summary. Deterministic.
pub fn find(summary: &Summary, scan: &Scan) -> Changes {
    let table = series::Table::of(summary, scan);
    let mut findings = scan::find(&table, scan);
    findings.sort_by(|a, b| a.at.cmp(&b.at).then_with(|| a.measure.cmp(&b.measure)));
    Changes { findings, searched: table.searched }
}
