//! What a service gives to the process that it runs in.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use elate_domain::Clock;
use elate_rpc::auth::{Authenticator, RemoteAuthenticator};
use elate_rpc::rate::RateLimiter;
use elate_rpc::{Channel, Reason, Secret};
use elate_storage::{Database, Dsn, Options};
use elate_telemetry::metrics::Metric;
use futures::future::BoxFuture;
use sea_orm_migration::MigratorTrait;
use tonic::service::RoutesBuilder;

use crate::config::Settings;
use crate::settings::{DatabaseSettings, Migrations};
use crate::supervisor::Task;

/// A service, as the processes see it: alone in its own binary, or with others in one.
#[async_trait]
pub trait Component: Send + Sync + 'static {
    /// Its name: `events`, `journeys`, `scoring` or `notifications`.
    const NAME: &'static str;
    /// The full names of its gRPC services, for health and reflection.
    const SERVICES: &'static [&'static str];
    /// The port that its own binary listens on by default; the admin port is a hundred above.
    const PORT: u16;
    /// Its own settings, beside those of the process.
    type Settings: Settings;
    /// The migrations of its own database.
    type Migrator: MigratorTrait + Send;

    /// The metrics that it records.
    fn metrics() -> Vec<Metric> {
        Vec::new()
    }

    /// The reasons that its errors give, for the reference.
    fn reasons() -> Vec<Reason> {
        Vec::new()
    }

    /// Builds it. Nothing runs before its tasks are started; the database is migrated.
    async fn build(settings: Self::Settings, dependencies: Dependencies) -> anyhow::Result<Built>;
}

/// What a component is built from.
#[derive(Debug, Clone)]
pub struct Dependencies {
    /// Its own database, migrated.
    pub database: Database,
    /// A channel to events with the service credential; `None` for events itself.
    pub events: Option<Channel>,
    /// Where the edges get the time from.
    pub clock: Arc<dyn Clock>,
    /// The tail of the log; `None` keeps it in the process.
    pub redis: Option<Secret>,
    /// The credential that services share.
    pub service_token: Secret,
    /// Requests of one key, where they are limited. HTTP edges use it too.
    pub limiter: Option<Arc<RateLimiter>>,
}

/// A component was built without something that it needs.
#[derive(Debug, thiserror::Error)]
#[error("this component needs a channel to events")]
pub struct NoEvents;

impl Dependencies {
    /// The channel to events.
    pub fn events(&self) -> Result<Channel, NoEvents> {
        self.events.clone().ok_or(NoEvents)
    }
}

type Services = Arc<dyn Fn(&mut RoutesBuilder) + Send + Sync>;

/// A built component.
pub struct Built {
    pub(crate) services: Services,
    pub(crate) names: &'static [&'static str],
    pub(crate) http: Router,
    pub(crate) tasks: Vec<Task>,
    pub(crate) checks: Vec<Check>,
    pub(crate) authenticator: Option<Arc<dyn Authenticator>>,
    pub(crate) databases: Vec<Database>,
}

impl fmt::Debug for Built {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Built")
            .field("services", &self.names)
            .field("tasks", &self.tasks)
            .field("checks", &self.checks)
            .finish_non_exhaustive()
    }
}

impl Built {
    /// A component with these gRPC services. `add` may be called several times: for the port, and for calls in the same
    /// process.
    ///
    /// ```
    /// # fn example<S>(server: S) where S: tower::Service<http::Request<tonic::body::Body>, Response = http::Response<tonic::body::Body>, Error = std::convert::Infallible>
    /// #     + tonic::server::NamedService + Clone + Send + Sync + 'static, S::Future: Send + 'static {
    /// let built = elate_runtime::Built::new(move |routes| {
    ///     routes.add_service(server.clone());
    /// });
    /// # }
    /// ```
    pub fn new(add: impl Fn(&mut RoutesBuilder) + Send + Sync + 'static) -> Self {
        Self {
            services: Arc::new(add),
            names: &[],
            http: Router::new(),
            tasks: Vec::new(),
            checks: Vec::new(),
            authenticator: None,
            databases: Vec::new(),
        }
    }

    /// With the full names of its gRPC services, for reflection. [`open`] does this for a [`Component`]; what keeps no data
    /// of its own, and so is not opened, does it itself.
    #[must_use]
    pub fn named(mut self, services: &'static [&'static str]) -> Self {
        self.names = services;
        self
    }

    /// With HTTP routes. The paths of all components share one port, so they must differ.
    #[must_use]
    pub fn http(mut self, router: Router) -> Self {
        self.http = self.http.merge(router);
        self
    }

    /// With a task.
    #[must_use]
    pub fn task(mut self, task: Task) -> Self {
        self.tasks.push(task);
        self
    }

    /// With tasks.
    #[must_use]
    pub fn tasks(mut self, tasks: impl IntoIterator<Item = Task>) -> Self {
        self.tasks.extend(tasks);
        self
    }

    /// With a check that must pass for the process to be ready. The database is checked anyhow.
    #[must_use]
    pub fn check(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }

    /// With an authenticator of its own; by default keys are resolved by events.
    #[must_use]
    pub fn authenticator(mut self, authenticator: Arc<dyn Authenticator>) -> Self {
        self.authenticator = Some(authenticator);
        self
    }
}

