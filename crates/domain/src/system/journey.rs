//! Events of moments, promises, cases, journeys, plays and scores.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::moment::{CaseState, ExpectationSource, Outcome, PromiseState, Stage, Truth};
use crate::time::Timestamp;

/// A judged moment. The same `moment_id` with a higher `revision` replaces the earlier judgement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MomentJudged {
    /// Stable for (definition, customer, key, match).
    pub moment_id: String,
    /// From 0; a fulfilment after a provisional judgement revises.
    #[serde(default)]
    pub revision: u32,
    /// The Moment manifest.
    pub moment: String,
    /// Version of the definitions that judged it.
    pub definitions_version: u64,
    /// Moment of truth.
    pub truth: Truth,
    /// Journey.
    #[serde(default)]
    pub journey: String,
    /// Stage.
    pub stage: Stage,
    /// Touchpoint.
    pub touchpoint: String,
    /// Product of the touchpoint.
    #[serde(default)]
    pub product: String,
    /// Channel of the touchpoint.
    #[serde(default)]
    pub channel: String,
    /// Correlation key, e.g. the order; empty where the customer alone is the key.
    #[serde(default)]
    pub key: String,
    /// When it was experienced.
    pub occurred_at: Timestamp,
    /// What was experienced: a number; milliseconds for durations, and since 1970 for times.
    pub experienced: f64,
    /// What was expected, in the same unit. Absent where nothing was.
    #[serde(default)]
    pub expected: Option<f64>,
    /// Which expectation won.
    #[serde(default)]
    pub expectation: Option<ExpectationSource>,
    /// `number`, `duration` or `time`.
    pub unit: String,
    /// One unit of gap, in the unit of the experience (milliseconds for times).
    pub tolerance: f64,
    /// Signed gap in tolerances, −5 to 5.
    pub gap: f64,
    /// The judgement.
    pub outcome: Outcome,
    /// Weight in the delight score.
    pub weight: f64,
    /// The experience is "now, and still nothing": a later fulfilment revises it.
    #[serde(default)]
    pub provisional: bool,
    /// The promise that it judges.
    #[serde(default)]
    pub promise_id: Option<String>,
    /// Message ids of the events that made it, in order.
    #[serde(default)]
    pub because: Vec<String>,
}

/// A pattern that began and ran out of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatternTimedOut {
    /// The manifest whose pattern it is, as `kind/name`.
    pub definition: String,
    /// Correlation key.
    #[serde(default)]
    pub key: String,
    /// Message ids of the events that it had taken, by step.
    pub steps: BTreeMap<String, Vec<String>>,
    /// When it ran out.
    pub deadline: Timestamp,
}

/// A promise changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromiseChanged {
    /// The promise.
    pub promise_id: String,
    /// The Moment manifest that knows what it is a promise of.
    pub moment: String,
    /// Correlation key.
    #[serde(default)]
    pub key: String,
    /// The state from here on.
    pub state: PromiseState,
    /// The state before; absent when it was just made.
    #[serde(default)]
    pub before: Option<PromiseState>,
    /// Due, as it stands now.
    pub due: Timestamp,
    /// Due, as first stated.
    pub first_due: Timestamp,
    /// When it was fulfilled.
    #[serde(default)]
    pub fulfilled_at: Option<Timestamp>,
    /// Why: the rule for `at_risk`, the event otherwise.
    pub reason: String,
    /// Touchpoint, for reports.
    #[serde(default)]
    pub touchpoint: String,
    /// Journey, for reports.
    #[serde(default)]
    pub journey: String,
}

/// A recovery case changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseChanged {
    /// The case.
    pub case_id: String,
    /// Journey.
    #[serde(default)]
    pub journey: String,
    /// The link that failed.
    pub touchpoint: String,
    /// Correlation key.
    #[serde(default)]
    pub key: String,
    /// The state from here on.
    pub state: CaseState,
    /// The miserable moment that opened it.
    pub moment_id: String,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// The play at work on it.
    #[serde(default)]
    pub play: Option<String>,
    /// Whether the customer is held out of that play, so the case is part of the control group.
    #[serde(default)]
    pub held_out: bool,
    /// The first neutral or better moment on the link after the failure: when a recovery began.
    #[serde(default)]
    pub better_at: Option<Timestamp>,
    /// Why.
    pub reason: String,
}

/// A move on a journey.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JourneyMoved {
    /// Journey manifest.
    pub journey: String,
    /// The instance.
    pub instance_id: String,
    /// Correlation key.
    #[serde(default)]
    pub key: String,
    /// `entered`, `moved`, `completed` or `abandoned`.
    pub change: String,
    /// Stage before.
    #[serde(default)]
    pub from: Option<String>,
    /// Stage after.
    #[serde(default)]
    pub to: Option<String>,
    /// Touchpoint that moved it.
    #[serde(default)]
    pub touchpoint: Option<String>,
}

/// One step of a play instance, or the reason for which there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlayStepped {
    /// Play manifest.
    pub play: String,
    /// Version of the definitions that the instance runs.
    pub definitions_version: u64,
    /// The instance; empty where none was started (`refused`).
    #[serde(default)]
    pub instance_id: String,
    /// Instance key.
    #[serde(default)]
    pub key: String,
    /// `entered`, `held_out`, `refused`, `step`, `migrated`, `not_migrated`, `exited` or `completed`.
    pub change: String,
    /// Path of the step, e.g. `2` or `3.else.0`.
    #[serde(default)]
    pub step: String,
    /// Kind of the step: `wait`, `branch`, `send`, …
    #[serde(default)]
    pub kind: String,
    /// The branch or variant taken.
    #[serde(default)]
    pub branch: Option<String>,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// A command: from here on the instance runs a newer wording of its play, if that has a wait where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlayMigrationCommanded {
    /// The play.
    pub play: String,
    /// The instance.
    pub instance_id: String,
    /// The version of the definitions whose wording it runs from here on.
    pub version: u64,
}

/// A delight score crossed a threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoreCrossed {
    /// The threshold, 0 to 100.
    pub threshold: f64,
    /// `below` or `above`.
    pub direction: String,
    /// Score before.
    pub before: f64,
    /// Score after.
    pub after: f64,
    /// The moment that did it; absent where decay alone did.
    #[serde(default)]
    pub moment_id: Option<String>,
}

/// A customer's score was computed anew from all moments, under a formula that has come into force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoreRebuilt {
    /// Tells formulas apart: a digest of their constants, 0 for the built-in one.
    pub formula: i64,
    /// Sums over the moments that are not kept one by one; null where all are.
    #[serde(default)]
    pub folded: serde_json::Value,
}
