//! What is kept for each customer.

use elate_domain::{CustomerId, Partition, Timestamp, WorkspaceId};
use elate_storage::bulk::{Conflict, Rows};
use elate_storage::{Row, Transaction, execute, query_all};
use uuid::Uuid;

use super::{Tables, partition_of};
use crate::Error;
use crate::working::CustomerKey;

/// SQLite joins at most 500 SELECTs to one.
const MAX_PARTS: usize = 128;

/// A customer as it is stored.
pub(crate) struct CustomerRow {
    pub(crate) key: CustomerKey,
    pub(crate) partition: Partition,
    pub(crate) next_due: Option<Timestamp>,
    pub(crate) held_due: Option<Timestamp>,
    pub(crate) state: Vec<u8>,
}

/// A customer with a timer that is due.
#[derive(Debug, Clone)]
pub(crate) struct DueCustomer {
    pub(crate) partition: Partition,
    pub(crate) key: CustomerKey,
    pub(crate) due: Timestamp,
}

/// What is due in some partitions.
#[derive(Debug, Default)]
pub(crate) struct DueFound {
    /// In order of partition, time, customer.
    pub(crate) due: Vec<DueCustomer>,
    /// The first deadline after the time asked for.
    pub(crate) next: Vec<(Partition, Timestamp)>,
}

pub(crate) fn workspace_of(row: &Row) -> Result<WorkspaceId, Error> {
    let text: String = row.try_get("", "workspace")?;
    WorkspaceId::try_from(text)
        .map_err(|error| Error::Corrupt { what: "workspace", reason: error.to_string() })
}

fn key_of(row: &Row) -> Result<CustomerKey, Error> {
    let customer = CustomerId(row.try_get::<Uuid>("", "customer")?);
    Ok(CustomerKey { workspace: workspace_of(row)?, customer })
}

/// Reads the encoded states of customers; those of whom nothing is kept are left out.
pub(crate) async fn load(
    tables: &Tables,
    keys: &[CustomerKey],
) -> Result<Vec<(CustomerKey, Vec<u8>)>, Error> {
    // CROSS JOIN keeps SQLite from scanning the large table; PostgreSQL takes it for an ordinary join.
    let sql = "SELECT c.workspace AS workspace, c.customer AS customer, c.state AS state
        FROM v CROSS JOIN consumer_customer c WHERE c.workspace = v.workspace AND c.customer = v.customer";
    let work = async {
        let rows = Rows::new()
            .text("workspace", keys.iter().map(|key| key.workspace.as_str().to_owned()))
            .uuid("customer", keys.iter().map(|key| key.customer.0));
        let mut found = Vec::new();
        for row in rows.query(tables.database.read(), sql).await? {
            found.push((key_of(&row)?, row.try_get("", "state")?));
        }
        Ok(found)
    };
    tables.call("load states", work).await
}

/// The customers of partitions with timers due up to a time each, the earliest `limit` of each partition, in order
/// of (time, customer).
pub(crate) async fn due(
    tables: &Tables,
    until: &[(Partition, Timestamp)],
    limit: usize,
) -> Result<DueFound, Error> {
    // One query for all partitions; each part reads its own stretch of the index, and no more of it than needed.
    let part = |i: usize| {
        let (partition, until) = (2 * i + 1, 2 * i + 2);
        format!(
            "SELECT * FROM (SELECT partition, workspace, customer, next_due FROM consumer_customer
             WHERE partition = ${partition} AND next_due <= ${until} AND next_due IS NOT NULL
             ORDER BY next_due, customer LIMIT {limit}) AS d{i} UNION ALL
             SELECT * FROM (SELECT partition, workspace, customer, next_due FROM consumer_customer
             WHERE partition = ${partition} AND next_due > ${until} AND next_due IS NOT NULL
             ORDER BY next_due LIMIT 1) AS n{i}"
        )
    };
    let work = async {
        let mut found = DueFound::default();
        for until in until.chunks(MAX_PARTS) {
            let sql = (0..until.len()).map(part).collect::<Vec<_>>().join(" UNION ALL ");
            let values =
                until.iter().flat_map(|(partition, time)| [i64::from(partition.0).into(), time.0.into()]);
            let values: Vec<elate_storage::Value> = values.collect();
            for row in query_all(tables.database.read(), &sql, values).await? {
                let due = due_of(&row)?;
                if until.iter().any(|(partition, time)| *partition == due.partition && due.due > *time) {
                    found.next.push((due.partition, due.due));
                } else {
                    found.due.push(due);
                }
            }
        }
        found.due.sort_unstable_by(|a, b| {
            (a.partition, a.due, a.key.customer).cmp(&(b.partition, b.due, b.key.customer))
        });
        Ok(found)
    };
    tables.call("due customers", work).await
}

fn due_of(row: &Row) -> Result<DueCustomer, Error> {
    Ok(DueCustomer {
        partition: partition_of(row.try_get("", "partition")?)?,
        key: key_of(row)?,
        due: Timestamp(row.try_get("", "next_due")?),
    })
}

/// Writes customers, new and known. No key twice.
pub(crate) async fn save(tx: &Transaction, rows: Vec<CustomerRow>) -> Result<(), Error> {
    let columns = Rows::new()
        .text("workspace", rows.iter().map(|row| row.key.workspace.as_str().to_owned()))
        .uuid("customer", rows.iter().map(|row| row.key.customer.0))
        .i64("partition", rows.iter().map(|row| i64::from(row.partition.0)))
        .i64_opt("next_due", rows.iter().map(|row| row.next_due.map(|time| time.0)))
        .i64_opt("held_due", rows.iter().map(|row| row.held_due.map(|time| time.0)))
        .bytes("state", rows.into_iter().map(|row| row.state));
    // A customer's partition never changes.
    let update =
        "(workspace, customer) DO UPDATE SET next_due = excluded.next_due, held_due = excluded.held_due,
        state = excluded.state";
    columns.insert(tx, "consumer_customer", Conflict::Do(update)).await?;
    Ok(())
}

/// An import ended: the timers that it held become due.
pub(crate) async fn release_held(
    tx: &Transaction,
    partition: Partition,
    workspace: &WorkspaceId,
) -> Result<u64, Error> {
    let sql = "UPDATE consumer_customer
        SET next_due = CASE WHEN next_due IS NULL OR held_due < next_due THEN held_due ELSE next_due END,
            held_due = NULL
        WHERE partition = $1 AND workspace = $2 AND held_due IS NOT NULL";
    let values = [i64::from(partition.0).into(), workspace.as_str().to_owned().into()];
    Ok(execute(tx, sql, values).await?)
}
