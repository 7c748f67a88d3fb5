//! The log in SQL.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use elate_domain::{Offset, Partition, Timestamp};
use elate_storage::bulk::{Conflict, Rows};
use elate_storage::{Backend, ConnectionTrait, Database, Row, Transaction, execute, query_all, query_one};
use uuid::Uuid;

use crate::log::Head;
use crate::{Batch, Error};

/// Batches that one read takes at the most; its bytes are bounded besides.
const READ_BATCHES: i64 = 64;

/// Reads the log's meta row, and makes it and the heads where they are missing.
pub(crate) async fn open(database: &Database, partitions: u32, generation: Uuid) -> Result<String, Error> {
    let tx = database.begin().await?;
    let fresh = Rows::new()
        .i64("id", [1])
        .text("generation", [generation.simple().to_string()])
        .i64("partitions", [i64::from(partitions)]);
    fresh.insert(&tx, "log_meta", Conflict::Ignore).await?;
    let zeros = || (0..partitions).map(|_| 0_i64);
    Rows::new()
        .i64("partition", (0..partitions).map(i64::from))
        .i64("last_offset", zeros())
        .i64("log_time_ms", zeros())
        .i64("epoch", zeros())
        .i64("erasures", zeros())
        .insert(&tx, "log_head", Conflict::Ignore)
        .await?;
    let (generation, stored) = meta(&tx).await?;
    if stored != partitions {
        // Dropping the transaction takes the superfluous heads back.
        return Err(Error::Partitions { stored, configured: partitions });
    }
    tx.commit().await.map_err(elate_storage::Error::from)?;
    Ok(generation)
}

/// Generation and number of partitions.
pub(crate) async fn meta<C: ConnectionTrait>(connection: &C) -> Result<(String, u32), elate_storage::Error> {
    let row = query_one(connection, "SELECT generation, partitions FROM log_meta WHERE id = 1", []).await?;
    let row = row.ok_or_else(|| elate_storage::Error::corrupt("log_meta", "id", "no row"))?;
    let partitions: i64 = row.try_get("", "partitions")?;
    let partitions = u32::try_from(partitions)
        .map_err(|error| elate_storage::Error::corrupt("log_meta", "partitions", error))?;
    Ok((row.try_get("", "generation")?, partitions))
}

fn head(row: &Row) -> Result<(Partition, Head), elate_storage::Error> {
    let number = |column: &str| row.try_get::<i64>("", column);
    let head = Head {
        last: Offset(number("last_offset")? as u64),
        log_time: Timestamp(number("log_time_ms")?),
        epoch: number("epoch")? as u64,
        erasures: number("erasures")? as u64,
    };
    Ok((Partition(number("partition")? as u32), head))
}

/// All heads, as committed.
pub(crate) async fn heads<C: ConnectionTrait>(
    connection: &C,
) -> Result<BTreeMap<Partition, Head>, elate_storage::Error> {
    let sql = "SELECT partition, last_offset, log_time_ms, epoch, erasures FROM log_head ORDER BY partition";
    query_all(connection, sql, []).await?.iter().map(head).collect()
}

/// Locks heads in ascending order until the end of the transaction. (SQLite's one writer has locked them already.)
pub(crate) async fn lock(
    tx: &Transaction,
    partitions: impl IntoIterator<Item = Partition>,
) -> Result<BTreeMap<Partition, Head>, elate_storage::Error> {
    let lock = match tx.get_database_backend() {
        Backend::Sqlite => "",
        _ => "FOR UPDATE OF log_head",
    };
    let sql = format!(
        "SELECT log_head.partition, last_offset, log_time_ms, epoch, erasures FROM log_head \
         WHERE partition IN (SELECT partition FROM v) ORDER BY partition {lock}"
    );
    let keys = Rows::new().i64("partition", partitions.into_iter().map(|partition| i64::from(partition.0)));
    keys.query(tx, &sql).await?.iter().map(head).collect()
}

/// Writes batches and the heads after them.
pub(crate) async fn write(
    tx: &Transaction,
    batches: &[Arc<Batch>],
    heads: &BTreeMap<Partition, Head>,
) -> Result<(), elate_storage::Error> {
    let payloads: Vec<Vec<u8>> = batches.iter().map(|batch| batch.encode()).collect();
    Rows::new()
        .i64("partition", batches.iter().map(|batch| i64::from(batch.partition.0)))
        .i64("last_offset", batches.iter().map(|batch| batch.last().0 as i64))
        .i64("first_offset", batches.iter().map(|batch| batch.first.0 as i64))
        .i64("received_at_ms", batches.iter().map(|batch| batch.received_at.0))
        .i64("bytes", payloads.iter().map(|payload| payload.len() as i64))
        .bytes("payload", payloads)
        .insert(tx, "log_batch", Conflict::Fail)
        .await?;
    Rows::new()
        .i64("partition", heads.keys().map(|partition| i64::from(partition.0)))
        .i64("last_offset", heads.values().map(|head| head.last.0 as i64))
        .i64("log_time_ms", heads.values().map(|head| head.log_time.0))
        .i64("epoch", heads.values().map(|head| head.epoch as i64))
        .i64("erasures", heads.values().map(|head| head.erasures as i64))
        .execute(
            tx,
            "UPDATE log_head SET last_offset = v.last_offset, log_time_ms = v.log_time_ms, epoch = v.epoch, \
             erasures = v.erasures FROM v WHERE log_head.partition = v.partition",
        )
        .await?;
    Ok(())
}

