//! How fast the append path is, against the limit of the database beneath it.
//!
//! In one run, on one database: first the same rows go into one plain table by multi-row inserts of 500 a transaction (the
//! *raw* limit), then through the whole append path: checks, duplicates, identity, encoding, log, commit. Every acknowledged
//! event is durable in both. The ratio of the two is what counts, since the machine drifts.
//!
//! ```text
//! cargo run --profile bench --example ingest_bench -- sqlite:/tmp/bench.db 200000 1000000
//! cargo run --profile bench --example ingest_bench -- postgres://… <events> <message ids seen before>
//! ```
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program for a terminal")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use elate_domain::{EventType, FieldError, SourceId, SystemClock, WorkspaceId};
use elate_events::app::{App, Settings};
use elate_events::model::definitions::Plan;
use elate_events::model::message::{Batch, Message, Outcome};
use elate_events::ports::Manifests;
use elate_events::store::Migrator;
use elate_log::{Log, Options};
use elate_storage::bulk::{Conflict, Rows};
use elate_storage::{Backend, Database, Dsn, Options as DatabaseOptions, execute, query_one};
use tokio::task::JoinSet;
use uuid::Uuid;

const CUSTOMERS: u64 = 10_000;
const BATCH: usize = 500;
const CALLERS: usize = 8;

struct NoManifests;

impl Manifests for NoManifests {
    fn plan(&self, _: &[serde_json::Value], _: &[String], _: &[String]) -> Result<Plan, Vec<FieldError>> {
        Err(Vec::new())
    }
    fn render(&self, manifest: &serde_json::Value) -> String {
        manifest.to_string()
    }
}

/// SplitMix64.
fn random(i: u64) -> u64 {
    let mut z = i.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn properties(i: u64) -> String {
    format!(
        "{{\"product_id\":\"p-{:05}\",\"price\":{}.{:02},\"currency\":\"EUR\",\"quantity\":{},\"list\":\"search results\",\"position\":{}}}",
        random(i) % 100_000,
        i % 400,
        i % 100,
        i % 5 + 1,
        i % 50
    )
}

const CONTEXT: &str = "{\"library\":{\"name\":\"analytics.js\",\"version\":\"2.11\"},\"page\":{\"path\":\"/products\"},\"locale\":\"de-AT\"}";
const NAMES: [&str; 6] = [
    "Page Viewed",
    "Product Viewed",
    "Cart Item Added",
    "Checkout Started",
    "Order Completed",
    "Ticket Opened",
];

fn message(i: u64) -> Message {
    Message {
        message_id: Uuid::from_u64_pair(random(i), random(i ^ 0xffff_0000)).to_string(),
        name: NAMES[(i % 6) as usize].to_owned(),
        user_id: Some(format!("cust-{:05}", random(i) % CUSTOMERS)),
        properties: properties(i).into(),
        context: CONTEXT.into(),
        ..Message::new(EventType::Track)
    }
}

fn batch(first: u64) -> Batch {
    Batch {
        workspace: WorkspaceId::try_new("bench").unwrap(),
        source: SourceId::try_new("web").unwrap(),
        import_id: None,
        trace_parent: None,
        messages: (first..first + BATCH as u64).map(message).collect(),
    }
}

/// The same rows, ten columns, into a table with a primary key and nothing else.
async fn raw(database: &Database, events: u64) -> f64 {
    let uuid = if database.backend() == Backend::Sqlite { "BLOB" } else { "UUID" };
    let table = format!(
        "CREATE TABLE raw_event (id {uuid} PRIMARY KEY, workspace TEXT, source TEXT, customer {uuid}, type BIGINT, name TEXT, \
         user_id TEXT, occurred_ms BIGINT, properties TEXT, context TEXT)"
    );
    let tx = database.begin().await.unwrap();
    execute(&tx, "DROP TABLE IF EXISTS raw_event", []).await.unwrap();
    execute(&tx, &table, []).await.unwrap();
    tx.commit().await.unwrap();
    let batches: Vec<Vec<Message>> =
        (0..events / BATCH as u64).map(|b| batch(b * BATCH as u64).messages).collect();
    let began = Instant::now();
    for messages in batches {
        let customer =
            |m: &Message| Uuid::from_u64_pair(7, m.user_id.as_deref().unwrap_or_default().len() as u64);
        let customers: Vec<Uuid> = messages.iter().map(customer).collect();
        let text = |bytes: &bytes::Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        let rows = Rows::new()
            .uuid("id", messages.iter().map(|m| m.message_id.parse().unwrap()))
            .text("workspace", messages.iter().map(|_| "bench".to_owned()))
            .text("source", messages.iter().map(|_| "web".to_owned()))
            .uuid("customer", customers)
            .i64("type", messages.iter().map(|_| 1))
            .text("name", messages.iter().map(|m| m.name.clone()))
            .text("user_id", messages.iter().map(|m| m.user_id.clone().unwrap_or_default()))
            .i64("occurred_ms", messages.iter().map(|_| 1_800_000_000_000))
            .text("properties", messages.iter().map(|m| text(&m.properties)))
            .text("context", messages.iter().map(|m| text(&m.context)));
        let tx = database.begin().await.unwrap();
        rows.insert(&tx, "raw_event", Conflict::Fail).await.unwrap();
        tx.commit().await.unwrap();
    }
    events as f64 / began.elapsed().as_secs_f64()
}

/// Message ids that were seen before, in closed segments of the size that the service would have made.
async fn preload(database: &Database, ids: u64, segment_keys: u64) {
    let (uuid, narrow, random_key) = match database.backend() {
        Backend::Sqlite => ("BLOB", "WITHOUT ROWID", "randomblob(16)"),
        _ => ("UUID", "", "gen_random_uuid()"),
    };
    let day = database.now().await.unwrap() / 86_400_000;
    let tx = database.begin().await.unwrap();
    let table = format!(
        "CREATE TABLE IF NOT EXISTS seen_{day} (segment BIGINT NOT NULL, key {uuid} NOT NULL, fingerprint BIGINT NOT NULL, \
         PRIMARY KEY (segment, key)) {narrow}"
    );
    execute(&tx, &table, []).await.unwrap();
    let segments = ids.div_ceil(segment_keys.max(1));
    for segment in 0..=segments {
        let sql = "INSERT INTO seen_segment (segment, day) VALUES ($1, $2)";
        execute(&tx, sql, [(segment as i64).into(), day.into()]).await.unwrap();
        let keys = if segment == segments { 0 } else { segment_keys.min(ids - segment * segment_keys) };
        let sql = format!(
            "INSERT INTO seen_{day} WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {keys}) \
             SELECT {segment}, {random_key} AS key, 0 FROM n WHERE {keys} > 0 ORDER BY 2"
        );
        execute(&tx, &sql, []).await.unwrap();
    }
    execute(&tx, "INSERT INTO seen_meta (id, segment) VALUES (1, $1)", [(segments as i64).into()])
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn path(app: &App, events: u64) -> f64 {
    // Everybody is known before the clock starts, as on any day but the first.
    for first in (0..CUSTOMERS).step_by(BATCH) {
        let mut known = batch(1 << 40);
        for (i, message) in (first..).zip(&mut known.messages) {
            message.user_id = Some(format!("cust-{i:05}"));
            message.message_id = format!("known-{i}");
        }
        app.ingest().append(known).await.unwrap();
    }
    let batches: Vec<Batch> = (0..events / BATCH as u64).map(|b| batch(b * BATCH as u64)).collect();
    let queue = Arc::new(tokio::sync::Mutex::new(batches));
    let began = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (queue, ingest) = (Arc::clone(&queue), app.ingest());
        callers.spawn(async move {
            loop {
                let Some(batch) = queue.lock().await.pop() else { return };
                let outcomes = ingest.append(batch).await.unwrap();
                assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Accepted { .. })));
            }
        });
    }
    while let Some(done) = callers.join_next().await {
        done.unwrap();
    }
    events as f64 / began.elapsed().as_secs_f64()
}

