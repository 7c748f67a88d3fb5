//! A log that is already there → moments judged → scores stored, in one process; and the same while the log grows.
//!
//! The log is filled by the events service alone, under the retail manifests; then the one process with all four
//! services is started on it, and the clock runs from that start until every service has processed all of the log, what
//! the services themselves have appended meanwhile included. Only the events from outside are counted.
#![allow(clippy::expect_used, clippy::disallowed_methods, reason = "a load driver: it fails by panicking")]

use std::time::{Duration, Instant};

use clap::Parser;
use elate_bench::alone::Alone;
use elate_bench::progress::{Progress, Reading};
use elate_bench::traffic::Shop;
use elate_bench::{Report, load, retail_manifests, usage::Usage};
use elate_e2e::{System, Topology, Workspace, now_millis};

const BATCH: usize = 500;
/// Batches a second of the steady load.
const OFFERED: u64 = 20;
const DONE: Duration = Duration::from_secs(900);

#[derive(Parser)]
struct Arguments {
    /// Events in the log.
    #[arg(long, default_value_t = 300_000)]
    events: usize,
    /// Customers; several numbers, with commas, compare the cost of an event.
    #[arg(long, default_value = "10000", value_delimiter = ',')]
    customers: Vec<usize>,
    /// Seconds of ingest at 10,000 events/s after that.
    #[arg(long, default_value_t = 300)]
    seconds: u64,
    /// Only `sqlite` or `servers`.
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
        ("sqlite", "one process, SQLite", Topology::OneOnFiles),
        ("servers", "one process, PostgreSQL and Redis", Topology::OneOnServers),
    ];
    for (name, words, topology) in topologies {
        if arguments.only.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        for (at, &customers) in arguments.customers.iter().enumerate() {
            let seconds = if at == 0 { arguments.seconds } else { 0 };
            Box::pin(measure(words, topology, arguments.events, customers, seconds)).await;
        }
    }
}

async fn measure(words: &str, topology: Topology, events: usize, customers: usize, seconds: u64) {
    let Some(mut system) = System::start(topology).await else { return };
    let workspace = system.workspace("shop").await;
    workspace.apply(&retail_manifests()).await;
    let progress = Progress::open(&system).await;
    progress.done(DONE).await;
    system.stop().await;

    let begin = now_millis() - Shop::span_millis(events as u64);
    let filled = fill(&system, &workspace, Shop::new(customers, 1, begin), events).await;
    let head = progress.head().await;
    let began = Instant::now();
    let usage = Usage::now();
    system.start_again().await;
    let done = progress.done(DONE).await;
    let took = done.duration_since(began).as_secs_f64();
    let after = Usage::now();

    let report = Report::new(format!("pipeline, {words}: {events} events of {customers} customers"));
    report.figure("filling the log", events as f64 / filled.as_secs_f64(), "events/s");
    report.at_least(
        "judged and scored, from the process's start",
        events as f64 / took,
        "events/s",
        25_000.0,
    );
    let grown = progress.head().await - head;
    report.figure("appended by the services meanwhile", grown as f64, "records");
    report.figure("moments stored", progress.rows("scoring", "moment").await as f64, "rows");
    report.figure("scores stored", progress.rows("scoring", "score").await as f64, "customers");
    let cpu = (after.cpu_seconds - usage.cpu_seconds) / events as f64 * 1e6;
    report.figure("processor time an event, database included", cpu, "µs");
    report.figure("peak memory of the process", after.peak_mebibytes, "MiB");
    if seconds > 0 {
        steady(&report, &workspace, &progress, Shop::new(customers, 2, now_millis()), seconds).await;
    }
    system.stop().await;
}

async fn fill(system: &System, workspace: &Workspace, mut shop: Shop, events: usize) -> Duration {
    let folder = tempfile::tempdir().expect("a folder");
    let redis = system.redis.as_ref().map(elate_testkit::private::Redis::url);
    let alone = Alone::start(&system.database("events"), redis.as_deref(), folder.path()).await;
    let clients = alone.clients(&workspace.write_key);
    let batches = (0..events.div_ceil(BATCH)).map(move |n| shop.batch(BATCH.min(events - n * BATCH)));
    // One caller keeps the order of a customer's events; the batches behind it are made meanwhile.
    let took = load::flood(&clients, 1, batches).await;
    alone.stop().await;
    took
}

/// Ingest at 10,000 events/s while everything is judged and scored. The lag of the last fifth is compared with that of the
/// second: the first one belongs to the start.
async fn steady(report: &Report, workspace: &Workspace, progress: &Progress, mut shop: Shop, seconds: u64) {
    let lasting = Duration::from_secs(seconds);
    let clients = workspace.writer.clone();
    let offering = tokio::spawn(async move {
        let batches = std::iter::repeat_with(move || shop.batch(BATCH));
        load::offer(&clients, Duration::from_millis(1000 / OFFERED), lasting, batches).await
    });
    let mut lags = Vec::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    let memory = Usage::now().mebibytes;
    while !offering.is_finished() {
        ticks.tick().await;
        lags.push(progress.read().await);
    }
    let (sent, open) = offering.await.expect("the load");
    let rate = sent as f64 / seconds as f64;
    report.figure(&format!("offered for {seconds} s"), rate, "events/s");
    report.figure("batches not yet acknowledged at the end", open as f64, "");
    let fifth = lags.len() / 5;
    let mean = |of: &[Reading]| {
        of.iter().map(|reading| reading.most_behind() as f64).sum::<f64>() / of.len().max(1) as f64
    };
    report.figure("lag, second fifth", mean(&lags[fifth..2 * fifth]), "records");
    report.figure("lag, last fifth", mean(&lags[4 * fifth..]), "records");
    report.figure("memory before", memory, "MiB");
    report.figure("memory after", Usage::now().mebibytes, "MiB");
    let began = Instant::now();
    let done = progress.done(DONE).await;
    report.figure("until nothing is left", done.duration_since(began).as_secs_f64(), "s");
}
