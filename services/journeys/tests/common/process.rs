//! The service without its edges: the consumer at work over a log in memory, and a keeper that takes turns when it is
//! told to.

use std::sync::Arc;
use std::time::Duration;

use elate_consumer::Consumer;
use elate_consumer::memory::MemoryLog;
use elate_domain::ManualClock;
use elate_journeys::app::{App, COMMAND_LANE, Commands, Keeper};
use elate_journeys::model::Journeys;
use elate_journeys::store::{Migrator, Store};
use elate_storage::{Database, Dsn, Options};
use elate_testkit::eventually;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Ample time for what happens at once.
pub(crate) const WITHIN: Duration = Duration::from_secs(60);

/// An open database with the service's tables.
pub(crate) async fn migrated(dsn: &Dsn) -> Database {
    let database = Database::connect(dsn, &Options::default()).await.unwrap();
    database.migrate::<Migrator>().await.unwrap();
    database
}

pub(crate) struct Process {
    pub(crate) app: App,
    pub(crate) keeper: Keeper,
    stop: CancellationToken,
    tasks: JoinSet<Result<(), elate_consumer::Error>>,
}

impl Process {
    /// One that owns all partitions of the log.
    pub(crate) async fn start(
        database: &Database,
        log: &Arc<MemoryLog>,
        clock: &Arc<ManualClock>,
        member: &str,
    ) -> Self {
        let store = Store::new(database.clone());
        let consumer = Consumer::builder(
            Arc::new(Journeys::default()),
            Arc::new(store.clone()),
            database.clone(),
            Arc::clone(log) as _,
        );
        let consumer = consumer.member(member).build().unwrap();
        let ownership = consumer.ownership();
        let commands = Commands::new(consumer.lane(COMMAND_LANE), ownership.clone(), Arc::clone(clock) as _);
        let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
        tasks.spawn(consumer.run(stop.clone()));
        let partitions = log.heads().len();
        eventually(WITHIN, || async { ownership.all().len() == partitions }).await;
        let app = App::new(store.clone()).with_commands(commands.clone());
        Self { app, keeper: Keeper::new(store, commands), stop, tasks }
    }

    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        self.tasks.join_next().await.unwrap().unwrap().unwrap();
    }
}
