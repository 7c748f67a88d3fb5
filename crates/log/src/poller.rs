//! Compares with the heads in SQL, and raises the log time of partitions in which nothing happens.

use std::time::Duration;

use tracing::warn;

use crate::log::Inner;
use crate::sql;

/// Runs until it is dropped; looks only while somebody follows.
pub(crate) async fn run(inner: &Inner) {
    let mut failures = 0_u32;
    loop {
        inner.tail.somebody().await;
        match look(inner).await {
            Ok(()) => failures = 0,
            Err(error) => {
                failures = failures.saturating_add(1);
                // A person must act only where it lasts.
                warn!(%error, failures, "the heads of the log can't be read");
            }
        }
        let pause = inner.options.poll * failures.clamp(1, 10);
        tokio::time::sleep(pause.min(Duration::from_millis(500).max(inner.options.poll))).await;
    }
}

async fn look(inner: &Inner) -> Result<(), elate_storage::Error> {
    let now = inner.clock.now().0;
    let poll = i64::try_from(inner.options.poll.as_millis()).unwrap_or(i64::MAX);
    // Another process may have raised them a moment ago: a mark each half interval is enough for all.
    sql::raise(&inner.database, now, now.saturating_sub(poll / 2)).await?;
    let (generation, _) = sql::meta(inner.database.read()).await?;
    if generation != inner.generation {
        inner.tail.fail(generation);
        return Ok(());
    }
    for (partition, head) in sql::heads(inner.database.read()).await? {
        inner.tail.learn(partition, &head);
    }
    Ok(())
}
