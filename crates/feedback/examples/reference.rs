//! Runs this crate's reference suites over a data folder and prints a line for each.
//!
//! `cargo run -p elate-feedback --example feedback-reference -- DATA`: exits 1 if a case fails, 2 if DATA is missing.

#[path = "../tests/suites/mod.rs"]
mod suites;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use suites::Report;

/// What scores of the method reach on these texts; the paper says .881.
const AGREEMENT: f64 = 0.872;

fn main() -> std::io::Result<ExitCode> {
    let Some(data) = std::env::args_os().nth(1).map(PathBuf::from) else {
        writeln!(std::io::stderr(), "usage: feedback-reference DATA")?;
        return Ok(ExitCode::from(2));
    };
    let mut passed = true;
    let sentences = data.join("sentiment/vader_demo_sentences.json");
    if sentences.exists() {
        passed &= print("sentiment/vader_demo_sentences", suites::sentences(&sentences))?;
    }
    let tweets = data.join("sentiment/vader_tweets.csv");
    if tweets.exists() {
        passed &= rated(&tweets)?;
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn rated(file: &Path) -> std::io::Result<bool> {
    let tweets = match suites::tweets(file) {
        Ok(tweets) => tweets,
        Err(problem) => return print("sentiment/vader_tweets", Err(problem)),
    };
    let scores = print("sentiment/vader_tweets", Ok(suites::scores(&tweets)))?;
    let r = suites::agreement_with_people(&tweets);
    let mut agreement = Report::default();
    if r >= AGREEMENT {
        agreement.passed = 1;
    } else {
        agreement.failures.push(format!("r is {r:.4}, below {AGREEMENT}"));
    }
    Ok(print("sentiment/agreement_with_people", Ok(agreement))? && scores)
}

fn print(suite: &str, report: Result<Report, String>) -> std::io::Result<bool> {
    let mut out = std::io::stdout();
    match report {
        Ok(report) => {
            let failed = report.failures.len();
            writeln!(out, "{suite}: {} passed, {failed} failed", report.passed)?;
            for failure in &report.failures {
                writeln!(std::io::stderr(), "  {failure}")?;
            }
            Ok(failed == 0)
        }
        Err(problem) => {
            writeln!(std::io::stderr(), "{suite}: {problem}")?;
            Ok(false)
        }
    }
}
