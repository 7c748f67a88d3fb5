//! What can go wrong with the log.

use elate_domain::{Kind, Offset, Partition};

/// What can go wrong with the log.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] elate_storage::Error),
    /// A stored batch can't be read.
    #[error("the batch of partition {partition} that ends at {last} can't be read: {source}")]
    Corrupt {
        /// The partition.
        partition: Partition,
        /// The batch's last offset.
        last: Offset,
        /// Why.
        source: prost::DecodeError,
    },
    /// Offsets of one log were used with another: the log was restored or replaced.
    #[error("the offsets belong to generation {given} of the log, but it is {current} now")]
    Generation {
        /// The follower's generation.
        given: String,
        /// The log's.
        current: String,
    },
    /// The follower has seen records that the log does not hold: the log was restored to an earlier state.
    #[error("the follower stands at offset {given} of partition {partition}, but the log ends at {head}")]
    AboveHead {
        /// The partition.
        partition: Partition,
        /// The follower's offset.
        given: Offset,
        /// The log's last.
        head: Offset,
    },
    /// A partition that the log does not have.
    #[error("partition {partition} is none of the log's {partitions}")]
    NoPartition {
        /// The partition.
        partition: Partition,
        /// How many there are.
        partitions: u32,
    },
    /// The log was made with another number of partitions.
    #[error(
        "the log has {stored} partitions and can't be opened with {configured}; export it and import it anew"
    )]
    Partitions {
        /// As it was made.
        stored: u32,
        /// As configured.
        configured: u32,
    },
    /// Redis is configured in a way that can't work.
    #[error("the tail's Redis is configured wrongly: {0}")]
    Redis(String),
}

impl Error {
    /// What sort of failure it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Storage(error) if error.is_transient() => Kind::Unavailable,
            Self::Storage(_) | Self::Corrupt { .. } | Self::Redis(_) => Kind::Internal,
            Self::Generation { .. } | Self::AboveHead { .. } | Self::Partitions { .. } => Kind::Precondition,
            Self::NoPartition { .. } => Kind::Invalid,
        }
    }
}
