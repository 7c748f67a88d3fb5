//! `clv/clv_reference.json`: fits and predictions on the CDNOW purchases beside it.

use std::collections::BTreeMap;
use std::path::Path;

use elate_delight::churn::{
    self, Calendar, Family, History, HoldoutCheck, PurchaseFit, PurchaseModel, PurchaseParams, Summary,
    holdout,
};
use elate_domain::Timestamp;
use serde_json::Value;

use super::Report;

/// Fitted parameters may differ by this share.
const PARAMETERS: f64 = 0.005;

/// Log-likelihoods, in all.
const LOG_LIKELIHOOD: f64 = 0.01;

/// Predictions at given parameters.
const PREDICTION: f64 = 1e-6;

/// Weeks from the end of calibration to the end of the data.
const HOLDOUT_WEEKS: f64 = 39.0;

/// Checks fits, likelihoods, single customers and the holdout. The purchases are those beside the file.
pub(crate) fn clv(file: &Path) -> Result<Report, String> {
    let data: Value = serde_json::from_str(&read(file)?).map_err(|e| e.to_string())?;
    let customers = customers(&read(&file.with_file_name("cdnow_sample_transactions.csv"))?, &data)?;
    let summaries: Vec<Summary> = customers.iter().map(|(summary, _)| *summary).collect();
    let fit = |family| churn::fit_purchases(family, &summaries, Timestamp(0)).map_err(|e| e.to_string());
    let (bg, mbg) = (fit(Family::BgNbd)?, fit(Family::MbgNbd)?);
    let mut report = Report::default();
    report.case("BG/NBD fit".to_owned(), bg_fit(&bg, &data["bgnbd_cdnow_summary"]));
    report.case("BG/NBD likelihood".to_owned(), bg_likelihood(&summaries, &data["bgnbd_cdnow_summary"]));
    report.case("MBG/NBD fit".to_owned(), parameters(&mbg, &data["mbgnbd_cdnow_summary"]["params"]));
    report.case("Gamma-Gamma fit".to_owned(), spend_fit(&summaries, &data["gammagamma_cdnow"])?);
    report.case("one customer".to_owned(), one_customer(&data)?);
    report.case("holdout at given parameters".to_owned(), holdout_given(&customers, &data["holdout"])?);
    report.case("holdout by frequency".to_owned(), by_frequency(&customers, &data["holdout"])?);
    report.case("holdout of the fit".to_owned(), holdout_of_fit(&customers, &bg, &mbg));
    Ok(report)
}

fn read(file: &Path) -> Result<String, String> {
    std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))
}

/// Summaries in weeks at the end of calibration, and days with a purchase after it.
fn customers(csv: &str, data: &Value) -> Result<Vec<(Summary, u64)>, String> {
    let calendar = Calendar::default();
    let until = day(data["holdout"]["cal_end"].as_str().unwrap_or_default())?;
    let mut purchases: BTreeMap<&str, Vec<(Timestamp, f64)>> = BTreeMap::new();
    for line in csv.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let &[_, id, date, _, spend] = fields.as_slice() else {
            return Err(format!("not a purchase: {line}"));
        };
        let spend = spend.parse().map_err(|e| format!("{line}: {e}"))?;
        purchases.entry(id).or_default().push((day(date)?, spend));
    }
    let mut customers = Vec::new();
    for bought in purchases.into_values() {
        let (before, after): (Vec<_>, Vec<_>) = bought.into_iter().partition(|(time, _)| *time <= until);
        let summary =
            History::of(before, &calendar).summary(until, &calendar).ok_or("no purchase to start with")?;
        customers.push((summary, u64::from(History::of(after, &calendar).periods())));
    }
    Ok(customers)
}

fn day(date: &str) -> Result<Timestamp, String> {
    Timestamp::parse(&format!("{date}T00:00:00Z")).ok_or_else(|| format!("not a date: {date}"))
}

fn given(family: Family, params: &Value) -> Result<PurchaseModel, String> {
    let [r, alpha, a, b] = ["r", "alpha", "a", "b"].map(|name| number(&params[name]));
    PurchaseModel::try_new(family, PurchaseParams { r, alpha, a, b }).map_err(|e| e.to_string())
}

fn bg_fit(fit: &PurchaseFit, expected: &Value) -> Vec<String> {
    let mut problems = parameters(fit, &expected["params"]);
    let log_likelihood = number(&expected["loglik_total_at_fit"]);
    near(&mut problems, "log-likelihood", fit.quality.log_likelihood, log_likelihood, LOG_LIKELIHOOD);
    problems
}

fn parameters(fit: &PurchaseFit, expected: &Value) -> Vec<String> {
    let PurchaseParams { r, alpha, a, b } = fit.model.params();
    let mut problems = Vec::new();
    for (name, got) in [("r", r), ("alpha", alpha), ("a", a), ("b", b)] {
        let expected = number(&expected[name]);
        near(&mut problems, name, got, expected, PARAMETERS * expected);
    }
    if !fit.quality.converged || fit.quality.at_bound {
        problems.push(format!("no maximum: {:?}", fit.quality));
    }
    problems
}

fn bg_likelihood(summaries: &[Summary], expected: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    for (params, total) in [("paper", "loglik_total_at_paper_params"), ("params", "loglik_total_at_fit")] {
        match given(Family::BgNbd, &expected[params]) {
            Ok(model) => {
                let got: f64 = summaries.iter().map(|customer| model.log_likelihood(customer)).sum();
                near(&mut problems, total, got, number(&expected[total]), LOG_LIKELIHOOD);
            }
            Err(problem) => problems.push(problem),
        }
    }
    problems
}

