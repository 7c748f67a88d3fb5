//! Putting the loop together, and running it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use elate_domain::{Clock, SystemClock};
use elate_storage::Database;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::drain::{Drain, Outbox};
use crate::emission::source_of;
use crate::engine::Engine;
use crate::lane::Lane;
use crate::leases::Leases;
use crate::metrics::Metrics;
use crate::ownership::Ownership;
use crate::probe::{Open, Probe};
use crate::processor::{Processor, ProcessorStore};
use crate::tables::Tables;
use crate::workers::{Reports, Worker};
use crate::working::Cache;
use crate::{Error, LogSource, Settings};

/// How the loop is, for readiness and for people.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Status {
    /// Partitions held.
    pub partitions: usize,
    /// Records behind the head, over all partitions held.
    pub behind: u64,
    /// Failed turns in a row; 0 when all is well.
    pub failures: u32,
}

/// What a [`Consumer`] is made of.
pub struct Builder<P: Processor> {
    processor: Arc<P>,
    store: Arc<dyn ProcessorStore<P::Row>>,
    database: Database,
    log: Arc<dyn LogSource>,
    settings: Settings,
    member: String,
    clock: Arc<dyn Clock>,
    probe: Arc<dyn Probe>,
}

impl<P: Processor> Builder<P> {
    /// Settings other than the defaults.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// The name of this process among those of the service, the same after a restart (a pod's name): what a former
    /// process of the name held is taken back at once. Two living processes must not share one. Default `local`.
    #[must_use]
    pub fn member(mut self, member: impl Into<String>) -> Self {
        self.member = member.into();
        self
    }

    /// The clock that lag is measured by. Nothing else reads it.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Lets a test reach in.
    #[must_use]
    pub fn probe(mut self, probe: Arc<dyn Probe>) -> Self {
        self.probe = probe;
        self
    }

    /// Puts it together. Nothing runs yet.
    ///
    /// # Errors
    /// Where the service's name makes no source id.
    pub fn build(self) -> Result<Consumer<P>, Error> {
        let tables = Tables { database: self.database, member: self.member.into(), probe: self.probe };
        let source = source_of(P::SERVICE)?;
        let workers = self.settings.workers.max(1);
        let leases = Leases::new(tables.clone(), self.settings.clone(), Arc::clone(&self.log));
        Ok(Consumer {
            processor: self.processor,
            store: self.store,
            log: self.log,
            settings: self.settings,
            clock: self.clock,
            leases: Arc::new(leases),
            outbox: Arc::new(Outbox::default()),
            lanes: Mutex::new(BTreeSet::new()),
            reports: Arc::new(Reports::new(workers)),
            tables,
            source,
        })
    }
}

/// A name for this process among those of its service: always the same on SQLite, which has one process; the pod's or
/// container's name where the environment tells it, so that a restart takes its partitions back at once; else made up.
pub fn member_name(database: &Database) -> String {
    if database.is_embedded() {
        return "local".to_owned();
    }
    let host = std::env::var("HOSTNAME").ok().filter(|host| !host.is_empty());
    host.unwrap_or_else(|| uuid::Uuid::new_v4().to_string())
}

/// The loop of one service in one process.
pub struct Consumer<P: Processor> {
    processor: Arc<P>,
    store: Arc<dyn ProcessorStore<P::Row>>,
    log: Arc<dyn LogSource>,
    settings: Settings,
    clock: Arc<dyn Clock>,
    leases: Arc<Leases>,
    outbox: Arc<Outbox>,
    lanes: Mutex<BTreeSet<&'static str>>,
    reports: Arc<Reports>,
    tables: Tables,
    source: elate_domain::SourceId,
}

