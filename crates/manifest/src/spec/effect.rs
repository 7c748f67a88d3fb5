//! How it is measured what a play brings.

use std::time::Duration;

use elate_domain::HumanDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schemas;

/// How the customers of a play are compared with those who are held out of it. Repeats and revenue are what the Score
/// manifest calls a purchase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PlayMeasure {
    /// For how long a customer is observed, from the first entry on.
    #[schemars(with = "schemas::Duration")]
    pub observe: HumanDuration,
    /// Names of the events by which a customer complains.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub complaints: Vec<String>,
    /// What the play costs for each customer it is given to, in the workspace's currency.
    #[schemars(range(min = 0))]
    pub cost: f64,
}

impl Default for PlayMeasure {
    fn default() -> Self {
        let observe = HumanDuration(Duration::from_secs(30 * 86_400));
        Self { observe, complaints: Vec::new(), cost: 0.0 }
    }
}
