//! What a service's readers (gRPC handlers, tests) may see of what the loop keeps. Read only, outside the loop.

use elate_domain::{CustomerId, Offset, Partition, Timestamp, WorkspaceId};
use elate_storage::{Database, query_all, query_one};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::Error;
use crate::envelope::{Envelope, PartitionEnvelope, decode};
use crate::packed::unpack;
use crate::tables::{offset_of, partition_of};

/// What is kept for a customer.
#[derive(Debug, Clone)]
pub struct Stored<S> {
    /// Who it is: the survivor, where the customer asked for was merged.
    pub customer: CustomerId,
    /// Where the customer's records stand.
    pub partition: Partition,
    /// How far the partition was processed when the state was read, or further.
    pub offset: Offset,
    /// The service's own.
    pub state: S,
    /// Timers that are set: key and deadline.
    pub timers: Vec<(String, Timestamp)>,
    /// A step failed; the state is that before it.
    pub aside: bool,
    /// The customer is erased; the state is empty.
    pub erased: bool,
}

/// A record that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Whose record; [`CustomerId::NONE`] for one about the partition.
    pub customer: CustomerId,
    /// Its partition.
    pub partition: Partition,
    /// Its offset (for a timer: of the first record that it comes before).
    pub offset: Offset,
    /// Why.
    pub reason: String,
    /// Log time when it failed.
    pub at: Timestamp,
}

/// An event that the loop guard did not let out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldEvent {
    /// Whose timeline it was meant for.
    pub customer: CustomerId,
    /// Its name.
    pub name: String,
    /// `hops` or `rate`.
    pub reason: String,
    /// Log time when it was held.
    pub at: Timestamp,
}

/// Merges in a row that are followed.
const MAX_MERGES: usize = 16;

/// The state of a customer, or of the one who survived.
pub async fn state<S: DeserializeOwned + Default>(
    database: &Database,
    workspace: &WorkspaceId,
    customer: CustomerId,
) -> Result<Option<Stored<S>>, Error> {
    let sql = "SELECT c.partition AS partition, c.state AS state, COALESCE(p.log_offset, 0) AS log_offset
        FROM consumer_customer c LEFT JOIN consumer_partition p ON p.partition = c.partition
        WHERE c.workspace = $1 AND c.customer = $2";
    let mut customer = customer;
    for _ in 0..MAX_MERGES {
        let values = [workspace.as_str().to_owned().into(), customer.0.into()];
        let Some(row) = query_one(database.read(), sql, values).await? else { return Ok(None) };
        let envelope: Envelope<S> = decode("customer", &unpack("customer", row.try_get("", "state")?)?)?;
        if let Some(survivor) = envelope.merged_into {
            customer = survivor;
            continue;
        }
        return Ok(Some(Stored {
            customer,
            partition: partition_of(row.try_get("", "partition")?)?,
            offset: offset_of(row.try_get("", "log_offset")?)?,
            state: envelope.state,
            timers: envelope.timers.into_iter().map(|(key, timer)| (key, timer.deadline)).collect(),
            aside: envelope.aside.is_some(),
            erased: envelope.erased,
        }));
    }
    Ok(None)
}

/// The workspaces of which anything is kept.
pub async fn workspaces(database: &Database) -> Result<Vec<WorkspaceId>, Error> {
    let mut found: Vec<WorkspaceId> = Vec::new();
    loop {
        // One step along the index to each workspace, however many customers it has.
        let sql = "SELECT min(workspace) AS workspace FROM consumer_customer WHERE workspace > $1";
        let after = found.last().map_or("", |last| last.as_str()).to_owned();
        let row = query_one(database.read(), sql, [after.into()]).await?;
        let next: Option<String> = row.map(|row| row.try_get("", "workspace")).transpose()?.flatten();
        let Some(next) = next else { return Ok(found) };
        let next = WorkspaceId::try_from(next)
            .map_err(|error| Error::Corrupt { what: "workspace", reason: error.to_string() })?;
        found.push(next);
    }
}

/// Some customers of a workspace, in order of their ids: for studies over all of them.
#[derive(Debug, Clone)]
pub struct StatePage<S> {
    /// Customers who are neither merged away, nor erased, nor set aside.
    pub states: Vec<(CustomerId, S)>,
    /// Where to go on; `None` after the last page.
    pub next: Option<CustomerId>,
}

