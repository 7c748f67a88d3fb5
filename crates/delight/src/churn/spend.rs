//! Gamma-Gamma: what a purchase of a customer is worth.

use serde::{Deserialize, Serialize};
use statrs::function::gamma::{digamma, ln_gamma};

use super::special::{digamma_between, ln_gamma_between, sigmoid, softplus};
use super::{Error, Summary, positive};

/// A customer's repeat purchases in money.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SpendSummary {
    /// Repeat purchases, at least 1.
    pub repeats: u32,
    /// Their mean money, above 0.
    pub mean: f64,
}

impl SpendSummary {
    /// The money of a history; `None` without a repeat, or where refunds left nothing.
    pub fn of(customer: &Summary) -> Option<Self> {
        let mean = customer.mean_spend.filter(|mean| mean.is_finite() && *mean > 0.0)?;
        (customer.repeats > 0).then_some(Self { repeats: customer.repeats, mean })
    }
}

/// The Gamma-Gamma model (Fader & Hardie 2013, note 025, after Colombo & Jiang 1999).
///
/// The money of a purchase is Gamma distributed with shape `p` and a rate of the customer's own, which is
/// Gamma(`q`, `v`) distributed over customers. It takes how much and how often somebody buys for independent; see
/// [`super::SpendFit::correlation`] for whether they are. Reading one checks its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct SpendModel {
    p: f64,
    q: f64,
    v: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    p: f64,
    q: f64,
    v: f64,
}

impl TryFrom<Unchecked> for SpendModel {
    type Error = Error;

    fn try_from(read: Unchecked) -> Result<Self, Error> {
        Self::try_new(read.p, read.q, read.v)
    }
}

impl SpendModel {
    /// A model with these parameters, all finite and above 0; `v` is in the unit of money.
    pub fn try_new(p: f64, q: f64, v: f64) -> Result<Self, Error> {
        Ok(Self { p: positive("p", p)?, q: positive("q", q)?, v: positive("v", v)? })
    }

    /// Shape of the money of one customer's purchases.
    pub fn p(&self) -> f64 {
        self.p
    }

    /// Shape of the rates over customers.
    pub fn q(&self) -> f64 {
        self.q
    }

    /// Rate of the rates over customers, in money.
    pub fn v(&self) -> f64 {
        self.v
    }

    /// The mean money of a purchase over all customers, `p v / (q − 1)`; `None` for `q ≤ 1`, where the model's
    /// customers differ so much that there is no mean.
    pub fn population_mean(&self) -> Option<f64> {
        (self.q > 1.0).then(|| self.p * self.v / (self.q - 1.0))
    }

    /// The mean money to expect of this customer's purchases: between her own mean and everybody's, the nearer to
    /// her own the more often she bought. `p (v + x z) / (p x + q − 1)`; `None` where there is no mean.
    ///
    /// `None` for `customer` is somebody without a repeat purchase: the population's mean.
    pub fn expected_spend(&self, customer: Option<&SpendSummary>) -> Option<f64> {
        let Some(customer) = customer else { return self.population_mean() };
        let repeats = f64::from(customer.repeats);
        let weight = self.p * repeats + self.q - 1.0;
        (weight > 0.0).then(|| self.p * (self.v + repeats * customer.mean) / weight)
    }

    /// The logarithm of the likelihood of one customer's mean, a density in the unit of money.
    pub fn log_likelihood(&self, customer: &SpendSummary) -> f64 {
        let Self { p, q, v } = *self;
        let repeats = f64::from(customer.repeats);
        let shape = p * repeats;
        // With u = v/(x z): q ln u − (p x + q) ln(1 + u) − ln z, which has no large terms that cancel.
        let ln_u = v.ln() - (repeats * customer.mean).ln();
        ln_gamma_between(shape, q) - ln_gamma(q) + q * ln_u
            - (shape + q) * softplus(ln_u)
            - customer.mean.ln()
    }

    /// Adds the derivatives of [`Self::log_likelihood`] by `ln p`, `ln q` and `ln v`, times `weight`.
    pub(super) fn add_gradient(&self, customer: &SpendSummary, weight: f64, sums: &mut [f64; 3]) {
        let Self { p, q, v } = *self;
        let repeats = f64::from(customer.repeats);
        let shape = p * repeats;
        let ln_u = v.ln() - (repeats * customer.mean).ln();
        let ln_one_plus_u = softplus(ln_u);
        sums[0] += weight * shape * (digamma_between(shape, q) - ln_one_plus_u);
        sums[1] += weight * q * (digamma(shape + q) - digamma(q) + ln_u - ln_one_plus_u);
        sums[2] += weight * (q - (shape + q) * sigmoid(ln_u));
    }
}