/// Batches that end above `after` and begin at or below `up_to`, oldest first, about `max_bytes` of them (at least one).
pub(crate) async fn read<C: ConnectionTrait>(
    connection: &C,
    partition: Partition,
    after: u64,
    up_to: u64,
    max_bytes: usize,
    erasures: u64,
) -> Result<Vec<Arc<Batch>>, Error> {
    // The running sum looks at sizes only: a window copies every row that it looks at.
    let sql = "WITH sizes AS (\
                 SELECT last_offset, bytes FROM log_batch \
                 WHERE partition = $1 AND last_offset > $2 AND first_offset <= $3 ORDER BY last_offset LIMIT $4), \
               sums AS (SELECT last_offset, SUM(bytes) OVER (ORDER BY last_offset) - bytes AS before FROM sizes) \
               SELECT last_offset, payload FROM log_batch WHERE partition = $1 AND last_offset > $2 \
               AND last_offset <= (SELECT MAX(last_offset) FROM sums WHERE before < $5) ORDER BY last_offset";
    let values = [
        i64::from(partition.0).into(),
        (after as i64).into(),
        (up_to.min(i64::MAX as u64) as i64).into(),
        READ_BATCHES.into(),
        (max_bytes as i64).into(),
    ];
    let rows = query_all(connection, sql, values).await?;
    let mut batches = Vec::with_capacity(rows.len());
    for row in rows {
        let last: i64 = row.try_get("", "last_offset").map_err(elate_storage::Error::from)?;
        let payload: Vec<u8> = row.try_get("", "payload").map_err(elate_storage::Error::from)?;
        let batch = Batch::decode(partition, Offset(last as u64), Bytes::from(payload), erasures)?;
        batches.push(Arc::new(batch).above(after));
    }
    Ok(batches)
}

/// The batches that hold these offsets (sorted), each once, in order.
pub(crate) async fn holding<C: ConnectionTrait>(
    connection: &C,
    partition: Partition,
    offsets: &[u64],
) -> Result<Vec<Batch>, Error> {
    let sql = "SELECT b.last_offset, b.payload FROM log_batch b WHERE (b.partition, b.last_offset) IN (\
                 SELECT v.partition, (SELECT MIN(n.last_offset) FROM log_batch n \
                   WHERE n.partition = v.partition AND n.last_offset >= v.wanted) FROM v) ORDER BY b.last_offset";
    let rows = Rows::new()
        .i64("partition", offsets.iter().map(|_| i64::from(partition.0)))
        .i64("wanted", offsets.iter().map(|offset| *offset as i64))
        .query(connection, sql)
        .await?;
    let mut batches: Vec<Batch> = Vec::with_capacity(rows.len());
    for row in rows {
        let last: i64 = row.try_get("", "last_offset").map_err(elate_storage::Error::from)?;
        // Chunks of the offsets may meet in one batch.
        if batches.last().is_some_and(|batch| batch.last().0 as i64 == last) {
            continue;
        }
        let payload: Vec<u8> = row.try_get("", "payload").map_err(elate_storage::Error::from)?;
        batches.push(Batch::decode(partition, Offset(last as u64), Bytes::from(payload), 0)?);
    }
    Ok(batches)
}

/// Replaces the payload of a stored batch.
pub(crate) async fn replace(tx: &Transaction, batch: &Batch) -> Result<(), elate_storage::Error> {
    let payload = batch.encode();
    let values = [
        (payload.len() as i64).into(),
        payload.into(),
        i64::from(batch.partition.0).into(),
        (batch.last().0 as i64).into(),
    ];
    let sql = "UPDATE log_batch SET bytes = $1, payload = $2 WHERE partition = $3 AND last_offset = $4";
    execute(tx, sql, values).await.map(|_| ())
}

/// Raises the log time of heads that lie before `stale` to `now`. Heads that an append holds are passed over: it brings
/// a time of its own.
pub(crate) async fn raise(database: &Database, now: i64, stale: i64) -> Result<u64, elate_storage::Error> {
    let sql = match database.backend() {
        Backend::Sqlite => "UPDATE log_head SET log_time_ms = $1 WHERE log_time_ms < $2",
        _ => {
            "WITH idle AS (SELECT partition FROM log_head WHERE log_time_ms < $2 ORDER BY partition FOR UPDATE SKIP LOCKED) \
             UPDATE log_head SET log_time_ms = $1 FROM idle WHERE log_head.partition = idle.partition"
        }
    };
    let tx = database.begin().await?;
    let raised = execute(&tx, sql, [now.into(), stale.into()]).await?;
    tx.commit().await?;
    Ok(raised)
}
