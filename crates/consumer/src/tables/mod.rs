//! The loop's statements, one module a table. Every call passes the [`Probe`], so that tests can fail it.

use std::future::Future;
use std::sync::Arc;

use elate_storage::{Backend, Database, Transaction};

use crate::probe::{Point, Probe};
use crate::{Error, Held};

pub(crate) mod customer;
pub(crate) mod lane;
pub(crate) mod lease;
pub(crate) mod letters;
pub(crate) mod outbox;
pub(crate) mod progress;

/// The database of the service, as one member sees it.
#[derive(Clone)]
pub(crate) struct Tables {
    pub(crate) database: Database,
    pub(crate) member: Arc<str>,
    pub(crate) probe: Arc<dyn Probe>,
}

impl Tables {
    pub(crate) fn backend(&self) -> Backend {
        self.database.backend()
    }

    /// Runs one call between its two points.
    pub(crate) async fn call<T, F>(&self, call: &'static str, work: F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>> + Send,
    {
        self.probe.at(Point { call, after: false }).await?;
        let answer = work.await?;
        self.probe.at(Point { call, after: true }).await?;
        Ok(answer)
    }

    pub(crate) async fn begin(&self) -> Result<Transaction, Error> {
        self.call("begin", async { Ok(self.database.begin().await?) }).await
    }

    pub(crate) async fn commit(&self, tx: Transaction) -> Result<(), Error> {
        self.call("commit", async { Ok(tx.commit().await?) }).await
    }
}

/// The columns of partitions and epochs, for statements over `v`.
pub(crate) fn held_rows(member: &Arc<str>, held: &[Held]) -> elate_storage::bulk::Rows {
    elate_storage::bulk::Rows::new()
        .text("member", held.iter().map(|_| member.as_ref().to_owned()))
        .i64("partition", held.iter().map(|held| i64::from(held.partition.0)))
        .i64("epoch", held.iter().map(|held| held.epoch))
}

/// A partition as it is stored. What is negative or too large was never written by us.
pub(crate) fn partition_of(value: i64) -> Result<elate_domain::Partition, Error> {
    u32::try_from(value)
        .map(elate_domain::Partition)
        .map_err(|error| Error::Corrupt { what: "partition", reason: error.to_string() })
}

/// An offset as it is stored.
pub(crate) fn offset_of(value: i64) -> Result<elate_domain::Offset, Error> {
    u64::try_from(value)
        .map(elate_domain::Offset)
        .map_err(|error| Error::Corrupt { what: "offset", reason: error.to_string() })
}

/// An offset for the database. The log numbers from 1; it does not reach the sign bit.
pub(crate) fn offset_value(offset: elate_domain::Offset) -> i64 {
    i64::try_from(offset.0).unwrap_or(i64::MAX)
}
