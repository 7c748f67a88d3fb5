//! Events by which a partition hears what was learned from the customers of all partitions.

use serde::{Deserialize, Serialize};

/// What the population has taught about a moment. Each takes the place of the one before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PopulationLearned {
    /// The Moment manifest.
    pub moment: String,
    /// Which wording of the manifest it was learned under: it says nothing of any other.
    pub wording: i64,
    /// Experiences that the level and the spread come from.
    #[serde(default)]
    pub samples: u32,
    /// The median experience: a number, or milliseconds (of times: since the moment's `since`).
    #[serde(default)]
    pub median: Option<f64>,
    /// Median absolute deviation of experiences × 1.4826, in the same unit.
    #[serde(default)]
    pub spread: Option<f64>,
    /// The time still needed after each milestone of a promise.
    #[serde(default)]
    pub ways: Vec<WayLearned>,
}

/// How long promises still took after a milestone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WayLearned {
    /// The milestone; empty for the event that made the promise.
    pub milestone: String,
    /// Promises that it comes from.
    pub samples: u32,
    /// Milliseconds, ascending, each for an equal share of them.
    pub points: Vec<f64>,
}
