//! The columns of a regression: scaled, and without those that say nothing.

use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

use super::Error;

/// Rows that must differ from a column's most common value (0 for most), or nothing can be learned from the column:
/// with a handful of rows robust errors are far too small.
pub const LEAST_VARIED: usize = 20;

/// A column of which less than this share of variance is its own is taken for a combination of those before it.
const LEAST_OWN_VARIANCE: f64 = 1e-8;

/// Rows of numbers with an outcome each.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    columns: usize,
    values: Vec<f64>,
    outcomes: Vec<f64>,
}

impl Table {
    /// An empty table of this width.
    pub fn new(columns: usize) -> Self {
        Self { columns, values: Vec::new(), outcomes: Vec::new() }
    }

    /// Adds a row. Refuses another width and what is not finite.
    pub fn push(&mut self, row: &[f64], outcome: f64) -> Result<(), Error> {
        if row.len() != self.columns {
            return Err(Error::Width { found: row.len(), columns: self.columns });
        }
        if !outcome.is_finite() || row.iter().any(|value| !value.is_finite()) {
            return Err(Error::NotFinite);
        }
        self.values.extend_from_slice(row);
        self.outcomes.push(outcome);
        Ok(())
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.outcomes.len()
    }

    /// How many columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    pub(super) fn outcomes(&self) -> &[f64] {
        &self.outcomes
    }

    fn row(&self, place: usize) -> &[f64] {
        self.values.get(place * self.columns..(place + 1) * self.columns).unwrap_or_default()
    }

    fn column(&self, column: usize) -> impl Iterator<Item = f64> + '_ {
        self.values.iter().skip(column).step_by(self.columns.max(1)).copied()
    }
}

/// Why a column takes no part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftOut {
    /// Fewer than [`LEAST_VARIED`] rows differ from its most common value.
    TooRare,
    /// It follows from the columns before it.
    Redundant,
}

/// A column as the equations see it: centred, with variance 1.
#[derive(Debug, Clone, Copy)]
struct Scaled {
    mean: f64,
    deviation: f64,
}

/// What takes part in a regression.
pub(super) struct Design {
    columns: Vec<Result<Scaled, LeftOut>>,
}

impl Design {
    /// Looks at all columns of a table with at least one row.
    pub(super) fn of(table: &Table) -> Self {
        let columns = (0..table.columns).map(|column| scaled(table, column)).collect();
        let mut design = Self { columns };
        design.drop_redundant(table);
        design
    }

    /// Coefficients, the constant included.
    pub(super) fn width(&self) -> usize {
        1 + self.columns.iter().filter(|column| column.is_ok()).count()
    }

    /// Row `place` of the equations, the constant first, written into `row` of [`Self::width`].
    pub(super) fn fill(&self, table: &Table, place: usize, row: &mut [f64]) {
        let kept = self.columns.iter().zip(table.row(place)).filter_map(|(column, value)| {
            column.as_ref().ok().map(|scaled| (value - scaled.mean) / scaled.deviation)
        });
        for (slot, value) in row.iter_mut().zip(std::iter::once(1.0).chain(kept)) {
            *slot = value;
        }
    }

    /// For each column of the table what `make` says of its place in the equations and its scale.
    pub(super) fn columns<T>(&self, make: impl Fn(usize, f64) -> T) -> Vec<Result<T, LeftOut>> {
        let mut place = 0;
        let each = |column: &Result<Scaled, LeftOut>| {
            column.map(|scaled| {
                place += 1;
                make(place, scaled.deviation)
            })
        };
        self.columns.iter().map(each).collect()
    }

    /// Cholesky's elimination over the correlations: what is left of a column's own variance after the columns
    /// before it.
    fn drop_redundant(&mut self, table: &Table) {
        let mut gram = Moments::new(self.width());
        let mut row = vec![0.0; self.width()];
        for place in 0..table.rows() {
            self.fill(table, place, &mut row);
            gram.add(&row, 1.0);
        }
        let mut gram = gram.into_matrix() / table.rows() as f64;
        let mut pivot = 0;
        for column in &mut self.columns {
            if column.is_err() {
                continue;
            }
            pivot += 1;
            let own = gram[(pivot, pivot)];
            if own < LEAST_OWN_VARIANCE {
                *column = Err(LeftOut::Redundant);
                continue;
            }
            let by: Vec<f64> = gram.column(pivot).iter().copied().collect();
            for i in pivot + 1..by.len() {
                for j in pivot + 1..by.len() {
                    gram[(i, j)] -= by[i] * by[j] / own;
                }
            }
        }
    }
}

fn scaled(table: &Table, column: usize) -> Result<Scaled, LeftOut> {
    let mut sorted: Vec<f64> = table.column(column).collect();
    sorted.sort_by(f64::total_cmp);
    let commonest = sorted.chunk_by(|a, b| a == b).map(<[f64]>::len).max().unwrap_or(0);
    if sorted.len() - commonest < LEAST_VARIED {
        return Err(LeftOut::TooRare);
    }
    let sample = crate::survey::Sample::of(sorted);
    let deviation = (sample.squares / sample.count as f64).sqrt();
    // Values so close to each other that their squares vanish are as good as equal.
    if deviation > 0.0 { Ok(Scaled { mean: sample.mean, deviation }) } else { Err(LeftOut::TooRare) }
}

/// `Σ w x xᵀ` over rows, the lower half.
pub(super) struct Moments {
    width: usize,
    sums: Vec<f64>,
}

impl Moments {
    pub(super) fn new(width: usize) -> Self {
        Self { width, sums: vec![0.0; width * width] }
    }

    pub(super) fn add(&mut self, row: &[f64], weight: f64) {
        for (i, left) in row.iter().enumerate() {
            let scaled = weight * left;
            let line = self.sums.iter_mut().skip(i * self.width);
            for (sum, right) in line.zip(&row[..=i]) {
                *sum += scaled * right;
            }
        }
    }

    pub(super) fn into_matrix(self) -> DMatrix<f64> {
        let Self { width, sums } = self;
        DMatrix::from_fn(width, width, |i, j| sums[i.max(j) * width + i.min(j)])
    }

    /// The inverse of the matrix; `None` if it is not positive definite.
    pub(super) fn inverted(self) -> Option<DMatrix<f64>> {
        self.into_matrix().cholesky().map(|root| root.inverse())
    }
}

/// `Σ w x` over rows, added in place.
pub(super) fn add_scaled(sums: &mut DVector<f64>, row: &[f64], weight: f64) {
    for (sum, value) in sums.iter_mut().zip(row) {
        *sum += weight * value;
    }
}
