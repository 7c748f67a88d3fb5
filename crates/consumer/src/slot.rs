//! A partition that is held: where it stands, and what of it waits to be processed.

use std::collections::VecDeque;
use std::sync::Arc;

use elate_domain::{Offset, Partition, Record, Timestamp};

use crate::envelope::{PartitionEnvelope, Replay, decode};
use crate::processor::Processor;
use crate::replay;
use crate::run::{Concern, concern};
use crate::slice::{Item, Slice, Track};
use crate::source::{Batch, LogShape, Mark};
use crate::tables::progress::Progress;
use crate::{Error, Held, LogError, Settings};

/// A partition that is held.
pub(crate) struct Slot<PS> {
    pub(crate) held: Held,
    pub(crate) log_generation: String,
    pub(crate) offset: Offset,
    time: Timestamp,
    generation: u32,
    next_sequence: i64,
    pub(crate) envelope: Arc<PartitionEnvelope<PS>>,
    /// Followed and not processed.
    queue: VecDeque<Item>,
    /// The last record followed.
    pub(crate) followed: Offset,
    mark: Option<Mark>,
    /// No timer of the partition is due before this.
    pub(crate) floor: Option<Timestamp>,
    /// The last known end of the partition.
    pub(crate) head: Offset,
}

impl<PS: Default + Clone + serde::de::DeserializeOwned> Slot<PS> {
    pub(crate) fn load(progress: Progress) -> Result<Self, Error> {
        let envelope = match &progress.state {
            Some(bytes) => decode("partition", bytes)?,
            None => PartitionEnvelope::default(),
        };
        Ok(Self {
            held: progress.held,
            log_generation: progress.log_generation,
            offset: progress.offset,
            time: progress.time,
            generation: progress.generation,
            next_sequence: progress.next_sequence,
            envelope: Arc::new(envelope),
            queue: VecDeque::new(),
            followed: progress.offset,
            mark: None,
            floor: progress.next_due,
            head: progress.offset,
        })
    }
}

impl<PS> Slot<PS> {
    pub(crate) fn partition(&self) -> Partition {
        self.held.partition
    }

    /// Compares with the log that is to be followed.
    pub(crate) fn check(&mut self, shape: &LogShape, settings: &Settings) -> Result<(), Error> {
        let (partition, offset) = (self.partition(), self.offset);
        self.head = shape.heads.get(partition.0 as usize).copied().unwrap_or(Offset::START);
        let accepted = settings.accept_generation.as_deref() == Some(shape.generation.as_str());
        if self.log_generation != shape.generation {
            if offset != Offset::START && !accepted {
                let (expected, found) = (self.log_generation.clone(), shape.generation.clone());
                return Err(Error::Generation { partition, offset, expected, found });
            }
            self.log_generation.clone_from(&shape.generation);
        }
        if offset > self.head {
            return Err(Error::AboveHead { partition, offset, head: self.head });
        }
        Ok(())
    }

    /// Takes in followed records; what is known already is passed over. Answers how many bytes are new.
    pub(crate) fn follow(
        &mut self,
        batch: Batch,
        is_of_concern: impl Fn(&[u8]) -> bool,
    ) -> Result<usize, LogError> {
        if batch.first_offset > self.followed.next() {
            return Err(LogError::Malformed {
                reason: format!(
                    "partition {} goes on at {} after {}",
                    batch.partition, batch.first_offset, self.followed
                ),
            });
        }
        let mut bytes = 0;
        for item in items(batch, is_of_concern) {
            if item.record.offset > self.followed {
                self.followed = item.record.offset;
                bytes += item.size;
                self.queue.push_back(item);
            }
        }
        self.head = self.head.max(self.followed);
        Ok(bytes)
    }

    pub(crate) fn mark(&mut self, mark: Mark) {
        self.head = self.head.max(mark.last_offset);
        self.mark = Some(mark);
    }

