//! The schema, step by step.

use sea_orm_migration::prelude::*;

/// All migrations of notifications, the consumer loop's tables included.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut all = elate_consumer::migrations();
        all.push(Box::new(Tables));
        all
    }
}

struct Tables;

impl MigrationName for Tables {
    fn name(&self) -> &str {
        "m0001_notification_tables"
    }
}

const TABLES: &[&str] = &[
    "CREATE TABLE notification (
        workspace TEXT NOT NULL, notification_id TEXT NOT NULL, customer uuid NOT NULL,
        partition BIGINT NOT NULL, play TEXT NOT NULL, instance_id TEXT NOT NULL, channel TEXT NOT NULL,
        template TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL, requested_at BIGINT NOT NULL,
        changed_at BIGINT NOT NULL, next_at BIGINT, expires_at BIGINT NOT NULL, attempts BIGINT NOT NULL,
        version BIGINT NOT NULL, epoch BIGINT NOT NULL, address TEXT NOT NULL, locale TEXT,
        resend BOOLEAN NOT NULL, request TEXT NOT NULL, cause TEXT NOT NULL, trace_parent TEXT,
        stop_state TEXT, stop_reason TEXT, PRIMARY KEY (workspace, notification_id))",
    "CREATE INDEX notification_ready ON notification (workspace, channel, changed_at) WHERE state = 'ready'",
    "CREATE INDEX notification_sending ON notification (partition) WHERE state = 'sending'",
    "CREATE INDEX notification_by_customer ON notification (workspace, customer, requested_at)",
    "CREATE INDEX notification_by_time ON notification (workspace, requested_at, notification_id)",
    "CREATE TABLE attempt (
        workspace TEXT NOT NULL, notification_id TEXT NOT NULL, number BIGINT NOT NULL,
        attempted_at BIGINT NOT NULL, channel TEXT NOT NULL, provider TEXT NOT NULL, outcome TEXT NOT NULL,
        detail TEXT NOT NULL, PRIMARY KEY (workspace, notification_id, number))",
    "CREATE INDEX attempt_by_time ON attempt (workspace, attempted_at)",
    "CREATE TABLE definitions (
        workspace TEXT NOT NULL, version BIGINT NOT NULL, documents TEXT NOT NULL,
        PRIMARY KEY (workspace, version))",
    "CREATE TABLE pause (
        workspace TEXT NOT NULL, scope TEXT NOT NULL, target TEXT NOT NULL,
        PRIMARY KEY (workspace, scope, target))",
    "CREATE TABLE endpoint (
        workspace TEXT NOT NULL, channel TEXT NOT NULL, provider TEXT NOT NULL, fingerprint TEXT NOT NULL,
        failing_since BIGINT, disabled_at BIGINT, PRIMARY KEY (workspace, channel, provider))",
];

#[async_trait::async_trait]
impl MigrationTrait for Tables {
    #[allow(elided_lifetimes_in_paths, reason = "spelled as the trait spells it")]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            manager.get_connection().execute_unprepared(table).await?;
        }
        Ok(())
    }
}
