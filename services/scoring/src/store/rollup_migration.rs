//! From daily sums of links to rollups by segment: what was summed before becomes the sums of everybody.

use std::collections::BTreeMap;

use elate_domain::CustomerId;
use elate_storage::query_all;
use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use super::rollup::encode;
use crate::model::sketch::{Distinct, Durations};

pub(super) struct Rollups;

impl MigrationName for Rollups {
    fn name(&self) -> &str {
        "m0002_scoring_rollups"
    }
}

/// Rollups begin with workspace, trait and day: a report reads one stretch of the key.
const TABLES: &[&str] = &[
    "CREATE TABLE rollup (
        workspace TEXT NOT NULL, trait TEXT NOT NULL, day BIGINT NOT NULL, value TEXT NOT NULL,
        journey TEXT NOT NULL, stage TEXT NOT NULL, touchpoint TEXT NOT NULL, product TEXT NOT NULL,
        channel TEXT NOT NULL, magical BIGINT NOT NULL, neutral BIGINT NOT NULL, miserable BIGINT NOT NULL,
        advocacy BIGINT NOT NULL, gap BIGINT NOT NULL, gap_squared BIGINT NOT NULL,
        PRIMARY KEY (workspace, trait, day, value, journey, stage, touchpoint, product, channel))",
    "CREATE TABLE wow_rise (
        workspace TEXT NOT NULL, trait TEXT NOT NULL, day BIGINT NOT NULL, value TEXT NOT NULL,
        ordinal BIGINT NOT NULL, wows BIGINT NOT NULL, rise BIGINT NOT NULL, rise_squared BIGINT NOT NULL,
        PRIMARY KEY (workspace, trait, day, value, ordinal))",
    "CREATE TABLE active_sketch (
        workspace TEXT NOT NULL, trait TEXT NOT NULL, day BIGINT NOT NULL, value TEXT NOT NULL,
        sketch {bytes} NOT NULL, PRIMARY KEY (workspace, trait, day, value))",
    "CREATE TABLE promise_sums (
        workspace TEXT NOT NULL, trait TEXT NOT NULL, day BIGINT NOT NULL, value TEXT NOT NULL,
        journey TEXT NOT NULL, touchpoint TEXT NOT NULL, kept BIGINT NOT NULL, exceeded BIGINT NOT NULL,
        late BIGINT NOT NULL, broken BIGINT NOT NULL,
        PRIMARY KEY (workspace, trait, day, value, journey, touchpoint))",
    "CREATE TABLE case_sums (
        workspace TEXT NOT NULL, trait TEXT NOT NULL, day BIGINT NOT NULL, value TEXT NOT NULL,
        journey TEXT NOT NULL, touchpoint TEXT NOT NULL, unended BIGINT NOT NULL, recovered BIGINT NOT NULL,
        relapsed BIGINT NOT NULL, lost BIGINT NOT NULL,
        PRIMARY KEY (workspace, trait, day, value, journey, touchpoint))",
    "CREATE TABLE case_time (
        workspace TEXT NOT NULL, trait TEXT NOT NULL, day BIGINT NOT NULL, value TEXT NOT NULL,
        journey TEXT NOT NULL, touchpoint TEXT NOT NULL, bucket BIGINT NOT NULL, cases BIGINT NOT NULL,
        PRIMARY KEY (workspace, trait, day, value, journey, touchpoint, bucket))",
    "CREATE TABLE delight_close (
        workspace TEXT NOT NULL, closed_at BIGINT NOT NULL, trait TEXT NOT NULL, value TEXT NOT NULL,
        customers BIGINT NOT NULL, mean DOUBLE PRECISION NOT NULL, squares DOUBLE PRECISION NOT NULL,
        low_decile DOUBLE PRECISION NOT NULL, median DOUBLE PRECISION NOT NULL,
        high_decile DOUBLE PRECISION NOT NULL, recent_wows BIGINT NOT NULL, ever_wows BIGINT NOT NULL,
        since_wow DOUBLE PRECISION NOT NULL, since_wow_low DOUBLE PRECISION NOT NULL,
        since_wow_high DOUBLE PRECISION NOT NULL,
        PRIMARY KEY (workspace, closed_at, trait, value))",
    "CREATE TABLE churn_schedule (workspace TEXT PRIMARY KEY, next_at BIGINT NOT NULL)",
    "CREATE TABLE churn_study (
        workspace TEXT PRIMARY KEY, studied_at BIGINT NOT NULL, body {bytes} NOT NULL)",
    "CREATE TABLE at_risk (
        workspace TEXT NOT NULL, studied_at BIGINT NOT NULL, place BIGINT NOT NULL, customer uuid NOT NULL,
        alive DOUBLE PRECISION NOT NULL, purchases DOUBLE PRECISION NOT NULL, spend DOUBLE PRECISION,
        value DOUBLE PRECISION, at_stake DOUBLE PRECISION, repeats BIGINT NOT NULL,
        recency DOUBLE PRECISION NOT NULL, age DOUBLE PRECISION NOT NULL,
        PRIMARY KEY (workspace, studied_at, place))",
    "CREATE INDEX at_risk_by_customer ON at_risk (workspace, customer)",
    "ALTER TABLE score ADD COLUMN last_wow BIGINT",
    "ALTER TABLE score ADD COLUMN segments TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE recovery_case ADD COLUMN segments TEXT NOT NULL DEFAULT ''",
    "INSERT INTO rollup SELECT workspace, '', day, '', journey, stage, touchpoint, product, channel,
        magical, neutral, miserable, 0, CAST(round(gap * 1000000) AS BIGINT),
        CAST(round(gap_squared * 1000000) AS BIGINT) FROM day_sums",
    "INSERT INTO case_sums SELECT workspace, '', opened_at / 86400000, '', journey, touchpoint,
        sum(CASE WHEN state IN ('open', 'acting') THEN 1 ELSE 0 END),
        sum(CASE WHEN state = 'recovered' THEN 1 ELSE 0 END),
        sum(CASE WHEN state = 'relapsed' THEN 1 ELSE 0 END),
        sum(CASE WHEN state = 'lost' THEN 1 ELSE 0 END)
        FROM recovery_case GROUP BY workspace, opened_at / 86400000, journey, touchpoint",
];

