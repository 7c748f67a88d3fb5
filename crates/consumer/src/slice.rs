//! What one micro-batch takes of one partition, and what comes of it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use elate_domain::{CustomerId, Offset, Partition, Record, Timestamp, WorkspaceId};

use crate::Held;
use crate::envelope::{PartitionEnvelope, Replay};
use crate::tables::letters::{DeadLetterRow, HeldRow};
use crate::tables::outbox::OutboxRow;
use crate::working::CustomerKey;

/// A followed record; one that can't be decoded carries the reason instead of an event.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) record: Record,
    pub(crate) broken: Option<String>,
    pub(crate) size: usize,
}

/// The part of a micro-batch that is one partition's.
#[derive(Debug)]
pub(crate) struct Slice<PS> {
    pub(crate) held: Held,
    /// Producer generation.
    pub(crate) generation: u32,
    pub(crate) next_sequence: i64,
    pub(crate) from: Offset,
    /// Log time up to which the partition was processed before.
    pub(crate) time: Timestamp,
    pub(crate) items: Vec<Item>,
    /// Timers fire up to here after the last record.
    pub(crate) until: Timestamp,
    /// Where more is due than a batch takes: only what is due up to this (time, customer) fires.
    pub(crate) horizon: Option<(Timestamp, CustomerId)>,
    pub(crate) envelope: Arc<PartitionEnvelope<PS>>,
    /// One record that changes the rules for all that follows: no timer fires after it before its commit.
    pub(crate) alone: bool,
    /// For a redrive: the customer's records before it.
    pub(crate) history: Vec<Record>,
    /// The records are the past, replayed for new definitions.
    pub(crate) replay: Option<Replay>,
}

/// Where a partition stands after its slice.
#[derive(Debug)]
pub(crate) struct Track<PS> {
    pub(crate) held: Held,
    pub(crate) generation: u32,
    pub(crate) next_sequence: i64,
    pub(crate) from: Offset,
    /// The last record processed.
    pub(crate) position: Offset,
    pub(crate) time: Timestamp,
    pub(crate) envelope: Arc<PartitionEnvelope<PS>>,
    pub(crate) envelope_changed: bool,
}

impl<PS> Track<PS> {
    pub(crate) fn new(slice: &Slice<PS>) -> Self {
        Self {
            held: slice.held,
            generation: slice.generation,
            next_sequence: slice.next_sequence,
            from: slice.from,
            position: slice.from,
            time: slice.time,
            envelope: Arc::clone(&slice.envelope),
            envelope_changed: false,
        }
    }

    pub(crate) fn partition(&self) -> Partition {
        self.held.partition
    }

    pub(crate) fn take_sequence(&mut self) -> i64 {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        sequence
    }
}

/// An erasure; its receipt is written when it is known how much went.
#[derive(Debug, Clone)]
pub(crate) struct Erasure {
    pub(crate) key: CustomerKey,
    /// The receipt without its payload.
    pub(crate) receipt: elate_domain::Event,
    pub(crate) erasure_id: String,
    pub(crate) partition: Partition,
    pub(crate) sequence: i64,
}

/// What a micro-batch wants written besides states.
#[derive(Debug)]
pub(crate) struct Output<R> {
    pub(crate) rows: Vec<R>,
    pub(crate) outbox: Vec<OutboxRow>,
    pub(crate) dead: Vec<DeadLetterRow>,
    pub(crate) held: Vec<HeldRow>,
    /// Customers whose dead letters go: they were built again.
    pub(crate) rebuilt: Vec<CustomerKey>,
    pub(crate) erasures: Vec<Erasure>,
    /// Imports that ended.
    pub(crate) released: Vec<(Partition, WorkspaceId)>,
    /// Customers whose step failed: the batch is run again with care for them.
    pub(crate) suspects: Vec<CustomerKey>,
    /// A control record failed: the batch is run again with care for its partition.
    pub(crate) timers_fired: u64,
    pub(crate) skipped: u64,
}

impl<R> Default for Output<R> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            outbox: Vec::new(),
            dead: Vec::new(),
            held: Vec::new(),
            rebuilt: Vec::new(),
            erasures: Vec::new(),
            released: Vec::new(),
            suspects: Vec::new(),
            timers_fired: 0,
            skipped: 0,
        }
    }
}

/// A timer on the agenda: deadline, customer, entry, key.
type Due = (Timestamp, CustomerId, usize, String);

/// The timers of a slice that may fire in it, the earliest first.
#[derive(Debug)]
pub(crate) struct Agenda {
    due: BinaryHeap<Reverse<Due>>,
    until: Timestamp,
}

impl Agenda {
    pub(crate) fn new(until: Timestamp) -> Self {
        Self { due: BinaryHeap::new(), until }
    }

    /// Notes a timer, if it is due within the slice.
    pub(crate) fn note(&mut self, deadline: Timestamp, customer: CustomerId, entry: usize, key: &str) {
        if deadline <= self.until {
            self.due.push(Reverse((deadline, customer, entry, key.to_owned())));
        }
    }

    /// The earliest timer noted: deadline, entry, key.
    pub(crate) fn first(&self) -> Option<(Timestamp, usize, &str)> {
        self.due.peek().map(|Reverse((deadline, _, entry, key))| (*deadline, *entry, key.as_str()))
    }

    /// The next timer that is due at `limit`, within the horizon.
    pub(crate) fn next(&mut self, limit: Timestamp, horizon: Option<(Timestamp, CustomerId)>) -> Option<Due> {
        let Reverse((deadline, customer, ..)) = self.due.peek()?;
        if *deadline > limit || horizon.is_some_and(|horizon| (*deadline, *customer) > horizon) {
            return None;
        }
        self.due.pop().map(|Reverse(due)| due)
    }
}
