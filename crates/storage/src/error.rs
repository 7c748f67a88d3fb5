//! Why the database did not do what it was asked, and whether it is worth to ask again.

use sea_orm::{DbErr, RuntimeErr, SqlErr};

use crate::PendingMigrations;

/// Why the database did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The database or the connection refused.
    #[error("database: {0}")]
    Database(#[from] DbErr),
    /// The database could not be opened.
    #[error("{dsn} can't be opened: {reason}")]
    Open {
        /// Which one, without secrets.
        dsn: String,
        /// What the driver says.
        reason: String,
    },
    /// The schema is not there yet, or not whole.
    #[error(transparent)]
    NotMigrated(#[from] PendingMigrations),
    /// A stored value is not what the code that reads it expects.
    #[error("{table} holds a {column} that can't be read: {reason}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// A stored value that can't be read.
    pub fn corrupt(table: &'static str, column: &'static str, reason: impl ToString) -> Self {
        Self::Corrupt { table, column, reason: reason.to_string() }
    }

    /// Whether another transaction was in the way: the same transaction, run again from its beginning, may succeed.
    pub fn is_conflict(&self) -> bool {
        // PostgreSQL: serialization failure, deadlock, lock not available. SQLite: busy, locked and their extended codes.
        match self.code() {
            Some(code) => {
                matches!(code.as_str(), "40001" | "40P01" | "55P03" | "5" | "6" | "261" | "262" | "517")
            }
            None => false,
        }
    }

    /// Whether the failure lies in the connection or the server and not in the request: it may work later. Includes
    /// conflicts. After a lost connection during a commit the outcome is unknown: read before repeating.
    pub fn is_transient(&self) -> bool {
        if self.is_conflict() {
            return true;
        }
        if let Some(code) = self.code() {
            // 08: connection; 53: out of resources; 57P: shutdown, crash, starting up; 25006: a replica by mistake.
            return ["08", "53", "57P"].iter().any(|class| code.starts_with(class)) || code == "25006";
        }
        match self {
            Self::Database(DbErr::ConnectionAcquire(_) | DbErr::Conn(_)) | Self::Open { .. } => true,
            Self::Database(error) => runtime(error).is_some_and(|error| {
                matches!(
                    error,
                    sqlx::Error::Io(_)
                        | sqlx::Error::PoolTimedOut
                        | sqlx::Error::PoolClosed
                        | sqlx::Error::WorkerCrashed
                        | sqlx::Error::Protocol(_)
                        | sqlx::Error::Tls(_)
                )
            }),
            Self::NotMigrated(_) => true,
            Self::Corrupt { .. } => false,
        }
    }

    /// Whether a unique key refused the row.
    pub fn is_unique_violation(&self) -> bool {
        match self {
            Self::Database(error) => matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))),
            Self::Open { .. } | Self::NotMigrated(_) | Self::Corrupt { .. } => false,
        }
    }

    /// SQLSTATE on PostgreSQL, the extended result code on SQLite.
    fn code(&self) -> Option<String> {
        let Self::Database(error) = self else { return None };
        runtime(error)?.as_database_error()?.code().map(|code| code.into_owned())
    }
}

fn runtime(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => Some(error.as_ref()),
        _ => None,
    }
}
