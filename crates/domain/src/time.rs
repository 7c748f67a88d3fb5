//! Time: instants in milliseconds, the clock as a port, and durations as people write them.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant: milliseconds since 1970-01-01T00:00:00Z. Written as RFC 3339 in JSON, as a number of milliseconds in
/// binary formats.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Reads RFC 3339, with or without fractions of a second.
    pub fn parse(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text.trim()).ok().map(|t| Self(t.timestamp_millis()))
    }

    /// This instant moved by a number of milliseconds, saturating.
    #[must_use]
    pub fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// This instant moved forward, saturating.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        self.plus_millis(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
    }

    /// Milliseconds from `earlier` to here; negative where `earlier` is later.
    pub fn millis_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// As chrono's type; `None` outside its range (about ±262,000 years).
    pub fn to_datetime(self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_millis(self.0)
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(time: DateTime<Utc>) -> Self {
        Self(time.timestamp_millis())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_datetime() {
            Some(time) => f.write_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true)),
            None => write!(f, "{} ms", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return i64::deserialize(deserializer).map(Self);
        }
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("{text:?} is no RFC 3339 time")))
    }
}

/// Where the edges of the system get the time from. Nothing behind the edges reads a clock: it is given log time.
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place where the machine's clock is read")]
    fn now(&self) -> Timestamp {
        Timestamp::from(Utc::now())
    }
}

/// A clock that stands still until it is moved; for tests and simulation.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `now`.
    pub fn new(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.0))
    }

    /// Moves the clock to `now`, in either direction.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.0, Ordering::SeqCst);
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// A clock that runs through recorded time faster than the wall does, and then becomes the wall clock.
///
/// It shows `start + elapsed · speed` until it would pass `end`, stands at `end` until [`PlaybackClock::finish`] is
/// called, and shows the wall clock afterwards.
#[derive(Debug)]
pub struct PlaybackClock {
    start: Timestamp,
    end: Timestamp,
    speed: f64,
    began: Instant,
    finished: std::sync::atomic::AtomicBool,
}

impl PlaybackClock {
    /// A clock that starts at `start` now and runs `speed` times as fast as the wall clock up to `end`.
    pub fn new(start: Timestamp, end: Timestamp, speed: f64) -> Self {
        Self { start, end, speed, began: Instant::now(), finished: std::sync::atomic::AtomicBool::new(false) }
    }

    /// The wall time to wait until this clock shows `time`; zero if it does already.
    pub fn until(&self, time: Timestamp) -> Duration {
        let missing = time.min(self.end).millis_since(self.now());
        Duration::from_secs_f64((missing.max(0) as f64 / self.speed / 1000.0).min(86_400.0))
    }

    /// Ends the playback: from here on the clock shows the wall clock.
    pub fn finish(&self) {
        self.finished.store(true, Ordering::SeqCst);
    }
}

impl Clock for PlaybackClock {
    fn now(&self) -> Timestamp {
        if self.finished.load(Ordering::SeqCst) {
            return SystemClock.now();
        }
        let elapsed = self.began.elapsed().as_secs_f64() * 1000.0 * self.speed;
        self.start.plus_millis(elapsed as i64).min(self.end)
    }
}

/// A span of time as people write it (`5d`, `12h`, `1h 30m`, `250ms`), at least zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct HumanDuration(pub Duration);

impl HumanDuration {
    /// The span in milliseconds, saturating.
    pub fn as_millis(self) -> i64 {
        i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX)
    }
}

impl std::str::FromStr for HumanDuration {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        humantime::parse_duration(text.trim())
            .map(Self)
            .map_err(|e| format!("{text:?} is no duration such as 5d, 12h or 1h 30m: {e}"))
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

impl Serialize for HumanDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HumanDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_text_in_json_and_survive_it() {
        let time = Timestamp::parse("2026-03-06T09:30:00.250+01:00").unwrap();
        let json = serde_json::to_string(&time).unwrap();
        assert_eq!(json, "\"2026-03-06T08:30:00.250Z\"");
        assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), time);
    }

    #[test]
    fn durations_are_read_as_written() {
        let span: HumanDuration = "5d".parse().unwrap();
        assert_eq!(span.as_millis(), 5 * 86_400_000);
        assert!("5 parsecs".parse::<HumanDuration>().is_err());
    }

    #[test]
    fn playback_stops_at_its_end_and_then_becomes_the_wall_clock() {
        let start = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
        let end = start.plus(Duration::from_secs(10));
        let clock = PlaybackClock::new(start, end, 1e9);
        assert_eq!(clock.until(start), Duration::ZERO);
        while clock.now() < end {}
        assert_eq!(clock.now(), end);
        clock.finish();
        assert!(clock.now() > end);
    }
}
