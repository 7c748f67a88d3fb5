//! The service's tables. Types of sea-orm stay in here.

pub(crate) mod catalog;
pub(crate) mod customers;
pub(crate) mod definitions;
pub(crate) mod erasures;
pub(crate) mod filter;
pub(crate) mod keys;
pub mod migrations;
pub(crate) mod producers;
pub(crate) mod requests;
pub(crate) mod seen;
pub(crate) mod timeline;

pub use migrations::Migrator;

use elate_storage::{Error, Row};
use uuid::Uuid;

/// A column of a row.
pub(crate) fn get<T: ::sea_orm::TryGetable>(row: &Row, column: &str) -> Result<T, Error> {
    Ok(row.try_get("", column)?)
}

/// What is drawn once for an installation.
#[derive(Clone)]
pub(crate) struct Install {
    /// Seed of message keys and fingerprints.
    pub(crate) seed: u64,
    /// Key of the hashes by which erased identifiers are recognised.
    pub(crate) secret: Vec<u8>,
}

impl std::fmt::Debug for Install {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Install")
    }
}

/// Reads what was drawn for this installation; draws it where it is new.
pub(crate) async fn install(database: &elate_storage::Database) -> Result<Install, Error> {
    let (one, two) = (Uuid::new_v4(), Uuid::new_v4());
    let secret = [one.into_bytes(), two.into_bytes()].concat();
    let (seed, _) = Uuid::new_v4().as_u64_pair();
    let tx = database.begin().await?;
    elate_storage::bulk::Rows::new()
        .i64("id", [1])
        .i64("seed", [seed as i64])
        .bytes("secret", [secret])
        .insert(&tx, "install", elate_storage::bulk::Conflict::Ignore)
        .await?;
    let row = elate_storage::query_one(&tx, "SELECT seed, secret FROM install WHERE id = 1", []).await?;
    tx.commit().await?;
    let row = row.ok_or_else(|| Error::corrupt("install", "id", "no row"))?;
    Ok(Install { seed: get::<i64>(&row, "seed")? as u64, secret: get(&row, "secret")? })
}
