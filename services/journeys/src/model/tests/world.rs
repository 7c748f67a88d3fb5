//! A log of one partition in memory: events go in, judgements come back, timers fire when log time passes them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use elate_consumer::{Effects, Input, Merged, Processor as _, TimerChange};
use elate_domain::system::{DefinitionsPublished, name};
use elate_domain::{
    CustomerId, Event, EventType, Offset, Partition, Producer, RawJson, Record, SourceId, Timestamp,
    WorkspaceId,
};
use elate_manifest::Set;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use uuid::Uuid;

use crate::model::rows::Row;
use crate::model::{CustomerState, Journeys, PartitionState};

/// What the state goes through between two steps; none of it may change anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Between {
    Nothing,
    MessagePack,
    Json,
}

#[derive(Default)]
struct Held {
    state: CustomerState,
    timers: BTreeMap<String, Timestamp>,
}

/// A partition of the log with the processor on it.
pub(crate) struct World {
    processor: Journeys,
    partition: PartitionState,
    customers: BTreeMap<CustomerId, Held>,
    between: Between,
    pub(crate) now: Timestamp,
    offset: u64,
    emitted: u64,
    /// Everything that was emitted, in order.
    pub(crate) said: Vec<Record>,
    /// Every row that was written, in order.
    pub(crate) rows: Vec<Row>,
}

pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap_or_else(|| panic!("{text}"))
}

pub(crate) fn shop() -> WorkspaceId {
    WorkspaceId::try_new("shop").unwrap()
}

/// A customer by a name of the test's.
pub(crate) fn customer(name: &str) -> CustomerId {
    CustomerId(Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()))
}

/// An event of the shop's.
pub(crate) fn event(
    who: CustomerId,
    message_id: &str,
    name: &str,
    occurred_at: Timestamp,
    properties: Json,
) -> Event {
    Event {
        workspace: shop(),
        customer: who,
        source: SourceId::try_new("web").unwrap(),
        message_id: message_id.to_owned(),
        event_type: EventType::Track,
        name: Arc::from(name),
        user_id: None,
        anonymous_id: None,
        occurred_at,
        properties: RawJson::of(&properties),
        traits: RawJson::default(),
        context: RawJson::default(),
        caused_by: None,
        producer: None,
        historical: false,
        clamped: false,
        conflicting: false,
        trace_parent: None,
    }
}

