//! The raw limit of a database: multi-row inserts of the same rows, batches and connections, and nothing else.

use std::path::Path;
use std::time::Instant;

use elate_proto::events::v1::IngestMessage;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection, PgPool, SqliteConnection};
use tokio::task::JoinSet;
use uuid::Uuid;

/// Milliseconds since 1970 that all rows carry.
const TIME: i64 = 1_800_000_000_000;

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("JSON is UTF-8")
}

fn id(message: &IngestMessage) -> Uuid {
    message.message_id.parse().expect("message ids of the plain traffic are UUIDs")
}

/// Rows a second into a table of PostgreSQL with a primary key: `INSERT … SELECT FROM UNNEST`, a transaction a batch,
/// over so many connections at once.
pub async fn postgres(url: &str, connections: u32, batches: Vec<Vec<IngestMessage>>) -> f64 {
    let pool = PgPoolOptions::new().max_connections(connections).connect(url).await.expect("PostgreSQL");
    let table = "CREATE TABLE raw_event (id UUID PRIMARY KEY, workspace TEXT, source TEXT, customer UUID, \
                 type BIGINT, name TEXT, user_id TEXT, occurred_ms BIGINT, properties JSONB, context JSONB)";
    sqlx::query(table).execute(&pool).await.expect("a table");
    let rows: usize = batches.iter().map(Vec::len).sum();
    let queue = std::sync::Arc::new(std::sync::Mutex::new(batches));
    let mut running = JoinSet::new();
    let began = Instant::now();
    for _ in 0..connections {
        let (pool, queue) = (pool.clone(), std::sync::Arc::clone(&queue));
        running.spawn(async move {
            loop {
                let next = queue.lock().expect("no panic under it").pop();
                let Some(batch) = next else { return };
                unnest(&pool, &batch).await;
            }
        });
    }
    while let Some(done) = running.join_next().await {
        done.expect("a connection");
    }
    let rate = rows as f64 / began.elapsed().as_secs_f64();
    sqlx::query("DROP TABLE raw_event").execute(&pool).await.expect("the table goes");
    pool.close().await;
    rate
}

async fn unnest(pool: &PgPool, batch: &[IngestMessage]) {
    let column = |of: fn(&IngestMessage) -> &str| batch.iter().map(of).collect::<Vec<&str>>();
    let ids: Vec<Uuid> = batch.iter().map(id).collect();
    sqlx::query(
        "INSERT INTO raw_event SELECT id, 'bench', 'web', customer, 1, name, user_id, occurred_ms, \
         properties::jsonb, context::jsonb FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::text[], \
         $5::bigint[], $6::text[], $7::text[]) \
         AS r(id, customer, name, user_id, occurred_ms, properties, context)",
    )
    .bind(&ids)
    .bind(&ids)
    .bind(column(|message| &message.name))
    .bind(column(|message| &message.user_id))
    .bind(vec![TIME; batch.len()])
    .bind(column(|message| text(&message.properties)))
    .bind(column(|message| text(&message.context)))
    .execute(pool)
    .await
    .expect("rows");
}

/// Rows a second into a table of SQLite with a primary key (WAL, `synchronous=FULL`): `INSERT … VALUES` of a whole batch, a
/// transaction a batch, over the one connection that may write.
pub async fn sqlite(file: &Path, batches: Vec<Vec<IngestMessage>>) -> f64 {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let mut connection = SqliteConnection::connect_with(&options).await.expect("SQLite");
    let table = "CREATE TABLE raw_event (id BLOB PRIMARY KEY, workspace TEXT, source TEXT, customer BLOB, \
                 type BIGINT, name TEXT, user_id TEXT, occurred_ms BIGINT, properties TEXT, context TEXT)";
    sqlx::query(table).execute(&mut connection).await.expect("a table");
    let rows: usize = batches.iter().map(Vec::len).sum();
    let began = Instant::now();
    for batch in &batches {
        values(&mut connection, batch).await;
    }
    let rate = rows as f64 / began.elapsed().as_secs_f64();
    connection.close().await.expect("closed");
    rate
}

async fn values(connection: &mut SqliteConnection, batch: &[IngestMessage]) {
    let row = "(?,'bench','web',?,1,?,?,?,?,?)";
    let sql = format!("INSERT INTO raw_event VALUES {}", vec![row; batch.len()].join(","));
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for message in batch {
        let id = id(message);
        query = query
            .bind(id)
            .bind(id)
            .bind(&message.name)
            .bind(&message.user_id)
            .bind(TIME)
            .bind(text(&message.properties))
            .bind(text(&message.context));
    }
    query.execute(connection).await.expect("rows");
}
