//! The metrics of the log, each declared once.

use metrics::{counter, gauge};

/// Batches that reached Redis.
pub(crate) fn published(count: u64) {
    counter!("elate_log_tail_published_batches_total").increment(count);
}

/// Batches that did not reach Redis; SQL has them.
pub(crate) fn publish_failed(count: u64) {
    counter!("elate_log_tail_publish_failures_total").increment(count);
}

/// Reads from SQL on behalf of followers.
pub(crate) fn backfilled(batches: u64) {
    counter!("elate_log_backfilled_batches_total").increment(batches);
}

/// Followers of this process.
pub(crate) fn followers(count: usize) {
    gauge!("elate_log_followers").set(count as f64);
}
