//! Journeys as a part of a process.

use std::sync::Arc;

use elate_consumer::Consumer;
use elate_consumer::source::GrpcLog;
use elate_proto::journeys::v1::discovery_service_server::{self, DiscoveryServiceServer};
use elate_proto::journeys::v1::journeys_service_server::{JourneysServiceServer, SERVICE_NAME};
use elate_proto::journeys::v1::rollout_service_server::{self, RolloutServiceServer};
use elate_rpc::Reason;
use elate_rpc::customers::Directory;
use elate_runtime::{Built, Component, Dependencies, Phase, Task};
use elate_telemetry::metrics::Metric;

use crate::app::discovery::Discovery;
use crate::app::{App, COMMAND_LANE, Commands, Keeper};
use crate::config::JourneysSettings;
use crate::error;
use crate::grpc::{DiscoveryGrpc, Grpc, RolloutGrpc};
use crate::metrics;
use crate::model::Journeys;
use crate::store::{Migrator, Store};

/// The journeys service.
#[derive(Debug, Clone, Copy)]
pub struct JourneysComponent;

#[async_trait::async_trait]
impl Component for JourneysComponent {
    const NAME: &'static str = "journeys";
    const SERVICES: &'static [&'static str] =
        &[SERVICE_NAME, discovery_service_server::SERVICE_NAME, rollout_service_server::SERVICE_NAME];
    const PORT: u16 = 7401;
    type Settings = JourneysSettings;
    type Migrator = Migrator;

    fn metrics() -> Vec<Metric> {
        [metrics::ALL, elate_consumer::metrics::ALL].concat()
    }

    fn reasons() -> Vec<Reason> {
        error::ALL.to_vec()
    }

    async fn build(settings: JourneysSettings, dependencies: Dependencies) -> anyhow::Result<Built> {
        let events = dependencies.events()?;
        let store = Store::new(dependencies.database.clone());
        let member = elate_consumer::member_name(&dependencies.database);
        let consumer = Consumer::builder(
            Arc::new(Journeys::default()),
            Arc::new(store.clone()),
            dependencies.database,
            Arc::new(GrpcLog::new(events.clone())),
        )
        .settings(settings.consumer)
        .member(member)
        .clock(Arc::clone(&dependencies.clock))
        .build()?;
        let discovery = Discovery::new(store.clone(), settings.discovery, Arc::clone(&dependencies.clock));
        let discovery = DiscoveryServiceServer::new(DiscoveryGrpc::new(discovery));
        let commands = Commands::new(consumer.lane(COMMAND_LANE), consumer.ownership(), dependencies.clock);
        let keeper = Keeper::new(store.clone(), commands.clone());
        let every = settings.keeper_every.0;
        let app = App::new(store).with_commands(commands);
        let rollouts = RolloutServiceServer::new(RolloutGrpc::new(app.clone()));
        let server = JourneysServiceServer::new(Grpc::new(app, Directory::new(events)));
        let consume = Task::new("journeys consumer", Phase::Consume, move |stop| async move {
            Ok(consumer.run(stop).await?)
        });
        let keep = Task::new("journeys keeper", Phase::Consume, move |stop| async move {
            // Whatever it leaves half done, the next process does again.
            let _stopped = stop.run_until_cancelled(keeper.run(every)).await;
            Ok(())
        });
        Ok(Built::new(move |routes| {
            routes.add_service(server.clone()).add_service(discovery.clone()).add_service(rollouts.clone());
        })
        .task(consume)
        .task(keep))
    }
}
