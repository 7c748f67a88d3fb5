//! Which offsets of its partition hold a customer's records.
//!
//! The index is written behind the appends, in larger runs: one row for each customer and run holds the offsets of that run. So an append costs
//! no index page of each customer, and a customer with many events in a run costs one row. Readers add what is not indexed yet
//! from the log's own end, so the answer is always whole.

use std::collections::BTreeMap;

use elate_domain::{CustomerId, Offset, Partition};
use elate_storage::bulk::{Conflict, Rows};
use elate_storage::{Backend, ConnectionTrait, Error, Transaction, execute, query_all, query_one};

use super::get;

/// Locks the index of a partition; `None` where another process holds it. Makes the row where it is missing.
pub(crate) async fn lock(tx: &Transaction, partition: Partition) -> Result<Option<Offset>, Error> {
    let key = || [i64::from(partition.0).into()];
    let (skip, wait) = match tx.get_database_backend() {
        Backend::Sqlite => ("", ""),
        _ => ("FOR UPDATE SKIP LOCKED", "FOR UPDATE"),
    };
    let select = |lock: &str| format!("SELECT indexed FROM timeline_head WHERE partition = $1 {lock}");
    let row = match query_one(tx, &select(skip), key()).await? {
        Some(row) => Some(row),
        None => {
            let insert =
                "INSERT INTO timeline_head (partition, indexed) VALUES ($1, 0) ON CONFLICT DO NOTHING";
            if execute(tx, insert, key()).await? == 0 {
                return Ok(None);
            }
            query_one(tx, &select(wait), key()).await?
        }
    };
    row.map(|row| Ok(Offset(get::<i64>(&row, "indexed")? as u64))).transpose()
}

/// Waits for the index of a partition and keeps it until the transaction ends.
pub(crate) async fn lock_waiting(tx: &Transaction, partition: Partition) -> Result<(), Error> {
    let lock = if tx.get_database_backend() == Backend::Sqlite { "" } else { "FOR UPDATE" };
    let sql = format!("SELECT indexed FROM timeline_head WHERE partition = $1 {lock}");
    query_one(tx, &sql, [i64::from(partition.0).into()]).await.map(|_| ())
}

/// Writes a run and moves the index on.
pub(crate) async fn write(
    tx: &Transaction,
    runs: &BTreeMap<CustomerId, Vec<u64>>,
    partition: Partition,
    indexed: Offset,
) -> Result<(), Error> {
    let ends = |pick: fn(&[u64]) -> Option<&u64>| {
        runs.values().map(move |offsets| pick(offsets).copied().unwrap_or_default() as i64)
    };
    Rows::new()
        .uuid("customer_id", runs.keys().map(|id| id.0))
        .i64("first_offset", ends(<[u64]>::first))
        .i64("last_offset", ends(<[u64]>::last))
        .bytes("offsets", runs.values().map(|offsets| pack(offsets)))
        .insert(tx, "timeline", Conflict::Ignore)
        .await?;
    let sql = "UPDATE timeline_head SET indexed = $2 WHERE partition = $1";
    execute(tx, sql, [i64::from(partition.0).into(), (indexed.0 as i64).into()]).await.map(|_| ())
}

/// How far each partition is indexed.
pub(crate) async fn indexed<C: ConnectionTrait>(
    connection: &C,
) -> Result<BTreeMap<Partition, Offset>, Error> {
    let rows = query_all(connection, "SELECT partition, indexed FROM timeline_head", []).await?;
    let entry = |row: &elate_storage::Row| {
        Ok((Partition(get::<i64>(row, "partition")? as u32), Offset(get::<i64>(row, "indexed")? as u64)))
    };
    rows.iter().map(entry).collect()
}

/// How far one partition is indexed.
pub(crate) async fn indexed_of<C: ConnectionTrait>(
    connection: &C,
    partition: Partition,
) -> Result<Offset, Error> {
    let sql = "SELECT indexed FROM timeline_head WHERE partition = $1";
    let row = query_one(connection, sql, [i64::from(partition.0).into()]).await?;
    row.map_or(Ok(Offset::START), |row| Ok(Offset(get::<i64>(&row, "indexed")? as u64)))
}

/// Indexed offsets of a customer in one direction from `from` (exclusive), at least `limit` where there are so many.
pub(crate) async fn offsets<C: ConnectionTrait>(
    connection: &C,
    customer: CustomerId,
    from: u64,
    oldest_first: bool,
    limit: usize,
) -> Result<Vec<u64>, Error> {
    let sql = if oldest_first {
        "SELECT offsets FROM timeline WHERE customer_id = $1 AND last_offset > $2 ORDER BY first_offset LIMIT $3"
    } else {
        "SELECT offsets FROM timeline WHERE customer_id = $1 AND first_offset < $2 ORDER BY first_offset DESC LIMIT $3"
    };
    let from_sql = i64::try_from(from).unwrap_or(i64::MAX);
    let rows =
        query_all(connection, sql, [customer.0.into(), from_sql.into(), (limit as i64).into()]).await?;
    let mut found = Vec::new();
    for row in rows {
        let mut run = unpack(&get::<Vec<u8>>(&row, "offsets")?);
        run.retain(|offset| if oldest_first { *offset > from } else { *offset < from });
        if !oldest_first {
            run.reverse();
        }
        found.extend(run);
        if found.len() >= limit {
            break;
        }
    }
    found.truncate(limit);
    Ok(found)
}

/// Removes a customer's index.
pub(crate) async fn remove(tx: &Transaction, customer: CustomerId) -> Result<(), Error> {
    execute(tx, "DELETE FROM timeline WHERE customer_id = $1", [customer.0.into()]).await.map(|_| ())
}

/// Ascending offsets as differences in LEB128.
fn pack(offsets: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(offsets.len() * 2 + 4);
    let mut before = 0;
    for offset in offsets {
        let mut rest = offset - before;
        before = *offset;
        while rest >= 0x80 {
            bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        bytes.push(rest as u8);
    }
    bytes
}

fn unpack(bytes: &[u8]) -> Vec<u64> {
    let (mut offsets, mut before, mut value, mut shift) = (Vec::new(), 0_u64, 0_u64, 0);
    for byte in bytes {
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            before += value;
            offsets.push(before);
            (value, shift) = (0, 0);
        }
    }
    offsets
}

#[cfg(test)]
mod tests {
    use super::{pack, unpack};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn offsets_survive(set in proptest::collection::btree_set(1..u64::from(u32::MAX) * 1000, 0..200)) {
            let offsets: Vec<u64> = set.into_iter().collect();
            prop_assert_eq!(unpack(&pack(&offsets)), offsets);
        }
    }
}
