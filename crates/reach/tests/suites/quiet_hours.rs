//! Quiet hours and local schedules over zone transitions.

use chrono::NaiveDateTime;
use elate_domain::Timestamp;
use elate_reach::local::{self, LocalInstants};
use elate_reach::quiet::{MinuteOfDay, QuietWindow, Weekdays, is_quiet, next_allowed};
use elate_reach::zone::Zone;
use serde_json::Value;

use super::{Report, list, text};

/// Runs `quiet_hours/quiet_hours_cases.json`. Where the zone database in use shows another clock at the case's
/// instant than the one that the cases were made with, the zone's rules have changed: the case is set aside.
pub(crate) fn quiet_hours(data: &Value) -> Report {
    let mut report = Report::default();
    for case in list(data, "cases") {
        match quiet_case(case) {
            Ok(Some(changed)) => report.set_aside.push(changed),
            Ok(None) => report.passed += 1,
            Err(failure) => report.failures.push(failure),
        }
    }
    for case in list(data, "local_schedule") {
        let problem = schedule_case(case).err();
        report.check(problem.is_none(), || problem.unwrap_or_default());
    }
    report
}

/// `Ok(Some(…))` where the zone's rules have changed.
fn quiet_case(case: &Value) -> Result<Option<String>, String> {
    let label = format!("{} at {} ({})", text(case, "tz"), text(case, "instant"), text(case, "note"));
    let fail = |why: String| format!("{label}: {why}");
    let zone: Zone = text(case, "tz").parse().map_err(|e| fail(format!("{e}")))?;
    let at = instant(text(case, "instant")).ok_or_else(|| fail("no instant".to_owned()))?;
    let window = window(case).map_err(fail)?;
    let expected = instant(text(case, "next_allowed"));
    let quiet = is_quiet(&[window], zone.0, at);
    let next = next_allowed(&[window], zone.0, at);
    if quiet == (case["is_quiet"] == Value::Bool(true)) && next == expected {
        return Ok(None);
    }
    let clock = local::clock(zone.0, at).format("%Y-%m-%dT%H:%M:%S").to_string();
    if !text(case, "local").starts_with(&clock) {
        return Ok(Some(format!("{label}: the zone's rules differ, its clock shows {clock}")));
    }
    Err(fail(format!("quiet {quiet}, next allowed {next:?}, not {expected:?}")))
}

fn window(case: &Value) -> Result<QuietWindow, String> {
    let time = |key| text(case, key).parse::<MinuteOfDay>().map_err(|e| e.to_string());
    let days = match case["days_mon0"].as_array() {
        // Anything beyond a day's number is left out by the set.
        Some(days) => Weekdays::from_numbers(days.iter().filter_map(Value::as_u64).map(|day| day as u8)),
        None => Weekdays::ALL,
    };
    QuietWindow::try_new(time("quiet_start")?, time("quiet_end")?, days).map_err(|e| e.to_string())
}

fn schedule_case(case: &Value) -> Result<(), String> {
    let label = format!("{} {}", text(case, "tz"), text(case, "local"));
    let zone: Zone = text(case, "tz").parse().map_err(|e| format!("{label}: {e}"))?;
    let clock = NaiveDateTime::parse_from_str(text(case, "local"), "%Y-%m-%dT%H:%M")
        .map_err(|e| format!("{label}: {e}"))?;
    let found = local::instants(zone.0, clock);
    let (kind, instants) = match found {
        LocalInstants::Unique(at) => ("unique", vec![at]),
        LocalInstants::Fold { first, second } => ("fold", vec![first, second]),
        LocalInstants::Gap { .. } => ("gap", Vec::new()),
    };
    let expected: Vec<Timestamp> =
        list(case, "instants").iter().filter_map(|at| instant(at.as_str()?)).collect();
    let first = instant(text(case, "first_instant_at_or_after"));
    // Other tools call a fold "ambiguous"; what it means is in the instants.
    let kind_fits = text(case, "kind") == kind || (kind == "fold" && text(case, "kind") == "ambiguous");
    if kind_fits && instants == expected && Some(found.first()) == first {
        return Ok(());
    }
    Err(format!("{label}: found {found:?}"))
}

fn instant(text: &str) -> Option<Timestamp> {
    Timestamp::parse(text)
}
