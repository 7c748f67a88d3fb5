//! What the tests of the loop share: a small service, a database of either kind, and ways to wait for it.
#![allow(dead_code, reason = "each test binary uses a part of it")]

/// The same test on a database of either kind.
#[allow(unused_macros, reason = "not every test binary runs on both")]
macro_rules! both {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(crate::common::sqlite().await).await }
        )* }
        mod on_postgres { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let Some(fixture) = crate::common::postgres().await else { return };
                super::$name(fixture).await
            }
        )* }
    };
}

pub(crate) mod chaos;
pub(crate) mod service;

use std::sync::Arc;
use std::time::Duration;

use elate_consumer::{Consumer, LogSource, Settings, memory::MemoryLog, query};
use elate_domain::{CustomerId, Event, EventType, HumanDuration, RawJson, SourceId, Timestamp, WorkspaceId};
use elate_storage::{Database, Dsn, Options, query_one};
use elate_testkit::eventually;
use sea_orm_migration::prelude::*;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) use service::{Shop, ShopStore, State};

pub(crate) const T0: Timestamp = Timestamp(1_800_000_000_000);
pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut all = elate_consumer::migrations();
        all.push(Box::new(service::SeenTable));
        all
    }
}

/// A database with the loop's tables and the shop's.
pub(crate) struct Fixture {
    pub(crate) database: Database,
    _folder: Option<tempfile::TempDir>,
}

pub(crate) async fn sqlite() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let dsn = Dsn::Sqlite(folder.path().join("shop.db"));
    open(dsn, Some(folder)).await
}

pub(crate) async fn postgres() -> Option<Fixture> {
    let database = elate_testkit::postgres::database().await?;
    Some(open(database.url().parse().unwrap(), None).await)
}

async fn open(dsn: Dsn, folder: Option<tempfile::TempDir>) -> Fixture {
    let database = Database::connect(&dsn, &Options::default()).await.unwrap();
    database.migrate::<Migrator>().await.unwrap();
    Fixture { database, _folder: folder }
}

/// Small batches and short pauses: a test shall meet every seam.
pub(crate) fn settings() -> Settings {
    let span = |millis| HumanDuration(Duration::from_millis(millis));
    Settings {
        lease: span(2_000),
        batch_records: 7,
        batch_timers: 3,
        cache_customers: 4,
        append_records: 5,
        retry_first: span(1),
        retry_longest: span(20),
        stop: span(5_000),
        ..Settings::default()
    }
}

/// A consumer at work, ended by the test.
pub(crate) struct Running {
    tasks: JoinSet<Result<(), elate_consumer::Error>>,
    stop: CancellationToken,
}

impl Running {
    pub(crate) fn start(consumer: Consumer<Shop>) -> Self {
        let (mut tasks, stop) = (JoinSet::new(), CancellationToken::new());
        tasks.spawn(consumer.run(stop.clone()));
        Self { tasks, stop }
    }

    /// Ends it in order.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        self.tasks.join_next().await.unwrap().unwrap().unwrap();
    }

    /// Ends it as `kill -9` does.
    pub(crate) async fn kill(mut self) {
        self.tasks.shutdown().await;
    }

    /// What it ended with by itself.
    pub(crate) async fn ended(mut self) -> Result<(), elate_consumer::Error> {
        self.tasks.join_next().await.unwrap().unwrap()
    }
}

impl Fixture {
    pub(crate) fn consumer(&self, shop: &Arc<Shop>, log: &MemoryLog) -> Consumer<Shop> {
        self.member("one", shop, log)
    }

    pub(crate) fn member(&self, name: &str, shop: &Arc<Shop>, log: &MemoryLog) -> Consumer<Shop> {
        let log: Arc<dyn LogSource> = Arc::new(log.clone());
        Consumer::builder(Arc::clone(shop), Arc::new(ShopStore), self.database.clone(), log)
            .settings(settings())
            .member(name)
            .build()
            .unwrap()
    }

    pub(crate) fn start(&self, shop: &Arc<Shop>, log: &MemoryLog) -> Running {
        Running::start(self.consumer(shop, log))
    }

    /// Waits until all records are processed, no timer is due any more at `now`, and the outbox is empty.
    pub(crate) async fn settled(&self, log: &MemoryLog, now: Timestamp) {
        eventually(Duration::from_secs(60), || async {
            let heads = log.heads();
            let offsets = query::offsets(&self.database).await.map_err(|e| e.to_string())?;
            let behind = heads.iter().zip(&offsets).filter(|(head, (_, offset))| *head != offset).count();
            if offsets.len() != heads.len() || behind > 0 {
                return Err(format!("{behind} partitions behind: {heads:?} {offsets:?}"));
            }
            let due = self
                .count(&format!("SELECT COUNT(*) AS n FROM consumer_customer WHERE next_due <= {}", now.0))
                .await;
            let waiting = self.count("SELECT COUNT(*) AS n FROM consumer_outbox").await;
            if due > 0 || waiting > 0 || log.heads() != heads {
                return Err(format!("{due} timers due, {waiting} records in the outbox"));
            }
            Ok(())
        })
        .await;
    }

    pub(crate) async fn count(&self, sql: &str) -> i64 {
        let row = query_one(self.database.read(), sql, []).await.unwrap().unwrap();
        row.try_get("", "n").unwrap()
    }

    pub(crate) async fn state(&self, customer: CustomerId) -> State {
        let found = query::state::<State>(&self.database, &shop(), customer).await.unwrap();
        found.map(|stored| stored.state).unwrap_or_default()
    }

    /// The shop's rows of a customer, in the order that they were written.
    pub(crate) async fn rows(&self, customer: CustomerId) -> Vec<String> {
        service::rows(&self.database, Some(customer)).await
    }
}

pub(crate) fn shop() -> WorkspaceId {
    WorkspaceId::try_new("shop").unwrap()
}

pub(crate) fn customer(n: u128) -> CustomerId {
    CustomerId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + n))
}

/// An event of a customer; each has its own message id.
pub(crate) fn event(customer: CustomerId, name: &str, properties: serde_json::Value) -> Event {
    let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{customer}{name}{properties}").as_bytes());
    let is_system = name.starts_with("elate.");
    Event {
        workspace: shop(),
        customer,
        source: SourceId::try_new("server").unwrap(),
        message_id: id.to_string(),
        event_type: if is_system { EventType::System } else { EventType::Track },
        name: name.into(),
        user_id: None,
        anonymous_id: None,
        occurred_at: T0,
        properties: RawJson::of(&properties),
        traits: RawJson::default(),
        context: RawJson::default(),
        caused_by: None,
        producer: None,
        historical: false,
        clamped: false,
        conflicting: false,
        trace_parent: Some("00-trace-01".into()),
    }
}

pub(crate) fn bump(n: u128) -> Event {
    event(customer(n), "Bump", json!({}))
}

pub(crate) fn arm(n: u128, key: &str, at: Timestamp) -> Event {
    event(customer(n), "Arm", json!({"key": key, "at": at.0}))
}

/// The events of a name.
pub(crate) fn named<'a>(events: &'a [Event], name: &str) -> Vec<&'a Event> {
    events.iter().filter(|event| event.name.as_ref() == name).collect()
}
