//! Numbers as people read them.

use elate_delight::Interval;
use elate_domain::Timestamp;

/// A span of time with its unit: `40 s`, `2.5 h`.
pub(crate) fn span(seconds: f64) -> String {
    let size = seconds.abs();
    let (value, unit) = match size {
        _ if size < 1.0 => (seconds * 1e3, "ms"),
        _ if size < 120.0 => (seconds, "s"),
        _ if size < 7_200.0 => (seconds / 60.0, "min"),
        _ if size < 172_800.0 => (seconds / 3_600.0, "h"),
        _ => (seconds / 86_400.0, "d"),
    };
    if value.fract() == 0.0 { format!("{value:.0} {unit}") } else { format!("{value:.1} {unit}") }
}

/// A share as a percentage.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A share with its interval.
pub(crate) fn percent_in(share: f64, interval: Option<&Interval>) -> String {
    match interval {
        Some(interval) => {
            format!("{} ({:.1} to {:.1})", percent(share), interval.low * 100.0, interval.high * 100.0)
        }
        None => percent(share),
    }
}

/// A day with its name, and the time of day where it is not midnight: `Tuesday 2026-03-10`. All in UTC.
pub(crate) fn day(at: Timestamp) -> String {
    let Some(time) = at.to_datetime() else { return at.to_string() };
    let midnight = at.0.rem_euclid(86_400_000) == 0;
    let format = if midnight { "%A %Y-%m-%d" } else { "%A %Y-%m-%d %H:%M" };
    time.format(format).to_string()
}
