//! Rows for readers. They are written in the transaction that moves the offset, so they are exactly as far as the
//! log has been read.

use elate_delight::score::Level;
use elate_domain::system::{CaseChanged, MomentJudged};
use elate_domain::{CustomerId, Outcome, Partition, Timestamp, WorkspaceId};
use serde::{Deserialize, Serialize};

use super::answers::Answer;

/// One row of scoring's own tables.
#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    /// A judgement, one row to each revision.
    Moment(Box<MomentRow>),
    /// The customer's score, as of its newest moment.
    Score(ScoreRow),
    /// A change to the sums of one day and link.
    Sums(DaySums),
    /// The customer was active on a day.
    Active {
        /// Workspace.
        workspace: WorkspaceId,
        /// Days since 1970 (UTC).
        day: i64,
        /// Customer.
        customer: CustomerId,
    },
    /// The present state of a recovery case.
    Case(Box<CaseRow>),
    /// A survey answer.
    Answer(AnswerRow),
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
    /// Partition of the customer.
    pub partition: Partition,
    /// The sums as of the newest moment.
    pub level: Level,
    /// Delight as of the newest moment.
    pub delight: f64,
    /// Moments that it rests on.
    pub moments: u64,
}

/// What the figures of a day are summed by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Link {
    /// Days since 1970 (UTC).
    pub day: i64,
    /// Journey.
    pub journey: String,
    /// Stage.
    pub stage: String,
    /// Touchpoint.
    pub touchpoint: String,
    /// Product.
    pub product: String,
    /// Channel.
    pub channel: String,
}

/// A change to the sums of one day and link; revisions subtract what they replace.
#[derive(Debug, Clone, PartialEq)]
pub struct DaySums {
    /// Workspace.
    pub workspace: WorkspaceId,
    /// Day and link.
    pub link: Link,
    /// Magical moments.
    pub magical: i64,
    /// Neutral moments.
    pub neutral: i64,
    /// Miserable moments.
    pub miserable: i64,
    /// Sum of gaps.
    pub gap: f64,
    /// Sum of squared gaps.
    pub gap_squared: f64,
}

impl DaySums {
    /// The sums of one moment, added (`sign` = 1) or taken back (`sign` = −1).
    pub fn of(workspace: &WorkspaceId, link: &Link, outcome: Outcome, gap: f64, sign: i64) -> Self {
        let (mut magical, mut neutral, mut miserable) = (0, 0, 0);
        match outcome {
            Outcome::Magical => magical = sign,
            Outcome::Neutral => neutral = sign,
            Outcome::Miserable => miserable = sign,
        }
        let factor = sign as f64;
        Self {
            workspace: workspace.clone(),
            link: link.clone(),
            magical,
            neutral,
            miserable,
            gap: factor * gap,
            gap_squared: factor * gap * gap,
        }
    }

    /// Adds another change of the same day and link.
    pub fn add(&mut self, other: &Self) {
        self.magical += other.magical;
        self.neutral += other.neutral;
        self.miserable += other.miserable;
        self.gap += other.gap;
        self.gap_squared += other.gap_squared;
    }
}

/// A recovery case as of its newest change.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseRow {
    /// Workspace.
    pub workspace: WorkspaceId,
    /// Customer.
    pub customer: CustomerId,
    /// When it changed.
    pub changed_at: Timestamp,
    /// The change.
    pub case: CaseChanged,
}

/// A survey answer.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerRow {
    /// Workspace.
    pub workspace: WorkspaceId,
    /// Customer.
    pub customer: CustomerId,
    /// Idempotency: the submission, or the message that brought it.
    pub submission: String,
    /// When it was given.
    pub occurred_at: Timestamp,
    /// The answer.
    pub answer: Answer,
}
