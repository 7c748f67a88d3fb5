//! One side of a comparison.

use serde::{Deserialize, Serialize};

use crate::survey::Sample;

/// What was measured on one side: a mean of numbers, or a share. Kept as sums, so that it can be updated one by one
/// and merged. One entry a *customer*: several measurements of one customer are not independent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    /// The mean of a number a customer (delight, revenue).
    Mean(Sample),
    /// The share of customers with a property (came back, complained).
    Share {
        /// Customers that have it; at most `of`.
        hits: u64,
        /// All customers.
        of: u64,
    },
}

impl Arm {
    /// How many customers were measured.
    pub fn customers(&self) -> u64 {
        match self {
            Self::Mean(sample) => sample.count,
            Self::Share { of, .. } => *of,
        }
    }

    /// The mean, or the share 0…1; `None` without customers or with more hits than customers.
    pub fn estimate(&self) -> Option<f64> {
        match self {
            Self::Mean(sample) => (sample.count > 0).then_some(sample.mean),
            Self::Share { hits, of } => (*of > 0 && hits <= of).then(|| *hits as f64 / *of as f64),
        }
    }

    /// The variance of the estimate; `None` where it cannot be told or a sample does not vary at all.
    ///
    /// A share's is taken after adding one hit and one miss (Agresti & Caffo 2000): without it, a side where
    /// nothing happened yet would look perfectly known.
    pub(super) fn variance(&self) -> Option<f64> {
        match self {
            Self::Mean(sample) => {
                let variance = sample.variance()? / sample.count as f64;
                (variance > 0.0).then_some(variance)
            }
            Self::Share { hits, of } => {
                self.estimate()?;
                let n = *of as f64 + 2.0;
                let share = (*hits as f64 + 1.0) / n;
                Some(share * (1.0 - share) / n)
            }
        }
    }
}
