//! What was set aside: records whose step fails, and events that the loop guard held.

use bytes::Bytes;
use elate_domain::{CustomerId, Offset, Partition, Timestamp, WorkspaceId};
use elate_storage::bulk::{Conflict, Rows};
use elate_storage::{Transaction, execute};

use super::offset_value;
use crate::Error;
use crate::working::CustomerKey;

/// A record (or timer) that can't be processed.
#[derive(Debug, Clone)]
pub(crate) struct DeadLetterRow {
    pub(crate) key: CustomerKey,
    pub(crate) partition: Partition,
    pub(crate) offset: Offset,
    pub(crate) reason: String,
    pub(crate) at: Timestamp,
}

/// An event that was not emitted.
#[derive(Debug, Clone)]
pub(crate) struct HeldRow {
    pub(crate) key: CustomerKey,
    pub(crate) partition: Partition,
    pub(crate) message_id: String,
    pub(crate) name: String,
    pub(crate) reason: &'static str,
    pub(crate) at: Timestamp,
    pub(crate) record: Bytes,
}

pub(crate) async fn insert_dead(tx: &Transaction, rows: Vec<DeadLetterRow>) -> Result<(), Error> {
    Rows::new()
        .text("workspace", rows.iter().map(|row| row.key.workspace.as_str().to_owned()))
        .uuid("customer", rows.iter().map(|row| row.key.customer.0))
        .i64("partition", rows.iter().map(|row| i64::from(row.partition.0)))
        .i64("log_offset", rows.iter().map(|row| offset_value(row.offset)))
        .text("reason", rows.iter().map(|row| row.reason.clone()))
        .i64("at", rows.iter().map(|row| row.at.0))
        .insert(tx, "consumer_dead_letter", Conflict::Ignore)
        .await?;
    Ok(())
}

pub(crate) async fn insert_held(tx: &Transaction, rows: Vec<HeldRow>) -> Result<(), Error> {
    Rows::new()
        .text("workspace", rows.iter().map(|row| row.key.workspace.as_str().to_owned()))
        .uuid("customer", rows.iter().map(|row| row.key.customer.0))
        .i64("partition", rows.iter().map(|row| i64::from(row.partition.0)))
        .text("message_id", rows.iter().map(|row| row.message_id.clone()))
        .text("name", rows.iter().map(|row| row.name.clone()))
        .text("reason", rows.iter().map(|row| row.reason.to_owned()))
        .i64("at", rows.iter().map(|row| row.at.0))
        .bytes("record", rows.iter().map(|row| row.record.to_vec()))
        .insert(tx, "consumer_held", Conflict::Ignore)
        .await?;
    Ok(())
}

/// Removes the dead letters of a customer, after a redrive or an erasure.
pub(crate) async fn forget_dead(
    tx: &Transaction,
    workspace: &WorkspaceId,
    customer: CustomerId,
) -> Result<u64, Error> {
    let values = [workspace.as_str().to_owned().into(), customer.0.into()];
    Ok(execute(tx, "DELETE FROM consumer_dead_letter WHERE workspace = $1 AND customer = $2", values).await?)
}

/// Removes the held events of an erased customer.
pub(crate) async fn forget_held(
    tx: &Transaction,
    workspace: &WorkspaceId,
    customer: CustomerId,
) -> Result<u64, Error> {
    let values = [workspace.as_str().to_owned().into(), customer.0.into()];
    Ok(execute(tx, "DELETE FROM consumer_held WHERE workspace = $1 AND customer = $2", values).await?)
}
