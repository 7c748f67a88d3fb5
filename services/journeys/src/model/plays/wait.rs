//! When a wait ends.

use chrono::Days;
use chrono_tz::Tz;
use elate_domain::Timestamp;
use elate_manifest::spec::{Wait, Zone};
use elate_reach::local;

/// The end of a wait, and why it is then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    /// `None` where only an event ends it.
    pub(super) at: Option<Timestamp>,
    /// For the step log.
    pub(super) reason: String,
}

/// The zones that a local time may go by: the customer's goes before the workspace's.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Zones<'a> {
    pub(super) customer: Option<&'a str>,
    pub(super) workspace: Option<Tz>,
}

/// When a wait that begins `now` ends, if nothing ends it before.
pub(super) fn end(wait: &Wait, now: Timestamp, zones: Zones<'_>) -> End {
    if let Some(duration) = wait.duration {
        return End { at: Some(now.plus(duration.0)), reason: format!("for {duration}") };
    }
    if let Some(time) = wait.until {
        let (zone, whose) = zone_of(wait.zone, zones);
        let at = next_local(zone, time.0, now);
        let reason = format!("until {} {zone} ({whose})", time.0.format("%H:%M"));
        return End { at: Some(at), reason };
    }
    let names = wait.event.as_ref().and_then(|event| event.on.as_ref()).map(|names| names.0.join(" or "));
    let names = names.unwrap_or_else(|| "an event".to_owned());
    match wait.timeout {
        Some(timeout) => {
            End { at: Some(now.plus(timeout.0)), reason: format!("for {names}, at most {timeout}") }
        }
        None => End { at: None, reason: format!("for {names}") },
    }
}

/// By whose clock a local time goes, and why: a zone that is stated goes before all others.
pub(super) fn zone_of(stated: Option<Zone>, zones: Zones<'_>) -> (Tz, &'static str) {
    if let Some(zone) = stated {
        return (zone.0, "the zone that is stated");
    }
    if let Some(zone) = zones.customer.and_then(|name| name.parse().ok()) {
        return (zone, "the customer's zone");
    }
    match zones.workspace {
        Some(zone) => (zone, "the workspace's zone"),
        None => (Tz::UTC, "no zone is known"),
    }
}

/// The first instant from `now` on at which a clock in `zone` shows `time`, or has just skipped it.
fn next_local(zone: Tz, time: chrono::NaiveTime, now: Timestamp) -> Timestamp {
    let today = local::clock(zone, now).date();
    // Yesterday's too: where the clock is set back over midnight, its time may still be ahead.
    let days =
        (0..4).filter_map(|day| today.checked_sub_days(Days::new(1))?.checked_add_days(Days::new(day)));
    let instants = days.map(|date| local::instants(zone, date.and_time(time)).first());
    instants.into_iter().filter(|instant| *instant >= now).min().unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn wait(json: serde_json::Value) -> Wait {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_local_time_goes_by_the_customers_clock() {
        let nine = wait(json!({"until": "09:00"}));
        let vienna = Zones { customer: Some("Europe/Vienna"), workspace: Some(Tz::UTC) };
        let cases = [
            ("2026-03-06T07:59:00Z", vienna, "2026-03-06T08:00:00Z"),
            ("2026-03-06T08:00:00Z", vienna, "2026-03-06T08:00:00Z"),
            ("2026-03-06T08:00:01Z", vienna, "2026-03-07T08:00:00Z"),
            // The night in between has the change to summer time.
            ("2026-03-28T20:00:00Z", vienna, "2026-03-29T07:00:00Z"),
            (
                "2026-03-06T08:30:00Z",
                Zones { customer: Some("Mars/Olympus"), ..vienna },
                "2026-03-06T09:00:00Z",
            ),
            ("2026-03-06T10:30:00Z", Zones::default(), "2026-03-07T09:00:00Z"),
        ];
        for (now, zones, expected) in cases {
            assert_eq!(end(&nine, at(now), zones).at, Some(at(expected)), "{now} {zones:?}");
        }
    }

    #[test]
    fn a_skipped_time_is_the_end_of_the_gap() {
        let half_past_two = wait(json!({"until": "02:30", "zone": "Europe/Vienna"}));
        let end = end(&half_past_two, at("2026-03-28T20:00:00Z"), Zones::default());
        assert_eq!(end.at, Some(at("2026-03-29T01:00:00Z")));
    }

    #[test]
    fn an_event_without_a_timeout_may_never_come() {
        let reply = wait(json!({"event": "Reply"}));
        assert_eq!(end(&reply, Timestamp(0), Zones::default()).at, None);
        let reply = wait(json!({"event": "Reply", "timeout": "2h"}));
        assert_eq!(end(&reply, Timestamp(0), Zones::default()).at, Some(Timestamp(7_200_000)));
    }
}
