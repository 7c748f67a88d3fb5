//! Leases: members, and who owns which partition until when. All times are the database's.

use elate_domain::Partition;
use elate_storage::bulk::{Conflict, Rows};
use elate_storage::{Backend, Transaction, execute, now_millis_sql, query_all};

use super::{Tables, held_rows, partition_of};
use crate::{Error, Held};

/// Makes the rows of all partitions of the log, where they are missing.
pub(crate) async fn lay_out(tx: &Transaction, partitions: usize) -> Result<(), Error> {
    let all = 0..i64::try_from(partitions).unwrap_or(i64::MAX);
    Rows::new()
        .i64("partition", all.clone())
        .i64("epoch", all.clone().map(|_| 0))
        .i64("expires_at", all.clone().map(|_| 0))
        .text("log_generation", all.clone().map(|_| String::new()))
        .i64("log_offset", all.clone().map(|_| 0))
        .i64("log_time", all.clone().map(|_| 0))
        .i64("generation", all.clone().map(|_| 0))
        .i64("next_sequence", all.map(|_| 1))
        .insert(tx, "consumer_partition", Conflict::Ignore)
        .await?;
    Ok(())
}

/// Says that this member lives, and forgets those that do not. Answers all living members in order.
pub(crate) async fn announce(
    tables: &Tables,
    tx: &Transaction,
    lease_millis: i64,
) -> Result<Vec<String>, Error> {
    let now = now_millis_sql(tables.backend());
    let sql = format!(
        "INSERT INTO consumer_member (member, expires_at) VALUES ($1, {now} + $2)
         ON CONFLICT (member) DO UPDATE SET expires_at = excluded.expires_at"
    );
    execute(tx, &sql, [tables.member.as_ref().to_owned().into(), lease_millis.into()]).await?;
    execute(tx, &format!("DELETE FROM consumer_member WHERE expires_at <= {now}"), []).await?;
    let mut members = Vec::new();
    for row in query_all(tx, "SELECT member FROM consumer_member", []).await? {
        members.push(row.try_get::<String>("", "member")?);
    }
    members.sort_unstable();
    Ok(members)
}

/// Prolongs the leases held. Answers those that are still ours.
pub(crate) async fn renew(
    tables: &Tables,
    tx: &Transaction,
    held: &[Held],
    lease_millis: i64,
) -> Result<Vec<Held>, Error> {
    let now = now_millis_sql(tables.backend());
    let sql = format!(
        "UPDATE consumer_partition SET expires_at = {now} + {lease_millis} FROM v
         WHERE consumer_partition.partition = v.partition AND consumer_partition.epoch = v.epoch
           AND consumer_partition.owner = v.member
         RETURNING consumer_partition.partition AS partition, consumer_partition.epoch AS epoch"
    );
    leases(held_rows(&tables.member, held).query(tx, &sql).await?)
}

/// Takes up to `most` partitions that nobody owns, or whose lease has run out; with `reclaim` also those that a
/// former process of this very member left behind.
pub(crate) async fn take(
    tables: &Tables,
    tx: &Transaction,
    most: usize,
    reclaim: bool,
    lease_millis: i64,
) -> Result<Vec<Held>, Error> {
    let now = now_millis_sql(tables.backend());
    // Two members that take at once shall not wait for each other, nor fight for the same rows.
    let lock = if tables.backend() == Backend::Postgres { "FOR UPDATE SKIP LOCKED" } else { "" };
    let own = if reclaim { "OR owner = $1" } else { "" };
    let sql = format!(
        "UPDATE consumer_partition SET owner = $1, epoch = epoch + 1, expires_at = {now} + $2
         WHERE partition IN (
             SELECT partition FROM consumer_partition
             WHERE owner IS NULL OR expires_at <= {now} {own} ORDER BY partition LIMIT $3 {lock})
         RETURNING partition, epoch"
    );
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let values = [tables.member.as_ref().to_owned().into(), lease_millis.into(), most.into()];
    leases(query_all(tx, &sql, values).await?)
}

/// Gives partitions back at once.
pub(crate) async fn release(tables: &Tables, tx: &Transaction, held: &[Held]) -> Result<(), Error> {
    let sql = "UPDATE consumer_partition SET owner = NULL, expires_at = 0 FROM v
        WHERE consumer_partition.partition = v.partition AND consumer_partition.epoch = v.epoch
          AND consumer_partition.owner = v.member";
    held_rows(&tables.member, held).execute(tx, sql).await?;
    Ok(())
}

/// This member is gone: the others' shares grow at once.
pub(crate) async fn leave(tables: &Tables, tx: &Transaction) -> Result<(), Error> {
    let member = tables.member.as_ref().to_owned();
    execute(tx, "DELETE FROM consumer_member WHERE member = $1", [member.into()]).await?;
    Ok(())
}

fn leases(rows: Vec<elate_storage::Row>) -> Result<Vec<Held>, Error> {
    let mut held = Vec::with_capacity(rows.len());
    for row in rows {
        let partition: Partition = partition_of(row.try_get("", "partition")?)?;
        held.push(Held { partition, epoch: row.try_get("", "epoch")? });
    }
    held.sort_unstable();
    Ok(held)
}
