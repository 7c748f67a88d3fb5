//! From the acknowledgement of an event to the moment on the timeline, at 100 events/s.
//!
//! Each event is an item that is rated, which is judged at once under the retail manifests. A follower of the workspace,
//! as any API user may be one, notes when the moment comes.
#![allow(clippy::expect_used, clippy::disallowed_methods, reason = "a load driver: it fails by panicking")]

use std::time::{Duration, Instant};

use clap::Parser;
use elate_bench::watch::{Watch, cause};
use elate_bench::{Report, load, retail_manifests};
use elate_domain::system::name;
use elate_e2e::{System, Topology, Workspace, identify, track};
use serde_json::json;
use tokio::task::JoinSet;

const CUSTOMERS: usize = 1_000;
const EVERY: Duration = Duration::from_millis(10);
const WITHIN: Duration = Duration::from_secs(60);
/// Events before those that count: connections, caches and plans are warm then.
const WARM: usize = 200;

#[derive(Parser)]
struct Arguments {
    /// Seconds.
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
        ("files", "one process, SQLite", Topology::OneOnFiles, 25.0),
        ("servers", "one process, PostgreSQL and Redis", Topology::OneOnServers, 25.0),
        ("four", "four processes, PostgreSQL and Redis", Topology::Four, 40.0),
    ];
    for (name, words, topology, limit) in topologies {
        if arguments.only.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        let Some(mut system) = System::start(topology).await else { continue };
        let workspace = system.workspace("shop").await;
        workspace.apply(&retail_manifests()).await;
        let mut samples = Box::pin(measure(&workspace, arguments.seconds)).await;
        let report = Report::new(format!("latency, {words}: 100 events/s for {} s", arguments.seconds));
        report.latencies("acknowledged → moment on the timeline", &mut samples, limit);
        system.stop().await;
    }
}

async fn measure(workspace: &Workspace, seconds: usize) -> Vec<Duration> {
    let known: Vec<_> = (0..CUSTOMERS)
        .map(|n| identify(&format!("known-{n}"), &format!("u-{n}"), "", &json!({"first_name": "C"})))
        .collect();
    load::append(&workspace.writer, known).await;
    let watch = Watch::start(&workspace.admin, &[name::MOMENT_JUDGED], cause).await;
    let count = WARM + seconds * 100;
    let mut ticks = tokio::time::interval(EVERY);
    let mut calls = JoinSet::new();
    for n in 0..count {
        ticks.tick().await;
        let clients = workspace.writer.clone();
        calls.spawn(async move {
            let properties = json!({"order_id": format!("o-{n}"), "stars": 5});
            let event = track(&id(n), &format!("u-{}", n % CUSTOMERS), "Item Rated", &properties);
            load::append(&clients, vec![event]).await;
            (n, Instant::now())
        });
    }
    let mut acknowledged = vec![Instant::now(); count];
    while let Some(done) = calls.join_next().await {
        let (n, at) = done.expect("a call");
        acknowledged[n] = at;
    }
    watch.all(count, WITHIN).await;
    let took = |n: usize| watch.at(&id(n)).expect("a moment").saturating_duration_since(acknowledged[n]);
    (WARM..count).map(took).collect()
}

fn id(n: usize) -> String {
    format!("rated-{n}")
}
