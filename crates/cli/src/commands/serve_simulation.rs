//! `elate serve-simulation`: runs simulations for others, beside the four services.
//!
//! It is no fifth service with data of its own: it reads the log from events, and knows all services' rules, which none of
//! them may. `elate dev` has it in its one process.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::Result;
use elate_rpc::client;
use elate_runtime::{Host, ProcessSettings, config};
use elate_simulate::SimulationComponent;
use elate_simulate::config::SimulationSettings;

use crate::output::line;

/// Runs simulations for others, out of the log of a running system.
#[derive(Debug, clap::Args)]
pub struct ServeSimulation {
    /// A YAML file of settings; variables ELATE_… stand above it.
    #[arg(long, env = "ELATE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Prints the settings in force, secrets redacted, and ends.
    #[arg(long)]
    print_config: bool,
}

impl ServeSimulation {
    /// Serves until it is told to stop.
    pub async fn run(self) -> Result<()> {
        let environment = std::env::vars();
        let loaded = config::load::<ProcessSettings, SimulationSettings>(self.config.as_deref(), environment);
        let (process, own) = loaded?;
        if self.print_config {
            return Ok(line(config::print(&process, &own)?.trim_end())?);
        }
        let guard =
            elate_telemetry::init(&process.telemetry(), "elate-simulation", env!("CARGO_PKG_VERSION"))?;
        elate_telemetry::metrics::describe(elate_rpc::metrics::ALL);
        let events = client::connect(&process.events, Some(process.service_token.clone()))?;
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, SimulationComponent::PORT));
        let mut host = Host::bind(process, listen, SimulationComponent::SERVICES, guard.prometheus()).await?;
        host.add(SimulationComponent::build(own, events));
        let ended = host.run(std::future::pending()).await;
        // Exporters block while they flush.
        let _ = tokio::task::spawn_blocking(|| guard.shutdown()).await;
        Ok(ended?)
    }
}
