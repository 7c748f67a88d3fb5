//! A small service whose every act can be checked afterwards.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use elate_consumer::{Effects, Emission, Input, Merged, Processor, ProcessorStore, StepError};
use elate_domain::system::DefinitionsPublished;
use elate_domain::{CustomerId, Event, EventType, RawJson, Record, Timestamp, WorkspaceId};
use elate_storage::bulk::{Conflict, Rows};
use elate_storage::{Database, Transaction, execute, query_all};
use sea_orm_migration::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// What the shop keeps for a customer: everything that happened, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) count: u64,
    pub(crate) trace: Vec<String>,
    #[serde(default)]
    pub(crate) replayed: Vec<u64>,
}

/// A line of the shop's own table.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) workspace: WorkspaceId,
    pub(crate) customer: CustomerId,
    pub(crate) what: String,
}

#[derive(Debug, Default)]
pub(crate) struct Shop {
    /// Whether `Boom` explodes.
    pub(crate) explosive: AtomicBool,
    /// How often `Flaky` fails before it works.
    pub(crate) flaky: AtomicU64,
}

impl Shop {
    fn record(
        &self,
        state: &mut State,
        record: &Record,
        event: &Event,
        effects: &mut Effects<Line>,
    ) -> Result<(), StepError> {
        let properties = event.properties.value();
        let (workspace, customer) = (event.workspace.clone(), event.customer);
        state.count += 1;
        state.trace.push(event.name.as_ref().to_owned());
        effects.row(Line { workspace, customer, what: format!("{} {}", event.name, state.count) });
        match event.name.as_ref() {
            "Arm" => {
                let at = Timestamp(properties["at"].as_i64().unwrap());
                effects.set_timer(properties["key"].as_str().unwrap(), at);
            }
            "Cancel" => effects.cancel_timer(properties["key"].as_str().unwrap()),
            "Boom" if self.explosive.load(Ordering::SeqCst) => {
                return Err(StepError { reason: "boom".to_owned() });
            }
            "Panic" if self.explosive.load(Ordering::SeqCst) => panic!("the step was told to panic"),
            "Flaky" => {
                let left = self.flaky.load(Ordering::SeqCst);
                if left > 0 {
                    self.flaky.store(left - 1, Ordering::SeqCst);
                    return Err(StepError { reason: "not yet".to_owned() });
                }
            }
            "Ping" => {
                let many = properties["many"].as_u64().unwrap_or(1);
                for _ in 0..many {
                    effects.emit("elate.test.pong", record.received_at, &json!({"count": state.count}));
                }
            }
            "elate.test.pong" => effects.emit("elate.test.pong", record.received_at, &json!({})),
            _ => {}
        }
        if state.count.is_multiple_of(3) {
            effects.emit("elate.test.third", record.received_at, &json!({"count": state.count}));
        }
        Ok(())
    }
}

impl Processor for Shop {
    const SERVICE: &'static str = "shop";
    type State = State;
    type PartitionState = Vec<u64>;
    type Row = Line;

    fn control(
        &self,
        partition: &mut Vec<u64>,
        _: &Record,
        event: &Event,
        effects: &mut Effects<Line>,
    ) -> Result<(), StepError> {
        if let Ok(published) = event.properties.read::<DefinitionsPublished>() {
            partition.push(published.version);
        }
        if event.name.as_ref() == "elate.test.broadcast" {
            effects.emissions.push(Emission {
                name: "elate.test.answer".into(),
                customer: Some(super::customer(1)),
                occurred_at: event.occurred_at,
                properties: RawJson::default(),
            });
        }
        Ok(())
    }

    fn step(
        &self,
        definitions: &Vec<u64>,
        state: &mut State,
        input: Input<'_>,
        effects: &mut Effects<Line>,
    ) -> Result<(), StepError> {
        match input {
            Input::Record { record, event } => {
                if event.name.as_ref() == "Version" {
                    state.trace.push(format!("v{definitions:?}"));
                }
                self.record(state, record, event, effects)
            }
            Input::Timer { workspace, customer, key, deadline } => {
                let what = format!("timer {key} {}", deadline.0 - super::T0.0);
                state.trace.push(what.clone());
                if key == "bad" && self.explosive.load(Ordering::SeqCst) {
                    return Err(StepError { reason: "a bad timer".to_owned() });
                }
                if key == "round" {
                    effects.set_timer("round", deadline);
                }
                if let Some(left) = key.strip_prefix("chain-").and_then(|n| n.parse::<u32>().ok()) {
                    effects.set_timer(
                        format!("chain-{}", left.saturating_sub(1)),
                        deadline.plus_millis(if left > 0 { 500 } else { i64::MAX / 4 }),
                    );
                }
                effects.row(Line { workspace: workspace.clone(), customer, what });
                effects.emit("elate.test.fired", deadline, &json!({"key": key}));
                Ok(())
            }
        }
    }

