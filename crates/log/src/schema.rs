//! The log's tables, as a migration that the owning service puts into its list.

use elate_storage::{Backend, ConnectionTrait, Database, execute};
use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager};
use uuid::Uuid;

/// Creates the log's tables.
#[derive(Debug, Clone, Copy)]
pub struct CreateLog;

impl MigrationName for CreateLog {
    fn name(&self) -> &str {
        "m20260101_000001_create_log"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateLog {
    #[allow(elided_lifetimes_in_paths, reason = "the trait spells it so")]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let statements = match manager.get_database_backend() {
            Backend::Sqlite => SQLITE,
            _ => POSTGRES,
        };
        for statement in statements {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        Ok(())
    }
}

/// The key ends in the last offset: `last_offset > after ORDER BY last_offset` begins with the batch that holds
/// `after + 1`, wherever in the batch that is.
const SQLITE: &[&str] = &[
    "CREATE TABLE log_meta (id BIGINT PRIMARY KEY, generation TEXT NOT NULL, partitions BIGINT NOT NULL)",
    "CREATE TABLE log_head (partition BIGINT PRIMARY KEY, last_offset BIGINT NOT NULL, log_time_ms BIGINT NOT NULL, \
     epoch BIGINT NOT NULL, erasures BIGINT NOT NULL)",
    "CREATE TABLE log_batch (partition BIGINT NOT NULL, last_offset BIGINT NOT NULL, first_offset BIGINT NOT NULL, \
     received_at_ms BIGINT NOT NULL, bytes BIGINT NOT NULL, payload BLOB NOT NULL, PRIMARY KEY (partition, last_offset))",
];

/// Heads are rewritten all the time: room in their pages keeps the updates off the index. Payloads are protobuf with
/// little to gain from compression, which would cost more than the insert itself.
const POSTGRES: &[&str] = &[
    "CREATE TABLE log_meta (id BIGINT PRIMARY KEY, generation TEXT NOT NULL, partitions BIGINT NOT NULL)",
    "CREATE TABLE log_head (partition BIGINT PRIMARY KEY, last_offset BIGINT NOT NULL, log_time_ms BIGINT NOT NULL, \
     epoch BIGINT NOT NULL, erasures BIGINT NOT NULL) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, \
     autovacuum_vacuum_threshold = 1000)",
    "CREATE TABLE log_batch (partition BIGINT NOT NULL, last_offset BIGINT NOT NULL, first_offset BIGINT NOT NULL, \
     received_at_ms BIGINT NOT NULL, bytes BIGINT NOT NULL, payload BYTEA NOT NULL, PRIMARY KEY (partition, last_offset))",
    "ALTER TABLE log_batch ALTER COLUMN payload SET STORAGE EXTERNAL",
];

/// Gives the log a new generation; part of every restore of its database. Followers that hold offsets of the old one
/// stop and say so, instead of reading other records under the same offsets.
pub async fn renew_generation(database: &Database, generation: Uuid) -> Result<(), elate_storage::Error> {
    let tx = database.begin().await?;
    execute(&tx, "UPDATE log_meta SET generation = $1", [generation.simple().to_string().into()]).await?;
    Ok(tx.commit().await?)
}