    /// Log time up to which the partition is processed.
    pub(crate) fn processed_to(&self) -> Timestamp {
        self.time
    }

    pub(crate) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Whether there is something to do.
    pub(crate) fn has_work(&self) -> bool {
        !self.queue.is_empty() || self.marked().is_some_and(|time| self.floor.is_some_and(|due| due <= time))
    }

    /// The time of the mark, where all records before it are processed or about to be.
    fn marked(&self) -> Option<Timestamp> {
        self.mark
            .filter(|mark| self.queue.is_empty() && mark.last_offset <= self.followed)
            .map(|mark| mark.time)
    }

    /// Takes the next slice, of at most `records` and roughly `bytes`.
    pub(crate) fn take<P>(&mut self, processor: &P, records: usize, bytes: usize) -> Option<Slice<PS>>
    where
        P: Processor<PartitionState = PS>,
    {
        if !self.has_work() {
            return None;
        }
        let mut items = Vec::with_capacity(records.min(self.queue.len()));
        let (mut size, mut alone) = (0, false);
        while items.len() < records && (items.is_empty() || size < bytes) {
            let Some(item) = self.queue.front() else { break };
            let concern =
                item.record.event.as_ref().map_or(Concern::Nobody, |event| concern(processor, event));
            if concern.stands_alone() && !items.is_empty() {
                break;
            }
            size += item.size;
            items.extend(self.queue.pop_front());
            if concern.stands_alone() {
                alone = true;
                break;
            }
        }
        let last = items.last().map(|item| item.record.received_at);
        let until = last.max(self.marked().filter(|_| !alone)).unwrap_or(self.time);
        Some(Slice {
            held: self.held,
            generation: self.generation,
            next_sequence: self.next_sequence,
            from: self.offset,
            time: self.time,
            items,
            until,
            horizon: None,
            envelope: Arc::clone(&self.envelope),
            alone,
            history: Vec::new(),
            replay: None,
        })
    }

    /// A slice of a replay. The partition does not move.
    pub(crate) fn replay_slice(&self, items: Vec<Item>, replay: Replay) -> Slice<PS> {
        Slice {
            held: self.held,
            generation: self.generation,
            next_sequence: self.next_sequence,
            from: self.offset,
            time: self.time,
            until: replay::until(&replay, &items),
            items,
            horizon: None,
            envelope: Arc::clone(&self.envelope),
            alone: false,
            history: Vec::new(),
            replay: Some(replay),
        }
    }

    /// Puts back records for which more timers come first than a batch takes.
    pub(crate) fn put_back(&mut self, items: Vec<Item>) {
        for item in items.into_iter().rev() {
            self.queue.push_front(item);
        }
    }

    /// The slice is committed.
    pub(crate) fn commit(&mut self, track: Track<PS>) {
        self.offset = track.position;
        self.time = track.time;
        self.next_sequence = track.next_sequence;
        self.envelope = track.envelope;
    }

    /// Records behind the head, and the age of the last one processed.
    pub(crate) fn lag(&self, now: Timestamp) -> (u64, f64) {
        let records = self.head.0.saturating_sub(self.offset.0);
        let millis = if records == 0 { 0 } else { now.millis_since(self.time).max(0) };
        (records, millis as f64 / 1000.0)
    }
}

/// The records of a batch, decoded where they are of concern.
pub(crate) fn items(batch: Batch, is_of_concern: impl Fn(&[u8]) -> bool) -> impl Iterator<Item = Item> {
    let Batch { partition, first_offset, received_at, records } = batch;
    (first_offset.0..).map(Offset).zip(records).map(move |(offset, encoded)| {
        let size = encoded.len();
        let (event, broken) = match is_of_concern(&encoded).then(|| elate_proto::record::decode(encoded)) {
            Some(Ok(event)) => (event, None),
            Some(Err(error)) => (None, Some(error.to_string())),
            None => (None, None),
        };
        Item { record: Record { partition, offset, received_at, event }, broken, size }
    })
}
