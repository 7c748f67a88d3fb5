//! The settings of journeys.

use elate_consumer::Settings as ConsumerSettings;
use elate_runtime::config::Settings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The settings of journeys, beside those that every process has.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct JourneysSettings {
    /// The consumer loop.
    pub consumer: ConsumerSettings,
}

impl Settings for JourneysSettings {}
