//! Intervals and tests that stay valid however often one looks and whenever one stops.
//!
//! Sums of independent differences are compared with a mixture over what the difference might be, normal with mean 0
//! (the mixture sequential probability ratio test: Robbins 1970; Johari, Koomen, Pekelis & Walsh 2022). The ratio of
//! the mixture's likelihood to that of a given difference is a martingale where that difference is the true one, so
//! it passes `1/α` with probability at most `α` *ever* (Ville 1939). The differences for which it has not are the
//! interval (Howard, Ramdas, McAuliffe & Sekhon 2021, the normal mixture boundary).
//!
//! Variances are estimated, which makes the guarantee asymptotic (Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas
//! 2024): it holds to the precision with which means are normal and variances known, so nothing is said below
//! [`Mixture::least`] customers a side.

use serde::{Deserialize, Serialize};

use super::Arm;
use crate::interval::Interval;

/// A setting outside its bounds.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Error {
    /// The probability of a false alarm has to lie between 0 and ½.
    #[error("alpha must lie between 0 and 0.5, is {0}")]
    Alpha(f64),
    /// There is no interval that is tightest without customers.
    #[error("an interval is tightest at one customer a side or more")]
    TightestAt,
}

/// How evidence is weighed: the probability of error allowed, and where the interval is tightest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mixture {
    alpha: f64,
    tightest_at: u64,
    least: u64,
}

impl Mixture {
    /// Customers a side below which nothing is said, unless it is set otherwise.
    pub const LEAST: u64 = 100;

    /// A mixture with probability `alpha` (0 to ½) of ever being wrong, tightest when each side has `tightest_at`
    /// customers.
    ///
    /// Intervals are valid at any number of customers, whatever `tightest_at`; far from it they are a little wider
    /// than they could be. Set it to the number at which a decision is likely. It may not be chosen by the data.
    pub fn try_new(alpha: f64, tightest_at: u64) -> Result<Self, Error> {
        if alpha.is_nan() || alpha <= 0.0 || alpha >= 0.5 {
            return Err(Error::Alpha(alpha));
        }
        if tightest_at == 0 {
            return Err(Error::TightestAt);
        }
        Ok(Self { alpha, tightest_at, least: Self::LEAST })
    }

    /// The same with another least number of customers a side.
    #[must_use]
    pub fn with_least(self, least: u64) -> Self {
        Self { least, ..self }
    }

    /// The same with `alpha` shared equally among `tests`, so that all of them hold together (Bonferroni).
    #[must_use]
    pub fn shared_by(self, tests: usize) -> Self {
        Self { alpha: self.alpha / tests.max(1) as f64, ..self }
    }

    /// The probability of ever being wrong.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// Customers a side below which nothing is said.
    pub fn least(&self) -> u64 {
        self.least
    }

    /// The difference `treated − control` with its always-valid interval and p-value.
    ///
    /// With `V` the variance of the difference, `m = n₁n₂/(n₁ + n₂)`, and `ρ²` the variance of the mixture in units
    /// of that of one customer, the interval is `difference ± √(V (1 + 1/(mρ²)) (2 ln(1/α) + ln(1 + mρ²)))` and the
    /// likelihood ratio against no difference `(1 + mρ²)^−½ exp(z²/2 · mρ²/(1 + mρ²))` with `z² = difference²/V`.
    ///
    /// `None` below [`Self::least`] customers on a side, and where a side's numbers are all equal.
    pub fn compare(&self, treated: &Arm, control: &Arm) -> Option<Comparison> {
        let (n1, n2) = (treated.customers(), control.customers());
        if n1.min(n2) < self.least.max(1) {
            return None;
        }
        let difference = treated.estimate()? - control.estimate()?;
        let variance = treated.variance()? + control.variance()?;
        let (n1, n2) = (n1 as f64, n2 as f64);
        let weight = self.rho_squared() * n1 * n2 / (n1 + n2);
        let bound = -2.0 * self.alpha.ln() + weight.ln_1p();
        let half = (variance * (1.0 + 1.0 / weight) * bound).sqrt();
        let evidence = difference * difference / variance / 2.0 * weight / (1.0 + weight);
        let ln_ratio = evidence - weight.ln_1p() / 2.0;
        Some(Comparison {
            difference,
            standard_error: variance.sqrt(),
            interval: Interval::around(difference, half, 1.0 - self.alpha),
            p_value: (-ln_ratio).exp().min(1.0),
            treated: n1 as u64,
            control: n2 as u64,
        })
    }

    /// `ρ²` at which the interval is tightest for `m = tightest_at / 2`: the root of `w = 2 ln(1/α) + ln(1 + w)` for
    /// `w = mρ²` (Howard et al. 2021, §3.5), by its fixed point iteration, which contracts.
    fn rho_squared(&self) -> f64 {
        let level = -2.0 * self.alpha.ln();
        let mut weight = level;
        for _ in 0..64 {
            weight = level + weight.ln_1p();
        }
        weight / (self.tightest_at as f64 / 2.0)
    }
}

/// A difference with its always-valid interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Treated less control, in the unit of the metric (shares as 0…1).
    pub difference: f64,
    /// Standard error of the difference at this look.
    pub standard_error: f64,
    /// Holds at all looks at the same time with probability `confidence`.
    pub interval: Interval,
    /// Always-valid p-value: the smallest over all looks is below any `α` with probability at most `α` where there
    /// is no difference.
    pub p_value: f64,
    /// Customers treated.
    pub treated: u64,
    /// Customers in control.
    pub control: u64,
}

impl Comparison {
    /// Whether no difference is ruled out.
    pub fn is_significant(&self) -> bool {
        !self.interval.contains(0.0)
    }
}
