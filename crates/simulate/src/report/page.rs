//! The report as a page: one file, no server, no scripts, nothing from elsewhere. All that comes from the recording or
//! the manifests is escaped.

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value, context};

use super::Report;
use crate::Error;

const TEMPLATE: &str = include_str!("page.html");

/// Entries that the page shows; all of them are in the JSON.
const SHOWN: usize = 200;
/// Differences that the page shows.
const DIFFERENCES: usize = 500;

pub(super) fn render(report: &Report, base: Option<&Report>) -> Result<String, Error> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_filter("figure", figure);
    environment.add_filter("share", share);
    environment.add_template("page", TEMPLATE)?;
    let difference = base.map(|base| report.compare(base));
    let figures = difference.as_ref().map_or(0, |difference| difference.figures.len());
    let page = environment.get_template("page")?;
    Ok(page.render(context! {
        report => Value::from(Serde(report)),
        difference => difference.as_ref().map(|difference| Value::from(Serde(difference))),
        differences_left_out => figures.saturating_sub(DIFFERENCES),
        differences_shown => DIFFERENCES,
        entries => report.entries.iter().take(SHOWN).map(|entry| Value::from(Serde(entry))).collect::<Vec<_>>(),
        entries_total => report.entries.len() as u64 + report.entries_left_out,
        entries_shown => SHOWN,
        highest_ten => report.delight.tens.iter().max().copied().unwrap_or(0).max(1),
    })?)
}

/// A number with two places, a whole one with none, and anything else as it is.
fn figure(value: &Value) -> String {
    if value.is_none() || value.is_undefined() {
        return "–".to_owned();
    }
    match f64::try_from(value.clone()) {
        Ok(number) if number.fract() == 0.0 && number.abs() < 1e15 => format!("{number:.0}"),
        Ok(number) => format!("{number:.2}"),
        Err(_) => value.to_string(),
    }
}

/// `part` of `whole` in percent, 0 of nothing.
fn share(part: f64, whole: f64) -> String {
    if whole <= 0.0 { "0".to_owned() } else { format!("{:.1}", 100.0 * part / whole) }
}
