//! Settings of the delight score.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::play::Direction;
use crate::Name;

/// Settings of the delight score. There is one, named `default`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// Version of the formula in force: 1, which is built in, or that of a DelightFormula manifest.
    #[serde(default = "first")]
    pub formula: u32,
    /// Where a crossing is an event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<ScoreThreshold>,
    /// Traits by which company figures are told apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<ScoreSegment>,
    /// What counts as a purchase; without it nothing is said about churn and value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purchases: Option<ScorePurchases>,
}

fn first() -> u32 {
    1
}

impl Default for Score {
    fn default() -> Self {
        Self { formula: 1, thresholds: Vec::new(), segments: Vec::new(), purchases: None }
    }
}

/// A crossing that is an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScoreThreshold {
    /// For people and reports.
    pub name: Name,
    /// The threshold, above 0 and below 100.
    #[schemars(range(min = 0, max = 100))]
    pub at: f64,
    /// In which direction; left out, in both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// How far above the threshold a score that fell below it must rise to count as above again: 0, or a few points
    /// where scores that hover around the threshold should not be told of each time.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(range(min = 0, max = 50))]
    pub hysteresis: f64,
}

fn is_zero(points: &f64) -> bool {
    *points == 0.0
}

/// A trait that tells customers apart. Who has another value counts as `(other)`, who has none as `(none)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScoreSegment {
    /// The trait, as `identify` calls bring it.
    #[serde(rename = "trait")]
    pub trait_name: String,
    /// The values that have figures of their own; numbers and truth values as their text.
    #[schemars(length(min = 1, max = 32))]
    pub values: Vec<String>,
}

/// What counts as a purchase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScorePurchases {
    /// Names of the events that are one.
    #[schemars(length(min = 1, max = 20))]
    pub on: Vec<String>,
    /// The property that holds the money, in the workspace's currency; left out, purchases are counted only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}
