//! Side lanes: their numbers, and the fence in front of a worker's writes.

use elate_domain::Partition;
use elate_storage::{Backend, Transaction, query_one};

use super::Tables;
use crate::{Error, Held};

/// Numbers taken for records of a lane.
pub(crate) struct Numbers {
    pub(crate) first: i64,
    pub(crate) generation: u32,
}

/// Fails unless the partition is ours; on PostgreSQL it stays so until the transaction ends.
pub(crate) async fn fence(tables: &Tables, tx: &Transaction, held: Held) -> Result<(), Error> {
    let lock = if tables.backend() == Backend::Postgres { " FOR SHARE" } else { "" };
    let sql = format!(
        "SELECT epoch FROM consumer_partition WHERE partition = $1 AND epoch = $2 AND owner = $3{lock}"
    );
    let values =
        [i64::from(held.partition.0).into(), held.epoch.into(), tables.member.as_ref().to_owned().into()];
    match query_one(tx, &sql, values).await? {
        Some(_) => Ok(()),
        None => Err(Error::Fenced { partition: held.partition }),
    }
}

/// Takes `count` numbers.
pub(crate) async fn take(
    tx: &Transaction,
    lane: &'static str,
    partition: Partition,
    count: usize,
) -> Result<Numbers, Error> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let sql =
        "INSERT INTO consumer_lane (lane, partition, generation, next_sequence) VALUES ($1, $2, 0, 1 + $3)
        ON CONFLICT (lane, partition) DO UPDATE SET next_sequence = consumer_lane.next_sequence + $3
        RETURNING next_sequence, generation";
    let values = [lane.into(), i64::from(partition.0).into(), count.into()];
    let row = query_one(tx, sql, values).await?;
    let row = row.ok_or_else(|| Error::Corrupt { what: "lane", reason: "no row came back".to_owned() })?;
    let generation: i64 = row.try_get("", "generation")?;
    let next: i64 = row.try_get("", "next_sequence")?;
    Ok(Numbers { first: next - count, generation: u32::try_from(generation).unwrap_or_default() })
}
