//! Runs this crate's reference suites over a data folder and prints a line for each.
//!
//! `cargo run -p elate-delight --example delight-reference -- DATA`: exits 1 if a case fails, 2 if DATA is missing.

#[path = "../tests/suites/mod.rs"]
mod suites;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> std::io::Result<ExitCode> {
    let mut out = std::io::stdout();
    let Some(data) = std::env::args_os().nth(1).map(PathBuf::from) else {
        writeln!(std::io::stderr(), "usage: delight-reference DATA")?;
        return Ok(ExitCode::from(2));
    };
    let file = data.join("surveys/intervals_reference.json");
    if !file.exists() {
        return Ok(ExitCode::SUCCESS);
    }
    let report = match suites::intervals(&file) {
        Ok(report) => report,
        Err(problem) => {
            writeln!(std::io::stderr(), "surveys/intervals_reference: {problem}")?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let failed = report.failures.len();
    writeln!(out, "surveys/intervals_reference: {} passed, {failed} failed", report.passed)?;
    for failure in &report.failures {
        writeln!(out, "  {failure}")?;
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
