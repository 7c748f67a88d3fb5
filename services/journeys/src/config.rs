//! The settings of journeys.

use std::time::Duration;

use elate_consumer::Settings as ConsumerSettings;
use elate_domain::{FieldError, HumanDuration};
use elate_runtime::config::Settings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The settings of journeys, beside those that every process has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct JourneysSettings {
    /// The consumer loop.
    pub consumer: ConsumerSettings,
    /// How often what concerns all customers is looked after: what they teach is summed up, and partitions are told
    /// of it. 1 second to 1 hour.
    #[schemars(with = "String")]
    pub keeper_every: HumanDuration,
    /// Looks at journeys as they are.
    pub discovery: DiscoverySettings,
}

impl Default for JourneysSettings {
    fn default() -> Self {
        Self {
            consumer: ConsumerSettings::default(),
            keeper_every: HumanDuration(Duration::from_secs(15)),
            discovery: DiscoverySettings::default(),
        }
    }
}

/// How much one look at a journey as it is may take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DiscoverySettings {
    /// Looks at once, 1 to 64. One more is refused, to be tried again.
    pub concurrency: usize,
    /// Moves of instances that one look reads at most, 1000 to 100000000; the answer says where it stopped.
    pub moves: u64,
    /// For how long one look reads at most; the answer says where it stopped.
    #[schemars(with = "String")]
    pub time: HumanDuration,
}

impl Default for DiscoverySettings {
    fn default() -> Self {
        Self { concurrency: 2, moves: 2_000_000, time: HumanDuration(Duration::from_secs(60)) }
    }
}

impl DiscoverySettings {
    fn problems(&self) -> Vec<FieldError> {
        let checks = [
            ((1..=64).contains(&self.concurrency), "concurrency", "must be 1 to 64"),
            ((1_000..=100_000_000).contains(&self.moves), "moves", "must be 1000 to 100000000"),
            (!self.time.0.is_zero(), "time", "must be longer than zero"),
        ];
        let wrong = checks.into_iter().filter(|(is_right, ..)| !is_right);
        wrong.map(|(_, name, reason)| FieldError::new(format!("discovery.{name}"), reason)).collect()
    }
}

impl Settings for JourneysSettings {
    fn problems(&self) -> Vec<FieldError> {
        let sensible = (1_000..=3_600_000).contains(&self.keeper_every.as_millis());
        let problem = || FieldError::new("keeper_every", "must be between 1 second and 1 hour");
        (!sensible).then(problem).into_iter().chain(self.discovery.problems()).collect()
    }
}
