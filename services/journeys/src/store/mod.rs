//! The read models: tables that are written in the loop's transaction and read by the list calls.
//!
//! No query can be made without a workspace: `query::Select` puts the filter in, and everything here goes through
//! it. What is in these tables follows from the log alone; they can be emptied and built again.

mod company;
mod company_tables;
mod count;
mod evaluations;
mod gaps;
mod migrations;
mod moves;
mod moves_tables;
mod promises;
mod query;
mod read;
mod rollout;
mod running;
mod untold;
mod words;
mod write;

use elate_domain::{CustomerId, WorkspaceId};
use elate_storage::{Database, Error, Transaction, execute};

pub use company::{Announcement, Sampled};
pub use gaps::Gap;
pub use migrations::Migrator;
pub use moves::{Began, LastMove, MovesPage};
pub use promises::PromiseFilter;
pub use read::{CaseFilter, InstanceFilter, PartitionVersion};
pub use rollout::{Counts as RolloutCounts, Standing as RolloutStanding};
pub use running::Waiting;

use crate::model::rows::Row;

/// The tables that hold rows of customers; [`moves`] are found by way of their instances, before these.
const TABLES: &[&str] = &[
    "promises",
    "promise_changes",
    "moments",
    "recovery_cases",
    "journey_instances",
    "play_instances",
    "play_steps",
    "play_evaluations",
    "population_samples",
    "promise_outlooks",
];

/// The read models: as the loop writes it and the list calls read it.
#[derive(Debug, Clone)]
pub struct Store {
    database: Database,
}

impl Store {
    /// Over an open, migrated database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// The database, for transactions over more than one table.
    pub fn database(&self) -> &Database {
        &self.database
    }
}

#[async_trait::async_trait]
impl elate_consumer::ProcessorStore<Row> for Store {
    async fn write(&self, tx: &Transaction, rows: Vec<Row>) -> Result<(), Error> {
        count::count(&rows);
        write::write(tx, rows).await
    }

    async fn purge(
        &self,
        tx: &Transaction,
        workspace: &WorkspaceId,
        customer: CustomerId,
    ) -> Result<u64, Error> {
        let mut removed = moves::purge(tx, workspace, customer.0).await?;
        for table in TABLES {
            let sql = format!("DELETE FROM {table} WHERE workspace = $1 AND customer_id = $2");
            removed += execute(tx, &sql, [workspace.as_str().into(), customer.0.into()]).await?;
        }
        Ok(removed)
    }
}
