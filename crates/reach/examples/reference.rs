//! Runs this crate's reference suites over a data folder and prints a line for each that stands there.
//!
//! `cargo run -p elate-reach --example reach-reference -- DATA`: exits 1 if a case fails, 2 if DATA is missing.

#[path = "../tests/suites/mod.rs"]
mod suites;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> std::io::Result<ExitCode> {
    let mut out = std::io::stdout();
    let Some(data) = std::env::args_os().nth(1).map(PathBuf::from) else {
        writeln!(std::io::stderr(), "usage: reach-reference DATA")?;
        return Ok(ExitCode::from(2));
    };
    let mut all_passed = true;
    for (name, run) in suites::SUITES {
        let file = data.join(format!("{name}.json"));
        if !file.exists() {
            continue;
        }
        let cases = match suites::load(&file) {
            Ok(cases) => cases,
            Err(problem) => {
                writeln!(std::io::stderr(), "{name}: {problem}")?;
                all_passed = false;
                continue;
            }
        };
        let report = run(&cases);
        let failed = report.failures.len();
        all_passed &= failed == 0;
        writeln!(out, "{name}: {} passed, {failed} failed", report.passed)?;
        for failure in &report.failures {
            writeln!(out, "  {failure}")?;
        }
        for case in &report.set_aside {
            writeln!(out, "  set aside: {case}")?;
        }
    }
    Ok(if all_passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
