//! The reference suites of this crate, run by its tests and by the `reach-reference` example.
#![allow(dead_code, reason = "the tests and the example use different parts of it")]

mod growthbook;
mod hashing;
mod quiet_hours;
mod signatures;

use std::path::Path;

use serde_json::Value;

pub(crate) use growthbook::growthbook;
pub(crate) use hashing::hash_vectors;
pub(crate) use quiet_hours::quiet_hours;
pub(crate) use signatures::signatures;

/// What came of a suite: one entry for each case.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) passed: usize,
    pub(crate) failures: Vec<String>,
    /// Cases that say nothing about this software, and why.
    pub(crate) set_aside: Vec<String>,
}

impl Report {
    pub(crate) fn check(&mut self, holds: bool, failure: impl FnOnce() -> String) {
        if holds {
            self.passed += 1;
        } else {
            self.failures.push(failure());
        }
    }
}

/// A suite: its path below the data folder without `.json`, and what runs it.
pub(crate) type Suite = (&'static str, fn(&Value) -> Report);

/// Every suite whose cases may stand in a data folder.
pub(crate) const SUITES: [Suite; 4] = [
    ("quiet_hours/quiet_hours_cases", quiet_hours),
    ("webhooks/standard_webhooks_vectors", signatures),
    ("experiments/hash_vectors", hash_vectors),
    ("experiments/growthbook_cases", growthbook),
];

/// Reads a file of cases.
pub(crate) fn load(file: &Path) -> Result<Value, String> {
    let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
    serde_json::from_str(&text).map_err(|e| format!("{}: {e}", file.display()))
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}
