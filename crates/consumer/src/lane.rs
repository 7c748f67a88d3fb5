//! Side lanes: how a service's own worker (the delivery of messages) puts events on timelines.
//!
//! A lane is a producer of its own with a sequence of its own for each partition. What it appends stands in the same
//! outbox, written by the worker's own transaction and drained by the loop.

use std::sync::Arc;

use bytes::Bytes;
use elate_domain::{
    Cause, CustomerId, Event, EventType, Offset, Partition, Producer, RawJson, SourceId, Timestamp,
    WorkspaceId,
};
use elate_storage::Transaction;
use uuid::Uuid;

use crate::Error;
use crate::drain::Outbox;
use crate::emission;
use crate::ownership::Held;
use crate::tables::outbox::OutboxRow;
use crate::tables::{Tables, lane as table};

/// An event that a worker puts on a customer's timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct LaneEvent {
    /// The workspace of the customer.
    pub workspace: WorkspaceId,
    /// Whose timeline.
    pub customer: CustomerId,
    /// One of [`elate_domain::system::name`].
    pub name: Arc<str>,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// The payload.
    pub properties: RawJson,
    /// Unique within the lane and the same on every attempt (notification and attempt): the message id comes from it.
    pub id: String,
    /// What it answers; see [`caused_by`].
    pub cause: Option<Cause>,
    /// Whether what it answers was part of an import.
    pub historical: bool,
    /// The trace that it belongs to.
    pub trace_parent: Option<Arc<str>>,
}

/// The cause to write on an event that answers `event`, which stands at (`partition`, `offset`).
pub fn caused_by(partition: Partition, offset: Offset, event: &Event) -> Cause {
    let hops = event.caused_by.as_ref().map_or(0, |cause| cause.hops).saturating_add(1);
    Cause { partition, offset, message_id: event.message_id.clone(), hops }
}

/// A side lane of a service.
#[derive(Clone)]
pub struct Lane {
    name: &'static str,
    source: SourceId,
    tables: Tables,
    outbox: Arc<Outbox>,
}

impl Lane {
    pub(crate) fn new(name: &'static str, source: SourceId, tables: Tables, outbox: Arc<Outbox>) -> Self {
        Self { name, source, tables, outbox }
    }

    /// Makes sure, until `tx` ends, that the partition is ours. Call it first in every transaction of a worker, also
    /// in one that appends nothing: on PostgreSQL it locks in the same order as the loop does.
    ///
    /// # Errors
    /// [`Error::Fenced`] where somebody else owns the partition by now: roll back.
    pub async fn fence(&self, tx: &Transaction, held: Held) -> Result<(), Error> {
        table::fence(&self.tables, tx, held).await
    }

    /// Appends events in order, within the worker's transaction. After the commit, call [`Lane::wake`].
    ///
    /// # Errors
    /// [`Error::Fenced`] where somebody else owns the partition by now: roll back.
    pub async fn append(&self, tx: &Transaction, held: Held, events: Vec<LaneEvent>) -> Result<(), Error> {
        self.fence(tx, held).await?;
        if events.is_empty() {
            return Ok(());
        }
        let numbers = table::take(tx, self.name, held.partition, events.len()).await?;
        let rows = (numbers.first..).zip(events).map(|(sequence, event)| {
            let (workspace, customer) = (event.workspace.clone(), event.customer);
            let record = self.encode(held.partition, numbers.generation, sequence, event);
            OutboxRow {
                lane: self.name.into(),
                partition: held.partition,
                sequence,
                workspace,
                customer,
                record,
            }
        });
        crate::tables::outbox::insert(tx, rows.collect()).await
    }

    /// Sends what the committed transaction appended. Forgetting it only costs time.
    pub fn wake(&self, partition: Partition) {
        self.outbox.wake(self.name, partition);
    }

    fn encode(&self, partition: Partition, generation: u32, sequence: i64, event: LaneEvent) -> Bytes {
        let seed = format!("{}\n{}\n{}", self.name, event.workspace, event.id);
        let producer =
            Producer { service: self.name.into(), partition, generation, sequence: sequence.unsigned_abs() };
        elate_proto::record::encode(&Event {
            workspace: event.workspace,
            customer: event.customer,
            source: self.source.clone(),
            message_id: Uuid::new_v5(&emission::NAMESPACE, seed.as_bytes()).to_string(),
            event_type: EventType::System,
            name: event.name,
            user_id: None,
            anonymous_id: None,
            occurred_at: event.occurred_at,
            properties: event.properties,
            traits: RawJson::default(),
            context: RawJson::default(),
            caused_by: event.cause,
            producer: Some(producer),
            historical: event.historical,
            clamped: false,
            conflicting: false,
            trace_parent: event.trace_parent,
        })
    }
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane").field("name", &self.name).finish_non_exhaustive()
    }
}
