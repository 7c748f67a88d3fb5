//! Which moments move retention, or NPS.

use serde::{Deserialize, Serialize};

use super::correction::{benjamini_hochberg, holm};
use super::regression::{Error, LeftOut, Table, least_squares, logistic};
use crate::interval::Interval;

/// What the outcome of a customer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// 1 for who came back, 0 for who did not: logistic regression, effects in log-odds.
    Retained,
    /// A number (an NPS answer, delight): least squares, effects in its unit.
    Score,
}

/// How many tests at once are made honest; see [`super::correction`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Correction {
    /// Holm: the chance that *any* named driver is noise stays below the rate. The default.
    #[default]
    Holm,
    /// Benjamini–Hochberg: the *share* of noise among the named stays below the rate.
    BenjaminiHochberg,
}

/// One moment's effect, those of all others taken off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Driver {
    /// The moment, as its column was called.
    pub moment: String,
    /// Change of the outcome for one unit of the column: log-odds or points; see [`Target`].
    pub effect: f64,
    /// Its robust standard error.
    pub standard_error: f64,
    /// The interval of the effect. The intervals of all drivers hold together (Bonferroni) with probability 1 − rate.
    pub interval: Interval,
    /// Probability of an effect at least this large if there is none.
    pub p_value: f64,
    /// The same after correction for having tested all columns.
    pub adjusted_p_value: f64,
    /// Whether that is below the rate: only then is the moment a driver in any sentence.
    pub named: bool,
}

impl Driver {
    /// The factor by which one unit multiplies the odds of coming back, for [`Target::Retained`].
    pub fn odds_ratio(&self) -> f64 {
        self.effect.exp()
    }
}

/// All moments that were tested.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drivers {
    /// What the outcome was.
    pub target: Target,
    /// How tests were corrected.
    pub correction: Correction,
    /// The rate of error accepted.
    pub rate: f64,
    /// Customers behind it.
    pub customers: u64,
    /// The surest first; ties in the order of the columns.
    pub drivers: Vec<Driver>,
    /// Columns of which nothing can be learned, and why.
    pub left_out: Vec<(String, LeftOut)>,
}

/// Regresses the outcome on all moments at once and names those whose effect is beyond chance.
///
/// `moments` are the names of the table's columns (how many of each a customer had, or their mean gap); rows are
/// customers. `rate` (0 to 1) is the error accepted, 0.05 as a rule. What moves with the outcome need not move it:
/// drivers are candidates for a play with a held-out group, not a proof.
///
/// # Errors
///
/// As [`least_squares`] and [`logistic`]; [`Error::Width`] where names and columns differ in number.
pub fn drivers(
    moments: &[String],
    table: &Table,
    target: Target,
    correction: Correction,
    rate: f64,
) -> Result<Drivers, Error> {
    if moments.len() != table.columns() {
        return Err(Error::Width { found: moments.len(), columns: table.columns() });
    }
    let fitted = match target {
        Target::Retained => logistic(table)?,
        Target::Score => least_squares(table)?,
    };
    let mut tested = Vec::new();
    let mut left_out = Vec::new();
    for (moment, column) in moments.iter().zip(&fitted.columns) {
        match column {
            Ok(coefficient) => tested.push((moment, coefficient)),
            Err(reason) => left_out.push((moment.clone(), *reason)),
        }
    }
    let p_values: Vec<f64> = tested.iter().map(|(_, coefficient)| coefficient.p_value()).collect();
    let adjusted = match correction {
        Correction::Holm => holm(&p_values),
        Correction::BenjaminiHochberg => benjamini_hochberg(&p_values),
    };
    let together = 1.0 - rate / tested.len().max(1) as f64;
    let mut drivers = Vec::new();
    for (((moment, coefficient), p_value), adjusted_p_value) in tested.into_iter().zip(p_values).zip(adjusted)
    {
        let Some(interval) = coefficient.interval(together) else { continue };
        drivers.push(Driver {
            moment: moment.clone(),
            effect: coefficient.estimate,
            standard_error: coefficient.standard_error,
            interval,
            p_value,
            adjusted_p_value,
            named: adjusted_p_value < rate,
        });
    }
    drivers.sort_by(|a, b| a.p_value.total_cmp(&b.p_value));
    Ok(Drivers { target, correction, rate, customers: fitted.rows, drivers, left_out })
}
