//! Journeys as a part of a process.

use std::sync::Arc;

use elate_consumer::Consumer;
use elate_consumer::source::GrpcLog;
use elate_proto::journeys::v1::journeys_service_server::{JourneysServiceServer, SERVICE_NAME};
use elate_rpc::Reason;
use elate_rpc::customers::Directory;
use elate_runtime::{Built, Component, Dependencies, Phase, Task};
use elate_telemetry::metrics::Metric;

use crate::app::{App, COMMAND_LANE, Commands};
use crate::config::JourneysSettings;
use crate::error;
use crate::grpc::Grpc;
use crate::metrics;
use crate::model::Journeys;
use crate::store::{Migrator, Store};

/// The journeys service.
#[derive(Debug, Clone, Copy)]
pub struct JourneysComponent;

#[async_trait::async_trait]
impl Component for JourneysComponent {
    const NAME: &'static str = "journeys";
    const SERVICES: &'static [&'static str] = &[SERVICE_NAME];
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
        let commands = Commands::new(consumer.lane(COMMAND_LANE), consumer.ownership(), dependencies.clock);
        let app = App::new(store).with_commands(commands);
        let server = JourneysServiceServer::new(Grpc::new(app, Directory::new(events)));
        let consume = Task::new("journeys consumer", Phase::Consume, move |stop| async move {
            Ok(consumer.run(stop).await?)
        });
        Ok(Built::new(move |routes| {
            routes.add_service(server.clone());
        })
        .task(consume))
    }
}
