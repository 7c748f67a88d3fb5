//! Notifications as a part of a process.

use std::sync::Arc;

use elate_consumer::source::GrpcLog;
use elate_consumer::{Consumer, Lane, LogSource, Ownership};
use elate_domain::Clock;
use elate_proto::notifications::v1::notifications_service_server::{
    NotificationsServiceServer, SERVICE_NAME,
};
use elate_rpc::Reason;
use elate_rpc::customers::Directory;
use elate_runtime::{Built, Component, Dependencies, Phase, Task};
use elate_telemetry::metrics::Metric;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::{self, App};
use crate::config::{DeliverySettings, NotificationsSettings};
use crate::delivery::channels::Channels;
use crate::delivery::definitions::Cache;
use crate::delivery::secrets::Variables;
use crate::delivery::trust::Trust;
use crate::delivery::{self, Context, Dispatcher};
use crate::grpc::Grpc;
use crate::metrics;
use crate::model::Notifications;
use crate::store::{Migrator, Store};
use crate::survey_page;
use crate::unsubscribe::{self, Links};

/// The lane of commands.
const COMMAND_LANE: &str = "notifications-command";

/// The notifications service.
#[derive(Debug, Clone, Copy)]
pub struct NotificationsComponent;

/// The loop and the dispatcher, which belong together: the dispatcher writes under the loop's leases.
pub struct Engine {
    consumer: Consumer<Notifications>,
    dispatcher: Dispatcher,
    commands: Lane,
    ownership: Ownership,
}

/// What an [`Engine`] is made of.
pub struct Parts {
    /// Its tables.
    pub store: Store,
    /// Where records come from.
    pub log: Arc<dyn LogSource>,
    /// The name of this process among those of the service.
    pub member: String,
    /// The loop's settings.
    pub consumer: elate_consumer::Settings,
    /// The delivery's settings.
    pub delivery: DeliverySettings,
    /// What channels take from the environment.
    pub variables: Variables,
    /// Whose word counts for the certificates of mail servers and webhooks.
    pub trust: Trust,
    /// Signs unsubscribe links.
    pub links: Links,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Engine {
    /// Puts loop and dispatcher together. Nothing runs yet.
    pub fn new(parts: Parts) -> Result<Self, elate_consumer::Error> {
        let store = parts.store;
        let consumer = Consumer::builder(
            Arc::new(Notifications),
            Arc::new(store.clone()),
            store.database().clone(),
            parts.log,
        )
        .settings(parts.consumer)
        .member(parts.member)
        .clock(Arc::clone(&parts.clock))
        .build()?;
        let context = Context {
            definitions: Cache::new(store.clone()),
            channels: Channels::new(
                store.clone(),
                parts.delivery.clone(),
                parts.variables.clone(),
                parts.trust,
            ),
            variables: parts.variables,
            links: parts.links,
            clock: parts.clock,
        };
        let ownership = consumer.ownership();
        let receipts = consumer.lane(delivery::LANE);
        let dispatcher =
            Dispatcher::new(store, receipts, ownership.clone(), Arc::new(context), parts.delivery);
        Ok(Self { commands: consumer.lane(COMMAND_LANE), consumer, dispatcher, ownership })
    }

    /// The lane of commands, and what tells which partitions are held.
    pub fn commands(&self) -> (Lane, Ownership) {
        (self.commands.clone(), self.ownership.clone())
    }

    /// Works until `stop`. The dispatcher stops first: what it has under way is recorded under the leases that the
    /// loop then gives back.
    ///
    /// # Errors
    /// What the loop fails with, or a task that panicked.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let (stop_loop, stop_delivery) = (CancellationToken::new(), CancellationToken::new());
        let mut tasks: JoinSet<anyhow::Result<()>> = JoinSet::new();
        let mut delivery = JoinSet::new();
        tasks.spawn({
            let stop = stop_loop.clone();
            async move { Ok(self.consumer.run(stop).await?) }
        });
        delivery.spawn(self.dispatcher.run(stop_delivery.clone()));
        tokio::select! {
            () = stop.cancelled() => {}
            Some(ended) = tasks.join_next() => return ended?,
            Some(ended) = delivery.join_next() => {
                ended?;
                anyhow::bail!("the dispatcher ended by itself");
            }
        }
        stop_delivery.cancel();
        if let Some(ended) = delivery.join_next().await {
            ended?;
        }
        stop_loop.cancel();
        tasks.join_next().await.unwrap_or(Ok(Ok(())))?
    }
}

#[async_trait::async_trait]
impl Component for NotificationsComponent {
    const NAME: &'static str = "notifications";
    const SERVICES: &'static [&'static str] = &[SERVICE_NAME];
    const PORT: u16 = 7403;
    type Settings = NotificationsSettings;
    type Migrator = Migrator;

    fn metrics() -> Vec<Metric> {
        [metrics::ALL, elate_consumer::metrics::ALL].concat()
    }

    fn reasons() -> Vec<Reason> {
        app::REASONS.to_vec()
    }

    async fn build(settings: NotificationsSettings, dependencies: Dependencies) -> anyhow::Result<Built> {
        let events = dependencies.events()?;
        let store = Store::new(dependencies.database.clone());
        let links = Links::new(&settings.unsubscribe_key, &dependencies.service_token);
        let engine = Engine::new(Parts {
            store: store.clone(),
            log: Arc::new(GrpcLog::new(events.clone())),
            member: elate_consumer::member_name(&dependencies.database),
            consumer: settings.consumer,
            trust: Trust::load(settings.delivery.ca_file.as_deref())?,
            delivery: settings.delivery,
            variables: Variables::new(settings.variables, &settings.secrets_folder.0),
            links: links.clone(),
            clock: Arc::clone(&dependencies.clock),
        })?;
        let (lane, ownership) = engine.commands();
        let definitions = Arc::new(Cache::new(store.clone()));
        let app = App::new(store, lane, ownership, Arc::clone(&definitions));
        let clock = Arc::clone(&dependencies.clock);
        let pages = survey_page::router(links.clone(), definitions, events.clone(), clock)
            .merge(unsubscribe::router(links, events.clone()));
        let grpc = Grpc::new(app, Directory::new(events), dependencies.clock);
        let server = NotificationsServiceServer::new(grpc);
        let work = Task::new("notifications consumer", Phase::Consume, move |stop| engine.run(stop));
        Ok(Built::new(move |routes| {
            routes.add_service(server.clone());
        })
        .http(pages)
        .task(work))
    }
}
