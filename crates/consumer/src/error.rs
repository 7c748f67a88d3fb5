//! What can go wrong in the loop. Most of it is retried without end; what [`Consumer::run`](crate::Consumer::run)
//! returns needs a person.

use elate_domain::{Kind, Offset, Partition};

use crate::source::LogError;

/// Why the loop, or a call to it, failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The service's database did not do what it was asked.
    #[error(transparent)]
    Storage(#[from] elate_storage::Error),
    /// The log did not do what it was asked.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Somebody else owns the partition by now, or moved its offset. Nothing was written.
    #[error("partition {partition} is not ours any more")]
    Fenced {
        /// One of the partitions concerned.
        partition: Partition,
    },
    /// The log was restored, and the offsets at hand belong to the log before it.
    #[error(
        "the log has generation {found}, but partition {partition} was followed in generation {expected} up to \
         {offset}; compare the databases, then accept the new generation in the settings"
    )]
    Generation {
        /// The partition.
        partition: Partition,
        /// How far it was followed.
        offset: Offset,
        /// The generation that it was followed in.
        expected: String,
        /// The generation that the log has now.
        found: String,
    },
    /// The offset lies above the log's head: the log lost records that were processed already.
    #[error("partition {partition} was followed up to {offset}, but the log ends at {head}")]
    AboveHead {
        /// The partition.
        partition: Partition,
        /// How far it was followed.
        offset: Offset,
        /// Where the log ends.
        head: Offset,
    },
    /// What the loop itself stored can't be read.
    #[error("stored {what} can't be read: {reason}")]
    Corrupt {
        /// What was read.
        what: &'static str,
        /// What the decoder says.
        reason: String,
    },
    /// A value of ours could not be encoded.
    #[error("{what} can't be encoded: {reason}")]
    Encode {
        /// What was encoded.
        what: &'static str,
        /// What the encoder says.
        reason: String,
    },
    /// A task of the loop ended by itself.
    #[error("a task of the consumer ended: {reason}")]
    Task {
        /// What the runtime says.
        reason: String,
    },
    /// A fault that a test put in.
    #[error("injected fault at {at}")]
    Injected {
        /// Where.
        at: &'static str,
    },
}

impl Error {
    /// The kind that the edges map it to.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Storage(error) if error.is_conflict() => Kind::Conflict,
            Self::Storage(error) if error.is_transient() => Kind::Unavailable,
            Self::Storage(_) | Self::Corrupt { .. } | Self::Encode { .. } | Self::Task { .. } => {
                Kind::Internal
            }
            Self::Log(_) | Self::Injected { .. } => Kind::Unavailable,
            Self::Fenced { .. } => Kind::Conflict,
            Self::Generation { .. } | Self::AboveHead { .. } => Kind::Precondition,
        }
    }

    /// Whether going on by itself would be wrong: a person must look first.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Generation { .. } | Self::AboveHead { .. } => true,
            Self::Storage(_)
            | Self::Log(_)
            | Self::Fenced { .. }
            | Self::Corrupt { .. }
            | Self::Encode { .. }
            | Self::Task { .. }
            | Self::Injected { .. } => false,
        }
    }
}

/// The database's errors arrive as sea-orm's own in the loop's statements.
impl From<sea_orm::DbErr> for Error {
    fn from(error: sea_orm::DbErr) -> Self {
        Self::Storage(error.into())
    }
}
