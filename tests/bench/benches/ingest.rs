//! Durable ingest over gRPC against the raw limit of the database beneath it.
//!
//! Batches of 500 messages of about 400 bytes, one in twenty of a customer that was never seen, are acknowledged when
//! they are durable. Before that, message ids are put into the duplicates table (`--preload`). The raw limit: the same
//! rows by multi-row inserts into one plain table of the same server.
#![allow(clippy::expect_used, clippy::disallowed_methods, reason = "a load driver: it fails by panicking")]

use clap::Parser;
use elate_bench::alone::Alone;
use elate_bench::{Report, load, raw, traffic, usage::Usage};
use elate_storage::{Backend, Database, Options, execute};
use elate_testkit::{postgres, private};

const BATCH: u64 = 500;
/// Callers, and connections of the raw limit on PostgreSQL.
const CALLERS: u32 = 8;
#[derive(Parser)]
struct Arguments {
    /// Messages to send.
    #[arg(long, default_value_t = 300_000)]
    events: u64,
    /// Message ids seen before.
    #[arg(long, default_value_t = 10_000_000)]
    preload: u64,
    /// Only `sqlite` or `postgres`.
    #[arg(long)]
    only: Option<String>,
    /// What `cargo bench` passes.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Arguments {
    fn wants(&self, name: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == name)
    }

    fn batches(
        &self,
        first: u64,
    ) -> impl Iterator<Item = Vec<elate_proto::events::v1::IngestMessage>> + use<> {
        let count = self.events / BATCH;
        (0..count).map(move |n| traffic::batch(first + n * BATCH..first + (n + 1) * BATCH))
    }
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    if arguments.wants("sqlite") {
        let folder = tempfile::tempdir().expect("a folder");
        let limit = raw::sqlite(&folder.path().join("raw.db"), arguments.batches(0).collect()).await;
        let url = format!("sqlite:{}", folder.path().join("events.db").display());
        measure("ingest, SQLite (WAL, FULL)", &arguments, &url, None, limit).await;
    }
    if arguments.wants("postgres") {
        let Some(server) = private::Postgres::start().await else { return };
        let Some(redis) = private::Redis::start().await else { return };
        let raw_url = postgres::create_named(&server.url(), "raw").await;
        let limit = raw::postgres(&raw_url, CALLERS, arguments.batches(0).collect()).await;
        let url = postgres::create_named(&server.url(), "elate_events").await;
        measure("ingest, PostgreSQL and Redis", &arguments, &url, Some(&redis.url()), limit).await;
    }
}

async fn measure(topic: &str, arguments: &Arguments, url: &str, redis: Option<&str>, limit: f64) {
    let folder = tempfile::tempdir().expect("a folder");
    Alone::migrate(url, folder.path()).await;
    preload(url, arguments.preload).await;
    let began = std::time::Instant::now();
    let events = Alone::start(url, redis, folder.path()).await;
    let started = began.elapsed();
    let clients = events.first_clients(folder.path());
    let known = (0..traffic::CUSTOMERS / BATCH).map(|n| {
        let mut batch = traffic::batch((1 << 40) + n * BATCH..(1 << 40) + (n + 1) * BATCH);
        for (customer, message) in (n * BATCH..).zip(&mut batch) {
            message.user_id = format!("cust-{customer:08}");
        }
        batch
    });
    load::flood(&clients, CALLERS as usize, known.collect::<Vec<_>>().into_iter()).await;

    let before = Usage::now();
    let took = load::flood(&clients, CALLERS as usize, arguments.batches(0)).await;
    let after = Usage::now();
    let sent = (arguments.events / BATCH * BATCH) as f64;
    let report = Report::new(format!(
        "{topic}: {sent} messages in batches of {BATCH}, {CALLERS} callers, {} ids seen before",
        arguments.preload
    ));
    report.figure("raw multi-row inserts", limit, "rows/s");
    report.of_limit("acknowledged", sent / took.as_secs_f64(), "messages/s", limit, 0.4);
    let cpu = (after.cpu_seconds - before.cpu_seconds) / sent * 1000.0;
    report.figure("processor time, database included", cpu, "s per 1000");
    report.figure("peak memory of elate-events", after.peak_mebibytes, "MiB");
    report.figure("start with these ids", started.as_secs_f64(), "s");
    events.stop().await;
}

/// Message ids of today in closed segments of the size that the service makes.
async fn preload(url: &str, ids: u64) {
    if ids == 0 {
        return;
    }
    let options = Options::default();
    let database =
        Database::connect(&url.parse().expect("a database"), &options).await.expect("the database");
    // Segments are as large as the service makes them.
    let (uuid, tuned, key, full) = match database.backend() {
        Backend::Sqlite => ("BLOB", "WITHOUT ROWID", "randomblob(16)", 100_000),
        _ => ("UUID", "", "gen_random_uuid()", 900_000),
    };
    let day = database.now().await.expect("a time") / 86_400_000;
    let tx = database.begin().await.expect("a transaction");
    let table = format!(
        "CREATE TABLE IF NOT EXISTS seen_{day} (segment BIGINT NOT NULL, key {uuid} NOT NULL, \
         fingerprint BIGINT NOT NULL, PRIMARY KEY (segment, key)) {tuned}"
    );
    execute(&tx, &table, []).await.expect("a table");
    let segments = ids.div_ceil(full);
    for segment in 0..=segments {
        let sql = "INSERT INTO seen_segment (segment, day) VALUES ($1, $2)";
        execute(&tx, sql, [(segment as i64).into(), day.into()]).await.expect("a segment");
        let keys = ids.saturating_sub(segment * full).min(full);
        let sql = format!(
            "INSERT INTO seen_{day} WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {keys}) \
             SELECT {segment}, {key} AS key, 0 FROM n WHERE {keys} > 0 ORDER BY 2"
        );
        execute(&tx, &sql, []).await.expect("keys");
    }
    let sql = "INSERT INTO seen_meta (id, segment) VALUES (1, $1)";
    execute(&tx, sql, [(segments as i64).into()]).await.expect("the open segment");
    tx.commit().await.expect("committed");
    database.close().await.expect("closed");
}
