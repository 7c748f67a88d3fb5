//! A recorded file → the report, with nothing but this process: reading, finding customers, replaying.
//!
//! The recording is the traffic of the shop under the retail manifests. What is counted are its events; what the services
//! say about them comes on top. The raw limit is parsing the same lines as JSON values on one thread.
#![allow(clippy::expect_used, clippy::disallowed_methods, reason = "a load driver: it fails by panicking")]

use std::num::NonZeroUsize;
use std::time::Instant;

use clap::Parser;
use elate_bench::traffic::Shop;
use elate_bench::{Report, retail_manifests};
use elate_proto::events::v1::{EventType, IngestMessage};
use elate_simulate::{Definitions, Options, Recording, Silent, simulate};
use serde_json::{Value, json};

/// As in the `elate` command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// 1 March 2026.
const BEGIN_MILLIS: i64 = 1_772_323_200_000;
/// What a simulation on two processors shall reach.
const TARGET: f64 = 200_000.0;

#[derive(Parser)]
struct Arguments {
    /// Events in the recording.
    #[arg(long, default_value_t = 500_000)]
    events: usize,
    /// Customers.
    #[arg(long, default_value_t = 10_000)]
    customers: usize,
    /// Threads.
    #[arg(long, default_value = "2")]
    threads: NonZeroUsize,
    /// What `cargo bench` passes.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let arguments = Arguments::parse();
    let mut shop = Shop::new(arguments.customers, 1, BEGIN_MILLIS);
    let messages = shop.batch(arguments.events);
    let lines: Vec<String> = messages.iter().map(line).collect();
    let recorded = lines.join("\n");
    let began = Instant::now();
    let fields: usize = lines
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON").as_object().map_or(0, |o| o.len()))
        .sum();
    let raw = arguments.events as f64 / began.elapsed().as_secs_f64();
    assert!(fields > arguments.events, "each line has fields");

    let options = Options { threads: arguments.threads, ..Options::try_default().expect("valid defaults") };
    let definitions = Definitions::read(&[retail_manifests()]).expect("valid manifests");
    let began = Instant::now();
    let recording = Recording::read(recorded.as_bytes(), &options, &Silent).expect("a recording");
    let read = began.elapsed().as_secs_f64();
    let found = simulate(&definitions, &recording, &options, &Silent).expect("a report");
    let all = began.elapsed().as_secs_f64();

    let Arguments { events, customers, threads, .. } = arguments;
    assert_eq!(found.input.accepted, events as u64, "every event counts");
    let report =
        Report::new(format!("simulate: {events} events of {customers} customers, {threads} threads"));
    report.figure("parsing the lines, one thread", raw, "events/s");
    report.figure("reading and finding customers", events as f64 / read, "events/s");
    report.figure("replaying", events as f64 / (all - read), "events/s");
    report.at_least("all of it", events as f64 / all, "events/s", TARGET);
    let said: u64 = found.events.iter().filter(|(name, _)| name.starts_with("elate.")).map(|(_, n)| n).sum();
    report.figure("events that the services said", said as f64, "");
}

/// The message as its SDK would have sent it.
fn line(message: &IngestMessage) -> String {
    let kind = match message.r#type() {
        EventType::Identify => "identify",
        EventType::Page => "page",
        _ => "track",
    };
    let object = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap_or_else(|_| json!({}));
    let time = message.original_time.expect("a time");
    let millis = time.seconds * 1000 + i64::from(time.nanos / 1_000_000);
    let mut line = json!({
        "type": kind,
        "messageId": message.message_id,
        "userId": message.user_id,
        "properties": object(&message.properties),
        "traits": object(&message.traits),
        "context": object(&message.context),
        "timestamp": elate_domain::Timestamp(millis),
    });
    line[if kind == "track" { "event" } else { "name" }] = json!(message.name);
    if !message.anonymous_id.is_empty() {
        line["anonymousId"] = json!(message.anonymous_id);
    }
    line.to_string()
}
