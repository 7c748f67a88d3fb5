//! Migrations: run by one, waited for by the others.

use std::time::Duration;

use sea_orm::{DbBackend, DbErr};
use sea_orm_migration::MigratorTrait;
use tracing::info;

use crate::{Database, Error, execute};

/// A schema that is behind the software.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{count} migrations are pending, the first is {first}")]
pub struct PendingMigrations {
    /// How many.
    pub count: usize,
    /// The first of them.
    pub first: String,
}

/// Any number will do, as long as it is always the same: one migrating process at a time in a database.
const MIGRATION_LOCK: i64 = 0x65_6c61_7465;
/// Pause between two looks at the schema.
const PAUSE: Duration = Duration::from_millis(250);

impl Database {
    /// Brings the schema up to date. Several processes may call it at once: one migrates, the others wait for it.
    pub async fn migrate<M: MigratorTrait>(&self) -> Result<(), Error> {
        let _alone = self.migrating.lock().await;
        match self.backend() {
            // The writer pool has one connection, and other processes wait at SQLite's own lock.
            DbBackend::Sqlite => Ok(M::up(self.writer(), None).await?),
            _ => {
                let lock = self.begin().await?;
                execute(&lock, "SELECT pg_advisory_xact_lock($1)", [MIGRATION_LOCK.into()]).await?;
                M::up(self.writer(), None).await?;
                Ok(lock.commit().await?)
            }
        }
    }

    /// Whether the schema is up to date.
    pub async fn check_migrations<M: MigratorTrait>(&self) -> Result<(), Error> {
        let pending = match M::get_pending_migrations_read_only(self.read()).await {
            Ok(pending) => pending,
            // A migration that this software does not know: a newer version runs already, its schema serves us too.
            Err(DbErr::Custom(reason)) if reason.contains("missing") => {
                info!(%reason, "the schema is newer than this software");
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        match pending.first() {
            None => Ok(()),
            Some(first) => {
                Err(PendingMigrations { count: pending.len(), first: first.name().to_owned() }.into())
            }
        }
    }

    /// Waits until another process has brought the schema up to date; after `limit` the last reason is the error.
    pub async fn wait_for_migrations<M: MigratorTrait>(&self, limit: Duration) -> Result<(), Error> {
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            match self.check_migrations::<M>().await {
                Ok(()) => return Ok(()),
                Err(error) if !error.is_transient() || tokio::time::Instant::now() + PAUSE > deadline => {
                    return Err(error);
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}
