//! What a miserable moment costs and a recovery saves, in customers and in money.
//!
//! Comparing customers who were won back with those who were not flatters recovery twice over: one must have stayed
//! to be won back at all (immortal time), and the sooner one leaves, the less chance there was. Therefore everybody
//! is classified at one *landmark* after the moment (Anderson, Cain & Gelber 1983): whoever is still a customer then
//! is *recovered* or *unrecovered* by what had happened until then, and is followed from the landmark on. Whoever
//! left before is in neither group and counted apart.
//!
//! The comparison is still of customers who were not assigned at random: it says what goes with recovery, not
//! what recovery does. The held-out group of a recovery play does that ([`crate::effect`]).

use serde::{Deserialize, Serialize};

use super::{KaplanMeier, LogRank, Observation, Point, RestrictedMean, log_rank};
use crate::interval::Interval;
use crate::rates::{Figure, poisson_interval};

/// Hazards are in this many days of one customer.
const HAZARD_DAYS: f64 = 1000.0;

/// A customer from an index moment on: her miserable moment, or for comparison a moment that was not.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Followed {
    /// Whether the index moment was miserable.
    pub miserable: bool,
    /// Days from the moment until it was made good, if it was.
    pub recovered_after: Option<f64>,
    /// Days from the moment until the customer left, or was last known to be one.
    pub days: f64,
    /// Whether she left.
    pub left: bool,
}

/// What to compare.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Days after the moment at which customers are classified: the window in which recovery is tried.
    pub landmark_days: f64,
    /// Days after the landmark at which the shares of those who stayed are compared.
    pub horizon_days: f64,
    /// What a customer is worth, in the workspace's currency.
    pub value_a_customer: f64,
    /// Confidence of all intervals, 0…1.
    pub confidence: f64,
}

/// One group, followed from the landmark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Its customers at the landmark.
    pub customers: u64,
    /// Those who left under observation.
    pub left: u64,
    /// The hazard: departures in 1,000 days of customers under observation, with the exact interval of a Poisson
    /// count (Garwood 1936); `None` for an empty group.
    pub hazard: Option<Figure>,
    /// The share still there at the horizon; `None` if nobody was observed so long.
    pub staying: Option<Point>,
    /// Mean days as a customer within the horizon; `None` as above.
    pub days: Option<RestrictedMean>,
    /// The whole curve; `None` for an empty group.
    pub curve: Option<KaplanMeier>,
}

/// Customers and the money they are worth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Toll {
    /// Customers.
    pub customers: f64,
    /// Interval of the customers.
    pub interval: Interval,
    /// Customers × the value of one.
    pub money: f64,
    /// Interval of the money. It takes the value of a customer as known.
    pub money_interval: Interval,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What was asked.
    pub question: Question,
    /// Customers whose index moment was not miserable.
    pub unharmed: Group,
    /// Customers whose miserable moment was made good by the landmark.
    pub recovered: Group,
    /// Customers whose miserable moment was not made good by the landmark.
    pub unrecovered: Group,
    /// Customers who left between their miserable moment and the landmark. They belong to neither group.
    pub left_before_landmark: u64,
    /// Miserable (made good or not) against unharmed.
    pub misery_test: Option<LogRank>,
    /// Unrecovered against recovered.
    pub recovery_test: Option<LogRank>,
    /// Customers gone by the horizon who would be there if the miserable had stayed as the unharmed do.
    pub lost: Option<Toll>,
    /// Customers there at the horizon who would be gone if the recovered had stayed as the unrecovered do.
    pub saved: Option<Toll>,
    /// Customers who would be there as well if the unrecovered had stayed as the recovered do.
    pub could_be_saved: Option<Toll>,
}

