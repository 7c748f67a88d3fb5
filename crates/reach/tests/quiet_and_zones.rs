//! Quiet hours against brute force over minutes, and whose clock counts.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use elate_domain::Timestamp;
use elate_reach::local::{self, LocalInstants};
use elate_reach::quiet::{self, MinuteOfDay, QuietWindow, Weekdays, is_quiet, next_allowed};
use elate_reach::zone::{Opening, Zone, ZoneReason, ZoneSettings, next_open, recipient_zone};
use proptest::prelude::*;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Zones with every kind of transition: an hour, half an hour, two hours, at midnight, twice a year by the moon, a
/// lost day; and at last two without any.
const ZONES: [&str; 10] = [
    "Europe/Vienna",
    "America/New_York",
    "Australia/Lord_Howe",
    "Antarctica/Troll",
    "America/Havana",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "UTC",
];

fn zone(name: &str) -> Zone {
    name.parse().unwrap()
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn window(start: &str, end: &str) -> QuietWindow {
    QuietWindow::try_new(start.parse().unwrap(), end.parse().unwrap(), Weekdays::ALL).unwrap()
}

fn any_window() -> impl Strategy<Value = QuietWindow> {
    (0u16..24, 0u16..60, 0u16..24, 0u16..60, 1u8..128).prop_filter_map(
        "empty window",
        |(h1, m1, h2, m2, days)| {
            let days = Weekdays::from_numbers((0..7).filter(|day| days & (1 << day) != 0));
            QuietWindow::try_new(MinuteOfDay::try_new(h1, m1)?, MinuteOfDay::try_new(h2, m2)?, days).ok()
        },
    )
}

/// The days, by their end, within which the zone's offset changed, 2011 to 2026.
fn days_of_transition(zone: chrono_tz::Tz) -> Vec<Timestamp> {
    let days = (1_293_840_000_000..1_798_761_600_000i64).step_by(86_400_000).map(Timestamp);
    let changes =
        |at: &Timestamp| local::offset_seconds(zone, at.plus_millis(DAY)) != local::offset_seconds(zone, *at);
    days.filter(changes).map(|at| at.plus_millis(DAY)).collect()
}

proptest! {
    /// Transitions of 2011 to 2026 in all zones; the answer is the first minute that is not quiet.
    #[test]
    fn next_allowed_is_what_counting_minutes_finds(
        windows in prop::collection::vec(any_window(), 1..3),
        name in prop::sample::select(&ZONES[..]),
        start in 1_293_840_000i64..1_798_761_600,
    ) {
        let zone = zone(name).0;
        let t = Timestamp(start * 1000 / MINUTE * MINUTE);
        let counted = (0..3 * 24 * 60).map(|n| t.plus_millis(n * MINUTE)).find(|at| !is_quiet(&windows, zone, *at));
        let found = next_allowed(&windows, zone, t);
        match counted {
            Some(counted) => prop_assert_eq!(found, Some(counted)),
            None => prop_assert!(found.is_none_or(|found| found.0 >= t.0 + 3 * DAY)),
        }
    }

    /// The same where the clock is about to be set, which is where it is hard.
    #[test]
    fn next_allowed_counts_right_over_every_transition(
        windows in prop::collection::vec(any_window(), 1..3),
        name in prop::sample::select(&ZONES[..8]),
        place in any::<prop::sample::Index>(),
        minutes_before in 0i64..40 * 60,
    ) {
        let zone = zone(name).0;
        let transitions = days_of_transition(zone);
        let transition = transitions[place.index(transitions.len())];
        let t = Timestamp(transition.0 / MINUTE * MINUTE - minutes_before * MINUTE);
        let counted = (0..2 * 24 * 60).map(|n| t.plus_millis(n * MINUTE)).find(|at| !is_quiet(&windows, zone, *at));
        let found = next_allowed(&windows, zone, t);
        match counted {
            Some(counted) => prop_assert_eq!(found, Some(counted)),
            None => prop_assert!(found.is_none_or(|found| found.0 >= t.0 + 2 * DAY)),
        }
    }

    #[test]
    fn a_local_time_is_found_where_the_clock_shows_it(
        name in prop::sample::select(&ZONES[..]), start in 1_293_840_000i64..1_798_761_600,
    ) {
        let zone = zone(name).0;
        let clock = local::clock(zone, Timestamp(start * 1000));
        match local::instants(zone, clock) {
            LocalInstants::Unique(found) => prop_assert_eq!(found.0, start * 1000),
            LocalInstants::Fold { first, second } => {
                prop_assert!(first < second && (first.0 == start * 1000 || second.0 == start * 1000));
            }
            LocalInstants::Gap { .. } => prop_assert!(false, "a clock showed a time in a gap"),
        }
    }

    #[test]
    fn an_unknown_zone_waits_for_a_time_open_everywhere(
        windows in prop::collection::vec(any_window(), 1..3), start in 1_767_225_600i64..1_798_761_600,
    ) {
        let recipients = vec![zone("Europe/Vienna"), zone("America/New_York")];
        let settings = ZoneSettings { workspace: zone("Asia/Kathmandu"), recipients: recipients.clone() };
        let now = Timestamp(start * 1000);
        let opening = next_open(&windows, &settings, None, now);
        match opening.reason {
            ZoneReason::OpenEverywhere => {
                let at = opening.at.unwrap();
                prop_assert!(at >= now && at.0 <= now.0 + DAY);
                prop_assert!(recipients.iter().all(|zone| !is_quiet(&windows, zone.0, at)));
            }
            ZoneReason::Workspace => {
                let open = (0..24 * 60).map(|n| now.plus_millis(n * MINUTE))
                    .find(|at| recipients.iter().all(|zone| !is_quiet(&windows, zone.0, *at)));
                prop_assert_eq!(open, None);
            }
            ZoneReason::Customer | ZoneReason::Location => prop_assert!(false, "nobody's zone is known"),
        }
    }
}

#[test]
fn seconds_within_a_minute_do_not_delay_the_end() {
    let night = [window("22:00", "08:00")];
    let t = at("2026-01-10T22:30:45.250Z");
    assert_eq!(next_allowed(&night, Zone::UTC.0, t), Some(at("2026-01-11T08:00:00Z")));
    assert_eq!(
        next_allowed(&night, Zone::UTC.0, at("2026-01-11T08:00:00.001Z")),
        Some(at("2026-01-11T08:00:00.001Z"))
    );
}

#[test]
fn a_night_is_an_hour_shorter_when_the_clock_is_set_forward() {
    let night = [window("22:00", "08:00")];
    let vienna = zone("Europe/Vienna").0;
    assert_eq!(next_allowed(&night, vienna, at("2026-03-28T22:00:00Z")), Some(at("2026-03-29T06:00:00Z")));
    assert_eq!(next_allowed(&night, vienna, at("2026-10-24T22:00:00Z")), Some(at("2026-10-25T07:00:00Z")));
    // What the clock steps back out of is open again, and quiet a second time later.
    let short = [window("02:30", "03:00")];
    assert_eq!(next_allowed(&short, vienna, at("2026-10-25T00:45:00Z")), Some(at("2026-10-25T01:00:00Z")));
    assert!(is_quiet(&short, vienna, at("2026-10-25T01:45:00Z")));
}

#[test]
fn overlapping_windows_are_one() {
    let both = [window("20:00", "23:00"), window("22:00", "06:00")];
    assert_eq!(
        next_allowed(&both, Zone::UTC.0, at("2026-01-10T20:00:00Z")),
        Some(at("2026-01-11T06:00:00Z"))
    );
}

#[test]
fn a_week_without_an_open_minute_never_ends() {
    let always = [window("00:00", "24:00")];
    assert_eq!(next_allowed(&always, Zone::UTC.0, at("2026-01-10T20:00:00Z")), None);
    assert_eq!(next_allowed(&[], Zone::UTC.0, at("2026-01-10T20:00:00Z")), Some(at("2026-01-10T20:00:00Z")));
}

#[test]
fn the_lost_day_of_samoa_is_stepped_over() {
    let zone = zone("Pacific/Apia").0;
    // Local midnight of 30 December 2011 never was; Thursday's night window ends on Saturday morning's clock.
    let t = at("2011-12-30T08:00:00Z");
    let open = next_allowed(&[window("21:00", "07:00")], zone, t).unwrap();
    assert_eq!(local::clock(zone, open).to_string(), "2011-12-31 07:00:00");
}

#[test]
fn windows_are_read_as_they_are_written() {
    let text = r#"{"start":"22:00","end":"08:00","days":["sat","sun"]}"#;
    let window: QuietWindow = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&window).unwrap(), text);
    for bad in ["24:01", "9", "aa:00", "12:60", "+1:00", ""] {
        assert!(bad.parse::<MinuteOfDay>().is_err(), "{bad:?} was read");
    }
    let empty = QuietWindow::try_new("08:00".parse().unwrap(), "08:00".parse().unwrap(), Weekdays::ALL);
    assert!(matches!(empty, Err(quiet::Error::Empty(_))));
    assert!(
        serde_json::from_str::<QuietWindow>(r#"{"start":"00:00","end":"08:00","days":["caturday"]}"#)
            .is_err()
    );
}

#[test]
fn the_customer_s_zone_comes_before_the_location_s() {
    let vienna = Some((zone("Europe/Vienna"), ZoneReason::Customer));
    assert_eq!(recipient_zone(Some("Europe/Vienna"), Some("Asia/Tokyo")), vienna);
    let tokyo = Some((zone("Asia/Tokyo"), ZoneReason::Location));
    assert_eq!(recipient_zone(Some("Mars/Olympus"), Some("Asia/Tokyo")), tokyo);
    assert_eq!(recipient_zone(None, None), None);
}

#[test]
fn where_no_time_is_open_everywhere_the_workspace_s_clock_counts() {
    let day = [window("06:00", "20:00")];
    let settings = ZoneSettings {
        workspace: zone("Europe/Vienna"),
        recipients: vec![zone("UTC"), zone("Pacific/Auckland")],
    };
    let now = at("2026-06-01T10:00:00Z");
    let opening = next_open(&day, &settings, None, now);
    assert_eq!(opening, Opening { at: Some(at("2026-06-01T18:00:00Z")), reason: ZoneReason::Workspace });
    let no_list = ZoneSettings { recipients: Vec::new(), ..settings };
    assert_eq!(next_open(&day, &no_list, None, now).reason, ZoneReason::Workspace);
}
