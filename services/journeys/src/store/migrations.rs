//! The schema of the read models. What the consumer loop needs (offsets, states, timers, outbox) has its own
//! migrations, which go first.

use sea_orm_migration::prelude::*;

/// All migrations of the journeys database.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut all = elate_consumer::migrations();
        all.push(Box::new(ReadModels));
        all.push(Box::new(PlayChecks));
        all.push(Box::new(PromiseChanges));
        all.push(Box::new(super::moves_tables::JourneyMoves));
        all.push(Box::new(super::company_tables::Company));
        all.push(Box::new(super::rollout::Rollouts));
        all.push(Box::new(super::moves_tables::PackedMoves));
        all
    }
}

/// The tables that the list calls read.
struct ReadModels;

impl MigrationName for ReadModels {
    fn name(&self) -> &str {
        "journeys_0001_read_models"
    }
}

#[allow(elided_lifetimes_in_paths, reason = "the trait spells its lifetimes so")]
#[async_trait::async_trait]
impl MigrationTrait for ReadModels {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let uuid = match manager.get_database_backend() {
            sea_orm::DbBackend::Sqlite => "BLOB",
            _ => "uuid",
        };
        for statement in TABLES.iter().chain(INDEXES) {
            manager.get_connection().execute_unprepared(&statement.replace("UUID", uuid)).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = super::TABLES.iter().filter(|table| !LATER.contains(*table));
        for table in tables.chain(&["definitions", "definition_documents"]) {
            manager.get_connection().execute_unprepared(&format!("DROP TABLE IF EXISTS {table}")).await?;
        }
        Ok(())
    }
}

/// Tables that came with later migrations, and go with these.
const LATER: [&str; 3] = ["promise_changes", "population_samples", "promise_outlooks"];

/// What each condition of a play evaluated to.
struct PlayChecks;

impl MigrationName for PlayChecks {
    fn name(&self) -> &str {
        "journeys_0002_play_checks"
    }
}

#[allow(elided_lifetimes_in_paths, reason = "the trait spells its lifetimes so")]
#[async_trait::async_trait]
impl MigrationTrait for PlayChecks {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = "ALTER TABLE play_evaluations ADD COLUMN checks TEXT NOT NULL DEFAULT '[]'";
        manager.get_connection().execute_unprepared(sql).await.map(drop)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = "ALTER TABLE play_evaluations DROP COLUMN checks";
        manager.get_connection().execute_unprepared(sql).await.map(drop)
    }
}

/// The history of promises.
struct PromiseChanges;

impl MigrationName for PromiseChanges {
    fn name(&self) -> &str {
        "journeys_0003_promise_changes"
    }
}

#[allow(elided_lifetimes_in_paths, reason = "the trait spells its lifetimes so")]
#[async_trait::async_trait]
impl MigrationTrait for PromiseChanges {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let uuid = match manager.get_database_backend() {
            sea_orm::DbBackend::Sqlite => "BLOB",
            _ => "uuid",
        };
        for statement in PROMISE_CHANGES {
            manager.get_connection().execute_unprepared(&statement.replace("UUID", uuid)).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared("DROP TABLE IF EXISTS promise_changes").await.map(drop)
    }
}

const PROMISE_CHANGES: [&str; 2] = [
    "CREATE TABLE promise_changes (workspace TEXT NOT NULL, promise_id UUID NOT NULL, sequence BIGINT NOT NULL, \
     customer_id UUID NOT NULL, at BIGINT NOT NULL, state TEXT NOT NULL, due_at BIGINT NOT NULL, \
     reason TEXT NOT NULL, PRIMARY KEY (workspace, promise_id, sequence))",
    "CREATE INDEX promise_changes_by_customer ON promise_changes (workspace, customer_id)",
];

