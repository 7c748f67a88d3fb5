//! The reference cases, and the same engine under its own steady clock.
#![allow(clippy::unwrap_used, reason = "tests may unwrap, their helpers too")]

mod support;

use std::path::{Path, PathBuf};

use support::{Clock, read, run_all};

fn data(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(file)
}

fn all_pass(file: &str, at_least: usize) {
    let cases = read(&data(file)).unwrap();
    for clock in [Clock::Steady, Clock::Jumping] {
        let tally = run_all(&cases, clock);
        assert!(tally.failures.is_empty(), "{clock:?}\n{}", tally.failures.join("\n"));
        assert!(tally.passed >= at_least, "only {} cases ran", tally.passed);
    }
}

#[test]
fn core_cases() {
    all_pass("core_cases.jsonl", 162);
}

#[test]
fn random_cases() {
    all_pass("random_cases.jsonl", 118);
}

/// Flink CEP's own tests, where they are at hand.
#[test]
fn flink_suite_cases() {
    let fallback = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("ELATE_REFERENCE_DATA").map_or(fallback, PathBuf::from);
    let path = folder.join("patterns/flink_suite_cases.json");
    if !path.is_file() {
        println!("skipped: no patterns/flink_suite_cases.json; set ELATE_REFERENCE_DATA to its folder");
        return;
    }
    let cases = read(&path).unwrap();
    let tally = run_all(&cases, Clock::Jumping);
    assert!(tally.failures.is_empty(), "{}", tally.failures.join("\n"));
    assert!(tally.passed > 0, "no case ran");
    // In this one the watermark jumps over three deadlines of which the first completes a match that rules
    // out the partial matches of the others. With each deadline in its turn they are ruled out in time.
    let steady = run_all(&cases, Clock::Steady);
    for failure in &steady.failures {
        assert!(failure.starts_with("NotPatternITCase.testNotFollowedByWithinAtEndAfterMatch"), "{failure}");
    }
}
