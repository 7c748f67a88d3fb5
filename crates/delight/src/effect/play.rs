//! What a play brought: its treated customers against those held out.

use serde::{Deserialize, Serialize};

use super::{Arm, Comparison, Mixture, RatioCheck, ratio};
use crate::interval::Interval;
use crate::survey::Sample;

/// Metrics in a report. The probability of error is shared by them.
const METRICS: usize = 4;

/// All customers of one side, from their assignment on, whether a message reached them or not (intention to treat:
/// those it reached are not comparable with anybody).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Customers assigned to this side.
    pub customers: u64,
    /// Their delight at the end of observation, 0…100 each; those without a moment count as 50.
    pub delight: Sample,
    /// Customers who bought or came again.
    pub repeated: u64,
    /// Customers who complained.
    pub complained: u64,
    /// Revenue a customer, in the workspace's currency; those who bought nothing count as 0.
    pub revenue: Sample,
    /// What the play cost on this side, in the workspace's currency: rewards, messages, people.
    pub cost: f64,
}

/// One metric on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MetricEffect {
    /// Mean or share of the treated; `None` without any.
    pub treated: Option<f64>,
    /// Mean or share of the held out; `None` without any.
    pub held_out: Option<f64>,
    /// The difference with its always-valid interval; `None` while there are too few.
    pub effect: Option<Comparison>,
}

/// A quantity with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The quantity.
    pub value: f64,
    /// Its always-valid interval.
    pub interval: Interval,
}

/// The effect of a play. All its intervals hold together, at all looks, with probability `1 − α` of the mixture.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PlayEffect {
    /// Customers treated.
    pub customers_treated: u64,
    /// Customers held out.
    pub customers_held_out: u64,
    /// Delight, in points.
    pub delight: MetricEffect,
    /// Share of customers who came again.
    pub repeat: MetricEffect,
    /// Share of customers who complained.
    pub complaint: MetricEffect,
    /// Revenue a customer, in the workspace's currency.
    pub revenue: MetricEffect,
    /// Customers who would have complained without the play: minus the difference in share × customers treated.
    /// Negative where the play made more of them complain.
    pub complaints_avoided: Option<Estimate>,
    /// Money a point of delight and customer: what the play cost more than nothing would have, over the points it
    /// added to all treated together. `None` unless the whole interval of delight lies above 0: nothing certain
    /// was bought, and a price would mislead.
    pub cost_per_point: Option<Estimate>,
    /// Whether customers were split as intended; `None` while there are too few. With a mismatch no figure of this
    /// report means anything.
    pub split: Option<RatioCheck>,
}

/// Compares the two sides. `expected_share` of all should have been treated (0 to 1, ends excluded).
pub fn report(treated: &Totals, held_out: &Totals, expected_share: f64, mixture: &Mixture) -> PlayEffect {
    let mixture = mixture.shared_by(METRICS);
    let metric = |of: fn(&Totals) -> Arm| {
        let (treated, held_out) = (of(treated), of(held_out));
        MetricEffect {
            treated: treated.estimate(),
            held_out: held_out.estimate(),
            effect: mixture.compare(&treated, &held_out),
        }
    };
    let delight = metric(|totals| Arm::Mean(totals.delight));
    let complaint = metric(|totals| Arm::Share { hits: totals.complained, of: totals.customers });
    let number = treated.customers as f64;
    PlayEffect {
        customers_treated: treated.customers,
        customers_held_out: held_out.customers,
        repeat: metric(|totals| Arm::Share { hits: totals.repeated, of: totals.customers }),
        revenue: metric(|totals| Arm::Mean(totals.revenue)),
        complaints_avoided: complaint.effect.map(|effect| avoided(&effect, number)),
        cost_per_point: delight.effect.and_then(|effect| price(treated, held_out, &effect)),
        split: ratio::check(treated.customers, held_out.customers, expected_share),
        delight,
        complaint,
    }
}

fn avoided(effect: &Comparison, customers: f64) -> Estimate {
    let Interval { low, high, confidence } = effect.interval;
    Estimate {
        value: -effect.difference * customers,
        interval: Interval { low: -high * customers, high: -low * customers, confidence },
    }
}

/// Cost over points, with the ends of the interval of delight. What is spent on the held out (they cost something
/// too where a play has a substitute) is taken off at the size of the treated side.
fn price(treated: &Totals, held_out: &Totals, effect: &Comparison) -> Option<Estimate> {
    let number = treated.customers as f64;
    let Interval { low, high, confidence } = effect.interval;
    if low <= 0.0 || treated.customers == 0 || held_out.customers == 0 {
        return None;
    }
    let spent = treated.cost - held_out.cost / held_out.customers as f64 * number;
    let at = |points: f64| spent / (points * number);
    let (one, other) = (at(low), at(high));
    Some(Estimate {
        value: at(effect.difference),
        interval: Interval { low: one.min(other), high: one.max(other), confidence },
    })
}
