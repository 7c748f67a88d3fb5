//! The loop without a log, a lease or a database: one partition of one service in memory, a step at a time.
//!
//! What is replayed here goes through the same functions as in the loop: timers and their order, merges, the loop guard,
//! ids of emitted events. What the caller does is to be the log: give records in order, fire what is due before each
//! ([`Host::next_due`]), and append what is said.

use std::collections::HashSet;
use std::sync::Arc;

use elate_domain::{
    CustomerId, Event, Offset, Partition, Producer, Record, SourceId, Timestamp, WorkspaceId,
};

use crate::emission::source_of;
use crate::envelope::PartitionEnvelope;
use crate::lane::LaneEvent;
use crate::lifecycle;
use crate::metrics::Metrics;
use crate::processor::Processor;
use crate::run::{Concern, Turn, concern, customer, fire_one};
use crate::slice::{Agenda, Output, Track};
use crate::step::Ground;
use crate::working::{CustomerKey, Entry, Working};
use crate::{Error, Held, Settings, lane};

/// The producer generation of everything that a host emits.
const GENERATION: u32 = 1;

/// One partition of one service, in memory.
pub struct Host<P: Processor> {
    processor: Arc<P>,
    settings: Settings,
    source: SourceId,
    lane: Arc<str>,
    metrics: Metrics,
    working: Working<P::State>,
    agenda: Agenda,
    track: Track<P::PartitionState>,
    /// Events of side lanes so far.
    side: u64,
    /// Customers whose step failed once.
    careful: HashSet<CustomerKey>,
}

/// What a step said.
#[derive(Debug)]
pub struct Said<R> {
    /// Events for the log, in order.
    pub events: Vec<Event>,
    /// Rows for the service's tables, in order.
    pub rows: Vec<R>,
    /// Events that the loop guard held: name and reason (`hops`, `rate`, `no_customer`).
    pub held: Vec<(String, &'static str)>,
    /// Customers who were set aside because a step failed, with the reason.
    pub set_aside: Vec<(CustomerId, String)>,
}

impl<R> Default for Said<R> {
    fn default() -> Self {
        Self { events: Vec::new(), rows: Vec::new(), held: Vec::new(), set_aside: Vec::new() }
    }
}

impl<P: Processor> Host<P> {
    /// An empty partition.
    ///
    /// # Errors
    /// [`Error::Encode`] where the service's name makes no source id.
    pub fn new(processor: Arc<P>, partition: Partition, settings: Settings) -> Result<Self, Error> {
        Ok(Self {
            processor,
            settings,
            source: source_of(P::SERVICE)?,
            lane: Arc::from(P::SERVICE),
            metrics: Metrics::new(P::SERVICE),
            working: Working::with_capacity(0),
            agenda: Agenda::new(Timestamp(i64::MAX)),
            track: Track {
                held: Held { partition, epoch: 0 },
                generation: GENERATION,
                next_sequence: 1,
                from: Offset::START,
                position: Offset::START,
                time: Timestamp(i64::MIN),
                envelope: Arc::new(PartitionEnvelope::default()),
                envelope_changed: false,
            },
            side: 0,
            careful: HashSet::new(),
        })
    }

    /// When the earliest timer is due.
    pub fn next_due(&mut self) -> Option<Timestamp> {
        loop {
            let (deadline, index, key) = self.agenda.first()?;
            let entry = self.working.entries.get(index);
            let timer = entry.filter(|entry| !entry.is_closed()).and_then(|e| e.envelope.timers.get(key));
            let stands = timer.is_some_and(|timer| {
                let held = entry.is_some_and(|entry| {
                    self.track.envelope.imports.holds(&entry.key.workspace, timer.import)
                });
                timer.deadline == deadline && !held
            });
            if stands {
                return Some(deadline);
            }
            // Moved, cancelled or held by an import since it was noted.
            self.agenda.next(Timestamp(i64::MAX), None);
        }
    }

    /// Fires the earliest timer; what it was due at is its `now`.
    pub fn fire(&mut self) -> Said<P::Row> {
        let mut out = Output::default();
        if self.next_due().is_none() {
            return Said::default();
        }
        let Some((_, _, index, key)) = self.agenda.next(Timestamp(i64::MAX), None) else {
            return Said::default();
        };
        let timer =
            self.working.entries.get(index).and_then(|entry| entry.envelope.timers.get(&key)).cloned();
        self.fire_at(index, &key, &mut out);
        if let (Some(suspect), Some(timer)) = (out.suspects.pop(), timer) {
            self.careful.insert(suspect);
            if let Some(entry) = self.working.entries.get_mut(index) {
                entry.poisoned = false;
                entry.envelope.timers.insert(key.clone(), timer);
            }
            self.fire_at(index, &key, &mut out);
        }
        self.said(out)
    }

