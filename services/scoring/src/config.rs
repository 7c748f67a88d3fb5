//! The settings of scoring.

use std::time::Duration;

use elate_consumer::Settings as ConsumerSettings;
use elate_domain::HumanDuration;
use elate_runtime::config::Settings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The settings of scoring, beside those that every process has.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScoringSettings {
    /// The consumer loop.
    pub consumer: ConsumerSettings,
    /// Studies of churn and value.
    pub churn: ChurnSettings,
}

/// Studies of churn and value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ChurnSettings {
    /// From one study of all customers to the next.
    #[schemars(with = "String")]
    pub every: HumanDuration,
    /// How long a customer must be silent to count as gone, where what a miserable moment costs is worked out.
    #[schemars(with = "String")]
    pub silence: HumanDuration,
}

impl Default for ChurnSettings {
    fn default() -> Self {
        let hours = |hours: u64| HumanDuration(Duration::from_secs(hours * 3600));
        Self { every: hours(24), silence: hours(60 * 24) }
    }
}

impl Settings for ScoringSettings {}