#[async_trait::async_trait]
impl MigrationTrait for Rollups {
    #[allow(elided_lifetimes_in_paths, reason = "spelled as the trait spells it")]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let bytes = if manager.get_database_backend() == DbBackend::Sqlite { "BLOB" } else { "BYTEA" };
        for statement in TABLES {
            connection.execute_unprepared(&statement.replace("{bytes}", bytes)).await?;
        }
        let told = |error: elate_storage::Error| DbErr::Migration(error.to_string());
        recovery_times(connection).await.map_err(told)?;
        active_days(connection).await.map_err(told)?;
        connection.execute_unprepared("DROP TABLE day_sums").await?;
        connection.execute_unprepared("DROP TABLE activity").await.map(|_| ())
    }
}

/// Puts the durations of recoveries so far into their buckets.
async fn recovery_times(connection: &SchemaManagerConnection<'_>) -> Result<(), elate_storage::Error> {
    let sql = "SELECT workspace, opened_at / 86400000 AS day, journey, touchpoint,
        changed_at - opened_at AS millis FROM recovery_case WHERE state = 'recovered'";
    let mut times: BTreeMap<(String, i64, String, String, i64), i64> = BTreeMap::new();
    for row in query_all(connection, sql, []).await? {
        let bucket = Durations::bucket(row.try_get("", "millis")?);
        let key = (
            row.try_get("", "workspace")?,
            row.try_get("", "day")?,
            row.try_get("", "journey")?,
            row.try_get("", "touchpoint")?,
            bucket,
        );
        *times.entry(key).or_default() += 1;
    }
    for ((workspace, day, journey, touchpoint, bucket), cases) in times {
        let sql = "INSERT INTO case_time VALUES ($1, '', $2, '', $3, $4, $5, $6)";
        let values =
            [workspace.into(), day.into(), journey.into(), touchpoint.into(), bucket.into(), cases.into()];
        elate_storage::execute(connection, sql, values).await?;
    }
    Ok(())
}

/// Puts the customers of each day so far into its sketch.
async fn active_days(connection: &SchemaManagerConnection<'_>) -> Result<(), elate_storage::Error> {
    let mut sketches: BTreeMap<(String, i64), Distinct> = BTreeMap::new();
    let sql = "SELECT DISTINCT workspace, day FROM activity";
    for row in query_all(connection, sql, []).await? {
        sketches.insert((row.try_get("", "workspace")?, row.try_get("", "day")?), Distinct::default());
    }
    for ((workspace, day), mut sketch) in sketches {
        let sql = "SELECT customer FROM activity WHERE workspace = $1 AND day = $2";
        for row in query_all(connection, sql, [workspace.clone().into(), day.into()]).await? {
            sketch.insert(CustomerId(row.try_get("", "customer")?));
        }
        let sql = "INSERT INTO active_sketch VALUES ($1, '', $2, '', $3)";
        elate_storage::execute(connection, sql, [workspace.into(), day.into(), encode(&sketch)?.into()])
            .await?;
    }
    Ok(())
}