async fn indexed(database: &Database, events: u64) {
    loop {
        let sql = "SELECT CAST(COALESCE(SUM(indexed), 0) AS BIGINT) AS n FROM timeline_head";
        let row = query_one(database.read(), sql, []).await.unwrap().unwrap();
        if row.try_get::<i64>("", "n").unwrap() as u64 >= events {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let dsn: Dsn = arguments.next().unwrap_or_default().parse().unwrap();
    let mut number = |default: u64| arguments.next().and_then(|n| n.parse().ok()).unwrap_or(default);
    let (events, seen) = (number(200_000), number(0));
    let database = Database::connect(&dsn, &DatabaseOptions::default()).await.unwrap();
    database.migrate::<Migrator>().await.unwrap();
    let embedded = database.is_embedded();
    let settings = if embedded { Settings::embedded() } else { Settings::production() };
    let options = Options { partitions: if embedded { 8 } else { 64 }, ..Options::default() };
    let began = Instant::now();
    if seen > 0 {
        preload(&database, seen, settings.duplicate_segment).await;
    }
    let preloaded = began.elapsed();
    let raw_rate = raw(&database, events).await;
    let log = Log::open(database.clone(), Arc::new(SystemClock), options).await.unwrap();
    let began = Instant::now();
    let app = App::open(database.clone(), log, settings, Arc::new(NoManifests)).await.unwrap();
    let opened = began.elapsed();
    let mut tasks = JoinSet::new();
    for (_, task) in app.tasks() {
        tasks.spawn(task);
    }
    let began = Instant::now();
    let path_rate = path(&app, events).await;
    indexed(&database, events).await;
    let whole = events as f64 / began.elapsed().as_secs_f64();
    println!(
        "{dsn}: {events} events, {seen} message ids seen before (made in {preloaded:.1?}, read in {opened:.1?})"
    );
    println!("  raw multi-row insert  {raw_rate:>9.0} rows/s");
    println!(
        "  append path           {path_rate:>9.0} events/s   {:.0} % of raw",
        100.0 * path_rate / raw_rate
    );
    println!("  until indexed         {whole:>9.0} events/s   {:.0} % of raw", 100.0 * whole / raw_rate);
}
