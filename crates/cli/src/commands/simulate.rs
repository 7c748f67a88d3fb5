//! `elate simulate`: what would have happened, from a recorded file alone, or from what a running system has recorded.

use std::io::IsTerminal as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use elate_domain::{HumanDuration, Offset, Partition, Record, SourceId, Timestamp, WorkspaceId};
use elate_proto::events::v1::{FollowWorkspaceRequest, FollowWorkspaceResponse};
use elate_proto::record::from_proto as decoded;
use elate_simulate::report::Difference;
use elate_simulate::{Definitions, Options, Progress, Recording, Report, simulate};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::manifests;
use crate::client::Target;
use crate::output::{from_proto, line, table};

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
}

/// What `--json` writes with `--diff`.
#[derive(Serialize)]
struct Compared<'a> {
    before: &'a Report,
    after: &'a Report,
    difference: &'a Difference,
}

fn instant(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| format!("{text:?} is no time; write 2026-03-01T00:00:00Z"))
}

impl Simulate {
    /// Runs the command.
    pub async fn run(self, target: &Target) -> Result<()> {
        let bar = Bar::new();
        let history = match &self.events {
            Some(_) => None,
            None => Some(history(target, self.to, &bar).await?),
        };
        // The rest is work for processors alone.
        tokio::task::spawn_blocking(move || self.replay(history, &bar)).await?
    }

    fn replay(self, history: Option<Vec<Record>>, bar: &Bar) -> Result<()> {
        let mut options = self.options()?;
        let ours = definitions(&self.manifests)?;
        let other = self.diff.as_deref().map(definitions).transpose()?;
        let recording = match (&self.events, history) {
            (Some(file), _) => {
                let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
                Recording::read(&bytes, &options, bar)?
            }
            (None, history) => {
                let records = history.unwrap_or_default();
                if let Some(event) = records.iter().find_map(|record| record.event.as_ref()) {
                    options.workspace = event.workspace.clone();
                }
                Recording::of_log(records, &options)?
            }
        };
        let before = simulate(&ours, &recording, &options, bar)?;
        let Some(other) = other else {
            bar.finish();
            self.write(&before, None)?;
            return print(&before);
        };
        let after = simulate(&other, &recording, &options, bar)?;
        bar.finish();
        self.write(&after, Some(&before))?;
        print_difference(&after.compare(&before))
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
            threads: self.threads.unwrap_or(usual.threads),
            ..usual
        })
    }

    fn write(&self, report: &Report, before: Option<&Report>) -> Result<()> {
        if let Some(file) = &self.json {
            let json = match before {
                None => report.to_json()?,
                Some(before) => {
                    let difference = &report.compare(before);
                    serde_json::to_string_pretty(&Compared { before, after: report, difference })? + "\n"
                }
            };
            std::fs::write(file, json).with_context(|| file.display().to_string())?;
        }
        if let Some(file) = &self.html {
            std::fs::write(file, report.to_html(before)?).with_context(|| file.display().to_string())?;
        }
        Ok(())
    }
}

/// What the running system has recorded by now, or by `to`.
async fn history(target: &Target, to: Option<Timestamp>, bar: &Bar) -> Result<Vec<Record>> {
    bar.begin("reading the log", 0);
    let request =
        FollowWorkspaceRequest { cursor: "begin".to_owned(), until_present: true, ..Default::default() };
    let mut stream = target.customers().await?.follow_workspace(request).await?.into_inner();
    let mut records = Vec::new();
    while let Some(response) = stream.message().await? {
        if let Some(record) = record(response)? {
            bar.advance(1);
            if to.is_none_or(|to| record.received_at < to) {
                records.push(record);
            }
        }
    }
    Ok(records)
}

fn record(response: FollowWorkspaceResponse) -> Result<Option<Record>> {
    let Some(entry) = response.entry else { return Ok(None) };
    let (Some(received), Some(record)) = (entry.received_time, entry.record) else { return Ok(None) };
    Ok(Some(Record {
        partition: Partition(entry.partition),
        offset: Offset(entry.offset),
        received_at: from_proto(&received),
        event: decoded(record)?,
    }))
}

