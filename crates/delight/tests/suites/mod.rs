//! The reference suites of this crate, run by its tests and by the `delight-reference` example.

mod clv;

use std::path::Path;

use elate_delight::Interval;
use elate_delight::survey::{Nps, Sample, proportion};
use serde_json::Value;

pub(crate) use self::clv::clv;

/// What came of a suite: one entry for each case.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) passed: usize,
    pub(crate) failures: Vec<String>,
}

impl Report {
    fn case(&mut self, name: String, problems: Vec<String>) {
        if problems.is_empty() {
            self.passed += 1;
        } else {
            self.failures.push(format!("{name}: {}", problems.join("; ")));
        }
    }
}

const TOLERANCE: f64 = 1e-6;

/// Checks every interval of `surveys/intervals_reference.json`.
pub(crate) fn intervals(file: &Path) -> Result<Report, String> {
    let text = std::fs::read_to_string(file).map_err(|e| e.to_string())?;
    let data: Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
    let mut report = Report::default();
    for case in list(&data, "binomial") {
        report.case(format!("binomial {}", brief(case)), binomial(case));
    }
    for case in list(&data, "newcombe1998_single") {
        report.case(format!("single {}", brief(case)), single(case));
    }
    for case in list(&data, "two_proportion_newcombe_examples") {
        report.case(format!("difference {}", brief(case)), difference(case));
    }
    for case in list(&data, "nps") {
        report.case(format!("nps {}", brief(case)), nps(case));
    }
    for case in list(&data, "ces_mean_t") {
        report.case(format!("mean {}", brief(case)), mean(case));
    }
    Ok(report)
}

fn binomial(case: &Value) -> Vec<String> {
    let (x, n) = (count(case, "x"), count(case, "n"));
    let confidence = 1.0 - case["alpha"].as_f64().unwrap_or(0.05);
    let mut problems = Vec::new();
    compare(&mut problems, case, "wilson", proportion::wilson(x, n, confidence), TOLERANCE);
    compare(&mut problems, case, "agresti_coull", proportion::agresti_coull(x, n, confidence), TOLERANCE);
    compare(&mut problems, case, "jeffreys", proportion::jeffreys(x, n, confidence), TOLERANCE);
    compare(&mut problems, case, "beta", proportion::clopper_pearson(x, n, confidence), TOLERANCE);
    compare(&mut problems, case, "normal", proportion::wald(x, n, confidence), TOLERANCE);
    problems
}

fn single(case: &Value) -> Vec<String> {
    let (x, n) = (count(case, "x"), count(case, "n"));
    let wilson = proportion::wilson(x, n, 0.95);
    let mut problems = Vec::new();
    compare(&mut problems, case, "wilson_noCC", wilson, TOLERANCE);
    compare(&mut problems, case, "clopper", proportion::clopper_pearson(x, n, 0.95), TOLERANCE);
    compare(&mut problems, case, "published_newcombe1998_wilson", wilson, 5e-5);
    problems
}

/// `score_mn` in the file is left out: the score method is not offered, and the value there is not that of the
/// published method (Newcombe 1998 gives 0.0528 to 0.3382 for the first example).
fn difference(case: &Value) -> Vec<String> {
    let (x1, n1) = (count(case, "x1"), count(case, "n1"));
    let (x2, n2) = (count(case, "x2"), count(case, "n2"));
    let newcombe = proportion::newcombe_difference(x1, n1, x2, n2, 0.95);
    let mut problems = Vec::new();
    compare(&mut problems, case, "newcombe", newcombe, TOLERANCE);
    compare(&mut problems, case, "published_newcombe1998_m10", newcombe, 5e-5);
    compare(&mut problems, case, "wald", proportion::wald_difference(x1, n1, x2, n2, 0.95), TOLERANCE);
    problems
}

fn nps(case: &Value) -> Vec<String> {
    let nps = Nps {
        promoters: count(case, "promoters"),
        passives: count(case, "passives"),
        detractors: count(case, "detractors"),
    };
    let mut problems = Vec::new();
    equal(&mut problems, case, "nps", nps.score());
    equal(&mut problems, case, "se", nps.standard_error());
    compare(&mut problems, case, "wald95", nps.wald(0.95), TOLERANCE);
    compare(&mut problems, case, "trinomial_t95", nps.trinomial_t(0.95), TOLERANCE);
    let adjusted = nps.adjusted_wald(0.95);
    compare(&mut problems, case, "adjusted_wald3_95", adjusted, TOLERANCE);
    let centre = adjusted.map(|i| (i.low + i.high) / 2.0);
    equal(&mut problems, case, "adjusted_wald3_center", centre);
    problems
}

fn mean(case: &Value) -> Vec<String> {
    let sample = Sample::of(list(case, "values").iter().filter_map(Value::as_f64));
    let mut problems = Vec::new();
    equal(&mut problems, case, "mean", Some(sample.mean));
    equal(&mut problems, case, "sd", sample.variance().map(f64::sqrt));
    compare(&mut problems, case, "t95", sample.t_interval(0.95), TOLERANCE);
    problems
}

/// Compares with `case[key]`, an interval; a missing or null one says nothing.
fn compare(problems: &mut Vec<String>, case: &Value, key: &str, got: Option<Interval>, tolerance: f64) {
    let (Some(low), Some(high)) = (case[key][0].as_f64(), case[key][1].as_f64()) else { return };
    let fits = |i: &Interval| (i.low - low).abs() <= tolerance && (i.high - high).abs() <= tolerance;
    if !got.as_ref().is_some_and(fits) {
        problems.push(format!("{key} is {got:?}, not [{low}, {high}]"));
    }
}

fn equal(problems: &mut Vec<String>, case: &Value, key: &str, got: Option<f64>) {
    let Some(expected) = case[key].as_f64() else { return };
    if !got.is_some_and(|got| (got - expected).abs() <= TOLERANCE) {
        problems.push(format!("{key} is {got:?}, not {expected}"));
    }
}

fn count(case: &Value, key: &str) -> u64 {
    case[key].as_u64().unwrap_or_default()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn brief(case: &Value) -> String {
    case.to_string().chars().take(60).collect()
}