type Probe = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// Something that must work for a process to be ready.
#[derive(Clone)]
pub struct Check {
    name: String,
    probe: Probe,
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Check").field(&self.name).finish()
    }
}

/// A check that takes longer has failed.
const CHECK_LIMIT: Duration = Duration::from_secs(3);

impl Check {
    /// A check. The sentence of a failure is shown on `/readyz`: no secrets in it.
    pub fn new<F, T>(name: impl Into<String>, probe: F) -> Self
    where
        F: Fn() -> T + Send + Sync + 'static,
        T: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self { name: name.into(), probe: Arc::new(move || Box::pin(probe())) }
    }

    /// A check that the database answers.
    pub fn database(name: impl Into<String>, database: Database) -> Self {
        Self::new(name, move || {
            let database = database.clone();
            async move { database.ping().await.map_err(|error| error.to_string()) }
        })
    }

    /// Runs it; the sentence of the failure, if it fails.
    pub(crate) async fn run(&self) -> Option<String> {
        match tokio::time::timeout(CHECK_LIMIT, (self.probe)()).await {
            Ok(Ok(())) => None,
            Ok(Err(reason)) => Some(format!("{}: {reason}", self.name)),
            Err(_) => Some(format!("{}: no answer within {CHECK_LIMIT:?}", self.name)),
        }
    }
}

/// What components of one process share.
#[derive(Debug, Clone)]
pub struct Environment {
    /// A channel to events with the service credential; `None` while events itself is opened.
    pub events: Option<Channel>,
    /// Where the edges get the time from.
    pub clock: Arc<dyn Clock>,
    /// The tail of the log.
    pub redis: Option<Secret>,
    /// The credential that services share.
    pub service_token: Secret,
    /// Requests of one key.
    pub limiter: Option<Arc<RateLimiter>>,
}

/// Why a component could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Where its database is.
    #[error("{component}: database.url {source}")]
    Dsn {
        /// The component.
        component: &'static str,
        /// Why.
        source: elate_storage::InvalidDsn,
    },
    /// Its database.
    #[error("{component}: {source}")]
    Database {
        /// The component.
        component: &'static str,
        /// Why.
        source: elate_storage::Error,
    },
    /// The component itself.
    #[error("{component}: {source:#}")]
    Build {
        /// The component.
        component: &'static str,
        /// Why.
        source: anyhow::Error,
    },
}

/// Where a component keeps its data if nothing was said.
pub(crate) fn dsn_of<C: Component>(settings: &DatabaseSettings) -> Result<Dsn, OpenError> {
    let dsn = settings.dsn().map_err(|source| OpenError::Dsn { component: C::NAME, source })?;
    Ok(dsn.unwrap_or_else(|| Dsn::Sqlite(format!("data/{}.db", C::NAME).into())))
}

/// Opens the database, and keeps trying while it isn't there yet.
pub(crate) async fn connect<C: Component>(settings: &DatabaseSettings) -> Result<Database, OpenError> {
    let dsn = dsn_of::<C>(settings)?;
    let options = Options {
        max_connections: settings.max_connections,
        acquire_timeout: settings.acquire_timeout.0,
        application_name: format!("elate-{}", C::NAME),
        ..Options::default()
    };
    let deadline = tokio::time::Instant::now() + settings.wait.0;
    let pause = Duration::from_millis(500);
    loop {
        match Database::connect(&dsn, &options).await {
            Ok(database) => return Ok(database),
            // A file doesn't appear by waiting.
            Err(error)
                if matches!(dsn, Dsn::Postgres(_)) && tokio::time::Instant::now() + pause < deadline =>
            {
                tracing::info!(%error, "waiting for the database");
                tokio::time::sleep(pause).await;
            }
            Err(source) => return Err(OpenError::Database { component: C::NAME, source }),
        }
    }
}

/// Opens a component: connects its database, brings the schema up to date or waits for it, and builds it.
pub async fn open<C: Component>(
    settings: C::Settings,
    database: &DatabaseSettings,
    environment: &Environment,
) -> Result<Built, OpenError> {
    let wrap = |source| OpenError::Database { component: C::NAME, source };
    let opened = connect::<C>(database).await?;
    let migrate = match database.migrations {
        Migrations::Auto => opened.is_embedded(),
        Migrations::Run => true,
        Migrations::Wait => false,
    };
    if migrate {
        opened.migrate::<C::Migrator>().await.map_err(wrap)?;
    } else {
        opened.wait_for_migrations::<C::Migrator>(database.wait.0).await.map_err(wrap)?;
    }
    let dependencies = Dependencies {
        database: opened.clone(),
        events: environment.events.clone(),
        clock: Arc::clone(&environment.clock),
        redis: environment.redis.clone(),
        service_token: environment.service_token.clone(),
        limiter: environment.limiter.clone(),
    };
    elate_telemetry::metrics::describe(&C::metrics());
    let mut built = C::build(settings, dependencies)
        .await
        .map_err(|source| OpenError::Build { component: C::NAME, source })?;
    built.names = C::SERVICES;
    built.checks.push(Check::database(format!("{} database", C::NAME), opened.clone()));
    built.databases.push(opened);
    if built.authenticator.is_none() {
        built.authenticator = environment
            .events
            .clone()
            .map(|events| Arc::new(RemoteAuthenticator::new(events)) as Arc<dyn Authenticator>);
    }
    Ok(built)
}
