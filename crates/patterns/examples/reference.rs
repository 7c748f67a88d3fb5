//! Runs the reference suites of event patterns that it finds under `DATA/patterns`, one line a suite:
//! `patterns/core_cases: N passed, N failed`.
//!
//! Time jumps from event to event, as it did when the expected results were made; that the engine's own, steady
//! clock gives the same is shown by the tests.
//!
//! `cargo run -p elate-patterns --example patterns-reference -- DATA`
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a program for the terminal"
)]

#[allow(dead_code, reason = "shared with the tests, which use all of it")]
#[path = "../tests/support/mod.rs"]
mod support;

use std::path::PathBuf;
use std::process::ExitCode;

const SUITES: [&str; 3] = ["core_cases.jsonl", "random_cases.jsonl", "flink_suite_cases.json"];

fn main() -> ExitCode {
    let Some(data) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: reference DATA   (a folder with patterns/*_cases.json*)");
        return ExitCode::from(2);
    };
    let mut all_passed = true;
    for suite in SUITES {
        let path = data.join("patterns").join(suite);
        if !path.is_file() {
            continue;
        }
        let name = suite.split('.').next().unwrap_or(suite);
        match support::read(&path) {
            Ok(cases) => {
                let tally = support::run_all(&cases, support::Clock::Jumping);
                for failure in &tally.failures {
                    eprintln!("patterns/{name}: {failure}");
                }
                println!("patterns/{name}: {} passed, {} failed", tally.passed, tally.failures.len());
                all_passed &= tally.failures.is_empty();
            }
            Err(error) => {
                eprintln!("patterns/{name}: {error}");
                all_passed = false;
            }
        }
    }
    if all_passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
