//! The log: opening, appending, reading.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use elate_domain::{Clock, Offset, Partition, Timestamp};
use elate_storage::{Database, Transaction};
use uuid::Uuid;

use crate::follow::Follow;
use crate::redis::Publisher;
use crate::tail::Tail;
use crate::{Batch, Error, RedisOptions, Stored, metrics, poller, redis, sql};

/// How the log is used.
#[derive(Debug, Clone)]
pub struct Options {
    /// Partitions of a new log (default 64; embedded 8). An existing log is refused with another number.
    pub partitions: u32,
    /// The generation that a new log gets.
    pub new_generation: Uuid,
    /// Bytes that the ring of one partition may hold in memory.
    pub ring_bytes: usize,
    /// About how many bytes a follower is given at once.
    pub read_bytes: usize,
    /// How often heads are compared with SQL and idle partitions are marked; at most 500 ms count.
    pub poll: Duration,
    /// Redis as the tail between processes; `None` where there is one process, or where polling is good enough.
    pub redis: Option<RedisOptions>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            partitions: 64,
            new_generation: Uuid::new_v4(),
            ring_bytes: 1024 * 1024,
            read_bytes: 1024 * 1024,
            poll: Duration::from_millis(200),
            redis: None,
        }
    }
}

/// Where a partition ends, and what is counted with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// Offset of the last record.
    pub last: Offset,
    /// Log time: no record to come is earlier.
    pub log_time: Timestamp,
    /// Counts the events that make what others have cached about the partition's customers wrong (merges, erasures).
    pub epoch: u64,
    /// Counts the erasures of records.
    pub erasures: u64,
}

/// The log's shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Renewed by any restore.
    pub generation: String,
    /// All heads.
    pub heads: BTreeMap<Partition, Head>,
}

/// What an append transaction does to one partition.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Encoded records, in order.
    pub records: Vec<Bytes>,
    /// Count the epoch up.
    pub epoch: bool,
    /// Count the erasures up; what tails hold of the partition is dropped.
    pub erasure: bool,
}

/// Heads that the transaction holds.
#[derive(Debug)]
pub struct Locked {
    heads: BTreeMap<Partition, Head>,
}

impl Locked {
    /// The heads as they are.
    pub fn heads(&self) -> &BTreeMap<Partition, Head> {
        &self.heads
    }
}

/// What a transaction wrote: the batches, and the heads after them. Publish it after the commit.
#[derive(Debug)]
pub struct Written {
    /// The batches, one a partition.
    pub batches: Vec<Arc<Batch>>,
    heads: BTreeMap<Partition, Head>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) database: Database,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) options: Options,
    pub(crate) generation: String,
    pub(crate) tail: Tail,
    pub(crate) publisher: Option<Publisher>,
}

/// The customer log. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Log(pub(crate) Arc<Inner>);

impl Log {
    /// Opens the log, or makes it where there is none. The tables must be there ([`crate::CreateLog`]).
    pub async fn open(database: Database, clock: Arc<dyn Clock>, options: Options) -> Result<Self, Error> {
        let generation = sql::open(&database, options.partitions, options.new_generation).await?;
        let tail = Tail::new(options.partitions, options.ring_bytes);
        let publisher = match &options.redis {
            Some(redis) => Some(Publisher::new(redis)?),
            None => None,
        };
        Ok(Self(Arc::new(Inner { database, clock, options, generation, tail, publisher })))
    }

    /// Keeps the tail going: compares heads, marks idle partitions, exchanges batches with Redis. Runs until it is
    /// dropped; followers make no progress without it.
    pub async fn run(&self) {
        let inner = &self.0;
        tokio::join!(poller::run(inner), redis::publish(inner), redis::read(inner));
    }

    /// How many partitions there are.
    pub fn partitions(&self) -> u32 {
        self.0.options.partitions
    }

    /// The generation; offsets of another one mean nothing here.
    pub fn generation(&self) -> &str {
        &self.0.generation
    }

