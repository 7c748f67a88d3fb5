//! Side lanes: their numbers, and the fence in front of a worker's writes.

use std::collections::BTreeMap;

use elate_domain::Partition;
use elate_storage::bulk::Rows;
use elate_storage::{Backend, Transaction};

use super::{Tables, held_rows, partition_of};
use crate::{Error, Held};

/// Numbers taken for records of a lane.
pub(crate) struct Numbers {
    pub(crate) first: i64,
    pub(crate) generation: u32,
}

/// Fails unless all the partitions are ours; on PostgreSQL they stay so until the transaction ends: who takes a partition
/// over locks its row `FOR UPDATE`, and passes over those that are held like this. The loop's own step forward changes no
/// key of the row, so that worker and loop do not wait for each other.
pub(crate) async fn fence(tables: &Tables, tx: &Transaction, held: &[Held]) -> Result<(), Error> {
    let lock = if tables.backend() == Backend::Postgres { " FOR KEY SHARE OF p" } else { "" };
    let sql = format!(
        "SELECT p.partition AS partition FROM v JOIN consumer_partition p
            ON p.partition = v.partition AND p.epoch = v.epoch AND p.owner = v.member
         ORDER BY p.partition{lock}"
    );
    let mut ours = Vec::with_capacity(held.len());
    for row in held_rows(&tables.member, held).query(tx, &sql).await? {
        ours.push(partition_of(row.try_get("", "partition")?)?);
    }
    match held.iter().find(|held| !ours.contains(&held.partition)) {
        Some(held) => Err(Error::Fenced { partition: held.partition }),
        None => Ok(()),
    }
}

/// Takes so many numbers in each of the partitions, each of which is named once.
pub(crate) async fn take(
    tx: &Transaction,
    lane: &'static str,
    counts: &[(Partition, usize)],
) -> Result<BTreeMap<Partition, Numbers>, Error> {
    let sql = "INSERT INTO consumer_lane (lane, partition, generation, next_sequence)
        SELECT lane, partition, 0, 1 + count FROM v WHERE true ORDER BY partition
        ON CONFLICT (lane, partition)
            DO UPDATE SET next_sequence = consumer_lane.next_sequence + excluded.next_sequence - 1
        RETURNING partition, next_sequence, generation";
    let count_of = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let rows = Rows::new()
        .text("lane", counts.iter().map(|_| lane.to_owned()))
        .i64("partition", counts.iter().map(|(partition, _)| i64::from(partition.0)))
        .i64("count", counts.iter().map(|(_, count)| count_of(*count)));
    let wanted: BTreeMap<Partition, usize> = counts.iter().copied().collect();
    let mut taken = BTreeMap::new();
    for row in rows.query(tx, sql).await? {
        let partition = partition_of(row.try_get("", "partition")?)?;
        let generation: i64 = row.try_get("", "generation")?;
        let next: i64 = row.try_get("", "next_sequence")?;
        let count = count_of(wanted.get(&partition).copied().unwrap_or(0));
        let generation = u32::try_from(generation).unwrap_or_default();
        taken.insert(partition, Numbers { first: next - count, generation });
    }
    Ok(taken)
}
