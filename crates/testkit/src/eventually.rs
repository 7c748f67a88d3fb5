//! Waiting for something to become true, with a deadline.

use std::{fmt::Debug, future::Future, time::Duration};
use tokio::time::{Instant, sleep, timeout_at};

/// Pause between two looks. Short, because most waits end within a few milliseconds.
const PAUSE: Duration = Duration::from_millis(10);

/// What one look may answer: `bool`, `Option<T>` or `Result<T, E>`.
pub trait Outcome {
    /// What [`eventually`] returns once the look succeeds.
    type Value;

    /// The value, or the reason why it is not there yet.
    ///
    /// # Errors
    /// A sentence for the panic message of a wait that ran out of time.
    fn settle(self) -> Result<Self::Value, String>;
}

impl Outcome for bool {
    type Value = ();

    fn settle(self) -> Result<(), String> {
        if self { Ok(()) } else { Err("still false".to_owned()) }
    }
}

impl<T> Outcome for Option<T> {
    type Value = T;

    fn settle(self) -> Result<T, String> {
        self.ok_or_else(|| "still nothing".to_owned())
    }
}

impl<T, E: Debug> Outcome for Result<T, E> {
    type Value = T;

    fn settle(self) -> Result<T, String> {
        self.map_err(|error| format!("{error:?}"))
    }
}

/// Calls `look` until it succeeds and returns its value.
///
/// A look that itself takes longer than the deadline is cut off, so a hanging server fails the test too.
/// Works under tokio's paused time.
///
/// # Panics
/// When `within` has passed; the message carries the caller's place and the last answer.
#[track_caller]
pub fn eventually<F, Fut>(
    within: Duration,
    mut look: F,
) -> impl Future<Output = <Fut::Output as Outcome>::Value>
where
    F: FnMut() -> Fut,
    Fut: Future,
    Fut::Output: Outcome,
{
    let caller = std::panic::Location::caller();
    async move {
        let deadline = Instant::now() + within;
        let mut reason = "no answer at all".to_owned();
        loop {
            match timeout_at(deadline, look()).await.map(Outcome::settle) {
                Ok(Ok(value)) => return value,
                Ok(Err(said)) => reason = said,
                // The last look is cut off as a rule: what the one before it said is of more use.
                Err(_elapsed) => {}
            }
            // Looked at last, so that a look that is ready at the deadline still counts.
            assert!(Instant::now() < deadline, "not within {within:?} (asked at {caller}): {reason}");
            sleep(PAUSE).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::eventually;
    use std::{cell::Cell, time::Duration};

    #[tokio::test(start_paused = true)]
    async fn returns_the_first_success() {
        let looks = Cell::new(0);
        let found = eventually(Duration::from_secs(1), || {
            looks.set(looks.get() + 1);
            let count = looks.get();
            async move { (count == 3).then_some("here") }
        })
        .await;
        assert_eq!((found, looks.get()), ("here", 3));
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "\"not yet\"")]
    async fn panics_with_the_last_reason() {
        eventually(Duration::from_secs(1), || async { Err::<(), _>("not yet") }).await;
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "not within 1s")]
    async fn cuts_off_a_look_that_hangs() {
        eventually(Duration::from_secs(1), std::future::pending::<bool>).await;
    }
}
