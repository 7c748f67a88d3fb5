//! The tables of what concerns all customers.

use sea_orm_migration::prelude::*;

/// What was observed, how promises look by it, and what every partition is told.
pub(super) struct Company;

impl MigrationName for Company {
    fn name(&self) -> &str {
        "journeys_0005_company"
    }
}

#[allow(elided_lifetimes_in_paths, reason = "the trait spells its lifetimes so")]
#[async_trait::async_trait]
impl MigrationTrait for Company {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let uuid = match manager.get_database_backend() {
            sea_orm::DbBackend::Sqlite => "BLOB",
            _ => "uuid",
        };
        for statement in TABLES {
            manager.get_connection().execute_unprepared(&statement.replace("UUID", uuid)).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["population_samples", "promise_outlooks", "announcements", "announcements_told"] {
            manager.get_connection().execute_unprepared(&format!("DROP TABLE IF EXISTS {table}")).await?;
        }
        Ok(())
    }
}

const TABLES: [&str; 7] = [
    "CREATE TABLE population_samples (workspace TEXT NOT NULL, moment TEXT NOT NULL, wording BIGINT NOT NULL, \
     measure TEXT NOT NULL, sample_id UUID NOT NULL, customer_id UUID NOT NULL, value DOUBLE PRECISION NOT NULL, \
     at BIGINT NOT NULL, PRIMARY KEY (workspace, moment, wording, measure, sample_id))",
    "CREATE INDEX population_samples_by_time ON population_samples (workspace, moment, wording, measure, at)",
    "CREATE INDEX population_samples_by_customer ON population_samples (workspace, customer_id)",
    "CREATE TABLE promise_outlooks (workspace TEXT NOT NULL, promise_id UUID NOT NULL, customer_id UUID NOT NULL, \
     milestone TEXT NOT NULL, samples BIGINT NOT NULL, least BIGINT NOT NULL, chance DOUBLE PRECISION, \
     at BIGINT NOT NULL, PRIMARY KEY (workspace, promise_id))",
    "CREATE INDEX promise_outlooks_by_customer ON promise_outlooks (workspace, customer_id)",
    "CREATE TABLE announcements (workspace TEXT NOT NULL, number BIGINT NOT NULL, name TEXT NOT NULL, \
     at BIGINT NOT NULL, payload TEXT NOT NULL, PRIMARY KEY (workspace, number))",
    "CREATE TABLE announcements_told (workspace TEXT NOT NULL, partition_id BIGINT NOT NULL, \
     number BIGINT NOT NULL, PRIMARY KEY (workspace, partition_id))",
];
