//! The command line of a service's own binary.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args as _, FromArgMatches as _, Parser, Subcommand};
use elate_domain::SystemClock;
use elate_rpc::{ClientConfig, client};
use tracing::{error, info};

use crate::component::{Component, Environment, connect, open};
use crate::config::{self, Problems};
use crate::host::Host;
use crate::settings::ProcessSettings;

/// The settings are wrong (sysexits: EX_USAGE).
const EXIT_SETTINGS: u8 = 64;
/// Something that is needed is not there (sysexits: EX_UNAVAILABLE).
const EXIT_UNAVAILABLE: u8 = 69;
/// A task ended by itself, or the stop took too long (sysexits: EX_SOFTWARE).
const EXIT_FAILED: u8 = 70;

#[derive(Debug, Parser)]
struct Arguments {
    /// A YAML file of settings; variables ELATE_… stand above it.
    #[arg(long, global = true, env = "ELATE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Prints the settings in force, secrets redacted, and ends.
    #[arg(long, global = true)]
    print_config: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Subcommand)]
enum Command {
    /// Serves until it is told to stop (the default).
    #[default]
    Serve,
    /// Brings the schema of the database up to date, and ends.
    Migrate,
    /// Waits until the database answers and its schema is up to date, and ends.
    WaitForDb,
}

fn arguments<C: Component>() -> Arguments {
    let command =
        Arguments::augment_args(clap::Command::new(service_name(C::NAME)).version(env!("CARGO_PKG_VERSION")))
            .about(format!("The {} service of Elate", C::NAME));
    Arguments::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit())
}

#[allow(clippy::print_stderr, clippy::print_stdout, reason = "before telemetry there is no log")]
fn settings<C: Component>(arguments: &Arguments) -> Result<(ProcessSettings, C::Settings), ExitCode> {
    let loaded = config::load::<ProcessSettings, C::Settings>(arguments.config.as_deref(), std::env::vars());
    let (process, own) = loaded.map_err(|problems: Problems| {
        eprintln!("elate-{}: {problems}", C::NAME);
        ExitCode::from(EXIT_SETTINGS)
    })?;
    if arguments.print_config {
        return match config::print(&process, &own) {
            Ok(text) => {
                print!("{text}");
                Err(ExitCode::SUCCESS)
            }
            Err(problem) => {
                eprintln!("elate-{}: {problem}", C::NAME);
                Err(ExitCode::from(EXIT_SETTINGS))
            }
        };
    }
    Ok((process, own))
}

/// All that the `main` of a service's binary does: reads the settings, obeys the command line, and gives the exit code.
#[allow(clippy::print_stderr, reason = "before telemetry there is no log")]
pub fn run_service<C: Component>() -> ExitCode {
    let arguments = arguments::<C>();
    let (process, own) = match settings::<C>(&arguments) {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(problem) => {
            eprintln!("elate-{}: no async runtime: {problem}", C::NAME);
            return ExitCode::from(EXIT_UNAVAILABLE);
        }
    };
    let code = runtime.block_on(obey::<C>(arguments.command.unwrap_or_default(), process, own));
    // A straggler on a blocking thread must not hold up the end.
    runtime.shutdown_background();
    code
}

async fn obey<C: Component>(command: Command, process: ProcessSettings, own: C::Settings) -> ExitCode {
    let name: &'static str = C::NAME;
    let guard =
        match elate_telemetry::init(&process.telemetry(), service_name(name), env!("CARGO_PKG_VERSION")) {
            Ok(guard) => guard,
            #[allow(clippy::print_stderr, reason = "before telemetry there is no log")]
            Err(problem) => {
                eprintln!("elate-{name}: {problem}");
                return ExitCode::from(EXIT_SETTINGS);
            }
        };
    let code = match command {
        Command::Serve => Box::pin(serve::<C>(process, own, guard.prometheus())).await,
        Command::Migrate => migrate::<C>(&process).await,
        Command::WaitForDb => wait_for_db::<C>(&process).await,
    };
    // Exporters block while they flush.
    let _ = tokio::task::spawn_blocking(|| guard.shutdown()).await;
    code
}

fn service_name(component: &'static str) -> &'static str {
    match component {
        "events" => "elate-events",
        "journeys" => "elate-journeys",
        "scoring" => "elate-scoring",
        "notifications" => "elate-notifications",
        other => other,
    }
}

fn unavailable(problem: &dyn std::fmt::Display) -> ExitCode {
    error!(error = %problem, "can't start");
    ExitCode::from(EXIT_UNAVAILABLE)
}

async fn migrate<C: Component>(process: &ProcessSettings) -> ExitCode {
    let database = match connect::<C>(&process.database).await {
        Ok(database) => database,
        Err(problem) => return unavailable(&problem),
    };
    match database.migrate::<C::Migrator>().await {
        Ok(()) => {
            info!(dsn = %database.dsn(), "the schema is up to date");
            ExitCode::SUCCESS
        }
        Err(problem) => unavailable(&problem),
    }
}

async fn wait_for_db<C: Component>(process: &ProcessSettings) -> ExitCode {
    let database = match connect::<C>(&process.database).await {
        Ok(database) => database,
        Err(problem) => return unavailable(&problem),
    };
    match database.wait_for_migrations::<C::Migrator>(process.database.wait.0).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => unavailable(&problem),
    }
}

async fn serve<C: Component>(
    process: ProcessSettings,
    own: C::Settings,
    metrics: elate_telemetry::Prometheus,
) -> ExitCode {
    elate_telemetry::metrics::describe(elate_rpc::metrics::ALL);
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, C::PORT));
    let host = Host::bind(process.clone(), listen, C::SERVICES, metrics);
    let mut host = match host.await {
        Ok(host) => host,
        Err(problem) => return unavailable(&problem),
    };
    let events = match events_channel::<C>(&process) {
        Ok(events) => events,
        Err(problem) => return unavailable(&problem),
    };
    let environment = Environment {
        events,
        clock: Arc::new(SystemClock),
        redis: (!process.redis.url.is_empty()).then(|| process.redis.url.clone()),
        service_token: process.service_token.clone(),
        limiter: host.limiter(),
    };
    // A signal must end the wait for a database too.
    let opened = tokio::select! {
        opened = Box::pin(open::<C>(own, &process.database, &environment)) => opened,
        () = crate::signals::stop_signal() => return ExitCode::SUCCESS,
    };
    match opened {
        Ok(built) => host.add(built),
        Err(problem) => return unavailable(&problem),
    }
    match Box::pin(host.run(std::future::pending())).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            error!(error = %problem, "ended");
            ExitCode::from(EXIT_FAILED)
        }
    }
}

fn events_channel<C: Component>(
    process: &ProcessSettings,
) -> Result<Option<elate_rpc::Channel>, client::ConnectError> {
    if C::NAME == "events" {
        return Ok(None);
    }
    let config: &ClientConfig = &process.events;
    client::connect(config, Some(process.service_token.clone())).map(Some)
}
