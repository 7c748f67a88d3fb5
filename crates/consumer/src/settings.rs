//! Settings of the loop. The defaults suit a production process; each has a unit.

use std::time::Duration;

use elate_domain::HumanDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the loop works. Part of a service's configuration, under `consumer`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How long a lease lives without being renewed; it is renewed three times as often. A dead member's partitions
    /// stand still for at most this long.
    #[schemars(with = "String")]
    pub lease: HumanDuration,
    /// Loops side by side in this process, each with a part of its partitions: while one waits for its commit, another
    /// goes on.
    pub workers: usize,
    /// Records in one micro-batch of a worker at the most.
    pub batch_records: usize,
    /// Bytes of encoded records in one micro-batch, roughly.
    pub batch_bytes: usize,
    /// Customers whose timers fire in one micro-batch at the most.
    pub batch_timers: usize,
    /// Decoded states kept at the most.
    pub cache_customers: usize,
    /// Encoded size of the states kept at the most; decoded they take about three times as much.
    pub cache_bytes: usize,
    /// Events that a service may emit for one customer within one hour of log time; the rest is held.
    pub emitted_per_hour: u32,
    /// Records that wait in memory for the log at the most; the loop pauses above it.
    pub outbox_records: usize,
    /// Records in one append to the log at the most.
    pub append_records: usize,
    /// Bytes in one append to the log, roughly.
    pub append_bytes: usize,
    /// First pause after a failure of the infrastructure; it doubles with each further one.
    #[schemars(with = "String")]
    pub retry_first: HumanDuration,
    /// Longest pause after a failure of the infrastructure.
    #[schemars(with = "String")]
    pub retry_longest: HumanDuration,
    /// How long a stop waits for the outbox to drain; what is left is sent after the next start.
    #[schemars(with = "String")]
    pub stop: HumanDuration,
    /// After a restore of the log: its new generation, as the error named it. Offsets are kept.
    pub accept_generation: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        let span = |millis| HumanDuration(Duration::from_millis(millis));
        Self {
            lease: span(10_000),
            workers: 2,
            batch_records: 32_768,
            batch_bytes: 32 << 20,
            batch_timers: 4_096,
            cache_customers: 200_000,
            cache_bytes: 128 << 20,
            emitted_per_hour: 100,
            outbox_records: 20_000,
            append_records: 2_000,
            append_bytes: 2 << 20,
            retry_first: span(20),
            retry_longest: span(5_000),
            stop: span(10_000),
            accept_generation: None,
        }
    }
}
