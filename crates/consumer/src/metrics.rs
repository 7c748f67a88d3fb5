//! What the loop measures. All metrics carry `service`; lag carries `partition` too.

use std::time::Duration;

use elate_domain::Partition;
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

/// Records that the partition is behind the head of the log.
pub const LAG_RECORDS: &str = "elate_consumer_lag_records";
/// How old the last processed record is, where records are behind; otherwise 0.
pub const LAG_SECONDS: &str = "elate_consumer_lag_seconds";
/// Partitions held by this process.
pub const PARTITIONS: &str = "elate_consumer_partitions";
/// Records processed.
pub const RECORDS: &str = "elate_consumer_records_total";
/// Records of customers that are set aside, passed over.
pub const SKIPPED: &str = "elate_consumer_records_skipped_total";
/// Records in a micro-batch.
pub const BATCH: &str = "elate_consumer_batch_records";
/// Time of a micro-batch's transaction.
pub const COMMIT: &str = "elate_consumer_commit_seconds";
/// Time of a micro-batch from its first record to its commit.
pub const TURN: &str = "elate_consumer_batch_seconds";
/// Customers found in the cache.
pub const HITS: &str = "elate_consumer_cache_hits_total";
/// Customers looked up in the database.
pub const MISSES: &str = "elate_consumer_cache_misses_total";
/// Customers in the cache.
pub const CACHED: &str = "elate_consumer_cache_customers";
/// Timers fired.
pub const TIMERS: &str = "elate_consumer_timers_fired_total";
/// Steps that failed and were set aside.
pub const DEAD: &str = "elate_consumer_dead_letters_total";
/// Events that the loop guard held, by reason.
pub const HELD: &str = "elate_consumer_held_events_total";
/// Events handed to the log.
pub const EMITTED: &str = "elate_consumer_emitted_events_total";
/// Failures of a turn, all retried.
pub const FAILURES: &str = "elate_consumer_failures_total";

/// Describes all metrics to the recorder.
pub fn describe() {
    describe_gauge!(LAG_RECORDS, Unit::Count, "records that a partition is behind the head of the log");
    describe_gauge!(LAG_SECONDS, Unit::Seconds, "age of the last processed record while records are behind");
    describe_gauge!(PARTITIONS, Unit::Count, "partitions held by this process");
    describe_counter!(RECORDS, Unit::Count, "records processed");
    describe_counter!(SKIPPED, Unit::Count, "records of set-aside customers that were passed over");
    describe_histogram!(BATCH, Unit::Count, "records in a micro-batch");
    describe_histogram!(COMMIT, Unit::Seconds, "time of a micro-batch's transaction");
    describe_histogram!(TURN, Unit::Seconds, "time of a micro-batch");
    describe_counter!(HITS, Unit::Count, "customers found in the cache");
    describe_counter!(MISSES, Unit::Count, "customers looked up in the database");
    describe_gauge!(CACHED, Unit::Count, "customers in the cache");
    describe_counter!(TIMERS, Unit::Count, "timers fired");
    describe_counter!(DEAD, Unit::Count, "steps that failed and were set aside");
    describe_counter!(HELD, Unit::Count, "events that the loop guard held");
    describe_counter!(EMITTED, Unit::Count, "events handed to the log");
    describe_counter!(FAILURES, Unit::Count, "failed turns of the loop, all retried");
}

/// The metrics of one service's loop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Metrics {
    service: &'static str,
}

/// Figures of a committed micro-batch.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Committed {
    pub(crate) records: usize,
    pub(crate) skipped: u64,
    pub(crate) timers: u64,
    pub(crate) dead: usize,
    pub(crate) cached: usize,
    pub(crate) commit: Duration,
    pub(crate) turn: Duration,
}

impl Metrics {
    pub(crate) fn new(service: &'static str) -> Self {
        Self { service }
    }

    pub(crate) fn committed(&self, figures: Committed) {
        let service = self.service;
        counter!(RECORDS, "service" => service).increment(figures.records as u64);
        counter!(SKIPPED, "service" => service).increment(figures.skipped);
        counter!(TIMERS, "service" => service).increment(figures.timers);
        counter!(DEAD, "service" => service).increment(figures.dead as u64);
        histogram!(BATCH, "service" => service).record(figures.records as f64);
        histogram!(COMMIT, "service" => service).record(figures.commit.as_secs_f64());
        histogram!(TURN, "service" => service).record(figures.turn.as_secs_f64());
        gauge!(CACHED, "service" => service).set(figures.cached as f64);
    }

    pub(crate) fn held(&self, reason: &'static str) {
        counter!(HELD, "service" => self.service, "reason" => reason).increment(1);
    }

    pub(crate) fn looked_up(&self, hits: usize, misses: usize) {
        counter!(HITS, "service" => self.service).increment(hits as u64);
        counter!(MISSES, "service" => self.service).increment(misses as u64);
    }

    pub(crate) fn drained(&self, records: usize) {
        counter!(EMITTED, "service" => self.service).increment(records as u64);
    }

    pub(crate) fn failed(&self) {
        counter!(FAILURES, "service" => self.service).increment(1);
    }

    pub(crate) fn partitions(&self, count: usize) {
        gauge!(PARTITIONS, "service" => self.service).set(count as f64);
    }

    pub(crate) fn lag(&self, partition: Partition, records: u64, seconds: f64) {
        let partition = partition.to_string();
        gauge!(LAG_RECORDS, "service" => self.service, "partition" => partition.clone()).set(records as f64);
        gauge!(LAG_SECONDS, "service" => self.service, "partition" => partition).set(seconds);
    }
}
