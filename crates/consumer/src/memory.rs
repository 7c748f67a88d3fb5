//! A log in memory: the port's semantics with nothing behind them. For tests and simulations; its clock is moved by
//! hand.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use elate_domain::{CustomerId, Event, Offset, Partition, Producer, Record, Timestamp, WorkspaceId};
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::watch;

use crate::source::{Batch, Followed, LogError, LogShape, LogSource, Mark};

/// Records in one message to a follower; small, so that tests see many.
const CHUNK: usize = 64;

/// A stored record: log time and bytes.
type Stored = (Timestamp, Bytes);

#[derive(Debug)]
struct State {
    generation: String,
    partitions: Vec<Vec<Stored>>,
    /// What services appended, in order, whether it went to a partition or not.
    appended: Vec<Event>,
    last: BTreeMap<(Arc<str>, Partition, u32), u64>,
    now: Timestamp,
    feed_back: bool,
}

/// The log.
#[derive(Debug, Clone)]
pub struct MemoryLog {
    state: Arc<Mutex<State>>,
    changed: watch::Sender<u64>,
}

impl MemoryLog {
    /// An empty log of `partitions` partitions at `now`. What services append stands in the log like everything else.
    pub fn new(partitions: u32, now: Timestamp) -> Self {
        let state = State {
            generation: "first".to_owned(),
            partitions: vec![Vec::new(); partitions as usize],
            appended: Vec::new(),
            last: BTreeMap::new(),
            now,
            feed_back: true,
        };
        Self { state: Arc::new(Mutex::new(state)), changed: watch::Sender::new(0) }
    }

    /// What services append is kept in [`MemoryLog::appended`] only, and does not come back to them.
    #[must_use]
    pub fn without_feed_back(self) -> Self {
        self.lock().feed_back = false;
        self
    }

    /// Takes an outside event to its customer's partition (or, for [`CustomerId::NONE`], to every one). Answers where
    /// it stands (in the last partition).
    pub fn put(&self, event: Event) -> (Partition, Offset) {
        let place = self.lock().put(&event);
        self.tell();
        place
    }

    /// Takes several outside events at once: what services append stands before or after them all.
    pub fn put_all(&self, events: impl IntoIterator<Item = Event>) {
        let mut state = self.lock();
        events.into_iter().for_each(|event| {
            state.put(&event);
        });
        drop(state);
        self.tell();
    }

    /// Moves log time forward; followers get marks.
    pub fn advance(&self, now: Timestamp) {
        let mut state = self.lock();
        state.now = state.now.max(now);
        drop(state);
        self.tell();
    }

    /// What services have appended, in order, without repeats.
    pub fn appended(&self) -> Vec<Event> {
        self.lock().appended.clone()
    }

    /// The last offset of each partition.
    pub fn heads(&self) -> Vec<Offset> {
        self.lock().heads()
    }

    /// Renews the generation, as a restore does.
    pub fn restore_as(&self, generation: &str) {
        self.lock().generation = generation.to_owned();
        self.tell();
    }

