//! From the streams to this process's rings.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use elate_domain::{Offset, Partition};
use futures::future::join_all;
use redis::streams::{StreamReadOptions, StreamReadReply};
use redis::{AsyncCommands, RedisResult, from_redis_value_ref};
use tracing::warn;

use super::connection::Connection;
use super::publisher::Publisher;
use super::stream_key;
use crate::Batch;
use crate::log::Inner;

/// How long one read waits for news. New followers and erasures are taken up between two reads.
const BLOCK: Duration = Duration::from_millis(250);
/// Pause between two reads of a cluster, where one command can't wait on several slots.
const CLUSTER_PAUSE: Duration = Duration::from_millis(25);
/// Pause after a lost connection.
const PAUSE: Duration = Duration::from_millis(200);
/// Entries that one read takes of a stream at the most.
const COUNT: usize = 32;

/// Where the reader stands in a stream; another number of erasures is another stream.
type Cursors = HashMap<Partition, (u64, u64)>;

/// Reads the streams of followed partitions until it is dropped.
pub(crate) async fn read(inner: &Inner) {
    let Some(publisher) = &inner.publisher else { return };
    let mut cursors = Cursors::new();
    let mut connection: Option<Connection> = None;
    let mut lost = false;
    loop {
        inner.tail.somebody().await;
        let open = match connection.take() {
            Some(open) => Ok(open),
            // Longer than the wait of a read, or every silence would break the connection.
            None => publisher.client().connect(publisher.options().timeout + BLOCK).await,
        };
        let done = match open {
            Ok(mut open) => {
                let done = read_once(inner, publisher, &mut open, &mut cursors).await;
                connection = Some(open);
                done
            }
            Err(error) => Err(error),
        };
        match done {
            Ok(()) => lost = false,
            Err(error) => {
                if !lost {
                    warn!(%error, "redis can't be read, followers read from sql");
                }
                lost = true;
                connection = None;
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn read_once(
    inner: &Inner,
    publisher: &Publisher,
    connection: &mut Connection,
    cursors: &mut Cursors,
) -> RedisResult<()> {
    let followed = inner.tail.followed();
    let mut streams = Vec::with_capacity(followed.len());
    for partition in &followed {
        let (last, known, erasures) = inner.tail.state(*partition);
        let reached = last.unwrap_or(known);
        let cursor = cursors.entry(*partition).or_insert((reached, erasures));
        if cursor.1 != erasures {
            *cursor = (reached, erasures);
        }
        // What this process appended itself is in the ring already.
        cursor.0 = cursor.0.max(reached);
        let key = stream_key(&publisher.options().prefix, &inner.generation, *partition, erasures);
        streams.push((*partition, key, cursor.0, erasures));
    }
    if streams.is_empty() {
        tokio::time::sleep(CLUSTER_PAUSE).await;
        return Ok(());
    }
    if publisher.client().is_cluster() {
        let reads =
            streams.iter().map(|stream| xread(connection.clone(), std::slice::from_ref(stream), None));
        for (stream, reply) in streams.iter().zip(join_all(reads).await) {
            take(inner, cursors, std::slice::from_ref(stream), reply?);
        }
        tokio::time::sleep(CLUSTER_PAUSE).await;
    } else {
        let reply = xread(connection.clone(), &streams, Some(BLOCK)).await?;
        take(inner, cursors, &streams, reply);
    }
    Ok(())
}

type StreamAt = (Partition, String, u64, u64);

async fn xread(
    mut connection: Connection,
    streams: &[StreamAt],
    block: Option<Duration>,
) -> RedisResult<StreamReadReply> {
    let mut options = StreamReadOptions::default().count(COUNT);
    if let Some(block) = block {
        options = options.block(block.as_millis() as usize);
    }
    let keys: Vec<&str> = streams.iter().map(|stream| stream.1.as_str()).collect();
    let ids: Vec<String> = streams.iter().map(|stream| format!("{}-0", stream.2)).collect();
    let reply: Option<StreamReadReply> = connection.xread_options(&keys, &ids, &options).await?;
    Ok(reply.unwrap_or_default())
}

fn take(inner: &Inner, cursors: &mut Cursors, streams: &[StreamAt], reply: StreamReadReply) {
    for stream in reply.keys {
        let Some((partition, .., erasures)) = streams.iter().find(|asked| asked.1 == stream.key) else {
            continue;
        };
        for entry in stream.ids {
            let last = entry.id.split('-').next().and_then(|id| id.parse::<u64>().ok());
            let payload = entry.map.get("b").and_then(|value| from_redis_value_ref::<Vec<u8>>(value).ok());
            let (Some(last), Some(payload)) = (last, payload) else { continue };
            if let Some(cursor) = cursors.get_mut(partition) {
                cursor.0 = cursor.0.max(last);
            }
            match Batch::decode(*partition, Offset(last), Bytes::from(payload), *erasures) {
                // The id says what the entry must be; another program's entry is passed over, SQL has ours.
                Ok(batch)
                    if batch.partition == *partition
                        && !batch.records.is_empty()
                        && batch.last().0 == last =>
                {
                    inner.tail.offer(&Arc::new(batch));
                }
                Ok(_) => {}
                Err(error) => warn!(%error, "an entry of the stream can't be read"),
            }
        }
    }
}
