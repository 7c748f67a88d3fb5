//! Runs this crate's reference suites over a data folder and prints a line for each.
//!
//! `cargo run -p elate-delight --example delight-reference -- DATA`: exits 1 if a case fails, 2 if DATA is missing.

#[path = "../tests/suites/mod.rs"]
mod suites;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Runs the cases of a file.
type Suite = fn(&Path) -> Result<suites::Report, String>;

/// Files of the data folder, without their ending, and what to do with them.
const SUITES: [(&str, Suite); 2] =
    [("surveys/intervals_reference", suites::intervals), ("clv/clv_reference", suites::clv)];

fn main() -> std::io::Result<ExitCode> {
    let mut out = std::io::stdout();
    let Some(data) = std::env::args_os().nth(1).map(PathBuf::from) else {
        writeln!(std::io::stderr(), "usage: delight-reference DATA")?;
        return Ok(ExitCode::from(2));
    };
    let mut all_well = true;
    for (name, suite) in SUITES {
        let file = data.join(name).with_extension("json");
        if !file.exists() {
            continue;
        }
        let report = match suite(&file) {
            Ok(report) => report,
            Err(problem) => {
                writeln!(std::io::stderr(), "{name}: {problem}")?;
                all_well = false;
                continue;
            }
        };
        let failed = report.failures.len();
        writeln!(out, "{name}: {} passed, {failed} failed", report.passed)?;
        for failure in &report.failures {
            writeln!(out, "  {failure}")?;
        }
        all_well &= failed == 0;
    }
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
