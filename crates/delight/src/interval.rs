//! An interval with its confidence, and the quantiles that intervals are made of.

use serde::{Deserialize, Serialize};
use statrs::distribution::{Beta, ContinuousCDF, Gamma, Normal, StudentsT};

/// A confidence (or credible) interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Confidence, e.g. 0.95.
    pub confidence: f64,
}

impl Interval {
    /// `centre ± half_width`.
    pub fn around(centre: f64, half_width: f64, confidence: f64) -> Self {
        Self { low: centre - half_width, high: centre + half_width, confidence }
    }

    /// The same interval with its ends moved into `[low, high]`.
    #[must_use]
    pub fn clipped(self, low: f64, high: f64) -> Self {
        Self { low: self.low.clamp(low, high), high: self.high.clamp(low, high), ..self }
    }

    /// Whether `value` lies inside, ends included.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// The distance between the ends.
    pub fn width(&self) -> f64 {
        self.high - self.low
    }
}

/// Half of what an interval of this confidence leaves out; `None` unless `0 < confidence < 1`.
pub(crate) fn half_alpha(confidence: f64) -> Option<f64> {
    (confidence > 0.0 && confidence < 1.0).then(|| (1.0 - confidence) / 2.0)
}

/// Two-sided normal quantile, 1.96 for 0.95.
pub(crate) fn z(confidence: f64) -> Option<f64> {
    let tail = half_alpha(confidence)?;
    let normal = Normal::new(0.0, 1.0).ok()?;
    Some(-normal.inverse_cdf(tail))
}

/// Two-sided quantile of Student's t with `df` degrees of freedom.
pub(crate) fn t(confidence: f64, df: f64) -> Option<f64> {
    let tail = half_alpha(confidence)?;
    let students = StudentsT::new(0.0, 1.0, df).ok()?;
    Some(-students.inverse_cdf(tail))
}

/// Quantile of Beta(a, b); `None` for parameters that are not positive.
pub(crate) fn beta_quantile(a: f64, b: f64, p: f64) -> Option<f64> {
    if !(0.0..=1.0).contains(&p) {
        return None;
    }
    Some(Beta::new(a, b).ok()?.inverse_cdf(p))
}

/// Quantile of Gamma(shape, 1), which bounds the mean of a Poisson count.
pub(crate) fn gamma_quantile(shape: f64, p: f64) -> Option<f64> {
    if !(0.0..=1.0).contains(&p) {
        return None;
    }
    Some(Gamma::new(shape, 1.0).ok()?.inverse_cdf(p))
}
