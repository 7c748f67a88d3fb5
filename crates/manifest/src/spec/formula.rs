//! Versions of the formula of the delight score.

use std::time::Duration;

use elate_domain::HumanDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schemas;

/// A version of the formula of the delight score: its constants. What is left out is as in version 1, which is built in.
/// It is computed beside the one in force, over the whole history, and touches no score until the Score manifest names it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DelightFormula {
    /// Its version, 2 or higher; each version stands in one manifest.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub version: u32,
    /// After this time a moment counts half, one minute to 100 years.
    #[schemars(with = "schemas::Duration")]
    #[serde(default = "half_life")]
    pub half_life: HumanDuration,
    /// How much neutral experience a customer is taken to start with, in moments.
    #[serde(default = "prior")]
    #[schemars(range(min = 0.1, max = 1000))]
    pub prior: f64,
    /// Extra weight of the best and the worst moment.
    #[serde(default = "half")]
    #[schemars(range(min = 0, max = 10))]
    pub peak: f64,
    /// Extra weight of the latest instant.
    #[serde(default = "half")]
    #[schemars(range(min = 0, max = 10))]
    pub end: f64,
    /// Exponent of the value of a gap.
    #[serde(default = "curvature")]
    #[schemars(range(min = 0.1, max = 1))]
    pub curvature: f64,
    /// How much more a loss weighs than a gain.
    #[serde(default = "loss_aversion")]
    #[schemars(range(min = 1, max = 10))]
    pub loss_aversion: f64,
}

fn half_life() -> HumanDuration {
    HumanDuration(Duration::from_secs(30 * 86_400))
}

fn prior() -> f64 {
    4.0
}

fn half() -> f64 {
    0.5
}

fn curvature() -> f64 {
    0.88
}

fn loss_aversion() -> f64 {
    2.25
}