    /// The clock that log time comes from.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// Generation and heads.
    pub async fn shape(&self) -> Result<Shape, Error> {
        let heads = sql::heads(self.0.database.read()).await?;
        Ok(Shape { generation: self.0.generation.clone(), heads })
    }

    /// Locks the heads of these partitions, in ascending order, until the transaction ends. Do it last: nobody else
    /// can append to them meanwhile.
    pub async fn lock(
        &self,
        tx: &Transaction,
        partitions: impl IntoIterator<Item = Partition>,
    ) -> Result<Locked, Error> {
        let mut wanted: Vec<Partition> = partitions.into_iter().collect();
        wanted.sort_unstable();
        wanted.dedup();
        let heads = sql::lock(tx, wanted.iter().copied()).await?;
        match wanted.into_iter().find(|partition| !heads.contains_key(partition)) {
            Some(partition) => Err(Error::NoPartition { partition, partitions: self.partitions() }),
            None => Ok(Locked { heads }),
        }
    }

    /// Appends to locked partitions: gives offsets and log time, writes batches and heads. Nothing is durable, and
    /// nobody sees anything, before the transaction commits.
    pub async fn write(
        &self,
        tx: &Transaction,
        locked: Locked,
        changes: BTreeMap<Partition, Change>,
    ) -> Result<Written, Error> {
        let now = self.0.clock.now();
        let (mut batches, mut heads) = (Vec::new(), BTreeMap::new());
        for (partition, change) in changes {
            let Some(head) = locked.heads.get(&partition) else {
                return Err(Error::NoPartition { partition, partitions: self.partitions() });
            };
            let mut head = *head;
            head.epoch += u64::from(change.epoch);
            head.erasures += u64::from(change.erasure);
            if !change.records.is_empty() {
                head.log_time = head.log_time.max(now);
                let (first, received_at) = (head.last.next(), head.log_time);
                head.last = Offset(head.last.0 + change.records.len() as u64);
                let (records, erasures) = (change.records, head.erasures);
                batches.push(Arc::new(Batch { partition, first, received_at, records, erasures }));
            }
            heads.insert(partition, head);
        }
        sql::write(tx, &batches, &heads).await?;
        Ok(Written { batches, heads })
    }

    /// Gives the committed batches to the tail. Never fails and never waits: what is lost here, followers find in SQL.
    pub fn publish(&self, written: Written) {
        for batch in written.batches {
            self.0.tail.offer(&batch);
            if let Some(publisher) = &self.0.publisher {
                publisher.send(batch);
            }
        }
        for (partition, head) in &written.heads {
            // Only the erasures: a mark must not be ahead of the ring that it is delivered with.
            let head = Head { log_time: Timestamp::default(), ..*head };
            self.0.tail.learn(*partition, &head);
        }
    }

    /// Batches above `after`, oldest first, about `max_bytes` of them; from memory where it holds them.
    pub async fn read(
        &self,
        partition: Partition,
        after: Offset,
        max_bytes: usize,
    ) -> Result<Vec<Arc<Batch>>, Error> {
        self.known(partition)?;
        if let crate::ring::Look::Batches(found) = self.0.tail.look(partition, after.0, max_bytes) {
            return Ok(found);
        }
        let (_, _, erasures) = self.0.tail.state(partition);
        sql::read(self.0.database.read(), partition, after.0, u64::MAX, max_bytes, erasures).await
    }

    /// Reads single records at their offsets, in ascending order; offsets that are not there are left out.
    pub async fn read_at(&self, partition: Partition, offsets: &[u64]) -> Result<Vec<Stored>, Error> {
        self.known(partition)?;
        let mut wanted = offsets.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let batches = sql::holding(self.0.database.read(), partition, &wanted).await?;
        let stored = batches.iter().flat_map(|batch| batch.stored());
        Ok(stored.filter(|stored| wanted.binary_search(&stored.offset.0).is_ok()).collect())
    }

