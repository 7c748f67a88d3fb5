//! Ordinary least squares.

use nalgebra::DVector;

use super::design::add_scaled;
use super::{Design, Error, Moments, Regression, Table, quadratic, regression, sandwich, without_own_pull};

/// Fits the outcome as a sum of a constant and the columns by least squares, with errors that allow for unequal
/// variances (HC3, MacKinnon & White 1985) and Student's t with rows − coefficients degrees of freedom.
pub fn least_squares(table: &Table) -> Result<Regression, Error> {
    let design = Design::of(table);
    let width = design.width();
    let needed = 10 * width;
    if table.rows() < needed {
        return Err(Error::TooFew { found: table.rows(), needed });
    }
    if table.outcomes().windows(2).all(|pair| pair[0] == pair[1]) {
        return Err(Error::Constant);
    }
    let mut row = vec![0.0; width];
    let (mut information, mut score) = (Moments::new(width), DVector::zeros(width));
    for (place, outcome) in table.outcomes().iter().enumerate() {
        design.fill(table, place, &mut row);
        information.add(&row, 1.0);
        add_scaled(&mut score, &row, *outcome);
    }
    let bread = information.inverted().ok_or(Error::NotConverged)?;
    let beta = &bread * score;
    let mut meat = Moments::new(width);
    for (place, outcome) in table.outcomes().iter().enumerate() {
        design.fill(table, place, &mut row);
        let fitted: f64 = row.iter().zip(beta.iter()).map(|(x, b)| x * b).sum();
        meat.add(&row, without_own_pull(outcome - fitted, quadratic(&bread, &row)));
    }
    Ok(regression(table, &design, &beta, &sandwich(&bread, meat)))
}
