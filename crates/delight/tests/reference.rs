//! Survey statistics and customer models against values computed with other software.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod suites;

use std::path::{Path, PathBuf};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

#[test]
fn every_interval_equals_the_reference() {
    let report = suites::intervals(&data("intervals_reference.json")).unwrap();
    assert!(report.failures.is_empty(), "{:#?}", report.failures);
    assert_eq!(report.passed, 53, "cases were lost from the reference file");
}

#[test]
fn fits_and_predictions_on_cdnow_equal_the_reference() {
    let report = suites::clv(&data("clv_reference.json")).unwrap();
    assert!(report.failures.is_empty(), "{:#?}", report.failures);
    assert_eq!(report.passed, 8, "cases were lost from the reference file");
}
