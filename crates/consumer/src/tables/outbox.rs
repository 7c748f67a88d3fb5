//! Records on their way to the log.
//!
//! What one transaction puts on its way in one lane and partition is one row, a *stretch*: written at once, read at once,
//! and removed at once when the log has all of it. A row a record would cost more than everything else that a batch writes.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use elate_domain::{CustomerId, Partition, WorkspaceId};
use elate_storage::bulk::{Conflict, Rows};
use elate_storage::{ConnectionTrait, Row, Transaction, query_all};
use prost::Message;
use sea_orm::{DbErr, Statement};
use uuid::Uuid;

use super::Tables;
use crate::Error;

/// A stretch is cut here, in bytes of its records, so that reading one is bounded.
const STRETCH_BYTES: usize = 1 << 20;
/// Stretches that one page reads.
const PAGE: i64 = 8;

/// One record on its way.
#[derive(Debug, Clone)]
pub(crate) struct OutboxRow {
    pub(crate) lane: Arc<str>,
    pub(crate) partition: Partition,
    pub(crate) sequence: i64,
    pub(crate) workspace: WorkspaceId,
    pub(crate) customer: CustomerId,
    pub(crate) record: Bytes,
}

/// The last sequence of a lane that the log has.
#[derive(Debug, Clone)]
pub(crate) struct Acknowledged {
    pub(crate) lane: Arc<str>,
    pub(crate) partition: Partition,
    pub(crate) sequence: i64,
}

/// Records of a lane that were read from the database.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) rows: Vec<OutboxRow>,
    /// The last sequence read, which an erasure may have taken out of `rows`.
    pub(crate) last: Option<i64>,
    /// There may be more.
    pub(crate) more: bool,
}

/// A stretch as it is stored.
#[derive(Clone, PartialEq, Message)]
struct Stretch {
    #[prost(message, repeated, tag = "1")]
    entries: Vec<Entry>,
}

/// A record of a stretch, and whose it is.
#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(int64, tag = "1")]
    sequence: i64,
    #[prost(string, tag = "2")]
    workspace: String,
    /// The 16 bytes of the customer's id.
    #[prost(bytes = "bytes", tag = "3")]
    customer: Bytes,
    #[prost(bytes = "bytes", tag = "4")]
    record: Bytes,
}

impl From<&OutboxRow> for Entry {
    fn from(row: &OutboxRow) -> Self {
        Self {
            sequence: row.sequence,
            workspace: row.workspace.as_str().to_owned(),
            customer: Bytes::copy_from_slice(row.customer.0.as_bytes()),
            record: row.record.clone(),
        }
    }
}

fn corrupt(reason: impl ToString) -> Error {
    Error::Corrupt { what: "outbox", reason: reason.to_string() }
}

impl Entry {
    fn row(self, lane: &Arc<str>, partition: Partition) -> Result<OutboxRow, Error> {
        Ok(OutboxRow {
            lane: Arc::clone(lane),
            partition,
            sequence: self.sequence,
            workspace: WorkspaceId::try_from(self.workspace).map_err(corrupt)?,
            customer: CustomerId(Uuid::from_slice(&self.customer).map_err(corrupt)?),
            record: self.record,
        })
    }
}

/// A stretch on its way into the table.
#[derive(Default)]
struct Growing {
    stretch: Stretch,
    last: i64,
    bytes: usize,
}

/// Puts records on their way; those of one lane and partition stand in the order of their sequences.
pub(crate) async fn insert<C: ConnectionTrait>(tx: &C, rows: &[OutboxRow]) -> Result<(), Error> {
    let mut growing: BTreeMap<(&Arc<str>, Partition), Growing> = BTreeMap::new();
    let mut done: Vec<(&Arc<str>, Partition, Growing)> = Vec::new();
    for row in rows {
        let grown = growing.entry((&row.lane, row.partition)).or_default();
        grown.stretch.entries.push(row.into());
        grown.bytes += row.record.len();
        grown.last = row.sequence;
        if grown.bytes >= STRETCH_BYTES {
            done.push((&row.lane, row.partition, std::mem::take(grown)));
        }
    }
    done.extend(growing.into_iter().map(|((lane, partition), grown)| (lane, partition, grown)));
    done.retain(|(.., grown)| !grown.stretch.entries.is_empty());
    Rows::new()
        .text("lane", done.iter().map(|(lane, ..)| lane.as_ref().to_owned()))
        .i64("partition", done.iter().map(|(_, partition, _)| i64::from(partition.0)))
        .i64("last_sequence", done.iter().map(|(.., grown)| grown.last))
        .bytes("stretch", done.iter().map(|(.., grown)| grown.stretch.encode_to_vec()))
        .insert(tx, "consumer_outbox", Conflict::Fail)
        .await?;
    Ok(())
}

