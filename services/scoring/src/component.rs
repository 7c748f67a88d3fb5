//! Scoring as a part of a process.

use std::sync::Arc;

use elate_consumer::Consumer;
use elate_consumer::source::GrpcLog;
use elate_delight::DelightParams;
use elate_proto::scoring::v1::scoring_service_server::{SERVICE_NAME, ScoringServiceServer};
use elate_rpc::Reason;
use elate_rpc::customers::Directory;
use elate_runtime::{Built, Component, Dependencies, Phase, Task};
use elate_telemetry::metrics::Metric;

use crate::app::{self, App};
use crate::config::ScoringSettings;
use crate::grpc::Grpc;
use crate::metrics;
use crate::model::Scoring;
use crate::store::{Migrator, Store};

/// The scoring service.
#[derive(Debug, Clone, Copy)]
pub struct ScoringComponent;

#[async_trait::async_trait]
impl Component for ScoringComponent {
    const NAME: &'static str = "scoring";
    const SERVICES: &'static [&'static str] = &[SERVICE_NAME];
    const PORT: u16 = 7402;
    type Settings = ScoringSettings;
    type Migrator = Migrator;

    fn metrics() -> Vec<Metric> {
        [metrics::ALL, elate_consumer::metrics::ALL].concat()
    }

    fn reasons() -> Vec<Reason> {
        app::REASONS.to_vec()
    }

    async fn build(settings: ScoringSettings, dependencies: Dependencies) -> anyhow::Result<Built> {
        let events = dependencies.events()?;
        let store = Store::new(dependencies.database.clone());
        let member = elate_consumer::member_name(&dependencies.database);
        let consumer = Consumer::builder(
            Arc::new(Scoring),
            Arc::new(store.clone()),
            dependencies.database,
            Arc::new(GrpcLog::new(events.clone())),
        )
        .settings(settings.consumer)
        .member(member)
        .clock(Arc::clone(&dependencies.clock))
        .build()?;
        let app = App::new(store, DelightParams::default());
        let server = ScoringServiceServer::new(Grpc::new(app, Directory::new(events), dependencies.clock));
        let consume = Task::new("scoring consumer", Phase::Consume, move |stop| async move {
            Ok(consumer.run(stop).await?)
        });
        Ok(Built::new(move |routes| {
            routes.add_service(server.clone());
        })
        .task(consume))
    }
}
