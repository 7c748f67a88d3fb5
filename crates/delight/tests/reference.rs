//! The survey statistics against values computed with other software.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod suites;

use std::path::Path;

#[test]
fn every_interval_equals_the_reference() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/intervals_reference.json");
    let report = suites::intervals(&file).unwrap();
    assert!(report.failures.is_empty(), "{:#?}", report.failures);
    assert_eq!(report.passed, 53, "cases were lost from the reference file");
}