/// The states of customers after one, at most `limit`.
pub async fn states<S: DeserializeOwned + Default>(
    database: &Database,
    workspace: &WorkspaceId,
    after: CustomerId,
    limit: u32,
) -> Result<StatePage<S>, Error> {
    let sql = "SELECT customer, state FROM consumer_customer WHERE workspace = $1 AND customer > $2
        ORDER BY customer LIMIT $3";
    let values = [workspace.as_str().to_owned().into(), after.0.into(), i64::from(limit).into()];
    let rows = query_all(database.read(), sql, values).await?;
    let mut page = StatePage { states: Vec::with_capacity(rows.len()), next: None };
    for row in &rows {
        let customer = CustomerId(row.try_get::<Uuid>("", "customer")?);
        let envelope: Envelope<S> = decode("customer", &unpack("customer", row.try_get("", "state")?)?)?;
        page.next = (rows.len() == limit as usize).then_some(customer);
        if envelope.merged_into.is_none() && !envelope.erased && envelope.aside.is_none() {
            page.states.push((customer, envelope.state));
        }
    }
    Ok(page)
}

/// What a service keeps for a partition (definitions in force, pauses).
pub async fn partition_state<S: DeserializeOwned + Default>(
    database: &Database,
    partition: Partition,
) -> Result<Option<S>, Error> {
    let sql = "SELECT state FROM consumer_partition_state WHERE partition = $1";
    let row = query_one(database.read(), sql, [i64::from(partition.0).into()]).await?;
    let Some(row) = row else { return Ok(None) };
    let envelope: PartitionEnvelope<S> = decode("partition", &row.try_get::<Vec<u8>>("", "state")?)?;
    Ok(Some(envelope.state))
}

/// How far each partition is processed, ascending by partition.
pub async fn offsets(database: &Database) -> Result<Vec<(Partition, Offset)>, Error> {
    let sql = "SELECT partition, log_offset FROM consumer_partition ORDER BY partition";
    let mut found = Vec::new();
    for row in query_all(database.read(), sql, []).await? {
        let partition = partition_of(row.try_get("", "partition")?)?;
        found.push((partition, offset_of(row.try_get("", "log_offset")?)?));
    }
    Ok(found)
}

/// The dead letters of a workspace, newest first.
pub async fn dead_letters(
    database: &Database,
    workspace: &WorkspaceId,
    limit: u32,
) -> Result<Vec<DeadLetter>, Error> {
    let sql = "SELECT customer, partition, log_offset, reason, at FROM consumer_dead_letter
        WHERE workspace = $1 ORDER BY at DESC, partition, log_offset LIMIT $2";
    let values = [workspace.as_str().to_owned().into(), i64::from(limit).into()];
    let mut found = Vec::new();
    for row in query_all(database.read(), sql, values).await? {
        found.push(DeadLetter {
            customer: CustomerId(row.try_get::<Uuid>("", "customer")?),
            partition: partition_of(row.try_get("", "partition")?)?,
            offset: offset_of(row.try_get("", "log_offset")?)?,
            reason: row.try_get("", "reason")?,
            at: Timestamp(row.try_get("", "at")?),
        });
    }
    Ok(found)
}

/// The events of a workspace that the loop guard held, newest first.
pub async fn held_events(
    database: &Database,
    workspace: &WorkspaceId,
    limit: u32,
) -> Result<Vec<HeldEvent>, Error> {
    let sql = "SELECT customer, name, reason, at FROM consumer_held
        WHERE workspace = $1 ORDER BY at DESC, message_id LIMIT $2";
    let values = [workspace.as_str().to_owned().into(), i64::from(limit).into()];
    let mut found = Vec::new();
    for row in query_all(database.read(), sql, values).await? {
        found.push(HeldEvent {
            customer: CustomerId(row.try_get::<Uuid>("", "customer")?),
            name: row.try_get("", "name")?,
            reason: row.try_get("", "reason")?,
            at: Timestamp(row.try_get("", "at")?),
        });
    }
    Ok(found)
}
