//! `elate import`: history from a file of recorded messages, between a begin and an end record.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use elate_proto::events::v1::ingest_result::Status;
use elate_proto::events::v1::{IngestBatchRequest, IngestMessage, IngestResult, MarkImportRequest};
use indicatif::{ProgressBar, ProgressStyle};

use super::message::Recorded;
use crate::client::Target;
use crate::output::line;

const BATCH: usize = 500;

/// Appends recorded messages as history: timers wait for the end of the import, and nothing is sent.
#[derive(Debug, clap::Args)]
pub struct Import {
    /// NDJSON: one message a line, as tracking SDKs send them.
    file: PathBuf,
    /// Names the import; the same id again goes on where an earlier run broke off (repeats are recognised).
    #[arg(long)]
    import_id: Option<String>,
    /// Let the events have their effects: plays start, messages go out.
    #[arg(long)]
    effects: bool,
}

#[derive(Default)]
struct Counts {
    accepted: u64,
    duplicate: u64,
    rejected: u64,
}

impl Import {
    /// Runs the import.
    pub async fn run(self, target: &Target) -> Result<()> {
        let file = std::fs::File::open(&self.file).with_context(|| format!("{}", self.file.display()))?;
        let progress = progress(file.metadata()?.len());
        let import_id = self.import_id.clone().unwrap_or_else(|| format!("import-{}", super::request_id()));
        let (mut admin, mut ingest) = (target.admin().await?, target.ingest().await?);
        let mark = |end| MarkImportRequest { import_id: import_id.clone(), end, effects: self.effects };
        admin.mark_import(mark(false)).await?;
        let mut counts = Counts::default();
        let mut batch = Vec::with_capacity(BATCH);
        let mut first = 1;
        for (number, text) in (1..).zip(BufReader::new(file).lines()) {
            let text = text?;
            progress.inc(text.len() as u64 + 1);
            if text.trim().is_empty() {
                continue;
            }
            let message = Recorded::parse(&text).and_then(|r| r.to_message());
            batch.push((number, message.with_context(|| format!("line {number}"))?));
            if batch.len() == BATCH {
                send(&mut ingest, &import_id, std::mem::take(&mut batch), &mut counts).await?;
                first = number;
            }
        }
        send(&mut ingest, &import_id, batch, &mut counts)
            .await
            .with_context(|| format!("after line {first}"))?;
        admin.mark_import(mark(true)).await?;
        progress.finish_and_clear();
        line(format!(
            "{import_id}: {} accepted, {} there already, {} rejected",
            counts.accepted, counts.duplicate, counts.rejected
        ))?;
        if counts.rejected > 0 {
            bail!("{} messages were rejected; the lines above say why", counts.rejected);
        }
        Ok(())
    }
}

fn progress(bytes: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left");
    ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

type Ingest =
    elate_proto::events::v1::ingest_service_client::IngestServiceClient<crate::client::Authenticated>;

async fn send(
    ingest: &mut Ingest,
    import_id: &str,
    batch: Vec<(u64, IngestMessage)>,
    counts: &mut Counts,
) -> Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    let (numbers, messages): (Vec<u64>, Vec<IngestMessage>) = batch.into_iter().unzip();
    let request = IngestBatchRequest { messages, import_id: import_id.to_owned() };
    let response = ingest.ingest_batch(request).await?.into_inner();
    for (number, result) in numbers.into_iter().zip(&response.results) {
        count(number, result, counts)?;
    }
    Ok(())
}

fn count(number: u64, result: &IngestResult, counts: &mut Counts) -> Result<()> {
    match result.status() {
        Status::Accepted => counts.accepted += 1,
        Status::Duplicate => counts.duplicate += 1,
        Status::Rejected | Status::Unspecified => {
            counts.rejected += 1;
            line(format!("line {number}: {} {}", result.field, result.reason))?;
        }
    }
    Ok(())
}
