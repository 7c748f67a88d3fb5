//! What the loop measures. All metrics carry `service`; lag carries `partition` too.

use std::time::Duration;

use elate_domain::Partition;

use crate::workers::Report;

elate_telemetry::metrics! {
    /// Records that the partition is behind the head of the log.
    LAG_RECORDS: Gauge("elate_consumer_lag_records", Count, ["service", "partition"]);
    /// How old the last processed record is, where records are behind; otherwise 0.
    LAG_SECONDS: Gauge("elate_consumer_lag_seconds", Seconds, ["service", "partition"]);
    /// Partitions held by this process.
    PARTITIONS: Gauge("elate_consumer_partitions", Count, ["service"]);
    /// Records processed.
    RECORDS: Counter("elate_consumer_records_total", Count, ["service"]);
    /// Records of customers that are set aside, passed over.
    SKIPPED: Counter("elate_consumer_records_skipped_total", Count, ["service"]);
    /// Records in a micro-batch.
    BATCH: Histogram("elate_consumer_batch_records", Count, ["service"]);
    /// Time of a micro-batch's transaction.
    COMMIT: Histogram("elate_consumer_commit_seconds", Seconds, ["service"]);
    /// Time of a micro-batch from its first record to its commit.
    TURN: Histogram("elate_consumer_batch_seconds", Seconds, ["service"]);
    /// Customers found in the cache.
    HITS: Counter("elate_consumer_cache_hits_total", Count, ["service"]);
    /// Customers looked up in the database.
    MISSES: Counter("elate_consumer_cache_misses_total", Count, ["service"]);
    /// Customers in the cache.
    CACHED: Gauge("elate_consumer_cache_customers", Count, ["service"]);
    /// Timers fired.
    TIMERS: Counter("elate_consumer_timers_fired_total", Count, ["service"]);
    /// Steps that failed and were set aside as dead letters. Somebody has to look at each.
    DEAD: Counter("elate_consumer_dead_letters_total", Count, ["service"]);
    /// Events that the loop guard held, by reason.
    HELD: Counter("elate_consumer_held_events_total", Count, ["service", "reason"]);
    /// Events handed to the log.
    EMITTED: Counter("elate_consumer_emitted_events_total", Count, ["service"]);
    /// Failures of a turn, all retried.
    FAILURES: Counter("elate_consumer_failures_total", Count, ["service"]);
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
    pub(crate) commit: Duration,
    pub(crate) turn: Duration,
}

impl Metrics {
    pub(crate) fn new(service: &'static str) -> Self {
        Self { service }
    }

    fn labels(self) -> [(&'static str, &'static str); 1] {
        [("service", self.service)]
    }

    pub(crate) fn committed(&self, figures: Committed) {
        let service = &self.labels();
        RECORDS.counter(service).increment(figures.records as u64);
        SKIPPED.counter(service).increment(figures.skipped);
        TIMERS.counter(service).increment(figures.timers);
        DEAD.counter(service).increment(figures.dead as u64);
        BATCH.histogram(service).record(figures.records as f64);
        COMMIT.histogram(service).record(figures.commit.as_secs_f64());
        TURN.histogram(service).record(figures.turn.as_secs_f64());
    }

    pub(crate) fn held(&self, reason: &'static str) {
        HELD.counter(&[("service", self.service), ("reason", reason)]).increment(1);
    }

    pub(crate) fn looked_up(&self, hits: usize, misses: usize) {
        HITS.counter(&self.labels()).increment(hits as u64);
        MISSES.counter(&self.labels()).increment(misses as u64);
    }

    pub(crate) fn drained(&self, records: usize) {
        EMITTED.counter(&self.labels()).increment(records as u64);
    }

    pub(crate) fn failed(&self) {
        FAILURES.counter(&self.labels()).increment(1);
    }

    pub(crate) fn all_workers(&self, total: Report) {
        PARTITIONS.gauge(&self.labels()).set(total.status.partitions as f64);
        CACHED.gauge(&self.labels()).set(total.cached as f64);
    }

    pub(crate) fn lag(&self, partition: Partition, records: u64, seconds: f64) {
        let labels = [("service", self.service.to_owned()), ("partition", partition.to_string())];
        LAG_RECORDS.gauge(&labels).set(records as f64);
        LAG_SECONDS.gauge(&labels).set(seconds);
    }
}
