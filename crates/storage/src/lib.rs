//! Storage: one way to open, migrate and use a service's own database, SQLite (embedded) or PostgreSQL (production).

/// An open transaction of either backend.
pub type Transaction = sea_orm::DatabaseTransaction;

/// Why the database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database or the connection refused.
    #[error("database: {0}")]
    Database(#[from] sea_orm::DbErr),
}