/// Times are milliseconds since 1970 (BIGINT); each table's key begins with the workspace.
const TABLES: &[&str] = &[
    "CREATE TABLE promises (workspace TEXT NOT NULL, promise_id UUID NOT NULL, customer_id UUID NOT NULL, \
     moment TEXT NOT NULL, correlation_key TEXT NOT NULL, state TEXT NOT NULL, due_at BIGINT NOT NULL, \
     first_due_at BIGINT NOT NULL, fulfilled_at BIGINT, reason TEXT NOT NULL, touchpoint TEXT NOT NULL, \
     journey TEXT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, \
     PRIMARY KEY (workspace, promise_id))",
    "CREATE TABLE moments (workspace TEXT NOT NULL, moment_id UUID NOT NULL, customer_id UUID NOT NULL, \
     moment TEXT NOT NULL, correlation_key TEXT NOT NULL, revision BIGINT NOT NULL, journey TEXT NOT NULL, \
     touchpoint TEXT NOT NULL, occurred_at BIGINT NOT NULL, gap DOUBLE PRECISION NOT NULL, outcome TEXT NOT NULL, \
     provisional BOOLEAN NOT NULL, promise_id UUID, judged_at BIGINT NOT NULL, \
     PRIMARY KEY (workspace, moment_id))",
    "CREATE TABLE recovery_cases (workspace TEXT NOT NULL, case_id UUID NOT NULL, customer_id UUID NOT NULL, \
     journey TEXT NOT NULL, touchpoint TEXT NOT NULL, correlation_key TEXT NOT NULL, state TEXT NOT NULL, \
     moment_id TEXT NOT NULL, opened_at BIGINT NOT NULL, closed_at BIGINT, play TEXT, held_out BOOLEAN NOT NULL, \
     reason TEXT NOT NULL, PRIMARY KEY (workspace, case_id))",
    "CREATE TABLE journey_instances (workspace TEXT NOT NULL, instance_id UUID NOT NULL, customer_id UUID NOT NULL, \
     journey TEXT NOT NULL, correlation_key TEXT NOT NULL, state TEXT NOT NULL, stage TEXT NOT NULL, \
     touchpoint TEXT NOT NULL, entered_at BIGINT NOT NULL, moved_at BIGINT NOT NULL, \
     PRIMARY KEY (workspace, instance_id))",
    "CREATE TABLE play_instances (workspace TEXT NOT NULL, instance_id UUID NOT NULL, customer_id UUID NOT NULL, \
     play TEXT NOT NULL, correlation_key TEXT NOT NULL, definitions_version BIGINT NOT NULL, state TEXT NOT NULL, \
     step TEXT NOT NULL, entered_at BIGINT NOT NULL, moved_at BIGINT NOT NULL, waits_until BIGINT, \
     PRIMARY KEY (workspace, instance_id))",
    "CREATE TABLE play_steps (workspace TEXT NOT NULL, instance_id UUID NOT NULL, sequence BIGINT NOT NULL, \
     customer_id UUID NOT NULL, at BIGINT NOT NULL, step TEXT NOT NULL, kind TEXT NOT NULL, change TEXT NOT NULL, \
     branch TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (workspace, instance_id, sequence))",
    "CREATE TABLE play_evaluations (workspace TEXT NOT NULL, evaluation_id UUID NOT NULL, customer_id UUID NOT NULL, \
     play TEXT NOT NULL, sequence BIGINT NOT NULL, at BIGINT NOT NULL, decision TEXT NOT NULL, reason TEXT NOT NULL, \
     detail TEXT NOT NULL, correlation_key TEXT NOT NULL, instance_id UUID, trigger_name TEXT NOT NULL, \
     trigger_message_id TEXT NOT NULL, definitions_version BIGINT NOT NULL, PRIMARY KEY (workspace, evaluation_id))",
    "CREATE TABLE definitions (workspace TEXT NOT NULL, partition_id BIGINT NOT NULL, version BIGINT NOT NULL, \
     switched_offset BIGINT NOT NULL, switched_at BIGINT NOT NULL, PRIMARY KEY (workspace, partition_id))",
    "CREATE TABLE definition_documents (workspace TEXT NOT NULL, version BIGINT NOT NULL, manifests TEXT NOT NULL, \
     PRIMARY KEY (workspace, version))",
];

/// One index for each order that a list is read in, and one for each table to find a customer's rows.
const INDEXES: &[&str] = &[
    "CREATE INDEX promises_by_due ON promises (workspace, due_at, promise_id)",
    "CREATE INDEX promises_by_state ON promises (workspace, state, due_at, promise_id)",
    "CREATE INDEX promises_by_customer ON promises (workspace, customer_id, due_at, promise_id)",
    "CREATE INDEX moments_by_customer ON moments (workspace, customer_id, occurred_at, moment_id)",
    "CREATE INDEX recovery_cases_by_opening ON recovery_cases (workspace, opened_at, case_id)",
    "CREATE INDEX recovery_cases_by_customer ON recovery_cases (workspace, customer_id, opened_at, case_id)",
    "CREATE INDEX journey_instances_by_entry ON journey_instances (workspace, entered_at, instance_id)",
    "CREATE INDEX journey_instances_by_customer ON journey_instances (workspace, customer_id, entered_at, instance_id)",
    "CREATE INDEX play_instances_by_entry ON play_instances (workspace, entered_at, instance_id)",
    "CREATE INDEX play_instances_by_play ON play_instances (workspace, play, entered_at, instance_id)",
    "CREATE INDEX play_instances_by_customer ON play_instances (workspace, customer_id, entered_at, instance_id)",
    "CREATE INDEX play_steps_by_customer ON play_steps (workspace, customer_id)",
    "CREATE INDEX play_evaluations_by_customer ON play_evaluations (workspace, customer_id, play, at)",
];