impl World {
    pub(crate) fn new(between: Between) -> Self {
        Self {
            processor: Journeys::default(),
            partition: PartitionState::default(),
            customers: BTreeMap::new(),
            between,
            now: Timestamp(0),
            offset: 0,
            emitted: 0,
            said: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// A world in which these manifests are in force as version 1.
    pub(crate) fn of(manifests: &str) -> Self {
        let mut world = Self::new(Between::Nothing);
        world.publish(1, manifests);
        world
    }

    pub(crate) fn publish(&mut self, version: u64, manifests: &str) {
        let set = Set::parse_text(manifests).unwrap_or_else(|problems| {
            panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        });
        let published = DefinitionsPublished {
            version,
            manifests: set.canonical(),
            replay_millis: 0,
            applied_by: String::new(),
        };
        self.control(name::DEFINITIONS_PUBLISHED, &published);
        let kept = self.partition.workspace(&shop()).unwrap();
        assert!(self.processor.definitions(&shop(), kept).unreadable.is_empty());
    }

    pub(crate) fn control<T: serde::Serialize>(&mut self, name: &str, payload: &T) {
        let mut event =
            event(CustomerId::NONE, "control", name, self.now, serde_json::to_value(payload).unwrap());
        event.event_type = EventType::System;
        let record = self.record(event);
        let mut effects = Effects::default();
        let event = record.event.as_ref().unwrap();
        self.processor.control(&mut self.partition, &record, event, &mut effects).unwrap();
        self.rows.append(&mut effects.rows);
    }

    fn record(&mut self, event: Event) -> Record {
        self.offset += 1;
        Record {
            partition: Partition(0),
            offset: Offset(self.offset),
            received_at: self.now,
            event: Some(event),
        }
    }

    /// An event is received when it occurs.
    pub(crate) fn happens(
        &mut self,
        who: CustomerId,
        message_id: &str,
        name: &str,
        when: &str,
        properties: Json,
    ) {
        self.receive(event(who, message_id, name, at(when), properties), at(when));
    }

    /// An event is received.
    pub(crate) fn receive(&mut self, event: Event, received_at: Timestamp) {
        self.until(received_at);
        let record = self.record(event);
        self.process(record);
    }

    /// Log time passes.
    pub(crate) fn until(&mut self, time: Timestamp) {
        while let Some((deadline, who, key)) = self.next_timer().filter(|(deadline, ..)| *deadline <= time) {
            self.now = self.now.max(deadline);
            let held = self.customers.get_mut(&who).unwrap();
            held.timers.remove(&key);
            let mut effects = Effects::default();
            let workspace = shop();
            let input = Input::Timer { workspace: &workspace, customer: who, key: &key, deadline };
            self.processor.step(&self.partition, &mut held.state, input, &mut effects).unwrap();
            let said = self.take(who, effects, false);
            for record in said {
                self.process(record);
            }
        }
        self.now = self.now.max(time);
    }

    fn next_timer(&self) -> Option<(Timestamp, CustomerId, String)> {
        let all = self
            .customers
            .iter()
            .flat_map(|(who, held)| held.timers.iter().map(move |(key, at)| (*at, *who, key)));
        all.min().map(|(at, who, key)| (at, who, key.clone()))
    }

    /// Lets a record happen, and whatever comes of it.
    fn process(&mut self, first: Record) {
        let mut queue = VecDeque::from([first]);
        while let Some(record) = queue.pop_front() {
            let event = record.event.as_ref().unwrap();
            let held = self.customers.entry(event.customer).or_default();
            let mut effects = Effects::default();
            let input = Input::Record { record: &record, event };
            self.processor.step(&self.partition, &mut held.state, input, &mut effects).unwrap();
            queue.extend(self.take(event.customer, effects, event.historical));
        }
    }

    fn take(&mut self, who: CustomerId, effects: Effects<Row>, historical: bool) -> Vec<Record> {
        let held = self.customers.get_mut(&who).unwrap();
        for change in effects.timers {
            match change {
                TimerChange::Set { key, deadline } => held.timers.insert(key, deadline),
                TimerChange::Cancel { key } => held.timers.remove(&key),
            };
        }
        held.state = through(self.between, &held.state);
        self.rows.extend(effects.rows);
        let mut records = Vec::new();
        for said in effects.emissions {
            self.emitted += 1;
            let mut emitted =
                event(who, &format!("e-{}", self.emitted), &said.name, said.occurred_at, Json::Null);
            emitted.properties = said.properties;
            emitted.historical = historical;
            emitted.source = SourceId::try_new("elate-journeys").unwrap();
            emitted.producer = Some(Producer {
                service: Arc::from("journeys"),
                partition: Partition(0),
                generation: 1,
                sequence: self.emitted,
            });
            if said.name.starts_with("elate.") {
                emitted.event_type = EventType::System;
            }
            let record = self.record(emitted);
            self.said.push(record.clone());
            records.push(record);
        }
        records
    }

    /// One customer turns out to be another.
    pub(crate) fn merge(&mut self, loser: CustomerId, survivor: CustomerId) {
        let lost = self.customers.remove(&loser).unwrap();
        let held = self.customers.entry(survivor).or_default();
        held.timers.extend(lost.timers);
        let merged = Merged { workspace: shop(), survivor, loser, state: lost.state, now: self.now };
        let mut effects = Effects::default();
        self.processor.merge(&self.partition, &mut held.state, merged, &mut effects).unwrap();
        self.rows.append(&mut effects.rows);
    }

    pub(crate) fn state(&self, who: CustomerId) -> &CustomerState {
        &self.customers[&who].state
    }

    pub(crate) fn timers(&self, who: CustomerId) -> Vec<&str> {
        self.customers[&who].timers.keys().map(String::as_str).collect()
    }

    /// The payloads of everything of one name that was said of a customer, in order.
    pub(crate) fn heard<T: DeserializeOwned>(&self, who: CustomerId, name: &str) -> Vec<T> {
        let events = self.said.iter().filter_map(|record| record.event.as_ref());
        let events = events.filter(|event| event.customer == who && &*event.name == name);
        events.map(|event| event.properties.read().unwrap()).collect()
    }

    /// Everything that was said, as bytes: two runs of the same log must agree in every one.
    pub(crate) fn transcript(&self) -> String {
        let line = |record: &Record| {
            let event = record.event.as_ref().unwrap();
            let text = String::from_utf8_lossy(event.properties.as_bytes()).into_owned();
            format!("{} {} {} {} {text}", record.offset, record.received_at, event.occurred_at, event.name)
        };
        self.said.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

fn through(between: Between, state: &CustomerState) -> CustomerState {
    match between {
        Between::Nothing => state.clone(),
        Between::MessagePack => {
            let bytes = rmp_serde::to_vec_named(state).unwrap();
            rmp_serde::from_slice(&bytes).unwrap()
        }
        Between::Json => {
            let text = serde_json::to_string(state).unwrap();
            serde_json::from_str(&text).unwrap()
        }
    }
}
