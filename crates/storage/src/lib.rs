//! Storage: one way to open, migrate and use a service's own database, SQLite (embedded) or PostgreSQL (production).
//!
//! A service says where its database is with a [`Dsn`], opens it with [`Database::connect`], and from there on writes
//! one sea-orm code path. What differs between the two servers stays in this crate:
//!
//! * **Writers.** SQLite has one writer: a pool of one connection hands out `BEGIN IMMEDIATE` transactions one after the
//!   other, so nobody meets `SQLITE_BUSY` half way. Readers have a pool of their own and never wait for it (WAL).
//!   Commits are durable: `synchronous=FULL`. PostgreSQL has one pool for both.
//! * **Hot statements.** [`bulk::Rows`] carries columns to the server: as arrays through `UNNEST` on PostgreSQL, as
//!   multi-row `VALUES` in chunks of a few fixed sizes on SQLite, so that statements are prepared once. The statement
//!   around them is the same text for both.
//! * **The clock.** [`Database::now`] and [`now_millis_sql`] give the database's own time, for leases that several
//!   processes must judge alike.
//! * **Errors.** [`Error::is_transient`] says "the same again may work", [`Error::is_conflict`] "somebody was in the way".
//!
//! # Migrations
//!
//! A service lists its migrations in a `sea_orm_migration::MigratorTrait`. `async fn up(&self, manager: &SchemaManager)` must
//! be spelled without the lifetime, as the trait does: put `#[allow(elided_lifetimes_in_paths)]` on it.
//!
//! Placeholders are written `$1`, `$2`, … on both. Times are stored as `BIGINT` milliseconds, ids as `uuid` (a `BLOB` of
//! 16 bytes on SQLite).

pub mod bulk;
mod database;
mod dsn;
mod error;
mod migrate;
mod statement;

pub use database::{Database, Options, now_millis_sql};
pub use dsn::{Dsn, InvalidDsn};
pub use error::Error;
pub use migrate::PendingMigrations;
pub use statement::{execute, query_all, query_one};

/// What statements run on: a transaction, or [`Database::read`].
pub use sea_orm::ConnectionTrait;
/// The kind of server behind a connection.
pub use sea_orm::DbBackend as Backend;
/// One row of an answer: `row.try_get::<i64>("", "column")`.
pub use sea_orm::QueryResult as Row;
/// A bound value: `Value::from(1_i64)`, or `1_i64.into()`.
pub use sea_orm::Value;

/// An open transaction of either backend. Dropped without a commit, it rolls back.
pub type Transaction = sea_orm::DatabaseTransaction;
