//! The schema, step by step.

use sea_orm_migration::prelude::*;

/// All migrations of scoring, the consumer loop's tables included.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut all = elate_consumer::migrations();
        all.push(Box::new(Tables));
        all.push(Box::new(super::rollup_migration::Rollups));
        all.push(Box::new(super::feedback::migration::Feedback));
        all.push(Box::new(super::effect::Effects));
        all.push(Box::new(super::formula::Tables));
        all.push(Box::new(super::feedback::migration::OneTable));
        all.push(Box::new(super::feedback::migration::Model));
        all
    }
}

struct Tables;

impl MigrationName for Tables {
    fn name(&self) -> &str {
        "m0001_scoring_tables"
    }
}

const TABLES: &[&str] = &[
    "CREATE TABLE moment (
        workspace TEXT NOT NULL, customer uuid NOT NULL, moment_id TEXT NOT NULL, revision BIGINT NOT NULL,
        known_at BIGINT NOT NULL, occurred_at BIGINT NOT NULL, log_offset BIGINT NOT NULL,
        gap DOUBLE PRECISION NOT NULL, weight DOUBLE PRECISION NOT NULL, outcome TEXT NOT NULL,
        moment TEXT NOT NULL, touchpoint TEXT NOT NULL, because TEXT NOT NULL,
        PRIMARY KEY (workspace, customer, moment_id, revision))",
    "CREATE TABLE score (
        workspace TEXT NOT NULL, customer uuid NOT NULL, as_of BIGINT NOT NULL,
        numerator DOUBLE PRECISION NOT NULL, mass DOUBLE PRECISION NOT NULL,
        weight DOUBLE PRECISION NOT NULL, weight_squared DOUBLE PRECISION NOT NULL,
        delight DOUBLE PRECISION NOT NULL, moments BIGINT NOT NULL,
        PRIMARY KEY (workspace, customer))",
    "CREATE INDEX score_by_delight ON score (workspace, delight, customer)",
    "CREATE TABLE day_sums (
        workspace TEXT NOT NULL, day BIGINT NOT NULL, journey TEXT NOT NULL, stage TEXT NOT NULL,
        touchpoint TEXT NOT NULL, product TEXT NOT NULL, channel TEXT NOT NULL,
        magical BIGINT NOT NULL, neutral BIGINT NOT NULL, miserable BIGINT NOT NULL,
        gap DOUBLE PRECISION NOT NULL, gap_squared DOUBLE PRECISION NOT NULL,
        PRIMARY KEY (workspace, day, journey, stage, touchpoint, product, channel))",
    "CREATE TABLE activity (
        workspace TEXT NOT NULL, day BIGINT NOT NULL, customer uuid NOT NULL,
        PRIMARY KEY (workspace, day, customer))",
    "CREATE INDEX activity_by_customer ON activity (workspace, customer)",
    "CREATE TABLE recovery_case (
        workspace TEXT NOT NULL, case_id TEXT NOT NULL, customer uuid NOT NULL, journey TEXT NOT NULL,
        touchpoint TEXT NOT NULL, state TEXT NOT NULL, opened_at BIGINT NOT NULL, changed_at BIGINT NOT NULL,
        held_out BOOLEAN NOT NULL, PRIMARY KEY (workspace, case_id))",
    "CREATE INDEX recovery_case_by_customer ON recovery_case (workspace, customer)",
    "CREATE INDEX recovery_case_by_time ON recovery_case (workspace, opened_at)",
    "CREATE TABLE answer (
        workspace TEXT NOT NULL, submission TEXT NOT NULL, customer uuid NOT NULL, kind TEXT NOT NULL,
        survey TEXT NOT NULL, touchpoint TEXT NOT NULL, score DOUBLE PRECISION NOT NULL,
        occurred_at BIGINT NOT NULL, PRIMARY KEY (workspace, submission))",
    "CREATE INDEX answer_by_customer ON answer (workspace, customer)",
    "CREATE INDEX answer_by_time ON answer (workspace, kind, occurred_at)",
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
