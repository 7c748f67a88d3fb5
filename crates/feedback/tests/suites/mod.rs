//! The reference suites of this crate, run by its tests and by the `feedback-reference` example.

use std::path::Path;

use elate_feedback::sentiment::{Score, score_english};
use serde_json::Value;

/// What came of a suite: one entry for each case.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) passed: usize,
    pub(crate) failures: Vec<String>,
}

impl Report {
    fn case(&mut self, name: &str, problem: Option<String>) {
        match problem {
            None => self.passed += 1,
            Some(problem) => self.failures.push(format!("{name}: {problem}")),
        }
    }
}

/// What the reference says of a text, to its own number of decimals.
struct Expected {
    compound: f64,
    positive: f64,
    neutral: f64,
    negative: f64,
}

impl Expected {
    /// What differs, if anything does.
    fn differs(&self, text: &str) -> Option<String> {
        let Some(score) = score_english(text) else { return Some("is not read".to_owned()) };
        let Score { compound, positive, neutral, negative, .. } = score;
        let pairs = [
            ("compound", compound, self.compound, 4),
            ("positive", positive, self.positive, 3),
            ("neutral", neutral, self.neutral, 3),
            ("negative", negative, self.negative, 3),
        ];
        let wrong = pairs.iter().find(|(_, got, expected, digits)| !rounds_to(*got, *expected, *digits))?;
        Some(format!("{} is {:.6}, not {}", wrong.0, wrong.1, wrong.2))
    }
}

/// Equal as both are written with so many digits.
fn rounds_to(got: f64, expected: f64, digits: usize) -> bool {
    let written = |value: f64| format!("{:.digits$}", value + 0.0);
    written(got).trim_start_matches('-') == written(expected).trim_start_matches('-')
        && (got - expected).abs() <= 10f64.powi(-(digits as i32))
}

/// Checks the four scores of every sentence of a JSON list of `{text, neg, neu, pos, compound}`.
pub(crate) fn sentences(file: &Path) -> Result<Report, String> {
    let text = std::fs::read_to_string(file).map_err(|e| e.to_string())?;
    let cases: Vec<Value> = serde_json::from_str(&text).map_err(|e| e.to_string())?;
    let mut report = Report::default();
    for case in &cases {
        let number = |key: &str| case[key].as_f64().unwrap_or(f64::NAN);
        let expected = Expected {
            compound: number("compound"),
            positive: number("pos"),
            neutral: number("neu"),
            negative: number("neg"),
        };
        let text = case["text"].as_str().unwrap_or_default();
        report.case(text, expected.differs(text));
    }
    Ok(report)
}

/// A rated text of the paper.
pub(crate) struct Tweet {
    id: String,
    /// The mean of the raters, −4 to 4.
    human: f64,
    expected: Expected,
    pub(crate) text: String,
}

/// Reads the rated texts: `id, human mean, neg, neu, pos, compound, text`.
pub(crate) fn tweets(file: &Path) -> Result<Vec<Tweet>, String> {
    let bytes = std::fs::read(file).map_err(|e| e.to_string())?;
    let rows = csv_rows(&bytes);
    let tweet = |row: &Vec<String>| -> Option<Tweet> {
        let number = |at: usize| row.get(at)?.parse::<f64>().ok();
        let expected = Expected {
            negative: number(2)?,
            neutral: number(3)?,
            positive: number(4)?,
            compound: number(5)?,
        };
        Some(Tweet { id: row.first()?.clone(), human: number(1)?, expected, text: row.get(6)?.clone() })
    };
    rows.iter().skip(1).map(|row| tweet(row).ok_or_else(|| format!("unreadable row {row:?}"))).collect()
}

/// Checks the four scores of every rated text.
pub(crate) fn scores(tweets: &[Tweet]) -> Report {
    let mut report = Report::default();
    for tweet in tweets {
        report.case(&tweet.id, tweet.expected.differs(&tweet.text));
    }
    report
}

/// Pearson's r between the compound scores and the mean human ratings.
pub(crate) fn agreement_with_people(tweets: &[Tweet]) -> f64 {
    let pairs: Vec<(f64, f64)> =
        tweets.iter().filter_map(|t| Some((score_english(&t.text)?.compound, t.human))).collect();
    let n = pairs.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / n;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let sum = |of: &dyn Fn(f64, f64) -> f64| pairs.iter().map(|p| of(p.0 - x, p.1 - y)).sum::<f64>();
    sum(&|a, b| a * b) / (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt()
}

/// The rows of a CSV text, all of it in memory.
fn csv_rows(bytes: &[u8]) -> Vec<Vec<String>> {
    let mut reader = csv_core::Reader::new();
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), Vec::new());
    let mut rest = bytes;
    loop {
        let mut out = [0u8; 4096];
        let (state, read, wrote) = reader.read_field(rest, &mut out);
        rest = &rest[read..];
        field.extend_from_slice(&out[..wrote]);
        match state {
            csv_core::ReadFieldResult::InputEmpty | csv_core::ReadFieldResult::OutputFull => {}
            csv_core::ReadFieldResult::Field { record_end } => {
                row.push(String::from_utf8_lossy(&field).into_owned());
                field.clear();
                if record_end {
                    rows.push(std::mem::take(&mut row));
                }
            }
            csv_core::ReadFieldResult::End => return rows,
        }
    }
}
