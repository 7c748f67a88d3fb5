//! The use-cases: the only orchestration of the service.
//!
//! [`App::open`] wires them to a migrated database and a log; [`App::tasks`] are the loops that must run beside them;
//! everything else is asked through the ports ([`crate::ports`]), which [`App`] hands out.

use std::sync::Arc;
use std::time::Duration;

use elate_domain::Clock;
use elate_log::Log;
use elate_storage::Database;
use futures::FutureExt;
use futures::future::BoxFuture;

mod admin;
mod append;
mod appender;
mod cache;
mod catalog;
mod customers;
mod definitions;
mod duplicates;
mod erase;
mod error;
mod follow;
mod identities;
mod indexer;
mod ingest;
mod log;
mod timeline;

pub use error::Error;

use crate::ports::{Admin, CustomerLog, Customers, Definitions, Ingest, Manifests};
use crate::store::seen::{self, Seen};
use crate::store::{Install, install};

/// How long a resolved key may be kept, and so how long a revoked one may still work elsewhere.
pub const KEY_CACHE: Duration = Duration::from_secs(10);

/// How the service works, besides its log.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Append transactions at once: 1 on SQLite, which has one writer; 2 let one prepare while the other commits.
    pub lanes: usize,
    /// Events that one append transaction takes at the most (a single request is never divided).
    pub group_events: usize,
    /// Bytes that one append transaction takes at the most.
    pub group_bytes: usize,
    /// Events that may wait; more are refused with a delay.
    pub queue_events: usize,
    /// Bytes that may wait.
    pub queue_bytes: usize,
    /// Whole days over which a repeated message is recognised; at least 7.
    pub duplicate_days: i64,
    /// Message keys of this process after which a segment of them is closed.
    pub duplicate_segment: u64,
    /// Identifiers whose customers are kept in memory.
    pub cached_identifiers: usize,
    /// Services that answer to an erasure.
    pub services: Vec<String>,
    /// Makes the ids of new customers out of this seed and their first message, instead of time and chance.
    pub customer_seed: Option<String>,
}

impl Settings {
    /// What suits one process on SQLite.
    pub fn embedded() -> Self {
        Self { lanes: 1, duplicate_days: 30, duplicate_segment: 100_000, ..Self::production() }
    }

    /// What suits PostgreSQL.
    pub fn production() -> Self {
        Self {
            lanes: 2,
            group_events: 5_000,
            group_bytes: 4 * 1024 * 1024,
            queue_events: 50_000,
            queue_bytes: 64 * 1024 * 1024,
            duplicate_days: 7,
            duplicate_segment: 900_000,
            cached_identifiers: 200_000,
            services: ["journeys", "scoring", "notifications"].map(str::to_owned).to_vec(),
            customer_seed: None,
        }
    }
}

/// What all use-cases share.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) database: Database,
    pub(crate) log: Log,
    pub(crate) settings: Settings,
    pub(crate) install: Install,
    pub(crate) seen: Seen,
    pub(crate) cache: cache::Cache,
    pub(crate) careful: std::sync::atomic::AtomicBool,
    pub(crate) catalog: catalog::Catalog,
    pub(crate) keys: admin::KeyCache,
}

impl Core {
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        self.log.clock()
    }
}

/// The service without its edges. Cheap to clone.
#[derive(Clone)]
pub struct App {
    core: Arc<Core>,
    appender: Arc<appender::Appender>,
    manifests: Arc<dyn Manifests>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}

impl App {
    /// Opens the service on a migrated database ([`crate::store::Migrator`]). Reads the keys of messages seen so far, so it may take
    /// some seconds on a large database.
    pub async fn open(
        database: Database,
        log: Log,
        settings: Settings,
        manifests: Arc<dyn Manifests>,
    ) -> Result<Self, Error> {
        let install = install(&database).await?;
        let seen_settings =
            seen::Settings { days: settings.duplicate_days.max(7), segment_keys: settings.duplicate_segment };
        let seen = Seen::open(&database, seen_settings).await?;
        let cache = cache::Cache::new(&log.shape().await?, settings.cached_identifiers);
        let core = Arc::new(Core {
            database,
            log,
            settings,
            install,
            seen,
            cache,
            careful: false.into(),
            catalog: catalog::Catalog::new(),
            keys: admin::KeyCache::default(),
        });
        let appender = Arc::new(appender::Appender::new(Arc::clone(&core)));
        Ok(Self { core, appender, manifests })
    }

    /// Takes messages in.
    pub fn ingest(&self) -> Arc<dyn Ingest> {
        Arc::new(self.clone())
    }

    /// Customers.
    pub fn customers(&self) -> Arc<dyn Customers> {
        Arc::new(self.clone())
    }

    /// Definitions.
    pub fn definitions(&self) -> Arc<dyn Definitions> {
        Arc::new(self.clone())
    }

    /// Workspaces, keys, switches.
    pub fn admin(&self) -> Arc<dyn Admin> {
        Arc::new(self.clone())
    }

    /// The log, for services.
    pub fn customer_log(&self) -> Arc<dyn CustomerLog> {
        Arc::new(self.clone())
    }

    /// The loops that must run beside the service, with their names. They end only when they are dropped; drop
    /// them after [`Self::drain`].
    pub fn tasks(&self) -> Vec<(String, BoxFuture<'static, ()>)> {
        let mut tasks: Vec<(String, BoxFuture<'static, ()>)> = Vec::new();
        for lane in 0..self.core.settings.lanes.max(1) {
            let appender = Arc::clone(&self.appender);
            tasks.push((format!("append-{lane}"), async move { appender.run().await }.boxed()));
        }
        let log = self.core.log.clone();
        tasks.push(("log-tail".to_owned(), async move { log.run().await }.boxed()));
        let core = Arc::clone(&self.core);
        tasks.push(("timeline-index".to_owned(), async move { indexer::run(&core).await }.boxed()));
        let core = Arc::clone(&self.core);
        tasks.push(("seen-messages".to_owned(), async move { duplicates::maintain(&core).await }.boxed()));
        let core = Arc::clone(&self.core);
        tasks.push(("catalog".to_owned(), async move { catalog::run(&core).await }.boxed()));
        tasks
    }

    /// Takes no more, and returns when all that was taken is durable.
    pub async fn drain(&self) {
        self.appender.drain().await;
    }

    /// Whether the database answers; for readiness.
    pub async fn ping(&self) -> Result<(), Error> {
        Ok(self.core.database.ping().await?)
    }
}
