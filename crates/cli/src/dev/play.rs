//! The playback: a recorded event file, sent through the public API at the times that it was recorded at.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use bytes::Bytes;
use elate_domain::{Clock, PlaybackClock, Timestamp};
use elate_proto::events::v1::ingest_result::Status;
use elate_proto::events::v1::ingest_service_client::IngestServiceClient;
use elate_proto::events::v1::{IngestBatchRequest, IngestMessage};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::value::RawValue;

use crate::client::Authenticated;
use crate::commands::message::Recorded;

/// Messages in one request at the most.
const BATCH: usize = 200;
/// Before the first message, so that timers of the first minutes are not late.
const LEAD_MILLIS: i64 = 60_000;
/// After the last message, so that what is watched (a recovery) comes to its end.
const TRAIL_MILLIS: i64 = 4 * 86_400_000;

/// A recorded file, read.
pub struct Recording {
    messages: Vec<(Timestamp, String, Recorded)>,
}

/// How many messages were new, and how many were there already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Played {
    /// On their timelines since now.
    pub accepted: usize,
    /// There already.
    pub duplicate: usize,
}

impl Recording {
    /// Reads a file of recorded messages, one a line, in order of time.
    pub fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let mut messages = Vec::new();
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            let recorded = Recorded::parse(line).with_context(|| format!("line {number}"))?;
            let at = recorded.timestamp.with_context(|| format!("line {number} has no timestamp"))?;
            messages.push((at, line.to_owned(), recorded));
        }
        if messages.is_empty() {
            bail!("{} holds no messages", file.display());
        }
        messages.sort_by_key(|(at, ..)| *at);
        Ok(Self { messages })
    }

    /// How many messages; never none, an empty file is refused.
    #[allow(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// A clock that runs through the recorded time in about `seconds`.
    pub fn clock(&self, seconds: f64) -> PlaybackClock {
        let first = self.messages.first().map_or(Timestamp(0), |m| m.0).plus_millis(-LEAD_MILLIS);
        let last = self.messages.last().map_or(first, |m| m.0).plus_millis(TRAIL_MILLIS);
        let speed = last.millis_since(first) as f64 / 1000.0 / seconds.max(0.1);
        PlaybackClock::new(first, last, speed.max(1.0))
    }
}

/// Sends a recording: what browsers recorded over HTTP, as their SDK would, and what servers recorded over gRPC.
pub struct Player {
    http: Client<HttpConnector, Full<Bytes>>,
    url: String,
    authorization: String,
    grpc: IngestServiceClient<Authenticated>,
    clock: Arc<PlaybackClock>,
}

impl Player {
    /// A player against the services at `address`.
    pub fn new(
        address: &str,
        write_key: &str,
        grpc: IngestServiceClient<Authenticated>,
        clock: Arc<PlaybackClock>,
    ) -> Self {
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("{write_key}:"));
        Self {
            http: Client::builder(TokioExecutor::new()).build_http(),
            url: format!("{address}/v1/batch"),
            authorization: format!("Basic {basic}"),
            grpc,
            clock,
        }
    }

    /// Plays all of it. Where the first messages are known already, the rest is sent without waiting for its time.
    pub async fn play(&mut self, recording: &Recording, progress: impl Fn(usize)) -> Result<Played> {
        let mut played = Played::default();
        let mut rest = &recording.messages[..];
        while let Some((at, ..)) = rest.first() {
            let known = played.accepted == 0 && played.duplicate > 0;
            if !known {
                tokio::time::sleep(self.clock.until(*at)).await;
            }
            let now = self.clock.now();
            let due = rest.iter().take(BATCH).take_while(|(at, ..)| known || *at <= now).count().max(1);
            let (batch, later) = rest.split_at(due);
            self.send(batch, &mut played).await?;
            progress(recording.len() - later.len());
            rest = later;
        }
        Ok(played)
    }

    /// Sends runs of messages that go the same way, in order.
    async fn send(&mut self, batch: &[(Timestamp, String, Recorded)], played: &mut Played) -> Result<()> {
        for run in batch.chunk_by(|a, b| is_browser(&a.2) == is_browser(&b.2)) {
            match run.first() {
                Some((.., first)) if is_browser(first) => self.send_http(run, played).await?,
                _ => self.send_grpc(run, played).await?,
            }
        }
        Ok(())
    }

    async fn send_http(&self, run: &[(Timestamp, String, Recorded)], played: &mut Played) -> Result<()> {
        let lines: Vec<&RawValue> =
            run.iter().map(|(_, line, _)| serde_json::from_str(line)).collect::<Result<_, _>>()?;
        // Without `sentAt`: sped up, the time on the way would count for hours, and nothing is to be corrected.
        let body = serde_json::json!({ "batch": lines }).to_string();
        let request = http::Request::post(&self.url)
            .header("authorization", &self.authorization)
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))?;
        let response = self.http.request(request).await.context("the HTTP API does not answer")?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            bail!("the HTTP API answered {status}: {}", String::from_utf8_lossy(&body));
        }
        let answer: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let duplicate = answer.get("duplicate").and_then(serde_json::Value::as_u64).unwrap_or(0) as usize;
        played.duplicate += duplicate;
        played.accepted += run.len().saturating_sub(duplicate);
        Ok(())
    }

    async fn send_grpc(&mut self, run: &[(Timestamp, String, Recorded)], played: &mut Played) -> Result<()> {
        let messages: Vec<IngestMessage> = run.iter().map(|(.., r)| r.to_message()).collect::<Result<_>>()?;
        let request = IngestBatchRequest { messages, import_id: String::new() };
        let response = self.grpc.ingest_batch(request).await?.into_inner();
        for result in response.results {
            match result.status() {
                Status::Accepted => played.accepted += 1,
                Status::Duplicate => played.duplicate += 1,
                Status::Rejected | Status::Unspecified => {
                    bail!("{} was rejected: {} {}", result.message_id, result.field, result.reason)
                }
            }
        }
        Ok(())
    }
}

/// Whether a browser sent it: then it carries an anonymous id.
fn is_browser(recorded: &Recorded) -> bool {
    !recorded.anonymous_id.is_empty()
}
