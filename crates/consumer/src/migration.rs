//! The loop's tables. Each service puts [`migrations`] before its own in its migrator.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

/// The loop's migrations, in order.
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(First), Box::new(Stretches)]
}

/// Leases with progress, states, outbox, dead letters.
struct First;

impl MigrationName for First {
    fn name(&self) -> &str {
        "m20260101_000001_consumer"
    }
}

#[async_trait::async_trait]
#[allow(elided_lifetimes_in_paths, reason = "the trait spells its lifetimes so")]
impl MigrationTrait for First {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let (uuid, bytes, state, tuned) = match manager.get_database_backend() {
            // Never null either, but said to SQLite it would copy each page before an update, in case that one fails.
            DbBackend::Sqlite => ("BLOB", "BLOB", "BLOB", ""),
            // Room on each page for the next version of a state.
            _ => ("UUID", "BYTEA", "BYTEA NOT NULL", "WITH (fillfactor = 80)"),
        };
        for statement in TABLES {
            let statement = statement
                .replace("{uuid}", uuid)
                .replace("{bytes}", bytes)
                .replace("{state}", state)
                .replace("{tuned}", tuned);
            connection.execute_unprepared(&statement).await?;
        }
        if manager.get_database_backend() == DbBackend::Postgres {
            // States come packed: compressing them again costs more than it saves.
            let external = "ALTER TABLE consumer_customer ALTER COLUMN state SET STORAGE EXTERNAL";
            connection.execute_unprepared(external).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in NAMES {
            manager.get_connection().execute_unprepared(&format!("DROP TABLE IF EXISTS {table}")).await?;
        }
        Ok(())
    }
}

const NAMES: [&str; 8] = [
    "consumer_member",
    "consumer_partition",
    "consumer_partition_state",
    "consumer_customer",
    "consumer_lane",
    "consumer_outbox",
    "consumer_dead_letter",
    "consumer_held",
];

/// All times are milliseconds since 1970; those of leases by the database's clock, the others log time.
const TABLES: [&str; 10] = [
    "CREATE TABLE consumer_member (member TEXT PRIMARY KEY, expires_at BIGINT NOT NULL)",
    // Lease and progress share a row, so that one statement checks the one and moves the other.
    "CREATE TABLE consumer_partition (
        partition BIGINT PRIMARY KEY,
        owner TEXT,
        epoch BIGINT NOT NULL,
        expires_at BIGINT NOT NULL,
        log_generation TEXT NOT NULL,
        log_offset BIGINT NOT NULL,
        log_time BIGINT NOT NULL,
        generation BIGINT NOT NULL,
        next_sequence BIGINT NOT NULL
    )",
    "CREATE TABLE consumer_partition_state (partition BIGINT PRIMARY KEY, state {bytes} NOT NULL)",
    "CREATE TABLE consumer_customer (
        workspace TEXT NOT NULL,
        customer {uuid} NOT NULL,
        partition BIGINT NOT NULL,
        next_due BIGINT,
        held_due BIGINT,
        state {state},
        PRIMARY KEY (workspace, customer)
    ) {tuned}",
    "CREATE INDEX consumer_customer_due ON consumer_customer (partition, next_due, customer)
        WHERE next_due IS NOT NULL",
    "CREATE INDEX consumer_customer_held ON consumer_customer (partition, workspace) WHERE held_due IS NOT NULL",
    "CREATE TABLE consumer_lane (
        lane TEXT NOT NULL,
        partition BIGINT NOT NULL,
        generation BIGINT NOT NULL,
        next_sequence BIGINT NOT NULL,
        PRIMARY KEY (lane, partition)
    )",
    "CREATE TABLE consumer_outbox (
        lane TEXT NOT NULL,
        partition BIGINT NOT NULL,
        sequence BIGINT NOT NULL,
        workspace TEXT NOT NULL,
        customer {uuid} NOT NULL,
        record {bytes} NOT NULL,
        PRIMARY KEY (lane, partition, sequence)
    )",
    "CREATE TABLE consumer_dead_letter (
        workspace TEXT NOT NULL,
        customer {uuid} NOT NULL,
        partition BIGINT NOT NULL,
        log_offset BIGINT NOT NULL,
        reason TEXT NOT NULL,
        at BIGINT NOT NULL,
        PRIMARY KEY (workspace, customer, partition, log_offset)
    )",
    "CREATE TABLE consumer_held (
        workspace TEXT NOT NULL,
        customer {uuid} NOT NULL,
        partition BIGINT NOT NULL,
        message_id TEXT NOT NULL,
        name TEXT NOT NULL,
        reason TEXT NOT NULL,
        at BIGINT NOT NULL,
        record {bytes} NOT NULL,
        PRIMARY KEY (workspace, customer, message_id)
    )",
];

/// The outbox gets a row for what a transaction puts on its way, instead of one for each record.
struct Stretches;

impl MigrationName for Stretches {
    fn name(&self) -> &str {
        "m20261122_000001_consumer_outbox_stretches"
    }
}

#[async_trait::async_trait]
#[allow(elided_lifetimes_in_paths, reason = "the trait spells its lifetimes so")]
impl MigrationTrait for Stretches {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let bytes = match manager.get_database_backend() {
            DbBackend::Sqlite => "BLOB",
            _ => "BYTEA",
        };
        connection.execute_unprepared("ALTER TABLE consumer_outbox RENAME TO consumer_outbox_record").await?;
        let table = format!(
            "CREATE TABLE consumer_outbox (
                lane TEXT NOT NULL,
                partition BIGINT NOT NULL,
                last_sequence BIGINT NOT NULL,
                stretch {bytes} NOT NULL,
                PRIMARY KEY (lane, partition, last_sequence)
            )"
        );
        connection.execute_unprepared(&table).await?;
        crate::tables::outbox::convert(connection).await?;
        connection.execute_unprepared("DROP TABLE consumer_outbox_record").await?;
        Ok(())
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration("the outbox can't go back to a row a record".to_owned()))
    }
}