fn spend_fit(summaries: &[Summary], expected: &Value) -> Result<Vec<String>, String> {
    let fit = churn::fit_spend(summaries, Timestamp(0)).map_err(|e| e.to_string())?;
    let mut problems = Vec::new();
    for (name, got) in [("p", fit.model.p()), ("q", fit.model.q()), ("v", fit.model.v())] {
        let expected = number(&expected["params"][name]);
        near(&mut problems, name, got, expected, PARAMETERS * expected);
    }
    if Some(fit.quality.repeaters) != expected["n_repeaters"].as_u64() {
        problems.push(format!("{} repeaters", fit.quality.repeaters));
    }
    Ok(problems)
}

fn one_customer(data: &Value) -> Result<Vec<String>, String> {
    let case = &data["single_customer"];
    let model = given(Family::BgNbd, &data["bgnbd_cdnow_summary"]["params"])?;
    let repeats = case["x"].as_u64().unwrap_or_default() as u32;
    let customer =
        Summary::try_new(repeats, number(&case["t_x"]), number(&case["T"])).map_err(|e| e.to_string())?;
    let mut problems = Vec::new();
    let expected = model.expected_purchases(&customer, number(&case["t"]));
    near(&mut problems, "expected purchases", expected, number(&case["E_Y_fit"]), PREDICTION);
    near(&mut problems, "published", expected, number(&case["published"]), 5e-4);
    near(&mut problems, "alive", model.alive(&customer), number(&case["p_alive_fit"]), PREDICTION);
    Ok(problems)
}

fn holdout_given(customers: &[(Summary, u64)], expected: &Value) -> Result<Vec<String>, String> {
    let model = given(Family::BgNbd, &expected["bg_params"])?;
    let check = holdout::check(&model, customers, HOLDOUT_WEEKS).ok_or("no customers")?;
    let bg = &expected["bg"];
    let auc = &expected["auc_bought_in_holdout"];
    let mut problems = Vec::new();
    near(&mut problems, "customers", check.customers as f64, number(&expected["n"]), 0.0);
    near(&mut problems, "purchases", check.actual as f64, number(&bg["sum_actual"]), 0.0);
    // A sum over all customers, each of whom may be off by 1e-6.
    let in_all = PREDICTION * check.customers as f64;
    near(&mut problems, "expected purchases", check.expected, number(&bg["sum_pred"]), in_all);
    near(&mut problems, "squared error", check.mean_squared_error, number(&bg["MSE"]), PREDICTION);
    near(&mut problems, "absolute error", check.mean_absolute_error, number(&bg["MAE"]), PREDICTION);
    let or_nan = |value: Option<f64>| value.unwrap_or(f64::NAN);
    near(&mut problems, "correlation", or_nan(check.correlation), number(&bg["corr"]), PREDICTION);
    near(&mut problems, "AUC of purchases", or_nan(check.expected_auc), number(&auc["bg_pred"]), PREDICTION);
    near(&mut problems, "AUC of alive", or_nan(check.alive_auc), number(&auc["p_alive"]), PREDICTION);
    Ok(problems)
}

/// Means over customers with 0 to 6 repeats, and with 7 or more, as published to four digits.
fn by_frequency(customers: &[(Summary, u64)], expected: &Value) -> Result<Vec<String>, String> {
    let model = given(Family::BgNbd, &expected["bg_params"])?;
    let mut problems = Vec::new();
    for row in super::list(expected, "by_calibration_frequency_7plus") {
        let k = number(&row["k"]);
        let group: Vec<_> =
            customers.iter().filter(|(summary, _)| f64::from(summary.repeats).min(7.0) == k).collect();
        let mean = |sum: f64| sum / group.len() as f64;
        let predicted = mean(group.iter().map(|(s, _)| model.expected_purchases(s, HOLDOUT_WEEKS)).sum());
        let actual = mean(group.iter().map(|(_, after)| *after as f64).sum());
        near(&mut problems, &format!("predicted at {k}"), predicted, number(&row["pred_holdout"]), 5.1e-5);
        near(&mut problems, &format!("actual at {k}"), actual, number(&row["frequency_holdout"]), 5.1e-5);
    }
    Ok(problems)
}

/// What our own fits must reach: the paper's correlation, and P(alive) of MBG/NBD on the right side of chance.
fn holdout_of_fit(customers: &[(Summary, u64)], bg: &PurchaseFit, mbg: &PurchaseFit) -> Vec<String> {
    let mut problems = Vec::new();
    let mut at_least = |what: &str, got: Option<f64>, least: f64| {
        if got.is_none_or(|got| got.is_nan() || got < least) {
            problems.push(format!("{what} is {got:?}, less than {least}"));
        }
    };
    for fit in [bg, mbg] {
        let family = fit.model.family();
        let check: Option<HoldoutCheck> = holdout::check(&fit.model, customers, HOLDOUT_WEEKS);
        at_least(&format!("correlation of {family:?}"), check.and_then(|c| c.correlation), 0.62);
        at_least(&format!("AUC of {family:?}"), check.and_then(|c| c.expected_auc), 0.77);
        if family == Family::MbgNbd {
            at_least("AUC of alive", check.and_then(|c| c.alive_auc), 0.6);
        }
    }
    problems
}

fn near(problems: &mut Vec<String>, what: &str, got: f64, expected: f64, tolerance: f64) {
    let off = (got - expected).abs();
    if off.is_nan() || off > tolerance {
        problems.push(format!("{what} is {got}, not {expected}"));
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}
