//! Regression with intervals that stay honest when its assumptions do not hold.
//!
//! | outcome | function | estimate | errors |
//! |---|---|---|---|
//! | a number (an NPS answer, delight) | [`least_squares`] | ordinary least squares | HC3 (MacKinnon & White 1985) |
//! | yes or no (came back) | [`logistic`] | Firth 1993, finite under separation too (Heinze & Schemper 2002) | sandwich with the leverages of HC3 |
//!
//! Rows are customers, one each: rows have to be independent. A constant is always in. Columns are scaled inside, so
//! that units do not matter; columns of which nothing can be learned are left out and named.

mod design;
mod linear;
mod logit;

use design::{Design, Moments};
pub use design::{LEAST_VARIED, LeftOut, Table};
pub use linear::least_squares;
pub use logit::logistic;
use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::interval::{Interval, t};

/// Why there is no regression.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Error {
    /// A row has another length than the table.
    #[error("a row has {found} values, the table {columns} columns")]
    Width {
        /// Values in the row.
        found: usize,
        /// Columns of the table.
        columns: usize,
    },
    /// A value or an outcome is infinite or not a number.
    #[error("a row holds a value that is not a finite number")]
    NotFinite,
    /// An outcome of a logistic regression is neither 0 nor 1.
    #[error("an outcome must be 0 or 1, is {0}")]
    NotBinary(f64),
    /// Fewer than ten rows for each coefficient (for each of the rarer outcome in a logistic regression), the usual
    /// least below which intervals are not to be trusted (Peduzzi et al. 1996).
    #[error("{found} observations, {needed} are needed for this many columns")]
    TooFew {
        /// Rows, or rows with the rarer outcome.
        found: usize,
        /// What is needed.
        needed: usize,
    },
    /// The outcome is the same in all rows.
    #[error("the outcome does not vary")]
    Constant,
    /// The equations could not be solved.
    #[error("the estimate did not converge")]
    NotConverged,
}

/// The effect of one unit of a column, all others held still.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Coefficient {
    /// Change of the outcome (least squares) or of its log-odds (logistic) a unit of the column.
    pub estimate: f64,
    /// Its robust standard error.
    pub standard_error: f64,
    /// Degrees of freedom of Student's t that it is compared with.
    pub freedom: f64,
}

impl Coefficient {
    /// Probability of an estimate at least this large if the column had no effect.
    pub fn p_value(&self) -> f64 {
        let statistic = (self.estimate / self.standard_error).abs();
        StudentsT::new(0.0, 1.0, self.freedom).map_or(1.0, |students| 2.0 * students.sf(statistic))
    }

    /// `estimate ± t · standard error`; `None` unless `0 < confidence < 1`.
    pub fn interval(&self, confidence: f64) -> Option<Interval> {
        Some(Interval::around(self.estimate, t(confidence, self.freedom)? * self.standard_error, confidence))
    }
}

/// A fitted regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Regression {
    /// Rows in it.
    pub rows: u64,
    /// For each column of the table, its coefficient or why it has none.
    pub columns: Vec<Result<Coefficient, LeftOut>>,
}

/// Coefficients in the units of the table, from estimate and covariance in scaled ones (the constant first).
fn regression(table: &Table, design: &Design, beta: &DVector<f64>, covariance: &DMatrix<f64>) -> Regression {
    let freedom = (table.rows() - design.width()) as f64;
    let coefficient = |place: usize, scale: f64| Coefficient {
        estimate: beta[place] / scale,
        standard_error: covariance[(place, place)].max(0.0).sqrt() / scale,
        freedom,
    };
    let columns = design.columns(coefficient);
    Regression { rows: table.rows() as u64, columns }
}

/// The sandwich `B M B`: `B` the inverse of the information, `M = Σ s x xᵀ` over rows.
fn sandwich(bread: &DMatrix<f64>, meat: Moments) -> DMatrix<f64> {
    bread * meat.into_matrix() * bread
}

/// `xᵀ B x`.
fn quadratic(bread: &DMatrix<f64>, row: &[f64]) -> f64 {
    let mut sum = 0.0;
    for (i, a) in row.iter().enumerate() {
        for (j, b) in row.iter().enumerate() {
            sum += a * bread[(i, j)] * b;
        }
    }
    sum
}

/// The squared residual as HC3 takes it: divided by `(1 − leverage)²`, as if the row had not taken part.
fn without_own_pull(residual: f64, leverage: f64) -> f64 {
    (residual / (1.0 - leverage).max(1e-6)).powi(2)
}
