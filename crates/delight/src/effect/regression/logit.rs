//! Logistic regression.

use nalgebra::{DMatrix, DVector};

use super::design::add_scaled;
use super::{Design, Error, Moments, Regression, Table, quadratic, regression, sandwich, without_own_pull};

/// Iterations at most; a dozen are usual.
const MOST_STEPS: usize = 200;

/// The largest change of a (scaled) coefficient in one iteration, which keeps the first ones from overshooting.
const LONGEST_STEP: f64 = 2.0;

/// A change below this ends the search.
const SHORTEST_STEP: f64 = 1e-9;

/// Fits the log-odds of the outcome (0 or 1) as a sum of a constant and the columns, by iteratively reweighted least
/// squares on Firth's (1993) penalised score `Σ (y − π + h (½ − π)) x`, `h` the row's leverage: estimates stay finite
/// where a column separates the outcomes, and are less biased in small samples. Errors are the sandwich of Huber 1967
/// with residuals divided by `1 − h` as in HC3.
pub fn logistic(table: &Table) -> Result<Regression, Error> {
    if let Some(other) = table.outcomes().iter().find(|outcome| **outcome != 0.0 && **outcome != 1.0) {
        return Err(Error::NotBinary(*other));
    }
    let design = Design::of(table);
    let width = design.width();
    let yes = table.outcomes().iter().filter(|outcome| **outcome == 1.0).count();
    let rarer = yes.min(table.rows() - yes);
    let needed = 10 * width;
    if table.rows() < needed {
        return Err(Error::TooFew { found: table.rows(), needed });
    }
    if rarer == 0 {
        return Err(Error::Constant);
    }
    if rarer < needed {
        return Err(Error::TooFew { found: rarer, needed });
    }
    let share = yes as f64 / table.rows() as f64;
    let mut beta = DVector::zeros(width);
    beta[0] = (share / (1.0 - share)).ln();
    for _ in 0..MOST_STEPS {
        let bread = inverse_information(table, &design, &beta)?;
        let mut score = DVector::zeros(width);
        each_row(table, &design, &beta, |row, outcome, chance| {
            let leverage = chance * (1.0 - chance) * quadratic(&bread, row);
            add_scaled(&mut score, row, outcome - chance + leverage * (0.5 - chance));
        });
        let step = &bread * score;
        let longest = step.amax();
        if !longest.is_finite() {
            return Err(Error::NotConverged);
        }
        beta += &step * (LONGEST_STEP / longest).min(1.0);
        if longest < SHORTEST_STEP {
            return covariance(table, &design, &beta)
                .map(|spread| regression(table, &design, &beta, &spread));
        }
    }
    Err(Error::NotConverged)
}

fn inverse_information(table: &Table, design: &Design, beta: &DVector<f64>) -> Result<DMatrix<f64>, Error> {
    let mut information = Moments::new(design.width());
    each_row(table, design, beta, |row, _, chance| information.add(row, chance * (1.0 - chance)));
    information.inverted().ok_or(Error::NotConverged)
}

fn covariance(table: &Table, design: &Design, beta: &DVector<f64>) -> Result<DMatrix<f64>, Error> {
    let bread = inverse_information(table, design, beta)?;
    let mut meat = Moments::new(design.width());
    each_row(table, design, beta, |row, outcome, chance| {
        let leverage = chance * (1.0 - chance) * quadratic(&bread, row);
        meat.add(row, without_own_pull(outcome - chance, leverage));
    });
    Ok(sandwich(&bread, meat))
}

/// Calls `visit` with each row of the equations, its outcome and its chance of 1.
fn each_row(table: &Table, design: &Design, beta: &DVector<f64>, mut visit: impl FnMut(&[f64], f64, f64)) {
    let mut row = vec![0.0; design.width()];
    for (place, outcome) in table.outcomes().iter().enumerate() {
        design.fill(table, place, &mut row);
        let log_odds: f64 = row.iter().zip(beta.iter()).map(|(x, b)| x * b).sum();
        visit(&row, *outcome, 1.0 / (1.0 + (-log_odds).exp()));
    }
}
