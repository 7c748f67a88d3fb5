//! What a step leaves in the read models: one row type for each table, written in the transaction of the batch.

use elate_domain::{CaseState, CustomerId, Outcome, Partition, PromiseState, Timestamp, WorkspaceId};
use uuid::Uuid;

pub use super::evaluations::{Check, EvaluationRow, PlayDecision, Verdict};
pub use super::learning::{Measure, Outlook, OutlookRow, SampleRow};
pub use super::moves::{JourneyMoveRow, MAX_CARRIED, MAX_CARRIED_BYTES, MAX_MOVES, MoveKind};
pub use super::rollouts::{CountRow, RolloutRow};

/// A row for one of the service's tables. Rows with the id of an earlier one replace it.
#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    /// A promise as it stands.
    Promise(PromiseRow),
    /// A line of a promise's history.
    PromiseChange(PromiseChangeRow),
    /// A moment as it was last judged.
    Moment(MomentRow),
    /// A recovery case as it stands.
    Case(CaseRow),
    /// A journey instance as it stands.
    Journey(JourneyRow),
    /// A line of a journey instance: a visit, or its end.
    JourneyMove(JourneyMoveRow),
    /// A play instance as it stands.
    Play(PlayRow),
    /// A line of a play instance's step log.
    Step(StepRow),
    /// An evaluation of a play's trigger.
    Evaluation(EvaluationRow),
    /// How a promise looks.
    Outlook(OutlookRow),
    /// Something was observed that the population learns from.
    Sample(SampleRow),
    /// A rollout began, or was decided about.
    Rollout(RolloutRow),
    /// A customer counts for a rollout.
    Count(CountRow),
    /// A partition switched to other definitions.
    Definitions(DefinitionsRow),
    /// Everything of one customer belongs to another from here on.
    Merged(MergedRow),
}

/// Whose row it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The tenant.
    pub workspace: WorkspaceId,
    /// The customer.
    pub customer: CustomerId,
}

/// A promise as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct PromiseRow {
    /// Whose.
    pub owner: Owner,
    /// Its id.
    pub promise_id: Uuid,
    /// The Moment manifest.
    pub moment: String,
    /// Correlation key.
    pub key: String,
    /// The state.
    pub state: PromiseState,
    /// Due, as it stands.
    pub due: Timestamp,
    /// Due, as first stated.
    pub first_due: Timestamp,
    /// When it was fulfilled.
    pub fulfilled_at: Option<Timestamp>,
    /// Why it is in this state.
    pub reason: String,
    /// How it looks by what was learned, where its manifest learns. It is written as a row of its own, and put in here
    /// where promises are read.
    pub outlook: Option<Outlook>,
    /// Touchpoint.
    pub touchpoint: String,
    /// Journey.
    pub journey: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Log time of the last change.
    pub updated_at: Timestamp,
}

/// A line of a promise's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromiseChangeRow {
    /// Whose.
    pub owner: Owner,
    /// The promise.
    pub promise_id: Uuid,
    /// From 0.
    pub sequence: u32,
    /// Log time.
    pub at: Timestamp,
    /// The state from here on.
    pub state: PromiseState,
    /// Due, as it stood from here on.
    pub due: Timestamp,
    /// Why.
    pub reason: String,
}

/// A moment as it was last judged.
#[derive(Debug, Clone, PartialEq)]
pub struct MomentRow {
    /// Whose.
    pub owner: Owner,
    /// Its id.
    pub moment_id: Uuid,
    /// The Moment manifest.
    pub moment: String,
    /// Correlation key.
    pub key: String,
    /// From 0.
    pub revision: u32,
    /// Journey.
    pub journey: String,
    /// Touchpoint.
    pub touchpoint: String,
    /// When it was experienced.
    pub occurred_at: Timestamp,
    /// Signed gap in tolerances.
    pub gap: f64,
    /// The judgement.
    pub outcome: Outcome,
    /// The experience is "now, and still nothing".
    pub provisional: bool,
    /// The promise that it judges.
    pub promise_id: Option<Uuid>,
    /// Log time of the judgement.
    pub judged_at: Timestamp,
}

/// A recovery case as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseRow {
    /// Whose.
    pub owner: Owner,
    /// Its id.
    pub case_id: Uuid,
    /// Journey.
    pub journey: String,
    /// The link that failed.
    pub touchpoint: String,
    /// Correlation key.
    pub key: String,
    /// The state.
    pub state: CaseState,
    /// The moment that opened it, as text: moments may come from other services.
    pub moment_id: String,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// The play at work on it, or that would be.
    pub play: Option<String>,
    /// The customer is held out of that play.
    pub held_out: bool,
    /// Why it is in this state.
    pub reason: String,
}

/// Where a journey instance stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JourneyPhase {
    /// Under way.
    Active,
    /// Reached its end.
    Completed,
    /// Silent for too long.
    Abandoned,
}

/// A journey instance as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JourneyRow {
    /// Whose.
    pub owner: Owner,
    /// Its id.
    pub instance_id: Uuid,
    /// The Journey manifest.
    pub journey: String,
    /// Correlation key.
    pub key: String,
    /// Where it stands.
    pub phase: JourneyPhase,
    /// The present stage.
    pub stage: String,
    /// The touchpoint that moved it last.
    pub touchpoint: String,
    /// When what began it happened; unknown for one that was under way when moves were first kept.
    pub began_at: Option<Timestamp>,
    /// When it was entered.
    pub entered_at: Timestamp,
    /// When it last moved.
    pub moved_at: Timestamp,
}

/// Where a play instance stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PlayPhase {
    /// Waiting for a time or an event.
    Active,
    /// All steps done.
    Completed,
    /// Left before the end.
    Exited,
    /// Never started: the control group.
    HeldOut,
}

/// A play instance as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlayRow {
    /// Whose.
    pub owner: Owner,
    /// Its id.
    pub instance_id: Uuid,
    /// The Play manifest.
    pub play: String,
    /// Instance key.
    pub key: String,
    /// The version that it runs.
    pub definitions_version: u64,
    /// Where it stands.
    pub phase: PlayPhase,
    /// Path of the present or last step.
    pub step: String,
    /// When it was entered.
    pub entered_at: Timestamp,
    /// When it last moved.
    pub moved_at: Timestamp,
    /// When its present wait ends.
    pub waits_until: Option<Timestamp>,
}

/// A line of a step log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRow {
    /// Whose.
    pub owner: Owner,
    /// The instance.
    pub instance_id: Uuid,
    /// From 1.
    pub sequence: u32,
    /// Log time.
    pub at: Timestamp,
    /// Path of the step.
    pub step: String,
    /// Kind of the step; empty for entry and end.
    pub kind: String,
    /// `entered`, `held_out`, `step`, `migrated`, `not_migrated`, `exited` or `completed`.
    pub change: String,
    /// The branch or variant taken.
    pub branch: String,
    /// Why.
    pub reason: String,
}

/// A partition switched to other definitions.
#[derive(Debug, Clone, PartialEq)]
pub struct DefinitionsRow {
    /// The tenant.
    pub workspace: WorkspaceId,
    /// The partition that switched.
    pub partition: Partition,
    /// The version from here on.
    pub version: u64,
    /// Offset of the record that switched it.
    pub offset: u64,
    /// Log time of that record.
    pub switched_at: Timestamp,
    /// All manifests of the version, as one JSON array.
    pub manifests: String,
}

/// Everything of `loser` belongs to `survivor` from here on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedRow {
    /// The tenant.
    pub workspace: WorkspaceId,
    /// Who was merged away.
    pub loser: CustomerId,
    /// Who stays.
    pub survivor: CustomerId,
}
