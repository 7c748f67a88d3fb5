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

/// What a worker's transaction has appended.
#[derive(Debug)]
#[must_use = "it is sent by `Lane::committed`, once the transaction is committed"]
pub struct Appended(Vec<OutboxRow>);

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

    /// Makes sure, until `tx` ends, that the partitions are ours. Call it first in every transaction of a worker, also
    /// in one that appends nothing. On PostgreSQL the loop goes on meanwhile: what both write, both write by conditions
    /// on the rows as they are.
    ///
    /// # Errors
    /// [`Error::Fenced`] where somebody else owns one of the partitions by now: roll back.
    pub async fn fence(&self, tx: &Transaction, held: &[Held]) -> Result<(), Error> {
        table::fence(&self.tables, tx, held).await
    }

    /// Appends events in order, each partition named once, within the worker's transaction: three statements, however
    /// many partitions there are. After the commit, give what it answers to [`Lane::committed`].
    ///
    /// # Errors
    /// [`Error::Fenced`] where somebody else owns one of the partitions by now: roll back.
    pub async fn append(
        &self,
        tx: &Transaction,
        events: Vec<(Held, Vec<LaneEvent>)>,
    ) -> Result<Appended, Error> {
        let held: Vec<Held> = events.iter().map(|(held, _)| *held).collect();
        self.fence(tx, &held).await?;
        let counts = events.iter().map(|(held, events)| (held.partition, events.len()));
        let numbers = table::take(tx, self.name, &counts.collect::<Vec<_>>()).await?;
        let mut rows = Vec::new();
        for (Held { partition, .. }, events) in events {
            let missing = || Error::Corrupt { what: "lane", reason: "no row came back".to_owned() };
            let numbers = numbers.get(&partition).ok_or_else(missing)?;
            for (sequence, event) in (numbers.first..).zip(events) {
                rows.push(self.row(partition, numbers.generation, sequence, event));
            }
        }
        crate::tables::outbox::insert(tx, &rows).await?;
        Ok(Appended(rows))
    }

    /// Sends what a committed transaction appended. Forgetting it only costs time.
    pub fn committed(&self, appended: Appended) {
        self.outbox.push_lane(appended.0);
    }

    fn row(&self, partition: Partition, generation: u32, sequence: i64, event: LaneEvent) -> OutboxRow {
        let (workspace, customer) = (event.workspace.clone(), event.customer);
        let record = self.encode(partition, generation, sequence, event);
        OutboxRow { lane: self.name.into(), partition, sequence, workspace, customer, record }
    }

    fn encode(&self, partition: Partition, generation: u32, sequence: i64, said: LaneEvent) -> Bytes {
        let producer =
            Producer { service: self.name.into(), partition, generation, sequence: sequence.unsigned_abs() };
        elate_proto::record::encode(&event(&self.source, producer, said))
    }
}

/// The event for the log; its message id comes from the lane's name and the event's own id.
pub(crate) fn event(source: &SourceId, producer: Producer, said: LaneEvent) -> Event {
    let seed = format!("{}\n{}\n{}", producer.service, said.workspace, said.id);
    Event {
        workspace: said.workspace,
        customer: said.customer,
        source: source.clone(),
        message_id: Uuid::new_v5(&emission::NAMESPACE, seed.as_bytes()).to_string(),
        event_type: EventType::System,
        name: said.name,
        user_id: None,
        anonymous_id: None,
        occurred_at: said.occurred_at,
        properties: said.properties,
        traits: RawJson::default(),
        context: RawJson::default(),
        caused_by: said.cause,
        producer: Some(producer),
        historical: said.historical,
        clamped: false,
        conflicting: false,
        trace_parent: said.trace_parent,
    }
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane").field("name", &self.name).finish_non_exhaustive()
    }
}
