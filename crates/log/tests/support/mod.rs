//! Logs on each database and with each tail.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use elate_domain::{Clock, ManualClock, Offset, Partition, Timestamp};
use elate_log::{Change, CreateLog, Follow, Item, Log, Options, RedisOptions, Stored, Written};
use elate_storage::{Database, Dsn, Options as DatabaseOptions};
use elate_testkit::private::Redis;
use futures::StreamExt;
use sea_orm_migration::{MigrationTrait, MigratorTrait};
use tokio::task::JoinSet;

/// How often SQL is looked at as a rule.
pub(crate) const POLL: Duration = Duration::from_millis(200);

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(CreateLog)]
    }
}

/// What the tests append with.
#[derive(Clone)]
pub(crate) struct Handle {
    database: Database,
    log: Log,
}

impl Handle {
    /// Appends `(partition, number of the first record, count)` in one transaction, and publishes.
    pub(crate) async fn append(&self, places: &[(u32, u64, u64)]) {
        let written = self.write(places).await;
        self.log.publish(written);
    }

    /// The same without publishing, as if the process was killed after the commit.
    pub(crate) async fn write(&self, places: &[(u32, u64, u64)]) -> Written {
        let tx = self.database.begin().await.unwrap();
        let locked = self.log.lock(&tx, places.iter().map(|place| Partition(place.0))).await.unwrap();
        let change = |(partition, first, count): &(u32, u64, u64)| {
            let records = (*first..first + count).map(|i| payload(*partition, i)).collect();
            (Partition(*partition), Change { records, ..Change::default() })
        };
        let changes: BTreeMap<_, _> = places.iter().map(change).collect();
        let written = self.log.write(&tx, locked, changes).await.unwrap();
        tx.commit().await.unwrap();
        written
    }
}

pub(crate) struct Fixture {
    pub(crate) name: String,
    pub(crate) database: Database,
    pub(crate) log: Log,
    pub(crate) clock: Arc<ManualClock>,
    dsn: Dsn,
    redis: Option<Arc<Redis>>,
    tail: Option<RedisOptions>,
    poll: Duration,
    _tasks: JoinSet<()>,
    _folder: Arc<tempfile::TempDir>,
}

impl Fixture {
    async fn open(
        name: String,
        dsn: Dsn,
        clock: Arc<ManualClock>,
        tail: Option<RedisOptions>,
        poll: Duration,
        folder: Arc<tempfile::TempDir>,
    ) -> Self {
        let database = Database::connect(&dsn, &DatabaseOptions::default()).await.unwrap();
        database.migrate::<Migrator>().await.unwrap();
        let redis = tail.clone();
        // Small rings, so that the tests go through all their edges.
        let options =
            Options { partitions: 4, ring_bytes: 600, read_bytes: 500, poll, redis, ..Options::default() };
        let time: Arc<dyn Clock> = Arc::clone(&clock) as Arc<dyn Clock>;
        let log = Log::open(database.clone(), time, options).await.unwrap();
        let mut tasks = JoinSet::new();
        let running = log.clone();
        tasks.spawn(async move { running.run().await });
        Self { name, database, log, clock, dsn, redis: None, tail, poll, _tasks: tasks, _folder: folder }
    }

    /// The same log as another process sees it.
    pub(crate) async fn another(&self) -> Self {
        let (dsn, clock) = (self.dsn.clone(), Arc::clone(&self.clock));
        let (name, tail, folder) = (self.name.clone(), self.tail.clone(), Arc::clone(&self._folder));
        Self::open(name, dsn, clock, tail, self.poll, folder).await
    }

    pub(crate) fn handle(&self) -> Handle {
        Handle { database: self.database.clone(), log: self.log.clone() }
    }

    /// Does to the tail what must not matter.
    pub(crate) async fn disturb(&self) {
        if let Some(redis) = &self.redis {
            redis.flush().await;
        }
    }
}

fn start() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp(1_800_000_000_000)))
}

async fn databases(folder: &tempfile::TempDir) -> Vec<(&'static str, Dsn)> {
    let mut all = vec![("sqlite", Dsn::Sqlite(folder.path().join("log.db")))];
    if let Some(postgres) = elate_testkit::postgres::database().await {
        all.push(("postgres", Dsn::Postgres(postgres.url().to_owned())));
    }
    all
}

/// Small streams, so that they are trimmed.
fn tail(server: &Redis, cluster: bool) -> RedisOptions {
    let setting = if cluster { format!("redis-cluster://{}", server.address()) } else { server.url() };
    RedisOptions { stream_bytes: 2_000, ..RedisOptions::of(&setting) }
}

/// SQLite and PostgreSQL, each with the tail in the process alone, with Redis, and with a Redis Cluster.
pub(crate) async fn fixtures() -> Vec<Fixture> {
    let mut all = Vec::new();
    for name in ["in-process", "redis", "redis cluster"] {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        for (database, dsn) in databases(&folder).await {
            let redis = match name {
                "in-process" => None,
                "redis" => Redis::start().await,
                _ => Redis::start_cluster().await,
            };
            if name != "in-process" && redis.is_none() {
                continue;
            }
            let tail = redis.as_ref().map(|server| tail(server, name == "redis cluster"));
            let name = format!("{database}, {name}");
            let mut fixture = Fixture::open(name, dsn, start(), tail, POLL, Arc::clone(&folder)).await;
            fixture.redis = redis.map(Arc::new);
            all.push(fixture);
        }
    }
    all
}

/// A Redis, or a cluster, that the test stops and starts; SQL is looked at so often.
pub(crate) async fn with_own_redis(cluster: bool, poll: Duration) -> Option<(Fixture, Redis)> {
    let redis = if cluster { Redis::start_cluster().await? } else { Redis::start().await? };
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let (name, dsn) = databases(&folder).await.pop()?;
    let tail = tail(&redis, cluster);
    let fixture = Fixture::open(name.to_owned(), dsn, start(), Some(tail), poll, folder).await;
    Some((fixture, redis))
}

pub(crate) fn payload(partition: u32, i: u64) -> Bytes {
    Bytes::from(format!("record {i} of partition {partition}"))
}

pub(crate) async fn append(fixture: &Fixture, places: &[(u32, u64, u64)]) {
    fixture.handle().append(places).await;
}

/// Follows until a partition's offset has come; its records, dense and in order.
pub(crate) async fn records_up_to(follow: &mut Follow, partition: Partition, last: u64) -> Vec<Stored> {
    let mut found: Vec<Stored> = Vec::new();
    let reading = async {
        while found.last().is_none_or(|stored| stored.offset.0 < last) {
            if let Item::Batch(batch) = follow.next().await.unwrap().unwrap() {
                found.extend(batch.stored().filter(|stored| stored.partition == partition));
            }
        }
    };
    let within = tokio::time::timeout(std::time::Duration::from_secs(20), reading).await;
    assert!(within.is_ok(), "{last} of {partition} does not come, only {:?}", found.last().map(|s| s.offset));
    let dense = found.windows(2).all(|pair| pair[1].offset == Offset(pair[0].offset.0 + 1));
    assert!(dense, "not dense: {:?}", found.iter().map(|stored| stored.offset.0).collect::<Vec<_>>());
    found
}
