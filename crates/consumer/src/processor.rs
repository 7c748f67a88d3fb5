//! What a service gives to the loop: a pure step function, and a store for its rows.

use std::sync::Arc;
use std::time::Duration;

use elate_domain::{CustomerId, Event, EventType, RawJson, Record, Timestamp, WorkspaceId};
use elate_storage::Transaction;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A step that failed. Deterministic by contract: the same input fails again, and is then set aside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct StepError {
    /// Why, for the dead letter; no personal data.
    pub reason: String,
}

/// The pure half of a service. Nothing here awaits, reads a clock, or draws a random number: what a step does
/// depends only on its arguments, so that live, replayed and simulated runs are one and the same.
pub trait Processor: Send + Sync + 'static {
    /// The service: key of its leases, producer of its records, name on its receipts.
    const SERVICE: &'static str;

    /// What is kept for each customer. Stored as MessagePack with field names: add fields with `#[serde(default)]`.
    type State: Serialize + DeserializeOwned + Clone + Default + Send + Sync + 'static;

    /// What is kept for each partition: definitions in force, pauses. Changed by control records alone.
    type PartitionState: Serialize + DeserializeOwned + Clone + Default + Send + Sync + 'static;

    /// A row for the service's own tables (read models, rollups), written in the transaction of the batch.
    type Row: Send + 'static;

    /// Takes a record that concerns the partition as a whole (customer [`CustomerId::NONE`]).
    fn control(
        &self,
        partition: &mut Self::PartitionState,
        record: &Record,
        event: &Event,
        effects: &mut Effects<Self::Row>,
    ) -> Result<(), StepError>;

    /// Takes one record of a customer, or one of its timers.
    fn step(
        &self,
        partition: &Self::PartitionState,
        state: &mut Self::State,
        input: Input<'_>,
        effects: &mut Effects<Self::Row>,
    ) -> Result<(), StepError>;

    /// Takes over what was kept for a customer who was merged into this one. The loser's timers were moved already.
    fn merge(
        &self,
        partition: &Self::PartitionState,
        survivor: &mut Self::State,
        loser: Merged<Self::State>,
        effects: &mut Effects<Self::Row>,
    ) -> Result<(), StepError>;

    /// Whether [`Processor::step`] needs events of this type and name at all. What nobody wants moves the offset, and is not
    /// even decoded. Must never change for events of the past.
    fn wants(&self, _event_type: EventType, _name: &str) -> bool {
        true
    }

    /// Asked after [`Processor::control`] took a record: how much of the partition's history before it shall be
    /// replayed to [`Processor::replay`]. The partition stands still until that is done.
    fn replay_window(
        &self,
        _partition: &Self::PartitionState,
        _record: &Record,
        _event: &Event,
    ) -> Option<Duration> {
        None
    }

    /// One record of the past, or a timer that the replay itself has set, for the definitions that a control record
    /// brought. Builds state and timers; events and rows are dropped.
    fn replay(
        &self,
        _partition: &Self::PartitionState,
        _state: &mut Self::State,
        _input: Input<'_>,
        _effects: &mut Effects<Self::Row>,
    ) -> Result<(), StepError> {
        Ok(())
    }
}

/// What a step is about.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// A record of the customer. `record.received_at` is the step's `now`.
    Record {
        /// The record, with its place.
        record: &'a Record,
        /// Its event (never a tombstone).
        event: &'a Event,
    },
    /// A deadline that log time has passed. The deadline is the step's `now`.
    Timer {
        /// The workspace of the customer.
        workspace: &'a WorkspaceId,
        /// The customer.
        customer: CustomerId,
        /// The key under which it was set.
        key: &'a str,
        /// When it was due.
        deadline: Timestamp,
    },
}

impl Input<'_> {
    /// The `now` of the step: log time of the record, or the deadline of the timer.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::Record { record, .. } => record.received_at,
            Self::Timer { deadline, .. } => *deadline,
        }
    }

    /// Whose step it is.
    pub fn customer(&self) -> CustomerId {
        match self {
            Self::Record { event, .. } => event.customer,
            Self::Timer { customer, .. } => *customer,
        }
    }

    /// In which workspace.
    pub fn workspace(&self) -> &WorkspaceId {
        match self {
            Self::Record { event, .. } => &event.workspace,
            Self::Timer { workspace, .. } => workspace,
        }
    }
}

/// The state of a merged-away customer, for the survivor's step.
#[derive(Debug)]
pub struct Merged<S> {
    /// The workspace of both.
    pub workspace: WorkspaceId,
    /// Who stays.
    pub survivor: CustomerId,
    /// Who was merged away.
    pub loser: CustomerId,
    /// What was kept for the loser.
    pub state: S,
    /// The `now` of the step.
    pub now: Timestamp,
}

/// What a step wants done. Everything here is written in the transaction that moves the offset.
#[derive(Debug)]
pub struct Effects<R> {
    /// Events for the log, in order.
    pub emissions: Vec<Emission>,
    /// Rows for the service's own tables, in order.
    pub rows: Vec<R>,
    /// Timers of the customer, in order.
    pub timers: Vec<TimerChange>,
}

impl<R> Default for Effects<R> {
    fn default() -> Self {
        Self { emissions: Vec::new(), rows: Vec::new(), timers: Vec::new() }
    }
}

impl<R> Effects<R> {
    /// Puts a system event on the customer's own timeline, as of `occurred_at`.
    pub fn emit<T: Serialize>(&mut self, name: &'static str, occurred_at: Timestamp, payload: &T) {
        let properties = RawJson::of(payload);
        self.emissions.push(Emission { name: Arc::from(name), customer: None, occurred_at, properties });
    }

    /// Writes a row.
    pub fn row(&mut self, row: R) {
        self.rows.push(row);
    }

    /// Sets the timer `key`, in place of what it was set to before.
    pub fn set_timer(&mut self, key: impl Into<String>, deadline: Timestamp) {
        self.timers.push(TimerChange::Set { key: key.into(), deadline });
    }

    /// Takes the timer `key` back; nothing where it is not set.
    pub fn cancel_timer(&mut self, key: impl Into<String>) {
        self.timers.push(TimerChange::Cancel { key: key.into() });
    }
}

/// An event for the log. The loop adds message id (the same on every run of the same log), cause, hops and producer.
#[derive(Debug, Clone, PartialEq)]
pub struct Emission {
    /// One of [`elate_domain::system::name`], or a name that a definition gave (`emit` steps of plays).
    pub name: Arc<str>,
    /// Whose timeline; `None` is the customer of the step (from [`Processor::control`] a customer is required).
    pub customer: Option<CustomerId>,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// The payload.
    pub properties: RawJson,
}

/// A change to the timers of a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimerChange {
    /// Due at `deadline`.
    Set {
        /// Unique within customer and service.
        key: String,
        /// When it fires.
        deadline: Timestamp,
    },
    /// Not due any more.
    Cancel {
        /// The key that it was set under.
        key: String,
    },
}

/// The storing half of a service.
#[async_trait::async_trait]
pub trait ProcessorStore<R>: Send + Sync + 'static {
    /// Writes the rows of one micro-batch, in their order, inside the transaction that moves the offsets.
    async fn write(&self, tx: &Transaction, rows: Vec<R>) -> Result<(), elate_storage::Error>;

    /// Removes all rows of a customer; answers how many.
    async fn purge(
        &self,
        tx: &Transaction,
        workspace: &WorkspaceId,
        customer: CustomerId,
    ) -> Result<u64, elate_storage::Error>;
}
