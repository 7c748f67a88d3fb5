//! `elate simulate`: what would have happened, from a recorded file alone, or from what a running system has recorded; here,
//! or where a server of simulations runs.

mod bar;
mod remote;
mod tell;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use elate_domain::{HumanDuration, SourceId, Timestamp, WorkspaceId};
use elate_simulate::grpc::log;
use elate_simulate::report::Compared;
use elate_simulate::{Definitions, History, Options, Progress, Recording, Report, simulate};

use super::manifests;
use crate::client::Target;
use bar::Bar;

/// Says what would have happened: who enters, which moments, which messages, how the customers are in the end.
#[derive(Debug, clap::Args)]
pub struct Simulate {
    /// The manifests: a file, or a folder with `.yaml` files.
    #[arg(long)]
    manifests: PathBuf,
    /// NDJSON: one message a line, as tracking SDKs send them; log time is `receivedAt`, or else the message's own.
    /// Without it, the log of the running system is replayed, from `--from` to `--to`.
    #[arg(long, required_unless_present_any = ["from", "to"])]
    events: Option<PathBuf>,
    /// Other manifests: says what would be different with them.
    #[arg(long)]
    diff: Option<PathBuf>,
    /// Only events from this time on (RFC 3339).
    #[arg(long, value_parser = instant)]
    from: Option<Timestamp>,
    /// Only events before this time; log time ends there.
    #[arg(long, value_parser = instant)]
    to: Option<Timestamp>,
    /// For how long log time runs on after the last event, where `--to` doesn't say.
    #[arg(long, default_value = "7d")]
    settle: HumanDuration,
    /// Writes the report as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Writes the report as a page that opens without a server.
    #[arg(long)]
    html: Option<PathBuf>,
    /// The workspace, for a file: who is held out depends on it [default: simulation].
    #[arg(long)]
    workspace: Option<WorkspaceId>,
    /// The source that the events come from; customers' ids depend on it.
    #[arg(long, default_value = "recording")]
    source: SourceId,
    /// What customers' ids are made from; take a running system's `ingest.customer_seed` for the ids that it gives.
    #[arg(long, default_value = "simulation")]
    customer_seed: String,
    /// Threads; all processors by default. The report does not depend on it.
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    /// Takes what the running system has decided for all customers as it fell: what was learned from them, how far rollouts
    /// went, what was paused. Without it nothing of that happens.
    #[arg(long, conflicts_with = "events")]
    as_recorded: bool,
    /// Lets the running system replay its log, instead of reading all of it from there. The report is the same.
    #[arg(long, conflicts_with_all = ["events", "workspace", "source", "customer_seed", "threads"])]
    remote: bool,
}

/// What came of it, with the files that were asked for.
enum Outcome {
    One(Box<Report>),
    Two(Box<Compared>),
}

fn instant(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| format!("{text:?} is no time; write 2026-03-01T00:00:00Z"))
}

impl Simulate {
    /// Runs the command.
    pub async fn run(self, target: &Target) -> Result<()> {
        let bar = Bar::new();
        if self.remote {
            return self.replay_there(target, &bar).await;
        }
        let history = match &self.events {
            Some(_) => None,
            None => Some(self.history(target, &bar).await?),
        };
        // The rest is work for processors alone.
        tokio::task::spawn_blocking(move || self.replay(history, &bar)).await?
    }

    fn replay(self, history: Option<History>, bar: &Bar) -> Result<()> {
        let mut options = self.options()?;
        let ours = definitions(&self.manifests)?;
        let other = self.diff.as_deref().map(definitions).transpose()?;
        let recording = match (&self.events, history) {
            (Some(file), _) => {
                let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
                Recording::read(&bytes, &options, bar)?
            }
            (None, history) => {
                let history = history.unwrap_or_default();
                if let Some(workspace) = history.workspace() {
                    options.workspace = workspace.clone();
                }
                history.finish()?
            }
        };
        let before = simulate(&ours, &recording, &options, bar)?;
        let Some(other) = other else {
            bar.finish();
            self.write(&self.json, || Ok(before.to_json()?))?;
            self.write(&self.html, || Ok(before.to_html(None)?))?;
            return Outcome::One(Box::new(before)).print();
        };
        let after = simulate(&other, &recording, &options, bar)?;
        bar.finish();
        self.write(&self.html, || Ok(after.to_html(Some(&before))?))?;
        let compared = Compared::new(before, after);
        self.write(&self.json, || Ok(compared.to_json()?))?;
        Outcome::Two(Box::new(compared)).print()
    }

    /// What the running system has recorded by now.
    async fn history(&self, target: &Target, bar: &Bar) -> Result<History> {
        bar.begin("reading the log", 0);
        let mut history = History::new(&self.options()?);
        let mut stream = target.customers().await?.follow_workspace(log::whole()).await?.into_inner();
        while let Some((record, _)) = log::next(&mut stream).await? {
            history.take(record);
            bar.advance(1);
        }
        Ok(history)
    }

    fn options(&self) -> Result<Options> {
        let usual = Options::try_default()?;
        Ok(Options {
            workspace: self.workspace.clone().unwrap_or(usual.workspace),
            source: self.source.clone(),
            customer_seed: self.customer_seed.clone(),
            from: self.from,
            to: self.to,
            settle_millis: self.settle.as_millis(),
            as_recorded: self.as_recorded,
            threads: self.threads.unwrap_or(usual.threads),
            ..usual
        })
    }

    fn write(&self, file: &Option<PathBuf>, text: impl FnOnce() -> Result<String>) -> Result<()> {
        match file {
            Some(file) => std::fs::write(file, text()?).with_context(|| file.display().to_string()),
            None => Ok(()),
        }
    }
}

impl Outcome {
    fn print(&self) -> Result<()> {
        match self {
            Self::One(report) => tell::print(report),
            Self::Two(compared) => tell::print_difference(&compared.difference),
        }
    }
}

fn definitions(path: &Path) -> Result<Definitions> {
    let texts = manifests::read(&[path.to_owned()])?;
    Definitions::read(&texts).with_context(|| format!("{} would be refused", path.display()))
}
