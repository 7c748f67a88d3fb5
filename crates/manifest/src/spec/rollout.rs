//! How a play goes to more and more customers.

use std::time::Duration;

use elate_domain::HumanDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::scalar::OneOrMany;
use super::{EventMatch, schemas};
use crate::Name;
use crate::expression::Condition;

/// A play goes to 1, 5, 10, 25, 50 and 100 % of customers, one step after the other. At each step as many others are its
/// control. It goes back by itself once it is certain that it harms a guardrail, however often that is looked at, and
/// stays where it is while customers are not split as intended.
///
/// ```yaml
/// rollout:
///   replaces: sorry
///   guardrails:
///     - {metric: complaints, on: "Complaint Filed", good: lower, tolerated_harm: 0.02}
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// The play whose place it takes: who gets this one does not get that one. Left out, the control gets nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Name>,
    /// What it must not harm.
    #[schemars(length(min = 1, max = 8))]
    pub guardrails: Vec<RolloutGuardrail>,
    /// Cohorts of the policy that get it before all others, and are not counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub first: Vec<Name>,
    /// For how long guardrails of a customer are watched, from the first entry (or what would have been one) on.
    #[serde(default = "week")]
    #[schemars(with = "schemas::Duration")]
    pub watch: HumanDuration,
    /// Time that a step needs before it may go on.
    #[serde(default = "day")]
    #[schemars(with = "schemas::Duration")]
    pub least_time: HumanDuration,
    /// Customers a side that a step needs before it may go on.
    #[serde(default = "two_hundred")]
    #[schemars(range(min = 10, max = 1_000_000))]
    pub least_customers: u32,
    /// Probability that a play which harms nothing is ever rolled back, over all steps, guardrails and looks.
    #[serde(default = "one_in_twenty")]
    #[schemars(range(min = 0.0001, max = 0.5))]
    pub false_alarm: f64,
    /// Seeds the assignment; left out, the play's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
}

/// A share of customers that a play must not make worse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RolloutGuardrail {
    /// Its name, for the record.
    pub metric: Name,
    /// Names of the events of which one counts for a customer.
    pub on: OneOrMany,
    /// The condition that must hold; it sees `event` and `customer`.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// Which way is the good one.
    pub good: GuardrailGood,
    /// Harm to the share of customers that is put up with, 0 to 1.
    #[schemars(range(min = 0, max = 1))]
    pub tolerated_harm: f64,
}

impl RolloutGuardrail {
    /// Which events count.
    pub fn event_match(&self) -> EventMatch {
        EventMatch { on: Some(self.on.clone()), event_type: None, condition: self.condition.clone() }
    }
}

/// Which way of a guardrail is the good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GuardrailGood {
    /// Purchases, logins.
    Higher,
    /// Complaints, unsubscribes.
    Lower,
}

/// A named group of customers that sees plays before all others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cohort {
    /// Its name, such as `alpha` or `beta`.
    pub name: Name,
    /// Who belongs to it: a condition on the customer, such as `customer.beta == true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<Condition>,
    /// Who was invited: ids of customers, as Elate gives them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    pub invited: Vec<String>,
}

fn week() -> HumanDuration {
    HumanDuration(Duration::from_secs(7 * 86_400))
}

fn day() -> HumanDuration {
    HumanDuration(Duration::from_secs(86_400))
}

fn two_hundred() -> u32 {
    200
}

fn one_in_twenty() -> f64 {
    0.05
}