/// Removes what the log has; of a stretch that it has in part, nothing yet.
pub(crate) async fn delete(tx: &Transaction, acknowledged: &[Acknowledged]) -> Result<(), Error> {
    Rows::new()
        .text("lane", acknowledged.iter().map(|row| row.lane.as_ref().to_owned()))
        .i64("partition", acknowledged.iter().map(|row| i64::from(row.partition.0)))
        .i64("sequence", acknowledged.iter().map(|row| row.sequence))
        .execute(
            tx,
            "DELETE FROM consumer_outbox WHERE (lane, partition, last_sequence) IN (
                SELECT o.lane, o.partition, o.last_sequence FROM v JOIN consumer_outbox o
                ON o.lane = v.lane AND o.partition = v.partition AND o.last_sequence <= v.sequence)",
        )
        .await?;
    Ok(())
}

/// Takes out what is on its way about an erased customer of the partition.
pub(crate) async fn forget(
    tx: &Transaction,
    partition: Partition,
    workspace: &WorkspaceId,
    customer: CustomerId,
) -> Result<(), Error> {
    let sql = "SELECT lane, last_sequence, stretch FROM consumer_outbox WHERE partition = $1";
    let (mut lanes, mut lasts, mut stretches) = (Vec::new(), Vec::new(), Vec::new());
    for row in query_all(tx, sql, [i64::from(partition.0).into()]).await? {
        let mut stretch = stretch_of(&row)?;
        let before = stretch.entries.len();
        stretch.entries.retain(|entry| {
            entry.workspace != workspace.as_str() || entry.customer.as_ref() != customer.0.as_bytes()
        });
        if stretch.entries.len() < before {
            lanes.push(row.try_get::<String>("", "lane")?);
            lasts.push(row.try_get::<i64>("", "last_sequence")?);
            stretches.push(stretch.encode_to_vec());
        }
    }
    Rows::new()
        .i64("partition", lanes.iter().map(|_| i64::from(partition.0)))
        .text("lane", lanes)
        .i64("last_sequence", lasts)
        .bytes("stretch", stretches)
        .execute(
            tx,
            "UPDATE consumer_outbox SET stretch = v.stretch FROM v WHERE consumer_outbox.lane = v.lane
                AND consumer_outbox.partition = v.partition AND consumer_outbox.last_sequence = v.last_sequence",
        )
        .await?;
    Ok(())
}

fn stretch_of(row: &Row) -> Result<Stretch, Error> {
    let bytes: Vec<u8> = row.try_get("", "stretch")?;
    Stretch::decode(Bytes::from(bytes)).map_err(corrupt)
}

/// The next records of a lane after `after`, in order.
pub(crate) async fn page(
    tables: &Tables,
    lane: &Arc<str>,
    partition: Partition,
    after: i64,
) -> Result<Page, Error> {
    let work = async {
        let sql = "SELECT last_sequence, stretch FROM consumer_outbox
            WHERE lane = $1 AND partition = $2 AND last_sequence > $3 ORDER BY last_sequence LIMIT $4";
        let values =
            [lane.as_ref().to_owned().into(), i64::from(partition.0).into(), after.into(), PAGE.into()];
        let found = query_all(tables.database.read(), sql, values).await?;
        let mut page = Page { rows: Vec::new(), last: None, more: found.len() as i64 == PAGE };
        for row in found {
            page.last = Some(row.try_get("", "last_sequence")?);
            let entries = stretch_of(&row)?.entries.into_iter();
            for entry in entries.filter(|entry| entry.sequence > after) {
                page.rows.push(entry.row(lane, partition)?);
            }
        }
        Ok(page)
    };
    tables.call("outbox page", work).await
}

/// Brings the records of the table's first form, a row each, into stretches.
pub(crate) async fn convert<C: ConnectionTrait>(connection: &C) -> Result<(), DbErr> {
    let sql = "SELECT lane, partition, sequence, workspace, customer, record FROM consumer_outbox_record
        ORDER BY lane, partition, sequence";
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let mut rows = Vec::new();
    for row in connection.query_all_raw(statement).await? {
        rows.push(first_form(&row).map_err(|error| DbErr::Migration(error.to_string()))?);
    }
    insert(connection, &rows).await.map_err(|error| DbErr::Migration(error.to_string()))
}

fn first_form(row: &Row) -> Result<OutboxRow, Error> {
    Ok(OutboxRow {
        lane: row.try_get::<String>("", "lane")?.into(),
        partition: super::partition_of(row.try_get("", "partition")?)?,
        sequence: row.try_get("", "sequence")?,
        workspace: super::customer::workspace_of(row)?,
        customer: CustomerId(row.try_get::<Uuid>("", "customer")?),
        record: row.try_get::<Vec<u8>>("", "record")?.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_comes_back_as_it_was() {
        let row = OutboxRow {
            lane: Arc::from("journeys"),
            partition: Partition(3),
            sequence: 7,
            workspace: WorkspaceId::try_new("shop").unwrap(),
            customer: CustomerId(Uuid::from_u128(9)),
            record: Bytes::from_static(b"record"),
        };
        let stored = Stretch { entries: vec![Entry::from(&row)] }.encode_to_vec();
        let entry = Stretch::decode(Bytes::from(stored)).unwrap().entries.remove(0);
        let read = entry.row(&row.lane, row.partition).unwrap();
        assert_eq!(format!("{read:?}"), format!("{row:?}"));
    }
}
