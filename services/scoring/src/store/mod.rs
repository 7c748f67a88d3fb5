//! Scoring's own tables: judgements, scores, daily sums, activity, cases, answers.
//!
//! `write` puts the rows of a micro-batch into the loop's transaction; `read` answers the use-cases. Every query
//! takes the workspace first, and there is no other way to the tables.

mod churn;
mod close;
mod effect;
mod export;
mod feedback;
mod figures;
mod migration;
mod read;
mod rollup;
mod rollup_migration;
mod write;

use elate_storage::Database;

pub use churn::AtRisk;
pub use close::{Close, Standing};
pub use export::{ExportPlace, ExportedMoment};
pub use feedback::{Answered, FeedbackSelection, StoredFeedback};
pub use figures::{Key, Place, PromiseCounts, Selection};
pub use migration::Migrator;
pub use read::{AnswerCounts, ScoreEntry, StoredMoment};

/// The tables of one scoring database.
#[derive(Debug, Clone)]
pub struct Store {
    database: Database,
}

impl Store {
    /// The tables in `database`.
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}
