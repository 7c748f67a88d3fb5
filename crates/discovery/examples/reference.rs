//! Runs this crate's reference suites over a data folder and prints a line for each log that stands there.
//!
//! `cargo run -p elate-discovery --example discovery-reference -- DATA`: exits 1 if a case fails, 2 if DATA is missing.

#[allow(dead_code, reason = "shared with the tests, which use all of it")]
#[path = "../tests/suites/mod.rs"]
mod suites;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> std::io::Result<ExitCode> {
    let (mut out, mut problems) = (std::io::stdout(), std::io::stderr());
    let Some(data) = std::env::args_os().nth(1).map(PathBuf::from) else {
        writeln!(problems, "usage: discovery-reference DATA")?;
        return Ok(ExitCode::from(2));
    };
    let folder = data.join("journeys");
    let mut all_passed = true;
    for log in suites::LOGS {
        if !folder.join(format!("{log}.json")).is_file() {
            continue;
        }
        match suites::run(&folder, log) {
            Ok(tally) => {
                let failed = tally.failures.len();
                writeln!(out, "journeys/{log}: {} passed, {failed} failed", tally.passed)?;
                for failure in &tally.failures {
                    writeln!(problems, "journeys/{log}: {failure}")?;
                }
                all_passed &= failed == 0;
            }
            Err(problem) => {
                writeln!(problems, "journeys/{log}: {problem}")?;
                all_passed = false;
            }
        }
    }
    Ok(if all_passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
