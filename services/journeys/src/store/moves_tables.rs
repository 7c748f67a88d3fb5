//! The tables of moves.

use sea_orm_migration::prelude::*;

/// A row a line, as they were kept first.
pub(super) struct JourneyMoves;

impl MigrationName for JourneyMoves {
    fn name(&self) -> &str {
        "journeys_0004_moves"
    }
}

#[allow(elided_lifetimes_in_paths, reason = "the trait spells its lifetimes so")]
#[async_trait::async_trait]
impl MigrationTrait for JourneyMoves {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, &LINE_BY_LINE).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let drop = [
            "DROP TABLE IF EXISTS journey_moves",
            "DROP INDEX IF EXISTS journey_instances_by_journey",
            "DROP INDEX IF EXISTS moments_by_journey",
        ];
        run(manager, &drop).await
    }
}

/// A row for what one batch told of an instance: see `moves`.
pub(super) struct PackedMoves;

impl MigrationName for PackedMoves {
    fn name(&self) -> &str {
        "journeys_0007_packed_moves"
    }
}

#[allow(elided_lifetimes_in_paths, reason = "the trait spells its lifetimes so")]
#[async_trait::async_trait]
impl MigrationTrait for PackedMoves {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, &PACKED).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Packed lines are not taken apart: the older table comes back empty.
        run(manager, &["DROP TABLE journey_moves", "DROP INDEX journey_instances_by_journey"]).await?;
        run(manager, &["ALTER TABLE journey_instances DROP COLUMN began_at"]).await?;
        run(manager, &LINE_BY_LINE[..4]).await
    }
}

async fn run(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    let (uuid, array, json) = match manager.get_database_backend() {
        sea_orm::DbBackend::Sqlite => ("BLOB", "json_array", "json(carried)"),
        _ => ("uuid", "json_build_array", "carried::json"),
    };
    for statement in statements {
        let statement = statement.replace("UUID", uuid).replace("ARRAY", array).replace("CARRIED", json);
        manager.get_connection().execute_unprepared(&statement).await?;
    }
    Ok(())
}

const LINE_BY_LINE: [&str; 5] = [
    "CREATE TABLE journey_moves (workspace TEXT NOT NULL, instance_id UUID NOT NULL, sequence BIGINT NOT NULL, \
     customer_id UUID NOT NULL, journey TEXT NOT NULL, began_at BIGINT NOT NULL, at BIGINT NOT NULL, \
     occurred_at BIGINT NOT NULL, kind TEXT NOT NULL, stage TEXT NOT NULL, touchpoint TEXT NOT NULL, \
     carried TEXT NOT NULL, PRIMARY KEY (workspace, instance_id, sequence))",
    "CREATE INDEX journey_moves_by_beginning ON journey_moves (workspace, journey, began_at, instance_id, sequence)",
    "CREATE INDEX journey_moves_by_customer ON journey_moves (workspace, customer_id, began_at)",
    "CREATE INDEX journey_instances_by_journey ON journey_instances (workspace, journey, state, entered_at, \
     instance_id)",
    "CREATE INDEX moments_by_journey ON moments (workspace, journey, occurred_at, moment_id)",
];

const PACKED: [&str; 8] = [
    "ALTER TABLE journey_instances ADD COLUMN began_at BIGINT",
    "UPDATE journey_instances SET began_at = (SELECT MIN(line.began_at) FROM journey_moves AS line \
     WHERE line.workspace = journey_instances.workspace AND line.instance_id = journey_instances.instance_id)",
    "ALTER TABLE journey_moves RENAME TO journey_lines",
    "CREATE TABLE journey_moves (workspace TEXT NOT NULL, journey TEXT NOT NULL, began_at BIGINT NOT NULL, \
     instance_id UUID NOT NULL, first_sequence BIGINT NOT NULL, customer_id UUID NOT NULL, moves BIGINT NOT NULL, \
     lines TEXT NOT NULL, PRIMARY KEY (workspace, journey, began_at, instance_id, first_sequence))",
    "INSERT INTO journey_moves (workspace, journey, began_at, instance_id, first_sequence, customer_id, moves, lines) \
     SELECT workspace, journey, began_at, instance_id, sequence, customer_id, 1, CAST(ARRAY(ARRAY(sequence, at, \
     occurred_at, kind, stage, touchpoint, CARRIED)) AS TEXT) FROM journey_lines",
    "DROP TABLE journey_lines",
    // The state of an instance changes with most of its moves, and is no part of its place.
    "DROP INDEX journey_instances_by_journey",
    "CREATE INDEX journey_instances_by_journey ON journey_instances (workspace, journey, entered_at, instance_id)",
];
