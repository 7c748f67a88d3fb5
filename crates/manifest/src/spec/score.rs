//! Settings of the delight score.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::play::Direction;
use crate::Name;

/// Settings of the delight score. There is one, named `default`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// Version of the formula.
    #[serde(default = "first")]
    pub formula: u32,
    /// Where a crossing is an event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<ScoreThreshold>,
}

fn first() -> u32 {
    1
}

impl Default for Score {
    fn default() -> Self {
        Self { formula: 1, thresholds: Vec::new() }
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
}
