//! The metrics of the log, each declared once.

elate_telemetry::metrics! {
    /// Batches that reached Redis.
    PUBLISHED: Counter("elate_log_tail_published_batches_total", Count, []);
    /// Batches that did not reach Redis; SQL has them. While it rises, followers read from SQL.
    PUBLISH_FAILURES: Counter("elate_log_tail_publish_failures_total", Count, []);
    /// Batches read from SQL on behalf of followers, because the tail did not have them.
    BACKFILLED: Counter("elate_log_backfilled_batches_total", Count, []);
    /// Followers of this process.
    FOLLOWERS: Gauge("elate_log_followers", Count, []);
}

/// For metrics without labels.
const NO_LABELS: &[(&str, &str)] = &[];

pub(crate) fn published(count: u64) {
    PUBLISHED.counter(NO_LABELS).increment(count);
}

pub(crate) fn publish_failed(count: u64) {
    PUBLISH_FAILURES.counter(NO_LABELS).increment(count);
}

pub(crate) fn backfilled(batches: u64) {
    BACKFILLED.counter(NO_LABELS).increment(batches);
}

pub(crate) fn followers(count: usize) {
    FOLLOWERS.gauge(NO_LABELS).set(count as f64);
}
