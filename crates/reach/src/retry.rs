//! When a failed attempt is tried again, which failures are final, and when an endpoint is given up.

use chrono::DateTime;
use elate_domain::Timestamp;
use serde::{Deserialize, Serialize};

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// A webhook endpoint that has failed without a break for so long is disabled: 5 days.
pub const DISABLE_AFTER_MILLIS: i64 = 5 * 24 * HOUR;

/// No server makes us wait longer than this: 24 hours.
pub const LONGEST_RETRY_AFTER_MILLIS: i64 = 24 * HOUR;

/// The waits between attempts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Milliseconds before the second attempt, the third, and so on.
    pub delays_millis: Vec<i64>,
    /// How much of a wait is left to chance, 0…1: a wait `w` becomes `w · (1 + spread · jitter)`. Default 0.1.
    pub spread: f64,
}

impl Schedule {
    /// Webhooks: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h; about 28 hours in all.
    pub fn webhook() -> Self {
        let delays_millis =
            vec![5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR];
        Self { delays_millis, spread: 0.1 }
    }

    /// E-mail, where greylisting wants a few minutes and news grows stale: 1 min, 5 min, 15 min, 1 h, 3 h.
    pub fn email() -> Self {
        Self { delays_millis: vec![MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR], spread: 0.1 }
    }

    /// How many attempts there are, the first one included.
    pub fn attempts(&self) -> u32 {
        u32::try_from(self.delays_millis.len()).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// When to try again after attempt number `attempt` (from 1) failed at `now`; `None` when the schedule is spent.
    ///
    /// `jitter` is a random number in 0…1. `retry_after` is the server's wish in milliseconds
    /// ([`parse_retry_after`]): the wait is never shorter, and never longer than 24 hours because of it.
    pub fn next_attempt(
        &self,
        attempt: u32,
        now: Timestamp,
        jitter: f64,
        retry_after: Option<i64>,
    ) -> Option<Timestamp> {
        let place = usize::try_from(attempt.checked_sub(1)?).ok()?;
        let delay = *self.delays_millis.get(place)?;
        let stretch = 1.0 + self.spread.clamp(0.0, 1.0) * jitter.clamp(0.0, 1.0);
        // Delays are hours, far below 2^53 milliseconds.
        let wait = (delay.max(0) as f64 * stretch).round() as i64;
        let asked = retry_after.unwrap_or(0).clamp(0, LONGEST_RETRY_AFTER_MILLIS);
        Some(now.plus_millis(wait.max(asked)))
    }
}

/// What an answer means for the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Taken.
    Delivered,
    /// May work later.
    Transient,
    /// Will never work; the message fails.
    Permanent,
    /// Will never work, and the endpoint wants no more messages.
    Gone,
}

/// Judges the HTTP status of a webhook, as Standard Webhooks has it: only 2xx is delivery, 410 retires the endpoint.
///
/// Client errors are permanent but for those that time or load cause. 3xx is a failure and never followed, since it
/// would lead past the check of the address; it may pass once the endpoint is put right, as 1xx and 5xx may.
pub fn judge_http(status: u16) -> Verdict {
    match status {
        200..=299 => Verdict::Delivered,
        410 => Verdict::Gone,
        408 | 409 | 421 | 423 | 425 | 429 => Verdict::Transient,
        400..=499 => Verdict::Permanent,
        _ => Verdict::Transient,
    }
}

/// Judges an SMTP reply (RFC 5321 §4.2.1): 2xx taken, 4xx transient, 5xx permanent. 421 and what is not a reply
/// code are transient.
pub fn judge_smtp(code: u16) -> Verdict {
    match code {
        200..=299 => Verdict::Delivered,
        500..=599 => Verdict::Permanent,
        _ => Verdict::Transient,
    }
}

/// Reads a `Retry-After` header (RFC 9110 §10.2.3): seconds or an HTTP date. Milliseconds from `now`, at least 0.
pub fn parse_retry_after(header: &str, now: Timestamp) -> Option<i64> {
    let header = header.trim();
    if !header.is_empty() && header.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than a number holds is a very long time.
        let seconds = header.parse::<i64>().unwrap_or(i64::MAX);
        return Some(seconds.saturating_mul(SECOND));
    }
    let at = DateTime::parse_from_rfc2822(header).ok()?;
    Some(Timestamp(at.timestamp_millis()).millis_since(now).max(0))
}

/// Whether an endpoint is worth sending to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EndpointHealth {
    /// Since when every attempt failed.
    #[serde(default)]
    pub failing_since: Option<Timestamp>,
    /// When it was disabled.
    #[serde(default)]
    pub disabled_at: Option<Timestamp>,
}

impl EndpointHealth {
    /// Takes an attempt's verdict in. `true` if the endpoint has just been disabled by it.
    ///
    /// One success ends a run of failures. A run of [`DISABLE_AFTER_MILLIS`] disables, and [`Verdict::Gone`] does
    /// so at once. A disabled endpoint stays so until [`EndpointHealth::enable`].
    pub fn record(&mut self, verdict: Verdict, now: Timestamp) -> bool {
        if self.disabled_at.is_some() {
            return false;
        }
        let spent = match verdict {
            Verdict::Delivered => {
                self.failing_since = None;
                return false;
            }
            Verdict::Gone => true,
            // An endpoint that refuses one payload answers, but its failures still count towards giving up.
            Verdict::Transient | Verdict::Permanent => {
                let since = *self.failing_since.get_or_insert(now);
                now.millis_since(since) >= DISABLE_AFTER_MILLIS
            }
        };
        if spent {
            self.failing_since.get_or_insert(now);
            self.disabled_at = Some(now);
        }
        spent
    }

    /// Whether it takes no messages.
    pub fn is_disabled(&self) -> bool {
        self.disabled_at.is_some()
    }

    /// Starts afresh.
    pub fn enable(&mut self) {
        *self = Self::default();
    }
}