impl<P: Processor> Consumer<P> {
    /// Begins with what every consumer needs. The database must be migrated ([`crate::migrations`]).
    pub fn builder(
        processor: Arc<P>,
        store: Arc<dyn ProcessorStore<P::Row>>,
        database: Database,
        log: Arc<dyn LogSource>,
    ) -> Builder<P> {
        Builder {
            processor,
            store,
            database,
            log,
            settings: Settings::default(),
            member: "local".to_owned(),
            clock: Arc::new(SystemClock),
            probe: Arc::new(Open),
        }
    }

    /// A side lane. Ask for all lanes before [`Consumer::run`]: only lanes that were asked for are drained.
    pub fn lane(&self, name: &'static str) -> Lane {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
        Lane::new(name, self.source.clone(), self.tables.clone(), Arc::clone(&self.outbox))
    }

    /// Which partitions are held, and when that changes.
    pub fn ownership(&self) -> Ownership {
        Ownership::new(self.leases.subscribe())
    }

    /// How the loop is.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.reports.subscribe()
    }

    /// Works until `stop`: ends at a commit, drains the outbox (for as long as the settings say) and gives the
    /// leases back. Dropping the future instead is what a crash is: nothing is lost, the leases run out.
    ///
    /// # Errors
    /// Only what needs a person: [`Error::Generation`], [`Error::AboveHead`], or a task that panicked.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Error> {
        let metrics = Metrics::new(P::SERVICE);
        let drain = || Drain {
            outbox: Arc::clone(&self.outbox),
            tables: self.tables.clone(),
            log: Arc::clone(&self.log),
            settings: self.settings.clone(),
            metrics,
        };
        let mut helpers = JoinSet::new();
        helpers.spawn(Arc::clone(&self.leases).run());
        helpers.spawn(drain().run());
        let mut main = JoinSet::new();
        let of = self.settings.workers.max(1);
        for index in 0..of {
            main.spawn(self.engine(metrics, Worker { index, of }).run(stop.clone()));
        }
        let overdue = async {
            stop.cancelled().await;
            tokio::time::sleep(self.settings.stop.0).await;
        };
        // One that fails ends all; after a stop each comes to its commit.
        let all = async {
            while let Some(ended) = main.join_next().await {
                if !matches!(ended, Ok(Ok(()))) {
                    return ended;
                }
            }
            Ok(Ok(()))
        };
        let ended = tokio::select! {
            ended = all => ended,
            Some(ended) = helpers.join_next() => ended,
            () = overdue => {
                warn!("the loop did not come to a commit in time, its last batch is done again after the next start");
                Ok(Ok(()))
            }
        };
        main.shutdown().await;
        let result = ended.unwrap_or_else(|error| Err(Error::Task { reason: error.to_string() }));
        if tokio::time::timeout(self.settings.stop.0, self.outbox.drained()).await.is_err() {
            warn!("outbox not drained in time, the rest goes after the next start");
        }
        helpers.shutdown().await;
        if let Err(error) = drain().tidy().await {
            warn!(%error, "sent records stay in the outbox, the log will recognise them");
        }
        if let Err(error) = self.leases.leave().await {
            warn!(%error, "leases could not be given back, they run out");
        }
        result
    }

    fn engine(&self, metrics: Metrics, worker: Worker) -> Engine<P> {
        let mut lanes: Vec<Arc<str>> = vec![Arc::from(P::SERVICE)];
        lanes.extend(
            self.lanes.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|&name| name.into()),
        );
        Engine {
            processor: Arc::clone(&self.processor),
            store: Arc::clone(&self.store),
            log: Arc::clone(&self.log),
            tables: self.tables.clone(),
            settings: self.settings.clone(),
            leases: Arc::clone(&self.leases),
            holdings: self.leases.subscribe(),
            outbox: Arc::clone(&self.outbox),
            lanes,
            source: self.source.clone(),
            clock: Arc::clone(&self.clock),
            metrics,
            worker,
            reports: Arc::clone(&self.reports),
            cache: Cache::new(
                self.settings.cache_customers / worker.of,
                self.settings.cache_bytes / worker.of,
            ),
            slots: BTreeMap::new(),
            stream: None,
            failures: 0,
        }
    }
}
