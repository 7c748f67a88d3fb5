//! When a version goes to more customers, waits, or goes back.

use serde::{Deserialize, Serialize};

use super::{Arm, Comparison, Mixture, RatioCheck, ratio};

/// How far a version has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// 1 % of customers.
    One,
    /// 5 %.
    Five,
    /// 10 %.
    Ten,
    /// 25 %.
    TwentyFive,
    /// 50 %.
    Fifty,
    /// Everybody but those held out.
    Hundred,
}

impl Step {
    /// All steps in order.
    pub const ALL: [Self; 6] =
        [Self::One, Self::Five, Self::Ten, Self::TwentyFive, Self::Fifty, Self::Hundred];

    /// Percent of customers that get the version.
    pub fn percent(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Five => 5,
            Self::Ten => 10,
            Self::TwentyFive => 25,
            Self::Fifty => 50,
            Self::Hundred => 100,
        }
    }

    /// The step after this one; `None` after the last.
    pub fn next(self) -> Option<Self> {
        match self {
            Self::One => Some(Self::Five),
            Self::Five => Some(Self::Ten),
            Self::Ten => Some(Self::TwentyFive),
            Self::TwentyFive => Some(Self::Fifty),
            Self::Fifty => Some(Self::Hundred),
            Self::Hundred => None,
        }
    }
}

/// Which way of a metric is the good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Good {
    /// More is better: delight, repeat purchases, revenue.
    Higher,
    /// Less is better: complaints, unsubscribes.
    Lower,
}

/// A metric that a version must not harm, as measured on the customers of this step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Guardrail {
    /// Its name, for the record.
    pub metric: String,
    /// Which way is good.
    pub good: Good,
    /// Harm that is put up with, in the unit of the metric (shares as 0…1), at least 0. The version goes back once
    /// it is certain to do more than this.
    pub tolerated_harm: f64,
    /// The customers of this step who get the version.
    pub treated: Arm,
    /// Their control: customers who could have got it and did not, of the same time.
    pub control: Arm,
}

/// The split and the age of a step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Control {
    /// Customers of this step who get the version.
    pub treated: u64,
    /// Customers in its control.
    pub control: u64,
    /// The share of both that should get it: ½ for a control of equal size.
    pub expected_share: f64,
    /// Milliseconds since the step began.
    pub millis_on_step: i64,
}

/// What a version must show before it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Probability that a version which harms nothing is ever rolled back, over all steps, guardrails and looks;
    /// 0 to ½. Default 0.05.
    pub false_alarm: f64,
    /// Customers a side at which a decision is likely; see [`Mixture::try_new`]. Default 1000.
    pub tightest_at: u64,
    /// Customers a side that a step needs before it may go on. Default 200.
    pub least_customers: u64,
    /// Time that a step needs before it may go on, in milliseconds, so that days and nights are both in it. Default
    /// 24 h.
    pub least_millis: i64,
    /// Where set, a version goes on only once it is certain that it harms no guardrail by more than this multiple
    /// of the metric's tolerated harm. Default `None`: it goes on unless harm is certain.
    pub cleared_at: Option<f64>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            false_alarm: 0.05,
            tightest_at: 1000,
            least_customers: 200,
            least_millis: 24 * 3_600_000,
            cleared_at: None,
        }
    }
}

/// What to do with a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Go to the next step.
    Advance {
        /// The next step.
        to: Step,
    },
    /// Stay.
    Hold {
        /// Why.
        reason: HoldReason,
    },
    /// Give the version to nobody any more.
    RollBack {
        /// Why.
        reason: RollBackReason,
    },
}

/// Why a version stays where it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldReason {
    /// Customers are not split as intended, so that nothing can be compared. A person has to look.
    SampleRatio(RatioCheck),
    /// Too few customers on a side.
    TooFewCustomers {
        /// Customers on the smaller side.
        found: u64,
        /// What the rules ask for.
        needed: u64,
    },
    /// The step is too young.
    TooEarly {
        /// Milliseconds still to wait.
        millis_left: i64,
    },
    /// The rules ask for proof of harmlessness and this guardrail has not given it. Without a comparison, nothing
    /// can be said of it yet.
    NotCleared {
        /// The guardrail.
        metric: String,
        /// Its numbers.
        comparison: Option<Comparison>,
    },
    /// The rules, or the harm tolerated by a guardrail, are outside their bounds, so that no test can be made. A
    /// person has to look.
    InvalidRules,
    /// There is no further step.
    Finished,
}

