//! How far each partition is processed, and what is kept for it.

use elate_domain::{Offset, Partition, Timestamp};
use elate_storage::Transaction;
use elate_storage::bulk::{Conflict, Rows};

use super::{Tables, held_rows, offset_of, offset_value, partition_of};
use crate::{Error, Held};

/// The stored progress of a partition.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    pub(crate) held: Held,
    pub(crate) log_generation: String,
    pub(crate) offset: Offset,
    pub(crate) time: Timestamp,
    pub(crate) generation: u32,
    pub(crate) next_sequence: i64,
    /// The encoded partition envelope; `None` before the first.
    pub(crate) state: Option<Vec<u8>>,
    /// When the first timer of the partition is due.
    pub(crate) next_due: Option<Timestamp>,
}

/// A step forward of a partition.
#[derive(Debug, Clone)]
pub(crate) struct Advance {
    pub(crate) held: Held,
    pub(crate) log_generation: String,
    pub(crate) from: Offset,
    pub(crate) to: Offset,
    pub(crate) time: Timestamp,
    pub(crate) next_sequence: i64,
}

/// Reads the progress of partitions; those that are not ours any more are left out.
pub(crate) async fn load(tables: &Tables, held: &[Held]) -> Result<Vec<Progress>, Error> {
    let sql = "SELECT p.partition AS partition, p.epoch AS epoch, p.log_generation AS log_generation,
            p.log_offset AS log_offset, p.log_time AS log_time, p.generation AS generation,
            p.next_sequence AS next_sequence, s.state AS state,
            (SELECT MIN(c.next_due) FROM consumer_customer c
             WHERE c.partition = p.partition AND c.next_due IS NOT NULL) AS next_due
        FROM v JOIN consumer_partition p
          ON p.partition = v.partition AND p.epoch = v.epoch AND p.owner = v.member
        LEFT JOIN consumer_partition_state s ON s.partition = p.partition";
    let work = async {
        let mut found = Vec::new();
        for row in held_rows(&tables.member, held).query(tables.database.read(), sql).await? {
            let generation: i64 = row.try_get("", "generation")?;
            found.push(Progress {
                held: Held {
                    partition: partition_of(row.try_get("", "partition")?)?,
                    epoch: row.try_get("", "epoch")?,
                },
                log_generation: row.try_get("", "log_generation")?,
                offset: offset_of(row.try_get("", "log_offset")?)?,
                time: Timestamp(row.try_get("", "log_time")?),
                generation: u32::try_from(generation).unwrap_or_default(),
                next_sequence: row.try_get("", "next_sequence")?,
                state: row.try_get("", "state")?,
                next_due: row.try_get::<Option<i64>>("", "next_due")?.map(Timestamp),
            });
        }
        Ok(found)
    };
    tables.call("load progress", work).await
}

/// Moves all partitions, or fails: the fence against zombies. First statement of the batch's transaction.
pub(crate) async fn advance(tables: &Tables, tx: &Transaction, steps: &[Advance]) -> Result<(), Error> {
    let Some(first) = steps.first() else { return Ok(()) };
    let moved = Rows::new()
        .text("member", steps.iter().map(|_| tables.member.as_ref().to_owned()))
        .i64("partition", steps.iter().map(|step| i64::from(step.held.partition.0)))
        .i64("epoch", steps.iter().map(|step| step.held.epoch))
        .text("log_generation", steps.iter().map(|step| step.log_generation.clone()))
        .i64("from_offset", steps.iter().map(|step| offset_value(step.from)))
        .i64("to_offset", steps.iter().map(|step| offset_value(step.to)))
        .i64("log_time", steps.iter().map(|step| step.time.0))
        .i64("next_sequence", steps.iter().map(|step| step.next_sequence))
        .execute(
            tx,
            "UPDATE consumer_partition SET log_offset = v.to_offset, log_time = v.log_time,
                 log_generation = v.log_generation, next_sequence = v.next_sequence
             FROM v WHERE consumer_partition.partition = v.partition AND consumer_partition.epoch = v.epoch
                AND consumer_partition.owner = v.member AND consumer_partition.log_offset = v.from_offset",
        )
        .await?;
    if moved == steps.len() as u64 { Ok(()) } else { Err(Error::Fenced { partition: first.held.partition }) }
}

/// Writes what is kept for partitions.
pub(crate) async fn save_states(tx: &Transaction, states: Vec<(Partition, Vec<u8>)>) -> Result<(), Error> {
    let (partitions, states): (Vec<_>, Vec<_>) = states.into_iter().unzip();
    Rows::new()
        .i64("partition", partitions.into_iter().map(|partition| i64::from(partition.0)))
        .bytes("state", states)
        .insert(
            tx,
            "consumer_partition_state",
            Conflict::Do("(partition) DO UPDATE SET state = excluded.state"),
        )
        .await?;
    Ok(())
}
