//! Records on their way to the log.

use std::sync::Arc;

use bytes::Bytes;
use elate_domain::{CustomerId, Partition, WorkspaceId};
use elate_storage::bulk::{Conflict, Rows};
use elate_storage::{Transaction, execute, query_all};
use uuid::Uuid;

use super::Tables;
use crate::Error;

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

pub(crate) async fn insert(tx: &Transaction, rows: Vec<OutboxRow>) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    Rows::new()
        .text("lane", rows.iter().map(|row| row.lane.as_ref().to_owned()))
        .i64("partition", rows.iter().map(|row| i64::from(row.partition.0)))
        .i64("sequence", rows.iter().map(|row| row.sequence))
        .text("workspace", rows.iter().map(|row| row.workspace.as_str().to_owned()))
        .uuid("customer", rows.iter().map(|row| row.customer.0))
        .bytes("record", rows.iter().map(|row| row.record.to_vec()))
        .insert(tx, "consumer_outbox", Conflict::Fail)
        .await?;
    Ok(())
}

/// Removes what the log has.
pub(crate) async fn delete(tx: &Transaction, acknowledged: &[Acknowledged]) -> Result<(), Error> {
    Rows::new()
        .text("lane", acknowledged.iter().map(|row| row.lane.as_ref().to_owned()))
        .i64("partition", acknowledged.iter().map(|row| i64::from(row.partition.0)))
        .i64("sequence", acknowledged.iter().map(|row| row.sequence))
        .execute(
            tx,
            "DELETE FROM consumer_outbox WHERE (lane, partition, sequence) IN (
                SELECT o.lane, o.partition, o.sequence FROM v JOIN consumer_outbox o
                ON o.lane = v.lane AND o.partition = v.partition AND o.sequence <= v.sequence)",
        )
        .await?;
    Ok(())
}

/// Removes what is on its way about an erased customer.
pub(crate) async fn forget(
    tx: &Transaction,
    workspace: &WorkspaceId,
    customer: CustomerId,
) -> Result<u64, Error> {
    let values = [workspace.as_str().to_owned().into(), customer.0.into()];
    Ok(execute(tx, "DELETE FROM consumer_outbox WHERE workspace = $1 AND customer = $2", values).await?)
}

/// The next records of a lane after `after`, in order.
pub(crate) async fn page(
    tables: &Tables,
    lane: &Arc<str>,
    partition: Partition,
    after: i64,
    limit: usize,
) -> Result<Vec<OutboxRow>, Error> {
    let work = async {
        let sql = "SELECT sequence, workspace, customer, record FROM consumer_outbox
            WHERE lane = $1 AND partition = $2 AND sequence > $3 ORDER BY sequence LIMIT $4";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values =
            [lane.as_ref().to_owned().into(), i64::from(partition.0).into(), after.into(), limit.into()];
        let mut found = Vec::new();
        for row in query_all(tables.database.read(), sql, values).await? {
            found.push(OutboxRow {
                lane: Arc::clone(lane),
                partition,
                sequence: row.try_get("", "sequence")?,
                workspace: super::customer::workspace_of(&row)?,
                customer: CustomerId(row.try_get::<Uuid>("", "customer")?),
                record: row.try_get::<Vec<u8>>("", "record")?.into(),
            });
        }
        Ok(found)
    };
    tables.call("outbox page", work).await
}
