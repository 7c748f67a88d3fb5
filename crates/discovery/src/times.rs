//! Durations in milliseconds, summed in integers: whatever the order in which they come and summaries are merged, the
//! result is the same to the last bit.

use elate_delight::survey::Sample;
use serde::{Deserialize, Serialize};

use crate::encoding::wide;
use crate::quantiles::Quantiles;

/// No step takes longer (about 35,000 years): keeps squares within 128 bits.
pub(crate) const LONGEST: u64 = 1 << 50;

/// Milliseconds from `from` to `to`; 0 where `to` is earlier, at most [`LONGEST`].
pub(crate) fn between(from: i64, to: i64) -> u64 {
    u64::try_from(i128::from(to) - i128::from(from)).unwrap_or(0).min(LONGEST)
}

/// Count, sum, sum of squares, least and most of durations in milliseconds. Exact and mergeable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Moments {
    /// How many.
    pub count: u64,
    /// Their sum in milliseconds.
    #[serde(with = "wide")]
    pub sum: u128,
    /// The sum of their squares, in milliseconds squared.
    #[serde(with = "wide")]
    pub squares: u128,
    /// The shortest; 0 without any.
    pub least: u64,
    /// The longest.
    pub most: u64,
}

impl Moments {
    /// Takes one duration in.
    pub fn add(&mut self, millis: u64) {
        let millis = millis.min(LONGEST);
        let wide = u128::from(millis);
        self.merge(&Self { count: 1, sum: wide, squares: wide * wide, least: millis, most: millis });
    }

    /// Takes all of `other` in.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        self.least = if self.count == 0 { other.least } else { self.least.min(other.least) };
        self.most = self.most.max(other.most);
        self.count += other.count;
        self.sum = self.sum.saturating_add(other.sum);
        self.squares = self.squares.saturating_add(other.squares);
    }

    /// The mean in milliseconds; `None` without any.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }

    /// The sum of squared deviations from the mean, in milliseconds squared.
    fn spread(&self) -> f64 {
        let count = u128::from(self.count.max(1));
        match (count.checked_mul(self.squares), self.sum.checked_mul(self.sum)) {
            // In integers nothing cancels, however close the durations are.
            (Some(all), Some(square)) => all.saturating_sub(square) as f64 / count as f64,
            _ => (self.squares as f64 - self.sum as f64 * (self.sum as f64 / count as f64)).max(0.0),
        }
    }

    /// The standard deviation with n − 1, in milliseconds; `None` below two.
    pub fn deviation(&self) -> Option<f64> {
        (self.count >= 2).then(|| (self.spread() / (self.count - 1) as f64).sqrt())
    }

    /// The same in seconds, as a sample that intervals can be taken of.
    pub fn sample(&self) -> Sample {
        Sample {
            count: self.count,
            mean: self.mean().unwrap_or_default() / 1e3,
            squares: self.spread() / 1e6,
        }
    }
}

/// Durations with their quantiles.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Times {
    /// Count, sums and extremes: exact.
    pub moments: Moments,
    /// Quantiles: exact up to [`Quantiles::EXACT`] durations, then within [`Quantiles::RELATIVE_ERROR`].
    pub quantiles: Quantiles,
}

impl Times {
    /// Takes one duration in.
    pub fn add(&mut self, millis: u64) {
        let millis = millis.min(LONGEST);
        self.moments.add(millis);
        self.quantiles.add(millis);
    }

    /// Takes all of `other` in.
    pub fn merge(&mut self, other: &Self) {
        self.moments.merge(&other.moments);
        self.quantiles.merge(&other.quantiles);
    }

    /// The quantile in milliseconds, never outside what was seen; `None` without durations.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let value = self.quantiles.at(share)?;
        Some(value.clamp(self.moments.least as f64, self.moments.most as f64))
    }
}
