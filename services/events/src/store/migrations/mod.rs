//! The schema.

use elate_storage::Backend;
use sea_orm_migration::prelude::*;

/// All migrations of the service, in order.
#[derive(Debug, Clone, Copy)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(elate_log::CreateLog), Box::new(CreateEvents)]
    }
}

struct CreateEvents;

impl MigrationName for CreateEvents {
    fn name(&self) -> &str {
        "m20260101_000002_create_events"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateEvents {
    #[allow(elided_lifetimes_in_paths, reason = "the trait spells it so")]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sqlite = manager.get_database_backend() == Backend::Sqlite;
        let (uuid, bytes, narrow) =
            if sqlite { ("BLOB", "BLOB", "WITHOUT ROWID") } else { ("UUID", "BYTEA", "") };
        for statement in TABLES {
            let statement =
                statement.replace("{uuid}", uuid).replace("{bytes}", bytes).replace("{narrow}", narrow);
            manager.get_connection().execute_unprepared(&statement).await?;
        }
        Ok(())
    }
}

/// `{narrow}`: SQLite keeps such rows in the key's tree itself. The tables of message keys are made day by day, see
/// `store::seen`.
const TABLES: &[&str] = &[
    "CREATE TABLE install (id BIGINT PRIMARY KEY, seed BIGINT NOT NULL, secret {bytes} NOT NULL)",
    "CREATE TABLE workspace (id TEXT PRIMARY KEY, time_zone TEXT NOT NULL, created_at_ms BIGINT NOT NULL)",
    "CREATE TABLE api_key (id TEXT PRIMARY KEY, workspace TEXT NOT NULL, name TEXT NOT NULL, role TEXT NOT NULL, \
     source TEXT NOT NULL, created_at_ms BIGINT NOT NULL, revoked_at_ms BIGINT)",
    "CREATE INDEX api_key_workspace ON api_key (workspace, id)",
    "CREATE TABLE api_secret (hash {bytes} PRIMARY KEY, key_id TEXT NOT NULL, expires_at_ms BIGINT)",
    "CREATE INDEX api_secret_key ON api_secret (key_id)",
    "CREATE TABLE request (workspace TEXT NOT NULL, kind TEXT NOT NULL, request_id TEXT NOT NULL, answer TEXT NOT NULL, \
     created_at_ms BIGINT NOT NULL, PRIMARY KEY (workspace, kind, request_id))",
    "CREATE TABLE identifier (key {uuid} PRIMARY KEY, customer_id {uuid} NOT NULL, workspace TEXT NOT NULL, \
     kind BIGINT NOT NULL, value TEXT NOT NULL) {narrow}",
    "CREATE INDEX identifier_customer ON identifier (customer_id)",
    "CREATE TABLE customer (id {uuid} PRIMARY KEY, workspace TEXT NOT NULL, known BOOLEAN NOT NULL, merged_into {uuid}, \
     erased BOOLEAN NOT NULL, traits TEXT NOT NULL, created_at_ms BIGINT NOT NULL) {narrow}",
    "CREATE INDEX customer_merged ON customer (merged_into) WHERE merged_into IS NOT NULL",
    "CREATE TABLE producer (service TEXT NOT NULL, partition BIGINT NOT NULL, generation BIGINT NOT NULL, \
     sequence BIGINT NOT NULL, PRIMARY KEY (service, partition, generation))",
    "CREATE TABLE seen_meta (id BIGINT PRIMARY KEY, segment BIGINT NOT NULL)",
    "CREATE TABLE seen_segment (segment BIGINT PRIMARY KEY, day BIGINT NOT NULL)",
    "CREATE TABLE timeline (customer_id {uuid} NOT NULL, first_offset BIGINT NOT NULL, last_offset BIGINT NOT NULL, \
     offsets {bytes} NOT NULL, PRIMARY KEY (customer_id, first_offset)) {narrow}",
    "CREATE TABLE timeline_head (partition BIGINT PRIMARY KEY, indexed BIGINT NOT NULL)",
    "CREATE TABLE catalog_event (workspace TEXT NOT NULL, event_type TEXT NOT NULL, name TEXT NOT NULL, \
     first_seen_ms BIGINT NOT NULL, PRIMARY KEY (workspace, name, event_type))",
    "CREATE TABLE catalog_property (workspace TEXT NOT NULL, event_type TEXT NOT NULL, name TEXT NOT NULL, \
     path TEXT NOT NULL, type TEXT NOT NULL, PRIMARY KEY (workspace, name, event_type, path, type))",
    "CREATE TABLE definitions (workspace TEXT NOT NULL, version BIGINT NOT NULL, manifests TEXT NOT NULL, \
     applied_by TEXT NOT NULL, applied_at_ms BIGINT NOT NULL, PRIMARY KEY (workspace, version))",
    "CREATE TABLE erased_identifier (hash {bytes} PRIMARY KEY)",
    "CREATE TABLE erasure (id TEXT PRIMARY KEY, workspace TEXT NOT NULL, customers BIGINT NOT NULL, \
     created_at_ms BIGINT NOT NULL)",
    "CREATE TABLE erasure_receipt (erasure_id TEXT NOT NULL, service TEXT NOT NULL, customer_id {uuid} NOT NULL, \
     purged_at_ms BIGINT NOT NULL, purged BIGINT NOT NULL, PRIMARY KEY (erasure_id, service, customer_id))",
];