    /// Follows partitions, each after the given offset. Offsets that belong to another generation, or lie above the
    /// head, are refused; `generation` may be empty where all offsets are 0.
    pub async fn follow(&self, after: &[(Partition, Offset)], generation: &str) -> Result<Follow, Error> {
        if !generation.is_empty() && generation != self.0.generation {
            let (given, current) = (generation.to_owned(), self.0.generation.clone());
            return Err(Error::Generation { given, current });
        }
        let heads = sql::heads(self.0.database.read()).await?;
        for (partition, given) in after {
            let head = heads
                .get(partition)
                .ok_or_else(|| Error::NoPartition { partition: *partition, partitions: self.partitions() })?;
            if *given > head.last {
                return Err(Error::AboveHead { partition: *partition, given: *given, head: head.last });
            }
            self.0.tail.learn(*partition, head);
        }
        Ok(Follow::new(Arc::clone(&self.0), after))
    }

    /// Puts `tombstone` in the place of records, all of them below the locked head. The transaction must count the
    /// erasure ([`Change::erasure`]).
    pub async fn overwrite(
        &self,
        tx: &Transaction,
        partition: Partition,
        offsets: &[Offset],
        tombstone: &Bytes,
    ) -> Result<(), Error> {
        let mut offsets: Vec<u64> = offsets.iter().map(|offset| offset.0).collect();
        offsets.sort_unstable();
        let mut rest = offsets.as_slice();
        while let Some(&next) = rest.first() {
            // A whole batch: the one that ends at or above the offset, not sliced at it.
            let found = self.whole_batch(tx, partition, next).await?;
            let Some(mut batch) = found else { return Ok(()) };
            let within = rest.partition_point(|offset| *offset <= batch.last().0);
            for offset in &rest[..within] {
                let index = offset.checked_sub(batch.first.0).and_then(|index| usize::try_from(index).ok());
                if let Some(record) = index.and_then(|index| batch.records.get_mut(index)) {
                    *record = tombstone.clone();
                }
            }
            sql::replace(tx, &batch).await?;
            rest = &rest[within..];
        }
        Ok(())
    }

    async fn whole_batch(
        &self,
        tx: &Transaction,
        partition: Partition,
        holding: u64,
    ) -> Result<Option<Batch>, Error> {
        let sliced = sql::read(tx, partition, holding.saturating_sub(1), holding, 1, 0).await?;
        let Some(last) = sliced.first().map(|batch| batch.last()) else { return Ok(None) };
        let row = elate_storage::query_one(
            tx,
            "SELECT payload FROM log_batch WHERE partition = $1 AND last_offset = $2",
            [i64::from(partition.0).into(), (last.0 as i64).into()],
        );
        let Some(row) = row.await? else { return Ok(None) };
        let payload: Vec<u8> = row.try_get("", "payload").map_err(elate_storage::Error::from)?;
        Batch::decode(partition, last, payload.into(), 0).map(Some)
    }

    fn known(&self, partition: Partition) -> Result<(), Error> {
        if partition.0 < self.partitions() {
            return Ok(());
        }
        Err(Error::NoPartition { partition, partitions: self.partitions() })
    }
}

impl Inner {
    /// Reads from SQL what followers miss, and lets the others have it where it is the newest.
    pub(crate) async fn backfill(
        &self,
        partition: Partition,
        after: u64,
        max_bytes: usize,
    ) -> Result<Vec<Arc<Batch>>, Error> {
        let (last, ..) = self.tail.state(partition);
        let at_end = last.is_none_or(|last| after >= last);
        let _turn = if at_end { self.tail.filling(partition).await } else { None };
        if let crate::ring::Look::Batches(found) = self.tail.look(partition, after, max_bytes) {
            return Ok(found);
        }
        // The count is taken before the read: what an erasure overwrites meanwhile is refused by the ring.
        let (last, known, erasures) = self.tail.state(partition);
        let batches =
            sql::read(self.database.read(), partition, after, u64::MAX, max_bytes, erasures).await?;
        metrics::backfilled(batches.len() as u64);
        let newest = batches.last().map(|batch| batch.last().0);
        if last == Some(after) || newest.is_some_and(|newest| newest >= known) {
            for batch in &batches {
                self.tail.offer(batch);
            }
        }
        Ok(batches)
    }
}
