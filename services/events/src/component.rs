//! The events service, built for the process that it runs in.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use elate_domain::WorkspaceId;
use elate_log::{Log, RedisOptions};
use elate_rpc::{Authenticator, Reason};
use elate_runtime::{Built, Check, Component, Dependencies, Phase, Task};
use elate_telemetry::metrics::Metric;
use futures::future::BoxFuture;
use tracing::info;

use crate::app::{self, App};
use crate::config::{BootstrapSettings, EventsSettings};
use crate::error::reasons;
use crate::grpc::{self, Ports};
use crate::http::{self, Edge};
use crate::keys::KeyAuthenticator;
use crate::manifests::ManifestRegistry;
use crate::metrics;
use crate::model::key::NewSecret;
use crate::store::Migrator;

/// Partitions of a new log on SQLite.
const EMBEDDED_PARTITIONS: u32 = 8;
/// Partitions of a new log on PostgreSQL.
const PARTITIONS: u32 = 64;

/// The events service.
#[derive(Debug, Clone, Copy)]
pub struct EventsComponent;

#[async_trait::async_trait]
impl Component for EventsComponent {
    const NAME: &'static str = "events";
    const SERVICES: &'static [&'static str] = grpc::SERVICES;
    const PORT: u16 = 7400;
    type Settings = EventsSettings;
    type Migrator = Migrator;

    fn metrics() -> Vec<Metric> {
        [metrics::ALL, elate_log::metrics::ALL].concat()
    }

    fn reasons() -> Vec<Reason> {
        reasons::ALL.to_vec()
    }

    async fn build(settings: EventsSettings, dependencies: Dependencies) -> anyhow::Result<Built> {
        let app = open(&settings, &dependencies).await?;
        bootstrap(&app, &settings.bootstrap).await?;
        let authenticator: Arc<dyn Authenticator> = Arc::new(KeyAuthenticator::new(app.admin()));
        let edge = Edge::new(
            app.ingest(),
            Arc::clone(&authenticator),
            dependencies.limiter,
            dependencies.clock,
            settings.http.clone(),
        );
        let ports = Ports {
            ingest: app.ingest(),
            customers: app.customers(),
            definitions: app.definitions(),
            admin: app.admin(),
            log: app.customer_log(),
        };
        let stream_batches = settings.ingest.stream_batches;
        let pinged = app.clone();
        Ok(Built::new(move |routes| grpc::add_to(routes, &ports, stream_batches))
            .http(http::router(edge))
            .authenticator(authenticator)
            .check(Check::new("events", move || {
                let app = pinged.clone();
                async move { app.ping().await.map_err(|error| error.to_string()) }
            }))
            .tasks(app.tasks().into_iter().map(|(name, run)| task(&app, name, run))))
    }
}

async fn open(settings: &EventsSettings, dependencies: &Dependencies) -> anyhow::Result<App> {
    let embedded = dependencies.database.is_embedded();
    let partitions = match settings.partitions {
        0 if embedded => EMBEDDED_PARTITIONS,
        0 => PARTITIONS,
        given => given,
    };
    let options = elate_log::Options {
        partitions,
        redis: dependencies.redis.as_ref().map(|url| RedisOptions::of(url.reveal())),
        ..elate_log::Options::default()
    };
    let log = Log::open(dependencies.database.clone(), Arc::clone(&dependencies.clock), options)
        .await
        .context("the log can't be opened")?;
    let mut app_settings = if embedded { app::Settings::embedded() } else { app::Settings::production() };
    app_settings.customer_seed = settings.ingest.customer_seed.clone();
    App::open(dependencies.database.clone(), log, app_settings, Arc::new(ManifestRegistry))
        .await
        .context("the store can't be opened")
}

/// A loop of the service. In the last phase: in one process with the others, their outboxes drain into this service.
fn task(app: &App, name: String, run: BoxFuture<'static, ()>) -> Task {
    let app = app.clone();
    Task::new(format!("events {name}"), Phase::Background, move |stop| async move {
        tokio::select! {
            () = run => bail!("the loop ended"),
            () = async {
                stop.cancelled().await;
                app.drain().await;
            } => Ok(()),
        }
    })
}

/// Makes the first workspace where there is none, and gives its key to the operator, once.
async fn bootstrap(app: &App, settings: &BootstrapSettings) -> anyhow::Result<()> {
    if settings.workspace.is_empty() {
        return Ok(());
    }
    let workspace = WorkspaceId::try_new(&settings.workspace).context("bootstrap.workspace")?;
    let Some(new) = app.admin().bootstrap(&workspace).await? else { return Ok(()) };
    match &settings.key_file {
        Some(path) => {
            write_key(path, &new).with_context(|| format!("{} can't be written", path.display()))?;
            info!(%workspace, file = %path.display(), "made the first workspace; its admin key is in the file");
        }
        None => {
            print_key(&workspace, &new);
            info!(%workspace, "made the first workspace; its admin key was printed once");
        }
    }
    Ok(())
}

fn write_key(path: &Path, new: &NewSecret) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    writeln!(file, "{}", new.secret)
}

/// Printed and not logged: logs are kept and shipped, and a key must not be.
#[allow(clippy::print_stdout, reason = "the one time that the key is shown")]
fn print_key(workspace: &WorkspaceId, new: &NewSecret) {
    println!("admin key of workspace {workspace} (shown this once): {}", new.secret);
}
