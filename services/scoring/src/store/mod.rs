//! Scoring's own tables: judgements, scores, daily sums, activity, cases, feedback.
//!
//! `write` puts the rows of a micro-batch into the loop's transaction; `read` answers the use-cases. Every query
//! takes the workspace first, and there is no other way to the tables.

mod churn;
mod close;
mod drivers;
mod effect;
mod export;
mod feedback;
mod figures;
mod formula;
mod migration;
mod read;
mod rollup;
mod rollup_migration;
mod write;

use elate_storage::{Database, Error, Transaction};

pub use churn::AtRisk;
pub use close::{Close, Standing};
pub use drivers::Felt;
pub use export::{ExportPlace, ExportedMoment};
pub use feedback::{Allowance, Answered, FeedbackSelection, StoredFeedback, Waiting};
pub use figures::{Key, Place, PromiseCounts, Selection};
pub use formula::FormulaRun;
pub use migration::Migrator;
pub use read::{ScoreEntry, StoredMoment};

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

    /// A transaction of a worker beside the loop, for its lane and its own rows.
    pub(crate) async fn begin(&self) -> Result<Transaction, Error> {
        self.database.begin().await
    }
}
