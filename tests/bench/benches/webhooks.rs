//! Event → journey → webhook, durable, against what the peers do on the same sort of machine.
//!
//! Every event is of another one of 2,000 known customers and starts a play by its name; the play sends one webhook
//! with three rendered fields to a receiver in this process, which answers at once. *Done* is an action whose receipt is
//! on the log. Figures of the peers, measured with the same load: Parcelvoy 68 journeys/s, 33.3 ms at the 99th percentile at
//! 10/s; svix 1,142 webhooks/s accepted and delivered, one a call, for 1.65 s of processor time per 1,000.
#![allow(clippy::expect_used, clippy::disallowed_methods, reason = "a load driver: it fails by panicking")]

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use clap::Parser;
use elate_bench::watch::Watch;
use elate_bench::{Report, load, usage::Usage};
use elate_domain::system::name;
use elate_e2e::{System, Topology, Workspace, identify, track};
use elate_proto::events::v1::{IngestMessage, Record};
use elate_testkit::webhook::WebhookReceiver;
use serde_json::{Value, json};
use tokio::task::JoinSet;

const CUSTOMERS: usize = 2_000;
const WITHIN: Duration = Duration::from_secs(300);
const PARCELVOY: f64 = 68.0;
const PARCELVOY_MILLIS: f64 = 33.3;
const SVIX: f64 = 1_142.0;
const SVIX_CPU: f64 = 1.65;
/// Calls at once, where a call brings one event.
const CALLS: usize = 50;

#[derive(Parser)]
struct Arguments {
    /// Events of each part.
    #[arg(long, default_value_t = 10_000)]
    events: usize,
    /// Seconds at 10 events/s.
    #[arg(long, default_value_t = 30)]
    seconds: usize,
    /// Only `files`, `servers` or `four`.
    #[arg(long)]
    only: Option<String>,
    /// What `cargo bench` passes.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    let topologies = [
        ("files", "one process, SQLite", Topology::OneOnFiles),
        ("servers", "one process, PostgreSQL and Redis", Topology::OneOnServers),
        ("four", "four processes, PostgreSQL and Redis", Topology::Four),
    ];
    for (name, words, topology) in topologies {
        if arguments.only.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        let Some(mut system) = System::start(topology).await else { continue };
        let folder = tempfile::tempdir().expect("a folder");
        let bench = Bench::new(&system, folder.path()).await;
        let report =
            Report::new(format!("webhooks, {words}: {} events, {CUSTOMERS} customers", arguments.events));
        bench.batched(&report, arguments.events).await;
        bench.singly(&report, arguments.events).await;
        bench.slowly(&report, arguments.seconds * 10).await;
        report.figure("peak memory of Elate's processes", Usage::now().peak_mebibytes, "MiB");
        system.stop().await;
    }
}

struct Bench {
    workspace: Workspace,
    receiver: WebhookReceiver,
}

fn manifests(receiver: &WebhookReceiver, secret: &Path) -> String {
    let (url, secret) = (receiver.url("/hook"), secret.display());
    format!(
        r#"apiVersion: elate.dev/v1
kind: Channel
metadata: {{name: hook}}
spec:
  webhook: {{url: "{url}", secret: "file:{secret}", allow_private: true}}
---
apiVersion: elate.dev/v1
kind: Template
metadata: {{name: thanks}}
spec:
  channel: webhook
  fallback: en
  locales:
    en:
      body: '{{"name": {{{{ customer.first_name }}}}, "order": {{{{ event.properties.order_id }}}}, "city": {{{{ customer.city }}}}}}'
---
apiVersion: elate.dev/v1
kind: Play
metadata: {{name: thank}}
spec:
  trigger: {{event: "Order Placed"}}
  reentry: always
  steps:
    - send: {{channel: hook, template: thanks, class: service}}
"#
    )
}

/// The message that a receipt says was sent.
fn sent(record: &Record) -> Option<String> {
    let payload: Value = serde_json::from_slice(&record.properties).ok()?;
    let state = payload.get("state").and_then(Value::as_str);
    assert!(!matches!(state, Some("refused" | "failed")), "a message was not sent: {payload}");
    let is_sent = state == Some("sent");
    is_sent.then(|| payload.get("notification_id").and_then(Value::as_str).map(str::to_owned))?
}