    fn fire_at(&mut self, index: usize, key: &str, out: &mut Output<P::Row>) {
        let Some(entry) = self.working.entries.get_mut(index) else { return };
        let ground = Ground {
            processor: self.processor.as_ref(),
            settings: &self.settings,
            source: &self.source,
            lane: &self.lane,
            metrics: &self.metrics,
            careful: &self.careful,
        };
        fire_one(&ground, &mut self.track, entry, index, &mut self.agenda, key, false, out);
    }

    /// Takes the next record. The caller has fired what was due at or before its log time.
    pub fn take(&mut self, record: &Record) -> Said<P::Row> {
        let mut out = Output::default();
        self.track.time = self.track.time.max(record.received_at);
        if let Some(event) = &record.event {
            self.event(record, event, &mut out);
            if let Some(suspect) = out.suspects.pop() {
                if let Some(entry) =
                    self.working.find(&suspect).and_then(|index| self.working.entries.get_mut(index))
                {
                    entry.poisoned = false;
                }
                self.careful.insert(suspect);
                self.event(record, event, &mut out);
            }
        }
        self.track.position = record.offset;
        self.said(out)
    }

    fn event(&mut self, record: &Record, event: &Event, out: &mut Output<P::Row>) {
        let concern = concern(self.processor.as_ref(), event);
        let ground = Ground {
            processor: self.processor.as_ref(),
            settings: &self.settings,
            source: &self.source,
            lane: &self.lane,
            metrics: &self.metrics,
            careful: &self.careful,
        };
        let track = &mut self.track;
        match concern {
            Concern::Partition => {
                lifecycle::control(&ground, track, record, event, out);
                for (_, workspace) in std::mem::take(&mut out.released) {
                    self.note_all(&workspace);
                }
            }
            // Nobody is built again here: a customer who was set aside stays so to the end.
            Concern::Redrive | Concern::Nobody => {}
            Concern::Step | Concern::MergedAway | Concern::StateMoved | Concern::Erased => {
                let key = CustomerKey { workspace: event.workspace.clone(), customer: event.customer };
                let index = match self.working.find(&key) {
                    Some(index) => index,
                    None => {
                        self.working.insert(Entry::new(key, track.held.partition));
                        self.working.entries.len() - 1
                    }
                };
                let Some(entry) = self.working.entries.get_mut(index) else { return };
                if concern == Concern::Erased {
                    lifecycle::erased(&ground, track, entry, record, event, out);
                    return;
                }
                let import = track.envelope.imports.current(&event.workspace);
                let turn = Turn { record, event, concern, import, silent: false };
                customer(&ground, track, entry, index, &mut self.agenda, turn, out);
            }
        }
    }

    /// Puts the timers that an import held back on the agenda.
    fn note_all(&mut self, workspace: &WorkspaceId) {
        for (index, entry) in self.working.entries.iter().enumerate() {
            if entry.key.workspace == *workspace {
                for (key, timer) in &entry.envelope.timers {
                    self.agenda.note(timer.deadline, entry.key.customer, index, key);
                }
            }
        }
    }

    fn said(&self, out: Output<P::Row>) -> Said<P::Row> {
        let decoded = |row: crate::tables::outbox::OutboxRow| elate_proto::record::decode(row.record);
        Said {
            // What was encoded a moment ago can be decoded.
            events: out.outbox.into_iter().filter_map(|row| decoded(row).ok().flatten()).collect(),
            rows: out.rows,
            held: out.held.into_iter().map(|row| (row.name, row.reason)).collect(),
            set_aside: out.dead.into_iter().map(|row| (row.key.customer, row.reason)).collect(),
        }
    }

    /// The event that a worker of the service puts on a timeline, as its side lane `name` would.
    pub fn of_side_lane(&mut self, name: &'static str, event: LaneEvent) -> Event {
        self.side += 1;
        let producer = Producer {
            service: Arc::from(name),
            partition: self.track.held.partition,
            generation: GENERATION,
            sequence: self.side,
        };
        lane::event(&self.source, producer, event)
    }

    /// What is kept for the partition.
    pub fn partition_state(&self) -> &P::PartitionState {
        &self.track.envelope.state
    }

    /// What is kept for each customer who was neither merged away, nor erased, nor set aside; in order of their ids.
    pub fn states(&self) -> Vec<(CustomerId, &P::State)> {
        let open = self.working.entries.iter().filter(|entry| !entry.is_closed());
        let mut states: Vec<_> = open.map(|entry| (entry.key.customer, &entry.envelope.state)).collect();
        states.sort_by_key(|(customer, _)| *customer);
        states
    }
}

impl<P: Processor> std::fmt::Debug for Host<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let customers = self.working.entries.len();
        f.debug_struct("Host")
            .field("service", &P::SERVICE)
            .field("customers", &customers)
            .finish_non_exhaustive()
    }
}
