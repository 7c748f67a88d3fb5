//! Implicit signals: each fires on the customer who gives it, and not on the one who nearly does.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod common;

use std::process::Command;

use common::{events, manifests, options, place, replay};
use elate_simulate::Options;

const SIGNALS: [&str; 6] = [
    "gave-up-after-error",
    "page-speed",
    "rage-clicks",
    "repeated-contact",
    "silent-after-onboarding",
    "watches-status",
];

/// The recorded lines of those whose name begins so.
fn of(prefix: &str) -> Vec<u8> {
    let all = String::from_utf8(events("signals")).unwrap();
    let name = format!("\"userId\":\"{prefix}-");
    all.lines()
        .filter(|line| line.contains(&name))
        .flat_map(|line| format!("{line}\n").into_bytes())
        .collect()
}

#[test]
fn the_generator_writes_what_is_kept() {
    match Command::new("python3").arg(place("signals/generate.py")).output() {
        Ok(output) => assert!(output.stdout == events("signals"), "events.ndjson is not what it writes"),
        Err(error) if std::env::var_os("CI").is_none() => println!("skipped: python3 is not there: {error}"),
        Err(error) => panic!("python3 is needed: {error}"),
    }
}

#[test]
fn each_signal_fires_on_what_it_should() {
    let two_weeks = Options { settle_millis: 14 * 86_400_000, ..options() };
    let report = replay(&manifests("signals"), &of("hit"), &two_weeks);
    let fired: Vec<_> =
        report.moments.iter().map(|(name, m)| (name.as_str(), m.judged, m.miserable)).collect();
    assert_eq!(fired, SIGNALS.map(|name| (name, 1, 1)));
}

#[test]
fn no_signal_fires_on_its_near_miss() {
    let two_weeks = Options { settle_millis: 14 * 86_400_000, ..options() };
    let near = of("near");
    assert!(near.len() > 1_000, "there are near misses");
    let report = replay(&manifests("signals"), &near, &two_weeks);
    for (name, moment) in &report.moments {
        assert_eq!(moment.miserable, 0, "{name}");
    }
    // Every page is judged; the others are not even that.
    let judged: u64 = report.moments.values().map(|moment| moment.judged).sum();
    assert_eq!(judged, report.moments["page-speed"].judged);
}