fn definitions(path: &Path) -> Result<Definitions> {
    let texts = manifests::read(&[path.to_owned()])?;
    Definitions::read(&texts).with_context(|| format!("{} would be refused", path.display()))
}

/// The progress on standard error, with an estimate of the time left; nothing where that is no terminal.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{msg:18} {bar:40} {percent:>3} %, {per_sec}, {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        if std::io::stderr().is_terminal() {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Self(bar)
    }

    fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Progress for Bar {
    fn begin(&self, what: &'static str, total: u64) {
        self.0.reset();
        self.0.set_message(what);
        self.0.set_length(total);
    }

    fn advance(&self, done: u64) {
        self.0.inc(done);
    }
}

fn print(report: &Report) -> Result<()> {
    let input = &report.input;
    line(format!(
        "{} events of {} customers, {} repeats; log time up to {}",
        input.accepted,
        input.customers.saturating_sub(input.merged),
        input.duplicates,
        report.period.log_time_ends
    ))?;
    for refusal in &input.first_refusals {
        line(format!("refused: {refusal}"))?;
    }
    line("")?;
    let rows = report.moments.iter().map(|(name, m)| {
        let counts = [m.judged, m.magical, m.neutral, m.miserable].map(|count| count.to_string());
        [vec![name.clone()], counts.to_vec(), vec![format!("{:+.2}", m.mean_gap)]].concat()
    });
    let header = ["moment", "judged", "magical", "neutral", "miserable", "mean gap"];
    table(&header, &rows.collect::<Vec<_>>())?;
    line("")?;
    let rows = report.plays.iter().map(|(name, p)| {
        let refused: u64 = p.refused.values().sum();
        let left: u64 = p.exited.values().sum();
        let counts = [p.entered, p.held_out, refused, p.completed, left, p.active];
        [vec![name.clone()], counts.map(|count| count.to_string()).to_vec()].concat()
    });
    let header = ["play", "entered", "held out", "refused", "completed", "left", "under way"];
    table(&header, &rows.collect::<Vec<_>>())?;
    line("")?;
    let rows = report.messages.iter().map(|(name, m)| {
        let held: u64 = m.held.values().sum();
        let refused = m.refused.iter().map(|(reason, count)| format!("{reason} {count}"));
        let refused = refused.collect::<Vec<_>>().join(", ");
        let counts = [m.requested, m.sent, held, m.capped].map(|count| count.to_string());
        [vec![name.clone()], counts.to_vec(), vec![refused]].concat()
    });
    table(&["message", "asked for", "sent", "held", "capped", "refused"], &rows.collect::<Vec<_>>())?;
    let delight = &report.delight;
    line(format!(
        "\ndelight of {} customers: mean {:.1}, median {:.1}, from {:.1} to {:.1}",
        delight.customers, delight.mean, delight.median, delight.lowest, delight.highest
    ))?;
    for (what, count) in report.trouble.held.iter().chain(&report.trouble.set_aside) {
        line(format!("trouble: {what}: {count}"))?;
    }
    Ok(())
}

fn print_difference(difference: &Difference) -> Result<()> {
    if difference.is_empty() {
        return Ok(line("nothing is different")?);
    }
    let rows = difference.figures.iter().map(|(path, change)| {
        let delta = change.delta.map(|delta| format!("{delta:+}")).unwrap_or_default();
        vec![path.clone(), change.before.to_string(), change.after.to_string(), delta]
    });
    table(&["figure", "before", "after", "difference"], &rows.collect::<Vec<_>>())?;
    for change in &difference.entries {
        let entry = &change.entry;
        let (at, customer) = (entry.at, &entry.customer);
        line(format!("{}: {at} {customer} {} {} {}", change.change, entry.decision, entry.play, entry.key))?;
    }
    Ok(())
}
