//! Pauses after failures of the infrastructure: doubling, bounded, without end.

use std::time::Duration;

use crate::Settings;

/// The pauses of one task.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    pub(crate) fn new(settings: &Settings) -> Self {
        let (first, longest) = (settings.retry_first.0, settings.retry_longest.0);
        Self { first, longest, next: first }
    }

    /// It works again.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }

    /// Waits, and waits longer the next time.
    pub(crate) async fn pause(&mut self) {
        let pause = self.next;
        self.next = (pause * 2).min(self.longest);
        tokio::time::sleep(pause).await;
    }
}
