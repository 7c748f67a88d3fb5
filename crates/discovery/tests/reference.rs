//! Public process logs against what another program counted in them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]
#![allow(clippy::print_stdout, reason = "says what was skipped, or how it came out")]

mod suites;

use std::path::{Path, PathBuf};

use elate_discovery::change::{self, Scan};
use elate_discovery::{Profile, Recorder, Settings, Step};

/// The folder of the logs, where it is at hand.
fn folder() -> Option<PathBuf> {
    let fallback = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("ELATE_REFERENCE_DATA").map_or(fallback, PathBuf::from).join("journeys");
    if !folder.join("receipt.csv.gz").is_file() {
        println!("skipped: no journeys/receipt.csv.gz; set ELATE_REFERENCE_DATA to its folder");
        return None;
    }
    Some(folder)
}

#[test]
fn both_logs_have_equal_counts_and_times() {
    let Some(folder) = folder() else { return };
    for (log, at_least) in suites::LOGS.into_iter().zip([150, 1_000]) {
        let tally = suites::run(&folder, log).unwrap();
        assert!(tally.failures.is_empty(), "{log}: {:#?}", tally.failures);
        assert!(tally.passed >= at_least, "{log}: only {} numbers were compared", tally.passed);
    }
}

/// Events of a log in any order of cases, and cases divided over two recorders, make the same summary.
#[test]
fn a_divided_log_makes_the_same_summary() {
    let Some(folder) = folder() else { return };
    let events = suites::read(&folder.join("receipt.csv.gz")).unwrap();
    let whole = suites::summary(&events).unwrap();
    let mut in_order: Vec<&suites::Event> = events.iter().collect();
    in_order.sort_by_key(|event| event.at);
    let mut parts = [0, 1].map(|_| Recorder::try_new(Settings::default()).unwrap());
    for event in in_order {
        let part = &mut parts[usize::from(event.case.ends_with(['1', '3', '5', '7', '9']))];
        part.record(&Step { instance: &event.case, name: &event.name, at: event.at, segments: &[] });
    }
    let [mut left, right] = parts.map(|part| part.summary());
    left.merge(&right).unwrap();
    assert_eq!(left.canonical(), whole.canonical());
}

/// In the municipality's log, most cases are done within minutes and some take months: these are unusual.
#[test]
fn the_slow_cases_of_a_real_log_are_told() {
    let Some(folder) = folder() else { return };
    let events = suites::read(&folder.join("receipt.csv.gz")).unwrap();
    let mut recorder = Recorder::try_new(Settings::default()).unwrap();
    for event in &events {
        let resource = event.rest.iter().find(|(key, _)| key == "org:resource").unwrap();
        let segments = [(resource.0.as_str(), resource.1.as_str())];
        recorder.record(&Step {
            instance: &event.case,
            name: &event.name,
            at: event.at,
            segments: &segments,
        });
    }
    let summary = recorder.summary();
    let unusual = recorder.unusual(&Profile::of(&summary, 5), 6.0);
    assert!(!unusual.is_empty() && unusual.len() < 200, "{} of 1434", unusual.len());
    assert!(unusual.iter().flat_map(|(_, found)| found).all(|found| found.deviations.abs() > 6.0));
    // A scan of a real log with a value for each clerk stays within its bounds and can be repeated.
    let scan = Scan { permutations: 99, ..Scan::default() };
    let changes = change::find(&summary, &scan);
    assert!(changes.searched.links > 0 && changes.searched.buckets > 300);
    assert_eq!(change::find(&summary.canonical(), &scan), changes);
}
