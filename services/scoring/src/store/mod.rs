//! Scoring's own tables: judgements, scores, daily sums, activity, cases, answers.
//!
//! `write` puts the rows of a micro-batch into the loop's transaction; `read` answers the use-cases. Every query
//! takes the workspace first, and there is no other way to the tables.

mod migration;
mod read;
mod write;

use elate_storage::Database;

pub use migration::Migrator;
pub use read::{AnswerCounts, CaseSums, GroupSums, ScoreEntry, StoredMoment};

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
