//! Notifications' own tables: messages, attempts, definitions as the dispatcher needs them, pauses, endpoints.
//!
//! [`write`] puts the rows of a micro-batch into the loop's transaction; [`dispatch`] is what the dispatcher does to
//! its messages; [`read`] answers the use-cases. Every query of a use-case takes the workspace first.

pub mod dispatch;
pub mod endpoint;
mod migration;
pub mod read;
mod wake;
mod write;

use std::sync::Arc;

use elate_storage::Database;

pub use migration::Migrator;
pub use wake::{ChannelKey, Wake};

/// The tables of one notifications database.
#[derive(Debug, Clone)]
pub struct Store {
    database: Database,
    wake: Arc<Wake>,
}

impl Store {
    /// The tables in `database`.
    pub fn new(database: Database) -> Self {
        Self { database, wake: Arc::default() }
    }

    /// Tells which channels have got messages that are ready.
    pub fn wake(&self) -> Arc<Wake> {
        Arc::clone(&self.wake)
    }

    /// The database.
    pub fn database(&self) -> &Database {
        &self.database
    }
}
