//! Who watches a simulation that runs for somebody else.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::Progress;

/// How far a simulation is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// Which part of the work it is at, from 1: it reads, replays, and replays again under other definitions.
    pub part: u32,
    /// How much of it is done.
    pub done: u64,
    /// Of how much; `None` where that is not known.
    pub total: Option<u64>,
    /// Since it began with it.
    pub elapsed: Duration,
}

impl Standing {
    /// Done a second.
    pub fn per_second(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 { self.done as f64 / seconds } else { 0.0 }
    }

    /// How long the rest takes if it goes on like this.
    pub fn left(&self) -> Option<Duration> {
        let total = self.total.filter(|_| self.done > 0)?;
        let rest = total.saturating_sub(self.done) as f64;
        Some(self.elapsed.mul_f64(rest / self.done as f64))
    }
}

/// A part of the work, since it began.
#[derive(Debug, Clone, Copy)]
struct Part {
    number: u32,
    total: u64,
    since: Instant,
}

/// Keeps how far a simulation is, and lets it be stopped.
#[derive(Debug, Default)]
pub struct Watch {
    part: Mutex<Option<Part>>,
    done: AtomicU64,
    stopped: AtomicBool,
}

impl Watch {
    /// How far it is; `None` before it began.
    pub fn standing(&self) -> Option<Standing> {
        let part = (*self.part.lock().unwrap_or_else(PoisonError::into_inner))?;
        Some(Standing {
            part: part.number,
            done: self.done.load(Ordering::Relaxed),
            total: (part.total > 0).then_some(part.total),
            elapsed: part.since.elapsed(),
        })
    }
}

impl Progress for Watch {
    fn begin(&self, _what: &'static str, total: u64) {
        let mut part = self.part.lock().unwrap_or_else(PoisonError::into_inner);
        let number = part.map_or(0, |before| before.number) + 1;
        *part = Some(Part { number, total, since: Instant::now() });
        self.done.store(0, Ordering::Relaxed);
    }

    fn advance(&self, done: u64) {
        self.done.fetch_add(done, Ordering::Relaxed);
    }

    fn is_wanted(&self) -> bool {
        !self.stopped.load(Ordering::Relaxed)
    }
}

/// Stops the simulation when it goes: whoever waited does so no longer.
#[derive(Debug)]
pub struct StopsWithMe(pub Arc<Watch>);

impl Drop for StopsWithMe {
    fn drop(&mut self) {
        self.0.stopped.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_estimated_from_what_is_done() {
        let standing = |done, total| Standing { part: 1, done, total, elapsed: Duration::from_secs(10) };
        assert_eq!(standing(25, Some(100)).left(), Some(Duration::from_secs(30)));
        assert_eq!(standing(100, Some(100)).left(), Some(Duration::ZERO));
        assert_eq!((standing(0, Some(100)).left(), standing(5, None).left()), (None, None));
        assert!((standing(25, None).per_second() - 2.5).abs() < 1e-9);
    }

    #[test]
    fn a_new_part_begins_at_nothing() {
        let watch = Watch::default();
        assert_eq!(watch.standing(), None);
        watch.begin("reading", 0);
        watch.advance(7);
        let standing = watch.standing().unwrap();
        assert_eq!((standing.part, standing.done, standing.total), (1, 7, None));
        watch.begin("replaying", 9);
        let standing = watch.standing().unwrap();
        assert_eq!((standing.part, standing.done, standing.total), (2, 0, Some(9)));
    }

    #[test]
    fn what_is_waited_for_no_longer_is_not_wanted() {
        let watch = Arc::new(Watch::default());
        let guard = StopsWithMe(Arc::clone(&watch));
        assert!(watch.is_wanted());
        drop(guard);
        assert!(!watch.is_wanted());
    }
}