/// Compares the three groups. Figures that the data do not carry are `None`.
pub fn report(customers: &[Followed], question: Question) -> Report {
    let landmark = question.landmark_days.max(0.0);
    let (mut unharmed, mut recovered, mut unrecovered) = (Vec::new(), Vec::new(), Vec::new());
    let mut left_before_landmark = 0;
    for customer in customers {
        if customer.days.is_nan() || customer.days <= landmark {
            left_before_landmark += u64::from(customer.miserable && customer.left);
            continue;
        }
        let from_landmark = Observation::until(customer.days - landmark, customer.left);
        let in_time = customer.recovered_after.is_some_and(|days| days <= landmark);
        let group = match (customer.miserable, in_time) {
            (false, _) => &mut unharmed,
            (true, true) => &mut recovered,
            (true, false) => &mut unrecovered,
        };
        group.push(from_landmark);
    }
    let miserable: Vec<Observation> = recovered.iter().chain(&unrecovered).copied().collect();
    let misery_test = log_rank(&miserable, &unharmed);
    let recovery_test = log_rank(&unrecovered, &recovered);
    let group = |observations: &[Observation]| group(observations, &question);
    let (unharmed, recovered, unrecovered) = (group(&unharmed), group(&recovered), group(&unrecovered));
    Report {
        lost: lost(&unharmed, &recovered, &unrecovered, &question),
        saved: toll(&[(recovered.customers, &recovered), (recovered.customers, &unrecovered)], &question),
        could_be_saved: toll(
            &[(unrecovered.customers, &recovered), (unrecovered.customers, &unrecovered)],
            &question,
        ),
        question,
        unharmed,
        recovered,
        unrecovered,
        left_before_landmark,
        misery_test,
        recovery_test,
    }
}

fn group(observations: &[Observation], question: &Question) -> Group {
    let curve = KaplanMeier::of(observations);
    let left = curve.as_ref().map_or(0, KaplanMeier::left);
    Group {
        customers: observations.len() as u64,
        left,
        hazard: hazard(observations, left, question.confidence),
        staying: curve.as_ref().and_then(|curve| curve.at(question.horizon_days, question.confidence)),
        days: curve
            .as_ref()
            .and_then(|curve| curve.restricted_mean(question.horizon_days, question.confidence)),
        curve,
    }
}

fn hazard(observations: &[Observation], left: u64, confidence: f64) -> Option<Figure> {
    let days: f64 = observations.iter().map(|observation| observation.exit - observation.entry).sum();
    if days.is_nan() || days <= 0.0 {
        return None;
    }
    let unit = HAZARD_DAYS / days;
    let count = poisson_interval(left, confidence)?;
    let interval = Interval { low: unit * count.low, high: unit * count.high, confidence };
    Some(Figure::new(unit * left as f64, interval, observations.len() as u64))
}

/// Empty groups have lost nobody and take no part.
fn lost(unharmed: &Group, recovered: &Group, unrecovered: &Group, question: &Question) -> Option<Toll> {
    let miserable = recovered.customers + unrecovered.customers;
    if miserable == 0 {
        return None;
    }
    let mut parts = vec![(miserable, unharmed)];
    parts.extend([recovered, unrecovered].into_iter().filter(|g| g.customers > 0).map(|g| (g.customers, g)));
    toll(&parts, question)
}

/// Customers of the first part less those of the others: `n₁ S₁ − Σ n_i S_i`.
///
/// Its interval is made of those of the curves by the method of variance estimates recovery (Zou & Donner 2008):
/// asymmetric where they are, and the same as Newcombe's for two shares.
fn toll(parts: &[(u64, &Group)], question: &Question) -> Option<Toll> {
    let (mut centre, mut below, mut above) = (0.0, 0.0, 0.0);
    for (place, (customers, group)) in parts.iter().enumerate() {
        let point = group.staying?;
        let number = *customers as f64;
        let down = number * (point.survival - point.interval.low);
        let up = number * (point.interval.high - point.survival);
        let (sign, down, up) = if place == 0 { (1.0, down, up) } else { (-1.0, up, down) };
        centre += sign * number * point.survival;
        below += down * down;
        above += up * up;
    }
    let confidence = question.confidence;
    let interval = Interval { low: centre - below.sqrt(), high: centre + above.sqrt(), confidence };
    let worth = question.value_a_customer;
    let ends = (interval.low * worth, interval.high * worth);
    let money_interval = Interval { low: ends.0.min(ends.1), high: ends.0.max(ends.1), confidence };
    Some(Toll { customers: centre, interval, money: centre * worth, money_interval })
}
