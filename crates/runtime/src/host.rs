//! A process: ports that are bound first, components, and the order in which all of it starts and stops.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use elate_rpc::auth::{Authenticator, NoKeys, WithServiceToken};
use elate_rpc::health::Readiness;
use elate_rpc::rate::RateLimiter;
use elate_rpc::{Channel, GrpcService, Stack, client, edge, reflection};
use elate_storage::Database;
use elate_telemetry::Prometheus;
use tokio::time::MissedTickBehavior;
use tonic::service::{Routes, RoutesBuilder};
use tracing::{error, info};

use crate::admin::{self, Metrics};
use crate::component::{Built, Check};
use crate::server::{BindError, Port};
use crate::settings::ProcessSettings;
use crate::signals::stop_signal;
use crate::supervisor::{Failure, Phase, Supervisor, Task};

/// Time between two rounds of checks.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// Why a process could not serve, or ended.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// A port.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The contracts can't be reflected.
    #[error("reflection: {0}")]
    Reflection(#[from] reflection::Error),
    /// A task.
    #[error(transparent)]
    Task(#[from] Failure),
}

/// A process with its ports.
pub struct Host {
    settings: ProcessSettings,
    port: Port,
    admin_address: SocketAddr,
    supervisor: Supervisor,
    readiness: Readiness,
    limiter: Option<Arc<RateLimiter>>,
    components: Vec<Built>,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host")
            .field("port", &self.port)
            .field("admin", &self.admin_address)
            .finish_non_exhaustive()
    }
}

impl Host {
    /// Binds both ports. The admin port is served at once and says "not ready"; on the other one connections wait.
    /// `services` are the gRPC services of all components that will be added.
    pub async fn bind(
        settings: ProcessSettings,
        listen: SocketAddr,
        services: &[&'static str],
        metrics: Prometheus,
    ) -> Result<Self, HostError> {
        let listen = settings.listen.unwrap_or(listen);
        let admin = settings.admin_listen.unwrap_or_else(|| above(listen));
        let (port, admin) = (Port::bind(listen).await?, Port::bind(admin).await?);
        let readiness = Readiness::new(services);
        let mut supervisor = Supervisor::new();
        let admin_address = admin.address();
        let page = metrics.clone();
        let render: Metrics = Arc::new(move || page.render());
        let router = admin::router(readiness.clone(), render);
        supervisor.spawn(upkeep(metrics));
        // In the last phase: it answers "not ready" until the end.
        supervisor.spawn(Task::new("admin port", Phase::Background, move |stop| async move {
            Ok(admin.serve(router, None, stop).await?)
        }));
        let limiter = settings.limits.rate_limiter();
        Ok(Self { settings, port, admin_address, supervisor, readiness, limiter, components: Vec::new() })
    }

    /// The address for gRPC and HTTP.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The address for health and metrics.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// Whether it may get requests, for those who want to know.
    pub fn readiness(&self) -> Readiness {
        self.readiness.clone()
    }

    /// The limiter of requests by key, to be shared with the components.
    pub fn limiter(&self) -> Option<Arc<RateLimiter>> {
        self.limiter.clone()
    }

    fn stack(&mut self, authenticator: Option<Arc<dyn Authenticator>>) -> Stack {
        let keys = authenticator.unwrap_or_else(|| Arc::new(NoKeys));
        let authenticator = Arc::new(WithServiceToken::new(self.settings.service_token.clone(), keys));
        Stack::with_limits(authenticator, self.settings.limits.clone())
            .share_limiter(self.limiter.clone())
            .stop_with(self.supervisor.token(Phase::Serve))
    }

    /// A channel to a component in this process, with the service credential.
    pub fn in_process(&mut self, built: &Built) -> Channel {
        let mut routes = RoutesBuilder::default();
        (built.services)(&mut routes);
        let service = self.stack(built.authenticator.clone()).apply(routes.routes());
        client::in_process(service, Some(self.settings.service_token.clone()))
    }

    /// Adds a component to what is served. The authenticator of the first one that has one holds for the port.
    pub fn add(&mut self, built: Built) {
        self.components.push(built);
    }

    /// Adds a task of the process itself.
    pub fn spawn(&mut self, task: Task) {
        self.supervisor.spawn(task);
    }

    async fn grpc(&mut self) -> Result<GrpcService, HostError> {
        let mut routes = RoutesBuilder::from(Routes::default());
        let mut names = Vec::new();
        for component in &self.components {
            (component.services)(&mut routes);
            names.extend_from_slice(component.names);
        }
        self.readiness.add_to(&mut routes).await;
        reflection::add_to(&mut routes, &names)?;
        let authenticator = self.components.iter().find_map(|component| component.authenticator.clone());
        Ok(self.stack(authenticator).apply(routes.routes()))
    }

    /// Serves until `stop`, until a signal, or until a task ends by itself; then stops in order. A second signal ends the
    /// process at once.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> Result<(), HostError> {
        let grpc = self.grpc().await?;
        let mut http = Router::new();
        let (mut checks, mut databases) = (Vec::new(), Vec::new());
        for component in self.components {
            http = http.merge(component.http);
            checks.extend(component.checks);
            databases.extend(component.databases);
            for task in component.tasks {
                self.supervisor.spawn(task);
            }
        }
        let (address, tls) = (self.port.address(), self.settings.tls.clone());
        let (port, router) = (self.port, edge::router(grpc, http));
        self.supervisor.spawn(Task::new("port", Phase::Serve, move |stop| async move {
            Ok(port.serve(router, Some(&tls), stop).await?)
        }));
        self.supervisor.spawn(checking(checks, self.readiness.clone()));
        info!(%address, admin = %self.admin_address, "serving");

        let ended = self
            .supervisor
            .watch(async {
                tokio::select! { () = stop => {}, () = stop_signal() => {} }
            })
            .await;
        if let Err(failure) = &ended {
            error!(error = %failure, "stopping");
        }
        let second = async {
            stop_signal().await;
            error!("a second signal: ending at once");
            std::process::exit(130);
        };
        let stopped = tokio::select! {
            stopped = shut_down(self.supervisor, &self.readiness, &self.settings, databases) => stopped,
            never = second => never,
        };
        Ok(ended.and(stopped)?)
    }
}

