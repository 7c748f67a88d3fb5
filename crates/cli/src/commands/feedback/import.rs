//! `elate feedback import`: answers from a file.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use elate_feedback::record::{CsvReader, Error, Feedback, FeedbackKind, NdjsonReader, Place, Value};
use elate_proto::common::v1::{CustomerRef, customer_ref};
use elate_proto::events::v1::MarkImportRequest;
use elate_proto::scoring::v1 as pb;
use elate_proto::scoring::v1::feedback_service_client::FeedbackServiceClient;
use elate_proto::scoring::v1::import_feedback_result::Status;
use indicatif::{ProgressBar, ProgressStyle};

use crate::client::{Authenticated, Target};
use crate::commands::request_id;
use crate::output::{line, to_proto};

const BATCH: usize = 500;

/// Takes answers of another system in. Each becomes an event on its customer's timeline; what was taken before is
/// recognised by its submission id, so the same file can be imported again.
#[derive(Debug, clap::Args)]
pub struct Import {
    /// A CSV file with a header, or JSON lines.
    file: PathBuf,
    /// What is in the file; left out, its name says so (`.csv`, `.ndjson`, `.jsonl`).
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Names the import.
    #[arg(long)]
    import_id: Option<String>,
    /// Let the answers have their effects: plays start, messages go out.
    #[arg(long)]
    effects: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Comma-separated values (RFC 4180).
    Csv,
    /// One JSON object a line.
    Ndjson,
}

#[derive(Default)]
struct Counts {
    accepted: u64,
    duplicate: u64,
    rejected: u64,
}

impl Import {
    pub async fn run(self, target: &Target) -> Result<()> {
        let format = self.format.or_else(|| format_of(&self.file));
        let format = format.context("what is in the file? say --format csv or --format ndjson")?;
        let file = File::open(&self.file).with_context(|| format!("{}", self.file.display()))?;
        let progress = progress(file.metadata()?.len());
        // A header that can't be read ends it here, before anything begins.
        let records = Records::new(progress.wrap_read(file), format)?;
        let import_id = self.import_id.clone().unwrap_or_else(|| format!("feedback-{}", request_id()));
        let (mut admin, client) = (target.admin().await?, target.feedback().await?);
        let mark = |end| MarkImportRequest { import_id: import_id.clone(), end, effects: self.effects };
        admin.mark_import(mark(false)).await?;
        let sent = send_all(records, client, &import_id).await;
        // The import ends also where it broke off: what came in must not wait for its timers.
        admin.mark_import(mark(true)).await?;
        progress.finish_and_clear();
        let counts = sent?;
        line(format!(
            "{import_id}: {} accepted, {} there already, {} rejected",
            counts.accepted, counts.duplicate, counts.rejected
        ))?;
        if counts.rejected > 0 {
            bail!("{} records were rejected; the lines above say why", counts.rejected);
        }
        Ok(())
    }
}

fn format_of(file: &Path) -> Option<Format> {
    match file.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "csv" => Some(Format::Csv),
        "ndjson" | "jsonl" => Some(Format::Ndjson),
        _ => None,
    }
}

fn progress(bytes: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left");
    ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// The records of a file, each with its place.
enum Records<R> {
    Csv(Box<CsvReader<R>>),
    Ndjson(NdjsonReader<BufReader<R>>),
}

impl<R: Read> Records<R> {
    fn new(input: R, format: Format) -> Result<Self> {
        Ok(match format {
            Format::Csv => Self::Csv(Box::new(CsvReader::try_new(input)?)),
            Format::Ndjson => Self::Ndjson(NdjsonReader::new(BufReader::new(input))),
        })
    }
}

impl<R: Read> Iterator for Records<R> {
    type Item = (Place, Result<Feedback, Error>);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Csv(reader) => reader.next().map(|record| (reader.place(), record)),
            Self::Ndjson(reader) => reader.next().map(|record| (reader.place(), record)),
        }
    }
}

type Client = FeedbackServiceClient<Authenticated>;

async fn send_all(records: Records<impl Read>, mut client: Client, import_id: &str) -> Result<Counts> {
    let (mut counts, mut batch) = (Counts::default(), Vec::with_capacity(BATCH));
    for (place, record) in records {
        match record {
            Ok(record) => batch.push((place, to_record(record))),
            Err(error @ Error::Io(_)) => return Err(error.into()),
            Err(error) => {
                counts.rejected += 1;
                line(error.to_string())?;
            }
        }
        if batch.len() == BATCH {
            send(&mut client, import_id, std::mem::take(&mut batch), &mut counts).await?;
        }
    }
    send(&mut client, import_id, batch, &mut counts).await?;
    Ok(counts)
}

async fn send(
    client: &mut Client,
    import_id: &str,
    batch: Vec<(Place, pb::FeedbackRecord)>,
    counts: &mut Counts,
) -> Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    let (places, records): (Vec<Place>, Vec<_>) = batch.into_iter().unzip();
    let request = pb::ImportFeedbackRequest { records, import_id: import_id.to_owned() };
    let results = client.import_feedback(request).await?.into_inner().results;
    for (place, result) in places.into_iter().zip(results) {
        match result.status() {
            Status::Accepted => counts.accepted += 1,
            Status::Duplicate => counts.duplicate += 1,
            Status::Rejected | Status::Unspecified => {
                counts.rejected += 1;
                let problems: Vec<_> =
                    result.problems.iter().map(|p| format!("{}: {}", p.field, p.reason)).collect();
                line(format!("{place}: {}", problems.join("; ")))?;
            }
        }
    }
    Ok(())
}

fn to_record(record: Feedback) -> pb::FeedbackRecord {
    let named = match (record.by.user, record.by.anonymous, record.by.customer) {
        (Some(user), ..) => Some(customer_ref::Ref::UserId(user)),
        (None, Some(anonymous), _) => Some(customer_ref::Ref::AnonymousId(anonymous)),
        (None, None, Some(id)) => Some(customer_ref::Ref::CustomerId(id.to_string())),
        (None, None, None) => None,
    };
    let kind = match record.value.kind() {
        FeedbackKind::Nps => pb::FeedbackKind::Nps,
        FeedbackKind::Csat => pb::FeedbackKind::Csat,
        FeedbackKind::Ces => pb::FeedbackKind::Ces,
        FeedbackKind::Comment => pb::FeedbackKind::Comment,
        FeedbackKind::Choice => pb::FeedbackKind::Choice,
    };
    let scale = match &record.value {
        Value::Csat { scale, .. } => {
            Some(pb::FeedbackScale { lowest: scale.lowest.into(), highest: scale.highest.into() })
        }
        Value::Nps(_) | Value::Ces(_) | Value::Comment(_) | Value::Choice(_) => None,
    };
    let value = match record.value {
        Value::Nps(score) | Value::Ces(score) => pb::feedback_record::Value::Score(score.into()),
        Value::Csat { score, .. } => pb::feedback_record::Value::Score(score.into()),
        Value::Comment(text) => pb::feedback_record::Value::Comment(text),
        Value::Choice(choices) => pb::feedback_record::Value::Choices(pb::FeedbackChoices { choices }),
    };
    pb::FeedbackRecord {
        submission_id: record.submission_id,
        survey: record.survey,
        question: record.question,
        kind: kind.into(),
        value: Some(value),
        scale,
        language: record.language.map(|tag| tag.to_string()).unwrap_or_default(),
        source: record.source,
        touchpoint: record.touchpoint,
        submitted_time: Some(to_proto(record.submitted_at)),
        customer: named.map(|named| CustomerRef { r#ref: Some(named) }),
        traits: record.traits.into_iter().collect(),
    }
}