    fn merge(
        &self,
        _: &Vec<u64>,
        survivor: &mut State,
        loser: Merged<State>,
        effects: &mut Effects<Line>,
    ) -> Result<(), StepError> {
        survivor.count += loser.state.count;
        survivor.trace.push(format!("merged {}", loser.state.trace.join(",")));
        effects.row(Line { workspace: loser.workspace, customer: loser.survivor, what: "merged".to_owned() });
        Ok(())
    }

    fn wants(&self, _: EventType, name: &str) -> bool {
        !matches!(name, "elate.test.third" | "elate.test.fired" | "elate.test.answer")
    }

    fn replay_window(&self, _: &Vec<u64>, _: &Record, event: &Event) -> Option<Duration> {
        let published = event.properties.read::<DefinitionsPublished>().ok()?;
        (published.replay_millis > 0).then(|| Duration::from_millis(published.replay_millis))
    }

    fn replay(
        &self,
        _: &Vec<u64>,
        state: &mut State,
        input: Input<'_>,
        effects: &mut Effects<Line>,
    ) -> Result<(), StepError> {
        match input {
            Input::Record { record, event } => {
                state.replayed.push(record.offset.0);
                effects.emit("elate.test.third", record.received_at, &json!({}));
                if event.name.as_ref() == "Bump" {
                    effects.set_timer("replayed", record.received_at.plus_millis(super::MINUTE));
                }
            }
            Input::Timer { .. } => state.replayed.push(0),
        }
        Ok(())
    }
}

pub(crate) struct ShopStore;

#[async_trait]
impl ProcessorStore<Line> for ShopStore {
    async fn write(&self, tx: &Transaction, rows: Vec<Line>) -> Result<(), elate_storage::Error> {
        Rows::new()
            .text("workspace", rows.iter().map(|line| line.workspace.as_str().to_owned()))
            .uuid("customer", rows.iter().map(|line| line.customer.0))
            .text("what", rows.iter().map(|line| line.what.clone()))
            .insert(tx, "seen", Conflict::Fail)
            .await?;
        Ok(())
    }

    async fn purge(
        &self,
        tx: &Transaction,
        workspace: &WorkspaceId,
        customer: CustomerId,
    ) -> Result<u64, elate_storage::Error> {
        let values = [workspace.as_str().to_owned().into(), customer.0.into()];
        execute(tx, "DELETE FROM seen WHERE workspace = $1 AND customer = $2", values).await
    }
}

/// All lines, or those of a customer, in the order that they were written.
pub(crate) async fn rows(database: &Database, customer: Option<CustomerId>) -> Vec<String> {
    let rows = query_all(database.read(), "SELECT customer, what FROM seen ORDER BY id", []).await.unwrap();
    let rows = rows.iter().map(|row| {
        (CustomerId(row.try_get::<Uuid>("", "customer").unwrap()), row.try_get::<String>("", "what").unwrap())
    });
    match customer {
        Some(customer) => rows.filter(|(other, _)| *other == customer).map(|(_, what)| what).collect(),
        None => rows.map(|(customer, what)| format!("{customer} {what}")).collect(),
    }
}

pub(crate) struct SeenTable;

impl MigrationName for SeenTable {
    fn name(&self) -> &str {
        "m20260101_000002_seen"
    }
}

#[async_trait]
#[allow(elided_lifetimes_in_paths, reason = "the trait spells its lifetimes so")]
impl MigrationTrait for SeenTable {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (serial, uuid) = match manager.get_database_backend() {
            sea_orm::DbBackend::Sqlite => ("INTEGER PRIMARY KEY AUTOINCREMENT", "BLOB"),
            _ => ("BIGSERIAL PRIMARY KEY", "UUID"),
        };
        let table = format!(
            "CREATE TABLE seen (id {serial}, workspace TEXT NOT NULL, customer {uuid} NOT NULL, what TEXT NOT NULL)"
        );
        manager.get_connection().execute_unprepared(&table).await?;
        Ok(())
    }
}
