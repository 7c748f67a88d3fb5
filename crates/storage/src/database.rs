//! Opening a database, and the connections to it.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, SqliteTransactionMode, SqlxPostgresConnector, Statement,
    TransactionOptions, TransactionTrait,
};
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::{Dsn, Error, Transaction};

/// How a database is used.
#[derive(Debug, Clone)]
pub struct Options {
    /// Connections to PostgreSQL at the most; readers of SQLite at the most (its writer is always one).
    pub max_connections: u32,
    /// How long a caller waits for a free connection before it gets a transient error.
    pub acquire_timeout: Duration,
    /// How long SQLite waits for another process's lock.
    pub busy_timeout: Duration,
    /// Shown in `pg_stat_activity`, e.g. `elate-events`.
    pub application_name: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_connections: 10,
            acquire_timeout: Duration::from_secs(10),
            busy_timeout: Duration::from_secs(10),
            application_name: "elate".to_owned(),
        }
    }
}

/// An open database. Cheap to clone; all clones share the pools.
#[derive(Debug, Clone)]
pub struct Database {
    dsn: Dsn,
    backend: DbBackend,
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    /// One migration at a time within the process; between processes the database's own locks see to it.
    pub(crate) migrating: Arc<tokio::sync::Mutex<()>>,
}

/// An SQL expression for the database's present time in milliseconds since 1970. On PostgreSQL it moves on within a
/// transaction, so leases are judged by the instant and not by the transaction's start.
pub fn now_millis_sql(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Sqlite => "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
        _ => "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
    }
}

impl Database {
    /// Opens the database and checks that it answers. Migrates nothing.
    pub async fn connect(dsn: &Dsn, options: &Options) -> Result<Self, Error> {
        let opened = match dsn {
            Dsn::Sqlite(path) => open_sqlite(path, options).await.map(|(w, r)| (DbBackend::Sqlite, w, r)),
            Dsn::Postgres(url) => {
                open_postgres(url, options).await.map(|pool| (DbBackend::Postgres, pool.clone(), pool))
            }
        };
        let (backend, writer, reader) =
            opened.map_err(|error| Error::Open { dsn: dsn.to_string(), reason: error.to_string() })?;
        Ok(Self { dsn: dsn.clone(), backend, writer, reader, migrating: Arc::default() })
    }

    /// Which server it is.
    pub fn backend(&self) -> DbBackend {
        self.backend
    }

    /// Where it is.
    pub fn dsn(&self) -> &Dsn {
        &self.dsn
    }

    /// Whether it is SQLite: one writer, one process.
    pub fn is_embedded(&self) -> bool {
        self.backend == DbBackend::Sqlite
    }

    /// Begins a transaction that may write. On SQLite it holds the one write lock from here on: keep it short, and
    /// never await anything but the database while it is open.
    pub async fn begin(&self) -> Result<Transaction, Error> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        Ok(self.writer.begin_with_options(options).await?)
    }

    /// For queries outside a transaction. Sees what was committed before the query began.
    pub fn read(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// The database's own time, milliseconds since 1970.
    pub async fn now(&self) -> Result<i64, Error> {
        let sql = format!("SELECT {} AS now", now_millis_sql(self.backend));
        let row = self.reader.query_one_raw(Statement::from_string(self.backend, sql)).await?;
        let row = row.ok_or_else(|| Error::corrupt("clock", "now", "no row"))?;
        Ok(row.try_get("", "now")?)
    }

    /// Whether it answers; for readiness.
    pub async fn ping(&self) -> Result<(), Error> {
        self.now().await.map(|_| ())
    }

    /// The connection that writes, for migrations.
    pub(crate) fn writer(&self) -> &DatabaseConnection {
        &self.writer
    }

    /// Closes all connections, after those in use were given back.
    pub async fn close(&self) -> Result<(), Error> {
        self.writer.clone().close().await?;
        Ok(self.reader.clone().close().await?)
    }
}

async fn open_sqlite(
    path: &std::path::Path,
    options: &Options,
) -> Result<(DatabaseConnection, DatabaseConnection), sqlx::Error> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        tokio::fs::create_dir_all(folder).await?;
    }
    let connect = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // FULL: in WAL mode NORMAL may lose acknowledged commits with the power.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(options.busy_timeout)
        // Pages of the indexes that appends probe at random stay in memory (KiB when negative).
        .pragma("cache_size", "-65536")
        .pragma("mmap_size", "268435456")
        .pragma("temp_store", "memory")
        // A checkpoint writes each changed page once and flushes twice: 64 MiB of the write-ahead log are worth one.
        .pragma("wal_autocheckpoint", "16384")
        .statement_cache_capacity(256)
        .disable_statement_logging();
    let pool = || SqlitePoolOptions::new().acquire_timeout(options.acquire_timeout).idle_timeout(None);
    let writer = pool().max_connections(1).max_lifetime(None).connect_with(connect.clone()).await?;
    // The writer has created the file and its journal mode; readers can't write by mistake.
    let reader = pool()
        .max_connections(options.max_connections.max(1))
        .connect_with(connect.pragma("query_only", "on"))
        .await?;
    Ok((DatabaseConnection::from(writer), DatabaseConnection::from(reader)))
}

async fn open_postgres(url: &str, options: &Options) -> Result<DatabaseConnection, sqlx::Error> {
    let connect = url
        .parse::<PgConnectOptions>()?
        .application_name(&options.application_name)
        .statement_cache_capacity(256)
        .disable_statement_logging();
    let pool = PgPoolOptions::new()
        .max_connections(options.max_connections.max(2))
        .acquire_timeout(options.acquire_timeout)
        .connect_with(connect)
        .await?;
    Ok(SqlxPostgresConnector::from_sqlx_postgres_pool(pool))
}
