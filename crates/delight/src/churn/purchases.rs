//! BG/NBD and MBG/NBD: how often customers buy, and whether they still do.

use serde::{Deserialize, Serialize};

use super::quadrature::expected_while_alive;
use super::special::{digamma_rising, ln_rising, sigmoid, softplus};
use super::{Error, Summary, positive};

/// When a customer may leave for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// After each *repeat* purchase (Fader, Hardie & Lee 2005, "Counting your customers" the easy way). Says that
    /// whoever never repeated is alive with probability 1; see the page of [`super`].
    BgNbd,
    /// After each purchase, the first included (Batislam, Denizel & Filiztekin 2007). The default.
    #[default]
    MbgNbd,
}

impl Family {
    /// How often a customer with `repeats` had the occasion to leave, and stayed at all but perhaps the last.
    fn occasions(self, repeats: u32) -> u32 {
        match self {
            Self::BgNbd => repeats,
            Self::MbgNbd => repeats + 1,
        }
    }
}

/// The parameters of the population, all above 0.
///
/// A customer's purchase rate λ (per unit of the model) is Gamma distributed with shape `r` and rate `alpha`; her
/// probability to leave after a purchase is Beta(`a`, `b`) distributed; the two are independent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PurchaseParams {
    /// Shape of the purchase rates: small where customers differ much.
    pub r: f64,
    /// Rate of the purchase rates, in units of the model; the mean purchase rate is `r / alpha`.
    pub alpha: f64,
    /// First shape of the dropout probability; its mean is `a / (a + b)`.
    pub a: f64,
    /// Second shape of the dropout probability.
    pub b: f64,
}

/// A fitted or given model of purchases and dropout. Reading one checks its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct PurchaseModel {
    family: Family,
    params: PurchaseParams,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    family: Family,
    params: PurchaseParams,
}

impl TryFrom<Unchecked> for PurchaseModel {
    type Error = Error;

    fn try_from(read: Unchecked) -> Result<Self, Error> {
        Self::try_new(read.family, read.params)
    }
}

impl PurchaseModel {
    /// A model with these parameters, which have to be finite and above 0.
    pub fn try_new(family: Family, params: PurchaseParams) -> Result<Self, Error> {
        let PurchaseParams { r, alpha, a, b } = params;
        for (name, value) in [("r", r), ("alpha", alpha), ("a", a), ("b", b)] {
            positive(name, value)?;
        }
        Ok(Self { family, params })
    }

    /// Which family it is of.
    pub fn family(&self) -> Family {
        self.family
    }

    /// Its parameters.
    pub fn params(&self) -> PurchaseParams {
        self.params
    }

    /// Whether [`Self::alive`] says anything of this customer: not where BG/NBD meets somebody without a repeat.
    pub fn alive_is_informative(&self, customer: &Summary) -> bool {
        self.family.occasions(customer.repeats) > 0
    }

    /// The probability that the customer has not left at the end of her observation, 0…1.
    ///
    /// `1 / (1 + a/(b + n − 1) · ((α + T)/(α + t_x))^(r + x))`, where `n` is `x` for BG/NBD and `x + 1` for
    /// MBG/NBD; 1 where `n` is 0.
    pub fn alive(&self, customer: &Summary) -> f64 {
        match self.ln_odds_gone(customer) {
            Some(ln_odds) => sigmoid(-ln_odds),
            None => 1.0,
        }
    }

    /// Purchases to expect of this customer within the next `time` units, leaving or having left included.
    ///
    /// P(alive) times the mean of `(1 − e^(−λpt))/p` over `λ ~ Gamma(r + x, α + T)` and `p ~ Beta(a, b + n)`, which
    /// is equation 10 of Fader, Hardie & Lee 2005 and its like for MBG/NBD.
    pub fn expected_purchases(&self, customer: &Summary, time: f64) -> f64 {
        self.alive(customer) * self.expected_if_alive(customer, time)
    }

    /// The same, given that the customer has not left.
    pub fn expected_if_alive(&self, customer: &Summary, time: f64) -> f64 {
        let PurchaseParams { r, alpha, a, b } = self.params;
        let occasions = f64::from(self.family.occasions(customer.repeats));
        let k = r + f64::from(customer.repeats);
        expected_while_alive(a, b + occasions, k, time / (alpha + customer.age))
    }

    /// Repeat purchases to expect of a new customer within `time` units of her first purchase.
    pub fn expected_of_new(&self, time: f64) -> f64 {
        let new = Summary { repeats: 0, recency: 0.0, age: 0.0, mean_spend: None };
        self.expected_purchases(&new, time)
    }

