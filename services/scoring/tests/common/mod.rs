//! A shop whose events go through the step function into a database, without the loop.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod events;

use std::collections::BTreeMap;

use elate_consumer::{Effects, Input, Processor, ProcessorStore};
use elate_domain::system::DefinitionsPublished;
use elate_domain::{CustomerId, Event, EventType, Offset, Partition, RawJson, Record, WorkspaceId};
use elate_scoring::app::App;
use elate_scoring::model::Scoring;
use elate_scoring::model::rows::Row;
use elate_scoring::model::state::{CustomerState, PartitionState};
use elate_scoring::store::{Migrator, Store};
use elate_storage::{Database, Dsn, Options};

#[allow(unused_imports, reason = "each test file uses a part of it")]
pub(crate) use events::{DAY, judged};

pub(crate) struct Shop {
    pub(crate) database: Database,
    pub(crate) store: Store,
    pub(crate) app: App,
    pub(crate) workspace: WorkspaceId,
    pub(crate) partition: PartitionState,
    pub(crate) states: BTreeMap<CustomerId, CustomerState>,
    pub(crate) customer: CustomerId,
    /// Events between two transactions.
    pub(crate) batch: usize,
    waiting: Vec<Row>,
    taken: usize,
    offset: u64,
}

impl Shop {
    pub(crate) async fn on(dsn: &Dsn, workspace: &str) -> Self {
        let database = Database::connect(dsn, &Options::default()).await.unwrap();
        database.migrate::<Migrator>().await.unwrap();
        let store = Store::new(database.clone());
        Self {
            app: App::new(store.clone()),
            store,
            database,
            workspace: WorkspaceId::try_new(workspace).unwrap(),
            partition: PartitionState::default(),
            states: BTreeMap::new(),
            customer: customer(0),
            batch: 1,
            waiting: Vec::new(),
            taken: 0,
            offset: 0,
        }
    }

    /// The shop, with this customer at the counter.
    pub(crate) fn of(&mut self, number: usize) -> &mut Self {
        self.customer = customer(number);
        self
    }

    pub(crate) async fn identify(&mut self, number: usize, at: i64, traits: &serde_json::Value) {
        let mut event =
            events::event(&self.workspace, customer(number), EventType::Identify, "", at, RawJson::default());
        event.traits = RawJson::of(traits);
        self.run(event).await;
    }

    pub(crate) async fn take(&mut self, event_type: EventType, name: &str, at: i64, properties: RawJson) {
        let event = events::event(&self.workspace, self.customer, event_type, name, at, properties);
        self.run(event).await;
    }

    async fn run(&mut self, event: Event) {
        self.offset += 1;
        let received_at = event.occurred_at;
        let record =
            Record { partition: Partition(0), offset: Offset(self.offset), received_at, event: None };
        let mut effects = Effects::default();
        let state = self.states.entry(event.customer).or_default();
        let input = Input::Record { record: &record, event: &event };
        Scoring.step(&self.partition, state, input, &mut effects).unwrap();
        self.waiting.extend(effects.rows);
        self.taken += 1;
        if self.taken.is_multiple_of(self.batch) {
            self.flush().await;
        }
    }

    /// Writes what waits.
    pub(crate) async fn flush(&mut self) {
        let rows = std::mem::take(&mut self.waiting);
        let tx = self.database.begin().await.unwrap();
        self.store.write(&tx, rows).await.unwrap();
        tx.commit().await.unwrap();
    }
}

pub(crate) fn customer(number: usize) -> CustomerId {
    CustomerId(uuid::Uuid::from_u128((number as u128 + 1) << 32 | 9))
}

/// Definitions with a segment by plan, and with purchases.
pub(crate) fn segments_published(workspace: &WorkspaceId) -> PartitionState {
    let score = serde_json::json!({
        "apiVersion": "elate.dev/v1", "kind": "Score", "metadata": {"name": "default"},
        "spec": {
            "segments": [{"trait": "plan", "values": ["free", "pro"]}],
            "purchases": {"on": ["Order Completed"], "value": "total"}
        }
    });
    let published = DefinitionsPublished {
        version: 1,
        manifests: vec![score],
        replay_millis: 0,
        applied_by: String::new(),
    };
    let mut partition = PartitionState::default();
    partition.publish(workspace, &published);
    partition
}

/// SQLite, and PostgreSQL where it is there; each with a number of cases of its own.
pub(crate) async fn databases(sqlite: u32, postgres: u32) -> Vec<(Dsn, u32)> {
    let folder = tempfile::tempdir().unwrap().keep();
    let mut found = vec![(Dsn::Sqlite(folder.join("scoring.db")), sqlite)];
    if let Some(database) = elate_testkit::postgres::database().await {
        found.push((Dsn::Postgres(database.url().to_owned()), postgres));
        // The schema lives as long as its guard: as long as the test process.
        std::mem::forget(database);
    }
    found
}
