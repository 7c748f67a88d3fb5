//! The constants of the formula, and the value function.

use serde::{Deserialize, Serialize};

use crate::gap::GAP_CLAMP;

/// The version of the formula of this module. A new formula gets a new number, so that both can be computed side by
/// side before one takes over.
pub const FORMULA_VERSION: u32 = 1;

/// A parameter outside its bounds.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{name} must lie in {low}..={high}, is {value}")]
pub struct Error {
    /// Field of [`DelightParams`].
    pub name: &'static str,
    /// Its value.
    pub value: f64,
    /// The smallest allowed.
    pub low: f64,
    /// The largest allowed.
    pub high: f64,
}

/// The constants of the formula. A [`super::DelightState`] is good only for the parameters it was built with; after
/// a change, rebuild it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DelightParams {
    /// Half-life of a moment in milliseconds, one minute to 100 years. Default 30 days.
    pub half_life_millis: i64,
    /// `k`: how much neutral experience a customer is taken to start with, 0.1 to 1000. Default 4.
    pub prior: f64,
    /// `p`: extra weight of the best and the worst moment, 0 to 10. Default 0.5.
    pub peak: f64,
    /// `q`: extra weight of the latest instant, 0 to 10. Default 0.5.
    pub end: f64,
    /// Exponent of the value function, 0.1 to 1. Default 0.88 (Tversky & Kahneman 1992).
    pub curvature: f64,
    /// How much more a loss weighs than a gain, 1 to 10. Default 2.25 (Tversky & Kahneman 1992).
    pub loss_aversion: f64,
    /// How many recent moments a [`super::DelightState`] keeps one by one, so that they can be revised without a
    /// rebuild; 1 to 1024. Default 32. Does not change any score.
    pub recent: usize,
}

impl Default for DelightParams {
    fn default() -> Self {
        Self {
            half_life_millis: 30 * 86_400_000,
            prior: 4.0,
            peak: 0.5,
            end: 0.5,
            curvature: 0.88,
            loss_aversion: 2.25,
            recent: 32,
        }
    }
}

/// What a gap is worth: value, mass, and value at the end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Worth {
    /// `v`
    pub(crate) value: f64,
    /// `m`
    pub(crate) mass: f64,
    /// `e`
    pub(crate) end: f64,
}

impl Worth {
    /// `max(1, |e|)`, the mass of the end.
    pub(crate) fn end_mass(&self) -> f64 {
        self.end.abs().max(1.0)
    }
}

impl DelightParams {
    /// Checks every bound.
    ///
    /// # Errors
    /// The first parameter that is outside its bounds.
    pub fn validate(&self) -> Result<(), Error> {
        let century = 100.0 * 365.25 * 86_400_000.0;
        let checks = [
            ("half_life_millis", self.half_life_millis as f64, 60_000.0, century),
            ("prior", self.prior, 0.1, 1000.0),
            ("peak", self.peak, 0.0, 10.0),
            ("end", self.end, 0.0, 10.0),
            ("curvature", self.curvature, 0.1, 1.0),
            ("loss_aversion", self.loss_aversion, 1.0, 10.0),
            ("recent", self.recent as f64, 1.0, 1024.0),
        ];
        for (name, value, low, high) in checks {
            if !(low..=high).contains(&value) {
                return Err(Error { name, value, low, high });
            }
        }
        Ok(())
    }

    /// The value of a gap, `v`.
    pub fn value(&self, gap: f64) -> f64 {
        let gap = if gap.is_finite() { gap.clamp(-GAP_CLAMP, GAP_CLAMP) } else { 0.0 };
        let size = gap.abs().powf(self.curvature);
        if gap >= 0.0 { size } else { -self.loss_aversion * size }
    }

    pub(crate) fn worth(&self, gap: f64) -> Worth {
        let value = self.value(gap);
        Worth { value, mass: value.abs().max(1.0), end: value.clamp(-self.loss_aversion, 1.0) }
    }

    /// `2^(−millis/h)`; what lies in the future has not begun to fade.
    pub(crate) fn decay(&self, millis: i64) -> f64 {
        (-(millis.max(0) as f64) / self.half_life_millis.max(1) as f64).exp2()
    }
}
