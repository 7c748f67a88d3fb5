//! Simulation as a part of a process.

use std::sync::Arc;

use elate_proto::simulation::v1::simulation_service_server::{SERVICE_NAME, SimulationServiceServer};
use elate_rpc::auth::RemoteAuthenticator;
use elate_rpc::{Channel, Reason};
use elate_runtime::Built;
use elate_telemetry::metrics::Metric;

use crate::config::SimulationSettings;
use crate::grpc::SimulationGrpc;
use crate::metrics;
use crate::server::{Simulations, error};

/// Simulations for others. It keeps nothing, so it has no database, and all that it needs is the events service.
#[derive(Debug, Clone, Copy)]
pub struct SimulationComponent;

impl SimulationComponent {
    /// Its name.
    pub const NAME: &'static str = "simulation";
    /// The full names of its gRPC services.
    pub const SERVICES: &'static [&'static str] = &[SERVICE_NAME];
    /// The port that a process of its own listens on by default.
    pub const PORT: u16 = 7404;

    /// The metrics that it records.
    pub fn metrics() -> Vec<Metric> {
        metrics::ALL.to_vec()
    }

    /// The reasons that its errors give.
    pub fn reasons() -> Vec<Reason> {
        error::ALL.to_vec()
    }

    /// Builds it over a channel to events with the service credential.
    pub fn build(settings: SimulationSettings, events: Channel) -> Built {
        elate_telemetry::metrics::describe(metrics::ALL);
        let simulations = Simulations::new(settings.simulation);
        let server = SimulationServiceServer::new(SimulationGrpc::new(simulations, events.clone()));
        Built::new(move |routes| {
            routes.add_service(server.clone());
        })
        .named(Self::SERVICES)
        .authenticator(Arc::new(RemoteAuthenticator::new(events)))
    }
}