/// Why a version goes back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RollBackReason {
    /// This guardrail is certainly harmed by more than is tolerated.
    Harm {
        /// The guardrail.
        metric: String,
        /// Its numbers.
        comparison: Comparison,
    },
}

/// Decides about the version on `step`. Pure: the same evidence gives the same decision.
///
/// In this order: rules that make no sense hold; a broken split holds; certain harm rolls back, at any time; too few customers or too little time
/// hold; what the rules want proven and is not holds; the last step is finished; else the version advances.
///
/// The false alarm rate is shared by all guardrails and steps (a union bound), so a harmless version is rolled back
/// with at most `rules.false_alarm` in its whole life, however often this is asked. Keep the list of guardrails
/// fixed over a rollout.
pub fn decide(step: Step, control: &Control, guardrails: &[Guardrail], rules: &Rules) -> Decision {
    let hold = |reason| Decision::Hold { reason };
    let senseless = guardrails.iter().any(|g| g.tolerated_harm.is_nan() || g.tolerated_harm < 0.0);
    let mixture = match Mixture::try_new(rules.false_alarm, rules.tightest_at) {
        Ok(mixture) if !senseless => mixture,
        _ => return hold(HoldReason::InvalidRules),
    };
    let split = ratio::check(control.treated, control.control, control.expected_share);
    if let Some(split) = split.filter(|split| split.mismatch) {
        return hold(HoldReason::SampleRatio(split));
    }
    let mixture = mixture.shared_by(guardrails.len() * Step::ALL.len());
    let compared: Vec<(&Guardrail, Option<Comparison>)> =
        guardrails.iter().map(|guardrail| (guardrail, guardrail.compare(&mixture))).collect();
    for (guardrail, comparison) in &compared {
        if let Some(comparison) = comparison.filter(|c| guardrail.least_harm(c) > guardrail.tolerated_harm) {
            let metric = guardrail.metric.clone();
            return Decision::RollBack { reason: RollBackReason::Harm { metric, comparison } };
        }
    }
    if let Some(reason) = not_ripe(control, rules) {
        return hold(reason);
    }
    for (guardrail, comparison) in compared {
        let Some(multiple) = rules.cleared_at else { break };
        let limit = multiple * guardrail.tolerated_harm;
        if comparison.is_none_or(|c| guardrail.most_harm(&c) > limit) {
            return hold(HoldReason::NotCleared { metric: guardrail.metric.clone(), comparison });
        }
    }
    step.next().map_or(hold(HoldReason::Finished), |to| Decision::Advance { to })
}

/// Why the step is too small or too young; `None` if it is neither.
fn not_ripe(control: &Control, rules: &Rules) -> Option<HoldReason> {
    let found = control.treated.min(control.control);
    if found < rules.least_customers {
        return Some(HoldReason::TooFewCustomers { found, needed: rules.least_customers });
    }
    let millis_left = rules.least_millis.saturating_sub(control.millis_on_step);
    (millis_left > 0).then_some(HoldReason::TooEarly { millis_left })
}

impl Guardrail {
    fn compare(&self, mixture: &Mixture) -> Option<Comparison> {
        mixture.compare(&self.treated, &self.control)
    }

    /// The least harm that the interval allows for; negative where it may be of use.
    fn least_harm(&self, comparison: &Comparison) -> f64 {
        match self.good {
            Good::Higher => -comparison.interval.high,
            Good::Lower => comparison.interval.low,
        }
    }

    /// The most harm that the interval allows for.
    fn most_harm(&self, comparison: &Comparison) -> f64 {
        match self.good {
            Good::Higher => -comparison.interval.low,
            Good::Lower => comparison.interval.high,
        }
    }
}
