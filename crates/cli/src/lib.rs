//! The `elate` command: all four services in one process (`elate dev`), and the tools of operators and teams.

pub mod client;
pub mod commands;
pub mod dev;
pub mod output;

use clap::{Parser, Subcommand};

use client::Target;
use commands::{
    admin, churn, customer, effect, export, feedback, import, journey, manifests, redrive, rollout, score,
    serve_simulation, simulate, tail, why,
};

/// Elate, an engine for moments of truth.
#[derive(Debug, Parser)]
#[command(name = "elate", version, about, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs all four services in one process.
    Dev(Box<dev::Dev>),
    /// Publishes manifests, all or nothing.
    Apply(manifests::Apply),
    /// Shows what `apply` would change.
    Diff(manifests::Diff),
    /// Prints the manifests in force.
    Get(manifests::Get),
    /// Deletes manifests.
    Delete(manifests::Delete),
    /// Imports, lists and reports answers and comments.
    #[command(subcommand)]
    Feedback(feedback::Feedback),
    /// Appends recorded messages as history.
    Import(import::Import),
    /// Prints records of the workspace as they come.
    Tail(tail::Tail),
    /// Shows or erases one customer.
    #[command(subcommand)]
    Customer(customer::Customer),
    /// Shows a customer's delight and what made it.
    #[command(subcommand)]
    Score(score::Score),
    /// Names the moments that move retention or NPS.
    Drivers(commands::drivers::Drivers),
    /// Says what plays bring: treated customers against those held out.
    Effect(effect::Effect),
    /// Shows how far plays have gone; holds, resumes and rolls back.
    #[command(subcommand)]
    Rollout(rollout::Rollout),
    /// Shows journeys as they are, and their instances.
    #[command(subcommand)]
    Journey(journey::Journey),
    /// Prints the company's figures of the last days: delight, wows, misery, recoveries, the weakest link.
    Report(commands::report::Report),
    /// Shows who may have left, and what that costs.
    #[command(subcommand)]
    Churn(churn::Churn),
    /// Writes scores, moments or figures to a CSV or Parquet file.
    Export(export::Export),
    /// Says why a customer got, or did not get, a play.
    Why(why::Why),
    /// Says what would have happened: a recorded file, or the log, replayed in memory.
    Simulate(Box<simulate::Simulate>),
    /// Runs simulations for others, out of the log of a running system.
    ServeSimulation(serve_simulation::ServeSimulation),
    /// Creates workspaces.
    #[command(subcommand)]
    Workspace(admin::Workspace),
    /// Creates, rotates, revokes and lists keys.
    #[command(subcommand)]
    Key(admin::Key),
    /// Pauses a play, a channel, or all sending.
    Pause(admin::Pause),
    /// Resumes what was paused.
    Resume(admin::Pause),
    /// Takes up dead letters again: customers that were set aside, messages that failed.
    #[command(subcommand)]
    Redrive(redrive::Redrive),
}

impl Cli {
    /// Runs the command that was asked for.
    pub async fn run(self) -> anyhow::Result<()> {
        let target = &self.target;
        match self.command {
            Command::Dev(command) => Box::pin(command.run()).await,
            Command::Apply(command) => command.run(target).await,
            Command::Diff(command) => command.run(target).await,
            Command::Get(command) => command.run(target).await,
            Command::Delete(command) => command.run(target).await,
            Command::Feedback(command) => command.run(target).await,
            Command::Import(command) => command.run(target).await,
            Command::Tail(command) => command.run(target).await,
            Command::Customer(command) => command.run(target).await,
            Command::Score(command) => command.run(target).await,
            Command::Drivers(command) => command.run(target).await,
            Command::Effect(command) => command.run(target).await,
            Command::Rollout(command) => command.run(target).await,
            Command::Journey(command) => Box::pin(command.run(target)).await,
            Command::Report(command) => Box::pin(command.run(target)).await,
            Command::Churn(command) => Box::pin(command.run(target)).await,
            Command::Export(command) => Box::pin(command.run(target)).await,
            Command::Why(command) => command.run(target).await,
            Command::Simulate(command) => Box::pin(command.run(target)).await,
            Command::ServeSimulation(command) => Box::pin(command.run()).await,
            Command::Workspace(command) => command.run(target).await,
            Command::Key(command) => command.run(target).await,
            Command::Pause(command) => command.run(target, true).await,
            Command::Resume(command) => command.run(target, false).await,
            Command::Redrive(command) => command.run(target).await,
        }
    }
}

/// Says on standard error what went wrong; refusals of a service name the fields that they are about.
pub fn report(error: &anyhow::Error) -> std::process::ExitCode {
    use std::io::Write;
    // A reader that has seen enough (`elate tail | head`) is no failure.
    let closed = |e: &std::io::Error| e.kind() == std::io::ErrorKind::BrokenPipe;
    if error.downcast_ref::<std::io::Error>().is_some_and(closed) {
        return std::process::ExitCode::SUCCESS;
    }
    let text = match error.downcast_ref::<tonic::Status>() {
        Some(status) => client::explain(status),
        None => format!("{error:#}"),
    };
    // Nothing is left to be done where even this can't be written.
    let _ = writeln!(std::io::stderr(), "elate: {text}");
    std::process::ExitCode::FAILURE
}