    fn tell(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn put(&mut self, event: &Event) -> (Partition, Offset) {
        let count = self.partitions.len() as u32;
        if !event.customer.is_none() {
            return self.append(event.customer.partition(count), event);
        }
        let places = (0..count).map(|partition| self.append(Partition(partition), event));
        places.last().unwrap_or((Partition(0), Offset::START))
    }

    fn append(&mut self, partition: Partition, event: &Event) -> (Partition, Offset) {
        let now = self.now;
        let Some(records) = self.partitions.get_mut(partition.0 as usize) else {
            return (partition, Offset::START);
        };
        records.push((now, elate_proto::record::encode(event)));
        (partition, Offset(records.len() as u64))
    }

    fn heads(&self) -> Vec<Offset> {
        self.partitions.iter().map(|records| Offset(records.len() as u64)).collect()
    }

    /// Whether a producer's record is new.
    fn is_new(&mut self, producer: &Producer) -> bool {
        let key = (Arc::clone(&producer.service), producer.partition, producer.generation);
        let last = self.last.entry(key).or_default();
        if producer.sequence <= *last {
            return false;
        }
        *last = producer.sequence;
        true
    }

    /// What a follower that stands at `places` gets next; the places move.
    fn next(&self, places: &mut [(Partition, Offset, Option<Timestamp>)]) -> Followed {
        let mut followed = Followed::default();
        for (partition, offset, marked) in places {
            let Some(records) = self.partitions.get(partition.0 as usize) else { continue };
            let rest = records.get(offset.0 as usize..).unwrap_or_default();
            let Some((time, _)) = rest.first() else {
                if *marked != Some(self.now) {
                    *marked = Some(self.now);
                    followed.marks.push(Mark { partition: *partition, last_offset: *offset, time: self.now });
                }
                continue;
            };
            let same = rest.iter().take(CHUNK).take_while(|(other, _)| other == time);
            let records: Vec<Bytes> = same.map(|(_, bytes)| bytes.clone()).collect();
            let first_offset = offset.next();
            *offset = Offset(offset.0 + records.len() as u64);
            followed.batches.push(Batch { partition: *partition, first_offset, received_at: *time, records });
        }
        followed
    }
}

fn malformed(error: impl ToString) -> LogError {
    LogError::Malformed { reason: error.to_string() }
}

#[async_trait]
impl LogSource for MemoryLog {
    async fn shape(&self) -> Result<LogShape, LogError> {
        let state = self.lock();
        Ok(LogShape { generation: state.generation.clone(), heads: state.heads() })
    }

    async fn follow(
        &self,
        from: Vec<(Partition, Offset)>,
        generation: &str,
    ) -> Result<BoxStream<'static, Result<Followed, LogError>>, LogError> {
        if self.lock().generation != generation {
            return Err(LogError::Refused { reason: "another generation".to_owned() });
        }
        let places: Vec<_> = from.into_iter().map(|(partition, offset)| (partition, offset, None)).collect();
        let (log, changed) = (self.clone(), self.changed.subscribe());
        let stream =
            futures::stream::unfold((log, changed, places), |(log, mut changed, mut places)| async {
                loop {
                    changed.mark_unchanged();
                    let followed = log.lock().next(&mut places);
                    if followed != Followed::default() {
                        return Some((Ok(followed), (log, changed, places)));
                    }
                    changed.changed().await.ok()?;
                }
            });
        Ok(stream.boxed())
    }

    async fn append(&self, records: Vec<Bytes>) -> Result<u32, LogError> {
        let mut appended = 0;
        for bytes in records {
            let event = elate_proto::record::decode(bytes).map_err(malformed)?;
            let event = event.ok_or_else(|| malformed("a tombstone"))?;
            let producer = event.producer.as_ref().ok_or_else(|| malformed("no producer"))?;
            let mut state = self.lock();
            if !state.is_new(producer) {
                continue;
            }
            appended += 1;
            if state.feed_back {
                // What a service tells a partition as a whole stays there, as in the log itself.
                let partition = match event.customer.is_none() {
                    true => producer.partition,
                    false => event.customer.partition(state.partitions.len() as u32),
                };
                state.append(partition, &event);
            }
            state.appended.push(event);
        }
        self.tell();
        Ok(appended)
    }

    async fn read_customer(
        &self,
        workspace: &WorkspaceId,
        customer: CustomerId,
        partition: Partition,
        up_to: Offset,
    ) -> Result<Vec<Record>, LogError> {
        let stored = self.lock().partitions.get(partition.0 as usize).cloned().unwrap_or_default();
        let mut records = Vec::new();
        for (offset, (received_at, bytes)) in (1..=up_to.0).zip(stored) {
            let event = elate_proto::record::decode(bytes).map_err(malformed)?;
            if event.as_ref().is_some_and(|e| e.customer == customer && &e.workspace == workspace) {
                records.push(Record { partition, offset: Offset(offset), received_at, event });
            }
        }
        Ok(records)
    }
}
