//! When a failed attempt is tried again.

use elate_domain::Timestamp;
use elate_manifest::spec::Channel;
use elate_reach::retry::Schedule;
use sha2::{Digest as _, Sha256};

/// The share of a wait that is left to chance.
pub const SPREAD: f64 = 0.1;

/// The schedule of a channel.
pub fn of(channel: &Channel) -> Schedule {
    let delays_millis = channel.retry_schedule().into_iter().map(|wait| wait.as_millis()).collect();
    Schedule { delays_millis, spread: SPREAD }
}

/// A number in 0…1 that is the same for the same attempt of the same message on every machine: messages that failed
/// together are not tried again together, and a replay agrees with what happened.
pub fn jitter(notification_id: &str, attempt: u32) -> f64 {
    let digest = Sha256::digest(format!("{notification_id}/{attempt}").as_bytes());
    let bits = digest.iter().take(4).fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte));
    f64::from(bits) / f64::from(u32::MAX)
}

/// When attempt `attempt` (from 1), which failed at `now`, is followed by another; `None` when the schedule is spent.
pub fn next_attempt(
    schedule: &Schedule,
    notification_id: &str,
    attempt: u32,
    now: Timestamp,
    retry_after: Option<i64>,
) -> Option<Timestamp> {
    schedule.next_attempt(attempt, now, jitter(notification_id, attempt), retry_after)
}
