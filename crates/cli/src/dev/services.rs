//! The four components in one process.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use elate_domain::Clock;
use elate_events::EventsComponent;
use elate_journeys::JourneysComponent;
use elate_notifications::NotificationsComponent;
use elate_notifications::config::SecretsFolder;
use elate_rpc::{Channel, Secret};
use elate_runtime::{Component, DatabaseSettings, Environment, Host, Migrations, ProcessSettings, open};
use elate_scoring::ScoringComponent;
use elate_simulate::SimulationComponent;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Dev, keys, mail};
use crate::client::Target;
use crate::output::line;

/// Of the ids of customers in a playback.
const PLAY_SEED: &str = "story";

/// The process, serving.
pub struct Running {
    /// A channel to events with the service credential.
    pub events: Channel,
    address: SocketAddr,
    admin: SocketAddr,
    tasks: Mutex<JoinSet<Result<()>>>,
    host: tokio::sync::Mutex<JoinSet<Result<()>>>,
    stop: CancellationToken,
}

/// Opens the components, leaf first, and serves them.
pub async fn start(
    dev: &Dev,
    mail_server: &mail::Server,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) -> Result<Running> {
    let settings = process_settings(dev)?;
    let guard = elate_telemetry::init(&settings.telemetry(), "elate", env!("CARGO_PKG_VERSION"))?;
    let names = [
        EventsComponent::SERVICES,
        JourneysComponent::SERVICES,
        ScoringComponent::SERVICES,
        NotificationsComponent::SERVICES,
        SimulationComponent::SERVICES,
    ]
    .concat();
    let redis = dev.redis.clone().map(Secret::new);
    let token = settings.service_token.clone();
    let mut host = Host::bind(settings, dev.listen, &names, guard.prometheus()).await?;
    let mut environment =
        Environment { events: None, clock, redis, service_token: token, limiter: host.limiter() };

    let mut own = elate_events::EventsSettings::default();
    own.bootstrap.workspace = dev.workspace.as_str().to_owned();
    own.bootstrap.key_file = Some(keys::admin_file(&dev.data));
    // A played story goes the same way each time: nobody in it is held out by chance.
    own.ingest.customer_seed = dev.play.as_ref().map(|_| PLAY_SEED.to_owned());
    let events = open::<EventsComponent>(own, &database(dev, "events"), &environment).await?;
    let channel = host.in_process(&events);
    environment.events = Some(channel.clone());
    host.add(events);
    host.add(open::<JourneysComponent>(Default::default(), &database(dev, "journeys"), &environment).await?);
    host.add(open::<ScoringComponent>(Default::default(), &database(dev, "scoring"), &environment).await?);
    let own = elate_notifications::NotificationsSettings {
        variables: variables(host.address(), mail_server),
        secrets_folder: SecretsFolder(dev.secrets.clone().unwrap_or_else(|| dev.data.join("secrets"))),
        ..Default::default()
    };
    host.add(open::<NotificationsComponent>(own, &database(dev, "notifications"), &environment).await?);
    host.add(SimulationComponent::build(Default::default(), channel.clone()));

    let (address, admin) = (host.address(), host.admin_address());
    let mut serving = JoinSet::new();
    let stopped = stop.clone();
    serving.spawn(async move {
        let ended = host.run(async move { stopped.cancelled().await }).await;
        // Exporters block while they flush.
        let _ = tokio::task::spawn_blocking(|| guard.shutdown()).await;
        Ok(ended?)
    });
    let tasks = Mutex::new(JoinSet::new());
    Ok(Running { events: channel, address, admin, tasks, host: tokio::sync::Mutex::new(serving), stop })
}

fn process_settings(dev: &Dev) -> Result<ProcessSettings> {
    let mut settings =
        ProcessSettings { service_token: keys::service_token(&dev.data)?, ..ProcessSettings::default() };
    settings.log.filter = dev.log.clone();
    settings.otlp.endpoint.clone_from(&dev.otlp);
    // Whoever looks at a machine of their own wants to see all of it, and soon.
    (settings.otlp.sample_ratio, settings.otlp.metrics_interval_seconds) = (1.0, 5);
    Ok(settings)
}

fn database(dev: &Dev, service: &str) -> DatabaseSettings {
    let url = match &dev.postgres {
        Some(url) => url.replace("{service}", service),
        None => format!("sqlite://{}", dev.data.join(format!("{service}.db")).display()),
    };
    DatabaseSettings { migrations: Migrations::Run, ..DatabaseSettings::at(url) }
}

/// What the example's channel reads from its environment.
fn variables(address: SocketAddr, mail_server: &mail::Server) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("ELATE_DEV_SMTP_HOST".to_owned(), mail_server.host.clone()),
        ("ELATE_DEV_SMTP_PORT".to_owned(), mail_server.port.to_string()),
        ("ELATE_PUBLIC_URL".to_owned(), format!("http://{address}")),
    ])
}

impl Running {
    /// Where the services are.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where health and metrics are.
    pub fn admin_url(&self) -> String {
        format!("http://{}", self.admin)
    }

    /// A client of these services.
    pub fn target(&self, key: &str) -> Target {
        Target {
            server: self.url(),
            journeys: None,
            scoring: None,
            notifications: None,
            simulation: None,
            key: Some(key.to_owned()),
        }
    }

    fn spawn(&self, task: impl Future<Output = Result<()>> + Send + 'static) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).spawn(task);
    }

    /// Starts the mail sink; without one, no mail ever comes.
    pub fn take_mail(&self, sink: Option<mail::Sink>) -> mpsc::UnboundedReceiver<mail::Mail> {
        let (sender, receiver) = mpsc::unbounded_channel();
        if let Some(sink) = sink {
            self.spawn(sink.run(sender, self.stop.clone()));
        }
        receiver
    }

    /// Shows each mail as it comes.
    pub fn show_mail_from_now_on(&self, mut mails: mpsc::UnboundedReceiver<mail::Mail>) {
        self.spawn(async move {
            while let Some(mail) = mails.recv().await {
                line(format!("mail     to {}: {}", mail.to, mail.subject))?;
            }
            Ok(())
        });
    }

    /// Waits until the process has stopped.
    pub async fn finished(&self) -> Result<()> {
        let ended = self.host.lock().await.join_next().await;
        self.stop.cancel();
        ended.context("the services were never started")??
    }
}
