//! The settings of the simulation server.

use std::time::Duration;

use elate_domain::{FieldError, HumanDuration};
use elate_runtime::{ByteSize, Settings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The settings of the simulation server, beside those that every process has. It has no database.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SimulationSettings {
    /// How much simulations may take.
    pub simulation: SimulationLimits,
}

/// How much simulations may take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SimulationLimits {
    /// Simulations at once, 1 to 64. One more is refused, to be tried again.
    pub concurrency: usize,
    /// Of them, simulations of one workspace.
    pub per_workspace: usize,
    /// Threads that one simulation replays on, 1 to 64.
    pub threads: usize,
    /// Events that one simulation replays at most. They are held in memory.
    pub events: u64,
    /// Bytes of these events, as they lie in the log.
    pub bytes: ByteSize,
    /// For how long one simulation works at most.
    #[schemars(with = "String")]
    pub time: HumanDuration,
}

impl Default for SimulationLimits {
    fn default() -> Self {
        Self {
            concurrency: 2,
            per_workspace: 1,
            threads: 2,
            events: 1_000_000,
            bytes: ByteSize(512 << 20),
            time: HumanDuration(Duration::from_secs(600)),
        }
    }
}

impl Settings for SimulationSettings {
    fn problems(&self) -> Vec<FieldError> {
        let limits = &self.simulation;
        let checks = [
            ((1..=64).contains(&limits.concurrency), "concurrency", "must be 1 to 64"),
            (
                (1..=limits.concurrency).contains(&limits.per_workspace),
                "per_workspace",
                "must be 1 to concurrency",
            ),
            ((1..=64).contains(&limits.threads), "threads", "must be 1 to 64"),
            (limits.events > 0, "events", "must be at least 1"),
            (limits.bytes.0 > 0, "bytes", "must be at least 1"),
            (!limits.time.0.is_zero(), "time", "must be longer than zero"),
        ];
        let wrong = checks.into_iter().filter(|(is_right, ..)| !is_right);
        wrong.map(|(_, name, reason)| FieldError::new(format!("simulation.{name}"), reason)).collect()
    }
}
