//! Rows for readers. They are written in the transaction that moves the offset, so they are exactly as far as the
//! log has been read.

use elate_delight::score::Level;
use elate_domain::system::{CaseChanged, MomentJudged, PromiseChanged};
use elate_domain::{CustomerId, Timestamp, WorkspaceId};

use super::effect::{DesignRow, EffectRow};
use super::feedback::{AskedRow, FeedbackRow, ScoredRow};
use super::formula::FormulasRow;
use super::segments::Segment;
use super::sums::SumsRow;

/// One row of scoring's own tables.
#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    /// A judgement, one row to each revision.
    Moment(Box<MomentRow>),
    /// The customer's score, as of its newest moment.
    Score(ScoreRow),
    /// A change to the sums of one day and link.
    Sums(SumsRow),
    /// The customer was active on a day.
    Active {
        /// Workspace.
        workspace: WorkspaceId,
        /// Days since 1970 (UTC).
        day: i64,
        /// Customer.
        customer: CustomerId,
        /// The customer's segments.
        segments: Vec<Segment>,
    },
    /// A promise changed.
    Promise(Box<PromiseRow>),
    /// The present state of a recovery case.
    Case(Box<CaseRow>),
    /// An answer or a comment, with all that came with it.
    Feedback(Box<FeedbackRow>),
    /// A customer was asked.
    Asked(AskedRow),
    /// A model has read a comment.
    Scored(Box<ScoredRow>),
    /// A change of what one side of a play comes to.
    Effect(EffectRow),
    /// How a play is observed from here on.
    Design(DesignRow),
    /// The formulas from here on.
    Formulas(Box<FormulasRow>),
    /// Everything of the loser belongs to the survivor from here on.
    Reassign {
        /// Workspace.
        workspace: WorkspaceId,
        /// Merged away.
        loser: CustomerId,
        /// Stays.
        survivor: CustomerId,
    },
}

/// A judgement as it is kept for explanations and for scores at past times.
#[derive(Debug, Clone, PartialEq)]
pub struct MomentRow {
    /// Workspace.
    pub workspace: WorkspaceId,
    /// Customer.
    pub customer: CustomerId,
    /// Offset of the record: orders moments of one instant.
    pub offset: u64,
    /// Log time of the record: from here on it was known.
    pub known_at: Timestamp,
    /// The judgement.
    pub judged: MomentJudged,
}

/// A customer's score, with what is needed to let it fade.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreRow {
    /// Workspace.
    pub workspace: WorkspaceId,
    /// Customer.
    pub customer: CustomerId,
    /// The formula that the score is under: its key.
    pub formula: i64,
    /// The sums as of the newest moment.
    pub level: Level,
    /// Delight as of the newest moment.
    pub delight: f64,
    /// Moments that it rests on.
    pub moments: u64,
    /// When the newest wow was.
    pub last_wow: Option<Timestamp>,
    /// The customer's segments.
    pub segments: Vec<Segment>,
}

/// A change of a promise.
#[derive(Debug, Clone, PartialEq)]
pub struct PromiseRow {
    /// Workspace.
    pub workspace: WorkspaceId,
    /// The customer's segments.
    pub segments: Vec<Segment>,
    /// The change.
    pub promise: PromiseChanged,
}

/// A recovery case as of its newest change.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseRow {
    /// Workspace.
    pub workspace: WorkspaceId,
    /// Customer.
    pub customer: CustomerId,
    /// The customer's segments.
    pub segments: Vec<Segment>,
    /// When it changed.
    pub changed_at: Timestamp,
    /// The change.
    pub case: CaseChanged,
}
