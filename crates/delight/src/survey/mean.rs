//! Means (customer effort, mean delight) with t intervals, from sums that can be kept and merged.

use serde::{Deserialize, Serialize};

use crate::interval::{Interval, t};

/// Count, mean and squared deviations of numbers, updated one by one (Welford 1962) and mergeable (Chan, Golub &
/// LeVeque 1979).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Sample {
    /// How many numbers.
    pub count: u64,
    /// Their mean; 0 without any.
    pub mean: f64,
    /// `Σ (x − mean)²`.
    pub squares: f64,
}

impl Sample {
    /// The sample of these numbers; what is not finite is left out.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut sample = Self::default();
        for value in values {
            sample.add(value);
        }
        sample
    }

    /// Takes one number in; ignores what is not finite.
    pub fn add(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        self.count += 1;
        let off = value - self.mean;
        self.mean += off / self.count as f64;
        self.squares += off * (value - self.mean);
    }

    /// Takes a number back that was added before.
    pub fn remove(&mut self, value: f64) {
        if !value.is_finite() || self.count == 0 {
            return;
        }
        if self.count == 1 {
            *self = Self::default();
            return;
        }
        let off = value - self.mean;
        self.count -= 1;
        self.mean -= off / self.count as f64;
        self.squares = (self.squares - off * (value - self.mean)).max(0.0);
    }

    /// Both samples as one.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        let count = self.count + other.count;
        if count == 0 {
            return Self::default();
        }
        let apart = other.mean - self.mean;
        let part = other.count as f64 / count as f64;
        Self {
            count,
            mean: self.mean + apart * part,
            squares: self.squares + other.squares + apart * apart * self.count as f64 * part,
        }
    }

    /// The variance with n − 1; `None` below two numbers.
    pub fn variance(&self) -> Option<f64> {
        (self.count >= 2).then(|| self.squares / (self.count - 1) as f64)
    }

    /// The standard error of the mean; `None` below two numbers.
    pub fn standard_error(&self) -> Option<f64> {
        self.variance().map(|v| (v / self.count as f64).sqrt())
    }

    /// `mean ± t · standard error` (Student 1908); `None` below two numbers.
    pub fn t_interval(&self, confidence: f64) -> Option<Interval> {
        let se = self.standard_error()?;
        let half = t(confidence, (self.count - 1) as f64)? * se;
        Some(Interval::around(self.mean, half, confidence))
    }
}
