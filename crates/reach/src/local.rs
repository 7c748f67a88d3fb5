//! Wall clocks: which instants show a local time, over the gaps and folds of daylight saving.

use chrono::{DateTime, LocalResult, NaiveDateTime, Offset, TimeZone, Utc};
use chrono_tz::Tz;
use elate_domain::Timestamp;

/// No zone is further from UTC than this; local clocks are searched within it.
const WIDEST_OFFSET_MILLIS: i64 = 26 * 3_600_000;

/// The instants that show a local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalInstants {
    /// One, as on most days.
    Unique(Timestamp),
    /// Two: the clock was set back over it.
    Fold {
        /// The first time round.
        first: Timestamp,
        /// The second time round.
        second: Timestamp,
    },
    /// None: the clock was set forward over it.
    Gap {
        /// The first instant after the gap.
        resumes: Timestamp,
    },
}

impl LocalInstants {
    /// The first instant at which a clock shows the local time or a later one: what "wait until 9:00" means.
    pub fn first(self) -> Timestamp {
        match self {
            Self::Unique(at) | Self::Fold { first: at, .. } => at,
            Self::Gap { resumes } => resumes,
        }
    }
}

/// What a clock in `zone` shows at `t`. Instants outside chrono's range show its nearest end.
pub fn clock(zone: Tz, t: Timestamp) -> NaiveDateTime {
    utc(t).with_timezone(&zone).naive_local()
}

/// The distance of `zone` from UTC at `t`, in seconds, positive to the east.
pub fn offset_seconds(zone: Tz, t: Timestamp) -> i32 {
    zone.offset_from_utc_datetime(&utc(t).naive_utc()).fix().local_minus_utc()
}

/// Which instants show `local` in `zone`.
pub fn instants(zone: Tz, local: NaiveDateTime) -> LocalInstants {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) => LocalInstants::Unique(Timestamp(at.timestamp_millis())),
        LocalResult::Ambiguous(a, b) => {
            let (a, b) = (a.timestamp_millis(), b.timestamp_millis());
            LocalInstants::Fold { first: Timestamp(a.min(b)), second: Timestamp(a.max(b)) }
        }
        LocalResult::None => LocalInstants::Gap { resumes: first_showing(zone, local) },
    }
}

/// The first instant at which the clock has passed a local time that it skipped.
fn first_showing(zone: Tz, local: NaiveDateTime) -> Timestamp {
    let as_utc = local.and_utc().timestamp_millis();
    let low = as_utc.saturating_sub(WIDEST_OFFSET_MILLIS);
    let high = as_utc.saturating_add(WIDEST_OFFSET_MILLIS);
    first_where(low, high, |t| clock(zone, t) >= local)
}

/// The first instant after `from` and up to `to` at which the zone's offset differs from that at `from`.
pub(crate) fn next_transition(zone: Tz, from: Timestamp, to: Timestamp) -> Option<Timestamp> {
    const PROBE_MILLIS: i64 = 3_600_000;
    let offset = offset_seconds(zone, from);
    let mut probe = from;
    // Two transitions within an hour do not occur; within a day they do, and may cancel out.
    while probe < to {
        let next = probe.plus_millis(PROBE_MILLIS).min(to);
        if offset_seconds(zone, next) != offset {
            return Some(first_where(probe.0, next.0, |t| offset_seconds(zone, t) != offset));
        }
        probe = next;
    }
    None
}

/// The smallest instant in `(low, high]` that satisfies `holds`, which does not hold at `low` and does at `high`.
fn first_where(mut low: i64, mut high: i64, holds: impl Fn(Timestamp) -> bool) -> Timestamp {
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if holds(Timestamp(middle)) { high = middle } else { low = middle }
    }
    Timestamp(high)
}

fn utc(t: Timestamp) -> DateTime<Utc> {
    // Two days of room, so that no offset leads out of the range.
    let room = chrono::TimeDelta::days(2);
    let (first, last) = (DateTime::<Utc>::MIN_UTC + room, DateTime::<Utc>::MAX_UTC - room);
    t.to_datetime().unwrap_or(if t.0 < 0 { first } else { last }).clamp(first, last)
}
