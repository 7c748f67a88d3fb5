//! One customer's future in numbers: alive or not, purchases, money, and what is at stake.

use serde::{Deserialize, Serialize};

use super::purchases::PurchaseModel;
use super::spend::{SpendModel, SpendSummary};
use super::{Error, Summary, positive};

/// How far ahead, and what money later is worth now.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Horizon {
    /// Length of a step in units of the model, above 0.
    pub step: f64,
    /// Number of steps, at least 1.
    pub steps: u32,
    /// Interest a step, 0 for none: money in step `i` is worth `(1 + rate)^−i` of it today. Above −1.
    pub discount_rate: f64,
}

impl Default for Horizon {
    /// A year of weeks in 13 steps of four, without interest.
    fn default() -> Self {
        Self { step: 4.0, steps: 13, discount_rate: 0.0 }
    }
}

impl Horizon {
    /// The same horizon if its numbers are within bounds.
    pub fn try_new(self) -> Result<Self, Error> {
        positive("step", self.step)?;
        positive("steps", f64::from(self.steps))?;
        positive("1 + discount_rate", 1.0 + self.discount_rate)?;
        Ok(self)
    }

    /// The whole of it, in units of the model.
    pub fn length(&self) -> f64 {
        self.step * f64::from(self.steps)
    }
}

/// What to expect of a customer within a horizon.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Outlook {
    /// Probability of still being a customer, 0…1. Means nothing under BG/NBD for whoever never came back; see
    /// [`PurchaseModel::alive_is_informative`].
    pub alive: f64,
    /// Purchases within the horizon, the possibility of having left included.
    pub purchases: f64,
    /// Money of one purchase; `None` without a model of money, or where it has no mean.
    pub spend: Option<f64>,
    /// Discounted money of all purchases within the horizon; `None` as above.
    pub value: Option<f64>,
}

impl Outlook {
    /// The money that is lost, on average, because the customer may have left already: what she would be worth for
    /// certain alive, less what she is worth. Orders a list of customers at risk by what there is to win back.
    pub fn at_stake(&self) -> Option<f64> {
        self.value.filter(|_| self.alive > 0.0).map(|value| value * (1.0 - self.alive) / self.alive)
    }
}

/// The outlook of one customer.
///
/// The value is `Σ_i (E(i·step) − E((i − 1)·step)) (1 + rate)^−i` times the expected money of a purchase, as in
/// Fader, Hardie & Lee 2005 ("RFM and CLV"), cut at the horizon.
pub fn outlook(
    purchases: &PurchaseModel,
    spend: Option<&SpendModel>,
    customer: &Summary,
    horizon: &Horizon,
) -> Outlook {
    let alive = purchases.alive(customer);
    let money = spend.and_then(|model| model.expected_spend(SpendSummary::of(customer).as_ref()));
    let discounted = money.filter(|_| horizon.discount_rate != 0.0).map(|money| {
        let (mut before, mut sum) = (0.0, 0.0);
        for step in 1..=horizon.steps {
            let until = purchases.expected_if_alive(customer, horizon.step * f64::from(step));
            sum += (until - before) * (1.0 + horizon.discount_rate).powf(-f64::from(step));
            before = until;
        }
        alive * sum * money
    });
    let expected = alive * purchases.expected_if_alive(customer, horizon.length());
    let value = discounted.or_else(|| money.map(|money| expected * money));
    Outlook { alive, purchases: expected, spend: money, value }
}
