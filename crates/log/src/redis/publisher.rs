//! From committed batches to the streams.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use elate_domain::Partition;
use futures::future::join_all;
use redis::Script;
use tokio::sync::{Mutex, mpsc};
use tracing::{debug, warn};

use super::connection::{Client, Connection};
use super::{RedisOptions, end_key, stream_key};
use crate::log::Inner;
use crate::{Batch, metrics, sql};

/// Batches that may wait for Redis; more are dropped here, and found in SQL.
const QUEUE: usize = 4_096;
/// Pause after a lost connection.
const PAUSE: Duration = Duration::from_millis(100);
/// Streams that nobody writes go away.
const EXPIRY: Duration = Duration::from_secs(3_600);

/// Appends where the stream ends just before the batch. Answers 0 where the batch is in the stream now, or the
/// offset at which the stream ends where it is another.
///
/// `KEYS`: stream, its end. `ARGV`: first offset, last offset, payload, entries to keep, expiry in ms.
/// Where the end is not known (flushed, evicted, expired), the stream starts with the batch at hand.
const APPEND: &str = r"
local at = redis.call('GET', KEYS[2])
if at then
  at = tonumber(at)
  if at >= tonumber(ARGV[2]) then return 0 end
  if at + 1 ~= tonumber(ARGV[1]) then return at end
else
  redis.call('DEL', KEYS[1])
end
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[4], ARGV[2] .. '-0', 'b', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[5])
return 0
";

/// The publishing end.
#[derive(Debug)]
pub(crate) struct Publisher {
    client: Client,
    options: RedisOptions,
    script: Script,
    sender: mpsc::Sender<Arc<Batch>>,
    receiver: Mutex<mpsc::Receiver<Arc<Batch>>>,
}

impl Publisher {
    pub(crate) fn new(options: &RedisOptions) -> Result<Self, crate::Error> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        Ok(Self {
            client: Client::new(options)?,
            options: options.clone(),
            script: Script::new(APPEND),
            sender,
            receiver: Mutex::new(receiver),
        })
    }

    pub(crate) fn send(&self, batch: Arc<Batch>) {
        if self.sender.try_send(batch).is_err() {
            metrics::publish_failed(1);
        }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn options(&self) -> &RedisOptions {
        &self.options
    }
}

/// Publishes until it is dropped.
pub(crate) async fn publish(inner: &Inner) {
    let Some(publisher) = &inner.publisher else { return };
    let mut receiver = publisher.receiver.lock().await;
    let mut connection: Option<Connection> = None;
    let mut waiting = Vec::new();
    let mut lost = false;
    while receiver.recv_many(&mut waiting, 256).await > 0 {
        if connection.is_none() {
            connection = publisher.client.connect(publisher.options.timeout).await.ok();
        }
        let batches = std::mem::take(&mut waiting);
        let count = batches.len() as u64;
        let done = match &connection {
            Some(connection) => publish_all(inner, publisher, connection, batches).await,
            None => Err("no connection".to_owned()),
        };
        match done {
            Ok(()) => {
                metrics::published(count);
                lost = false;
            }
            Err(error) => {
                metrics::publish_failed(count);
                connection = None;
                if !lost {
                    warn!(%error, "redis takes no batches, followers of other processes read from sql");
                }
                lost = true;
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn publish_all(
    inner: &Inner,
    publisher: &Publisher,
    connection: &Connection,
    batches: Vec<Arc<Batch>>,
) -> Result<(), String> {
    let mut by_partition: BTreeMap<Partition, Vec<Arc<Batch>>> = BTreeMap::new();
    for batch in batches {
        by_partition.entry(batch.partition).or_default().push(batch);
    }
    // One partition after its other batches, the partitions side by side: the connection pipelines them.
    let lanes = by_partition.into_values().map(|mut batches| async move {
        batches.sort_by_key(|batch| batch.first);
        for batch in &batches {
            publish_one(inner, publisher, connection.clone(), batch).await?;
        }
        Ok(())
    });
    join_all(lanes).await.into_iter().collect()
}

async fn publish_one(
    inner: &Inner,
    publisher: &Publisher,
    mut connection: Connection,
    batch: &Arc<Batch>,
) -> Result<(), String> {
    let end = publisher.append(inner, &mut connection, batch).await.map_err(|error| error.to_string())?;
    if end == 0 {
        return Ok(());
    }
    let up_to = batch.first.0 - 1;
    let budget = publisher.options.stream_bytes;
    let read = sql::read(inner.database.read(), batch.partition, end, up_to, budget, batch.erasures);
    let missing = read.await.map_err(|error| error.to_string())?;
    let whole = missing.last().is_some_and(|last| last.last().0 >= up_to);
    debug!(partition = batch.partition.0, end, first = batch.first.0, whole, "filling a hole of the stream");
    if !whole {
        // Larger than the stream may be (or above what it should hold): begin it anew at the batch at hand.
        let stream =
            stream_key(&publisher.options.prefix, &inner.generation, batch.partition, batch.erasures);
        let mut delete = redis::cmd("DEL");
        delete.arg(&stream).arg(end_key(&stream));
        delete.query_async::<()>(&mut connection).await.map_err(|error| error.to_string())?;
    }
    let missing = if whole { missing } else { Vec::new() };
    for batch in missing.iter().chain([batch]) {
        // Another publisher may have been faster, or Redis was flushed again: both are in order, and the next batch sees.
        publisher.append(inner, &mut connection, batch).await.map_err(|error| error.to_string())?;
    }
    Ok(())
}

impl Publisher {
    async fn append(
        &self,
        inner: &Inner,
        connection: &mut Connection,
        batch: &Batch,
    ) -> redis::RedisResult<u64> {
        let stream = stream_key(&self.options.prefix, &inner.generation, batch.partition, batch.erasures);
        let payload = batch.encode();
        // Bounded by bytes, as far as batches to come are like this one.
        let entries = (self.options.stream_bytes / payload.len().max(1)).clamp(8, 65_536);
        self.script
            .key(&stream)
            .key(end_key(&stream))
            .arg(batch.first.0)
            .arg(batch.last().0)
            .arg(payload)
            .arg(entries)
            .arg(EXPIRY.as_millis() as u64)
            .invoke_async(connection)
            .await
    }
}
