//! Quiet hours, signatures and assignment against cases made with other software.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says what it skips")]

mod suites;

use std::path::{Path, PathBuf};

use suites::Report;

fn copied(name: &str) -> serde_json::Value {
    suites::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)).unwrap()
}

#[track_caller]
fn assert_all(report: &Report, cases: usize) {
    assert!(report.failures.is_empty(), "{:#?}", report.failures);
    for case in &report.set_aside {
        println!("set aside: {case}");
    }
    assert_eq!(report.passed + report.set_aside.len(), cases, "cases were lost from the reference file");
}

#[test]
fn quiet_hours_end_when_they_should() {
    let report = suites::quiet_hours(&copied("quiet_hours_cases.json"));
    assert!(
        report.set_aside.len() < 10,
        "so many changed zones are a fault of ours: {:#?}",
        report.set_aside
    );
    assert_all(&report, 55);
}

#[test]
fn signatures_are_those_of_other_libraries() {
    assert_all(&suites::signatures(&copied("standard_webhooks_vectors.json")), 16);
}

#[test]
fn hashes_buckets_and_variations_are_growthbook_s() {
    assert_all(&suites::hash_vectors(&copied("hash_vectors.json")), 50);
}

/// This file may be read where it is, and not copied.
#[test]
fn growthbook_s_own_cases_hold() {
    let folder = std::env::var_os("ELATE_REFERENCE_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let file = folder.join("experiments/growthbook_cases.json");
    if !file.exists() {
        println!("skipped: no reference data at {}", file.display());
        return;
    }
    assert_all(&suites::growthbook(&suites::load(&file).unwrap()), 63);
}
