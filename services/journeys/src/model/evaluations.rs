//! Answers to "why": what each condition of a play evaluated to, at the time at which it was asked.

use elate_domain::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::rows::Owner;

/// What came of an evaluation of a play's trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PlayDecision {
    /// An instance was started.
    Entered,
    /// The customer belongs to the control group.
    HeldOut,
    /// Something stood against it.
    Refused,
    /// The event was of the trigger's kind, and did not meet its conditions.
    NotTriggered,
}

/// What a condition evaluated to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It let the customer in.
    Passed,
    /// It stood against it.
    Failed,
    /// It could not be told: something that it reads was missing or of another type.
    Unknown,
    /// It was not asked: it comes later, or does not apply.
    NotAsked,
}

/// One condition, and what it evaluated to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Stable word: `trigger`, `key`, `history`, `pause`, `running`, `re_entry`, `caps`, `audience`, `global_holdout`,
    /// `holdout`, `exits`.
    pub name: String,
    /// What it evaluated to.
    pub verdict: Verdict,
    /// The condition with what it was about, as a sentence.
    pub detail: String,
}

impl Check {
    /// A condition and its verdict.
    pub(crate) fn new(name: &str, verdict: Verdict, detail: impl Into<String>) -> Self {
        Self { name: name.to_owned(), verdict, detail: detail.into() }
    }
}

/// An evaluation of a play's trigger. A customer has at most [`EvaluationRow::SLOTS`] of them for each play: the
/// id is made of the slot, so that the newest takes the place of the oldest. Of events that did not trigger it the
/// last one alone is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluationRow {
    /// Whose.
    pub owner: Owner,
    /// Stable for (customer, play, slot).
    pub evaluation_id: Uuid,
    /// The Play manifest.
    pub play: String,
    /// Rises with each evaluation of this play for this customer; orders those of one instant.
    pub sequence: u64,
    /// Log time.
    pub at: Timestamp,
    /// What came of it.
    pub decision: PlayDecision,
    /// Stable word.
    pub reason: String,
    /// The same as a sentence.
    pub detail: String,
    /// Every condition, in the order in which they decide.
    pub checks: Vec<Check>,
    /// Instance key.
    pub key: String,
    /// The instance, where one was started or held out.
    pub instance_id: Option<Uuid>,
    /// Name of the event that triggered it.
    pub trigger: String,
    /// Its message id.
    pub trigger_message_id: String,
    /// The version that decided.
    pub definitions_version: u64,
}

impl EvaluationRow {
    /// How many evaluations are kept for a customer and play.
    pub const SLOTS: u64 = 20;
}