fn order(part: &str, n: usize) -> IngestMessage {
    let properties = json!({"order_id": format!("{part}-{n}"), "total": 49, "currency": "EUR"});
    track(&format!("{part}-{n}"), &format!("u-{}", n % CUSTOMERS), "Order Placed", &properties)
}

impl Bench {
    async fn new(system: &System, folder: &Path) -> Self {
        let receiver = WebhookReceiver::start().await;
        let secret = folder.join("secret");
        std::fs::write(&secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret");
        let workspace = system.workspace("shop").await;
        workspace.apply(&manifests(&receiver, &secret)).await;
        let traits = json!({"first_name": "Clara", "city": "Vienna", "email": "clara@customers.example"});
        let known = (0..CUSTOMERS).map(|n| identify(&format!("known-{n}"), &format!("u-{n}"), "", &traits));
        load::append(&workspace.writer, known.collect()).await;
        let bench = Self { workspace, receiver };
        // Connections, caches and plans are warm when it counts.
        let watch = bench.watch().await;
        load::append(&bench.workspace.writer, (0..100).map(|n| order("warm", n)).collect()).await;
        watch.all(100, WITHIN).await;
        bench
    }

    async fn watch(&self) -> Watch {
        Watch::start(&self.workspace.admin, &[name::NOTIFICATION_RECEIPT], sent).await
    }

    /// Events in batches, until the last action is recorded as sent.
    async fn batched(&self, report: &Report, events: usize) {
        let watch = self.watch().await;
        let (usage, began) = (Usage::now(), Instant::now());
        let batches: Vec<Vec<_>> = (0..events.div_ceil(500))
            .map(|b| (b * 500..events.min((b + 1) * 500)).map(|n| order("batched", n)).collect())
            .collect();
        load::flood(&self.workspace.writer, 2, batches.into_iter()).await;
        let done = watch.all(events, WITHIN).await;
        let rate = events as f64 / done.duration_since(began).as_secs_f64();
        let goal = 20.0 * PARCELVOY;
        report.at_least("event → journey → webhook, recorded as sent", rate, "actions/s", goal);
        report.figure("  that is, times Parcelvoy's", rate / PARCELVOY, "");
        let cpu = (Usage::now().cpu_seconds - usage.cpu_seconds) / events as f64 * 1000.0;
        report.figure("  processor time, database included", cpu, "s per 1000");
    }

    /// One event a call, 50 calls at once.
    async fn singly(&self, report: &Report, events: usize) {
        let watch = self.watch().await;
        let (usage, began) = (Usage::now(), Instant::now());
        let calls = (0..events).map(|n| vec![order("single", n)]);
        let accepted = load::flood(&self.workspace.writer, CALLS, calls).await;
        let done = watch.all(events, WITHIN).await.duration_since(began);
        let cpu = (Usage::now().cpu_seconds - usage.cpu_seconds) / events as f64 * 1000.0;
        report.figure("one a call: accepted, durable", events as f64 / accepted.as_secs_f64(), "calls/s");
        report.at_least(
            "one a call: delivered and recorded",
            events as f64 / done.as_secs_f64(),
            "webhooks/s",
            SVIX,
        );
        report.below("  processor time, database included", cpu, "s per 1000", SVIX_CPU);
    }

    /// Ten events a second, from the call to the webhook's arrival.
    async fn slowly(&self, report: &Report, events: usize) {
        let before = self.receiver.count();
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        let mut calls = JoinSet::new();
        let mut called = HashMap::new();
        for n in 0..events {
            ticks.tick().await;
            let clients = self.workspace.writer.clone();
            called.insert(format!("slow-{n}"), Instant::now());
            calls.spawn(async move { load::append(&clients, vec![order("slow", n)]).await });
        }
        while let Some(done) = calls.join_next().await {
            done.expect("a call");
        }
        let deadline = Instant::now() + WITHIN;
        while self.receiver.count() < before + events {
            assert!(Instant::now() < deadline, "webhooks are missing");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let mut samples = Vec::with_capacity(events);
        for received in self.receiver.received() {
            let body: Value = serde_json::from_slice(&received.body).expect("a JSON body");
            let key = body.get("order").and_then(Value::as_str).unwrap_or_default();
            if let Some(at) = called.remove(key) {
                samples.push(received.at.into_std().saturating_duration_since(at));
            }
        }
        assert_eq!(samples.len(), events, "every event has its webhook");
        report.latencies("at 10/s, call → webhook received", &mut samples, PARCELVOY_MILLIS);
    }
}