    /// The logarithm of the likelihood of one customer's history, a density in the unit of the model.
    ///
    /// Changing the unit by a factor moves it by `−x ln factor`: compare only likelihoods of one unit.
    pub fn log_likelihood(&self, customer: &Summary) -> f64 {
        let PurchaseParams { r, alpha, a, b } = self.params;
        let repeats = f64::from(customer.repeats);
        let occasions = self.family.occasions(customer.repeats);
        let rate = ln_rising(r, customer.repeats)
            - r * (customer.age / alpha).ln_1p()
            - repeats * (alpha + customer.age).ln();
        let stayed = ln_rising(b, occasions) - ln_rising(a + b, occasions);
        rate + stayed + self.ln_odds_gone(customer).map_or(0.0, softplus)
    }

    /// Adds the derivatives of [`Self::log_likelihood`] by `ln r`, `ln α`, `ln a` and `ln b`, times `weight`.
    pub(super) fn add_gradient(&self, customer: &Summary, weight: f64, sums: &mut [f64; 4]) {
        let PurchaseParams { r, alpha, a, b } = self.params;
        let (repeats, occasions) = (f64::from(customer.repeats), self.family.occasions(customer.repeats));
        let gone = self.ln_odds_gone(customer).map_or(0.0, sigmoid);
        let (at_end, at_last) = (alpha + customer.age, alpha + customer.recency);
        let silence = ((customer.age - customer.recency) / at_last).ln_1p();
        let both = digamma_rising(a + b, occasions);
        let by_r = digamma_rising(r, customer.repeats) - (customer.age / alpha).ln_1p() + gone * silence;
        let by_alpha =
            r / alpha - (r + repeats) / at_end - gone * (r + repeats) * (1.0 / at_last - 1.0 / at_end);
        let by_a = gone / a - both;
        let mut by_b = digamma_rising(b, occasions) - both;
        if occasions > 0 {
            by_b -= gone / (b + f64::from(occasions) - 1.0);
        }
        sums[0] += weight * r * by_r;
        sums[1] += weight * alpha * by_alpha;
        sums[2] += weight * a * by_a;
        sums[3] += weight * b * by_b;
    }

    /// The logarithm of the odds of having left; `None` where that is not possible.
    fn ln_odds_gone(&self, customer: &Summary) -> Option<f64> {
        let PurchaseParams { r, alpha, a, b } = self.params;
        let occasions = self.family.occasions(customer.repeats);
        if occasions == 0 {
            return None;
        }
        let silence = ((customer.age - customer.recency) / (alpha + customer.recency)).ln_1p();
        let per_purchase = (a / (b + f64::from(occasions) - 1.0)).ln();
        Some(per_purchase + (r + f64::from(customer.repeats)) * silence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The derivative by the logarithm of one parameter, from two values of the likelihood.
    fn slope(family: Family, logs: [f64; 4], place: usize, customer: &Summary) -> f64 {
        let at = |step: f64| {
            let mut moved = logs;
            moved[place] += step;
            let [r, alpha, a, b] = moved.map(f64::exp);
            let model = PurchaseModel { family, params: PurchaseParams { r, alpha, a, b } };
            model.log_likelihood(customer)
        };
        (at(1e-5) - at(-1e-5)) / 2e-5
    }

    #[test]
    fn derivatives_are_those_of_the_likelihood() {
        for family in [Family::BgNbd, Family::MbgNbd] {
            for logs in [[0.0; 4], [-1.4, 1.5, -0.2, 0.9], [2.0, -1.0, 1.0, -2.0]] {
                for (repeats, recency, age) in [(0, 0.0, 9.0), (1, 2.0, 9.0), (7, 8.5, 9.0), (40, 3.0, 90.0)]
                {
                    let customer = Summary { repeats, recency, age, mean_spend: None };
                    let [r, alpha, a, b] = logs.map(f64::exp);
                    let model = PurchaseModel { family, params: PurchaseParams { r, alpha, a, b } };
                    let mut gradient = [0.0; 4];
                    model.add_gradient(&customer, 1.0, &mut gradient);
                    for (place, got) in gradient.into_iter().enumerate() {
                        let expected = slope(family, logs, place, &customer);
                        assert!(
                            (got - expected).abs() < 1e-6 * expected.abs().max(1.0),
                            "{place} {got} {expected}"
                        );
                    }
                }
            }
        }
    }
}