/// The order of the stop; the phases of tasks are the supervisor's.
async fn shut_down(
    supervisor: Supervisor,
    readiness: &Readiness,
    settings: &ProcessSettings,
    databases: Vec<Database>,
) -> Result<(), Failure> {
    info!("stopping");
    readiness.stop().await;
    tokio::time::sleep(settings.stop.delay.0).await;
    let stopped = supervisor.stop(settings.stop.grace.0).await;
    for database in databases {
        // A straggler may still hold a connection, and closing waits for it.
        match tokio::time::timeout(Duration::from_secs(2), database.close()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => error!(%error, dsn = %database.dsn(), "closing the database failed"),
            Err(_) => error!(dsn = %database.dsn(), "closing the database took too long"),
        }
    }
    stopped
}

/// Without upkeep histograms keep every sample until somebody looks at the page.
fn upkeep(metrics: Prometheus) -> Task {
    Task::new("metrics upkeep", Phase::Background, |stop| async move {
        let mut ticks = tokio::time::interval(Duration::from_secs(5));
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                _ = ticks.tick() => metrics.run_upkeep(),
            }
        }
    })
}

fn checking(checks: Vec<Check>, readiness: Readiness) -> Task {
    Task::new("checks", Phase::Background, |stop| async move {
        let mut ticks = tokio::time::interval(CHECK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                _ = ticks.tick() => {
                    let failures = futures::future::join_all(checks.iter().map(Check::run)).await;
                    readiness.observe(failures.into_iter().flatten().collect()).await;
                }
            }
        }
    })
}

fn above(listen: SocketAddr) -> SocketAddr {
    let port = if listen.port() == 0 { 0 } else { listen.port().saturating_add(100) };
    SocketAddr::new(listen.ip(), port)
}
