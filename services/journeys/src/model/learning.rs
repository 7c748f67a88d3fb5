//! What the customers of all partitions have taught about a moment, and what each of them teaches.
//!
//! A step may look at nothing but its own customer and partition. So what concerns all customers goes round by way of
//! the log: experiences are written as samples, a task sums them up now and then, and every partition hears the sums as
//! a record ([`PopulationLearned`]). What a partition knows is a function of its log, then as in a replay.

use elate_delight::remaining::Remaining;
use elate_domain::Timestamp;
use elate_domain::system::PopulationLearned;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use uuid::Uuid;

use super::rows::Owner;

/// Experiences below which neither a level nor a spread is believed.
const LEAST: u32 = 30;

/// What is known of a moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Learned {
    /// The wording of the manifest that it was learned under.
    wording: i64,
    samples: u32,
    median: Option<f64>,
    spread: Option<f64>,
    ways: Vec<(String, Remaining)>,
}

impl Learned {
    /// Takes over what was said.
    pub(super) fn of(said: PopulationLearned) -> Self {
        let ways = said.ways.into_iter().map(|way| {
            let mut points = way.points;
            (way.milestone, Remaining::kept(way.samples, &mut points))
        });
        Self {
            wording: said.wording,
            samples: said.samples,
            median: said.median,
            spread: said.spread,
            ways: ways.collect(),
        }
    }

    /// Whether it is about the moment as it is worded.
    pub(crate) fn is_about(&self, wording: i64) -> bool {
        self.wording == wording
    }

    /// What people got used to, once enough is known.
    pub(crate) fn level(&self) -> Option<f64> {
        self.median.filter(|_| self.samples >= LEAST)
    }

    /// How far experiences lie apart, once enough is known.
    pub(crate) fn spread(&self) -> Option<f64> {
        self.spread.filter(|spread| self.samples >= LEAST && spread.is_finite())
    }

    /// The time still needed after a milestone.
    pub(crate) fn way(&self, milestone: &str) -> Option<&Remaining> {
        self.ways.iter().find(|(name, _)| name == milestone).map(|(_, way)| way)
    }
}

/// Tells wordings of a moment apart by what its samples depend on.
pub(crate) fn wording(spec: &Json) -> i64 {
    let parts = ["experience", "since", "better", "on", "pattern", "expect"].map(|part| &spec[part]);
    // Made of texts and numbers only, so it serialises.
    xxhash_rust::xxh3::xxh3_64(&serde_json::to_vec(&parts).unwrap_or_default()).cast_signed()
}

/// What a sample measures.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Measure {
    /// The experience: a number or milliseconds.
    Experience,
    /// Milliseconds from a milestone (empty: the making) of a promise to its fulfilment.
    Way(String),
}

/// One thing that was observed of a customer. A revision takes the place of what it revises.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleRow {
    /// Whose.
    pub owner: Owner,
    /// The Moment manifest.
    pub moment: String,
    /// Its wording.
    pub wording: i64,
    /// What it measures.
    pub measure: Measure,
    /// The judged moment, or the promise.
    pub id: Uuid,
    /// The value.
    pub value: f64,
    /// Log time.
    pub at: Timestamp,
}

/// How a promise looks, as of a time.
#[derive(Debug, Clone, PartialEq)]
pub struct OutlookRow {
    /// Whose.
    pub owner: Owner,
    /// The promise.
    pub promise_id: Uuid,
    /// How it looks.
    pub outlook: Outlook,
}

/// How a promise looks by what was learned.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlook {
    /// The last milestone; empty for the making.
    pub after: String,
    /// Promises that were fulfilled after that milestone before.
    pub samples: u32,
    /// How many it takes before anything is said.
    pub least: u32,
    /// The chance to be late, 0 to 1; `None` while too few were fulfilled.
    pub chance: Option<f64>,
    /// When it was looked at, in log time.
    pub at: Timestamp,
}
