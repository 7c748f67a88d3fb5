//! The log as the loop sees it: a port, and its adapter over gRPC ([`grpc`]). For tests there is
//! [`MemoryLog`](crate::memory::MemoryLog).

use bytes::Bytes;
use elate_domain::{CustomerId, Kind, Offset, Partition, Record, Timestamp, WorkspaceId};
use futures::stream::BoxStream;

pub mod grpc;

pub use grpc::{ChannelLog, GrpcLog};

/// How many partitions there are, where they end, and which log it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogShape {
    /// Renewed by any restore of the log.
    pub generation: String,
    /// The last offset of each partition; the index is the partition.
    pub heads: Vec<Offset>,
}

/// Consecutive records of one partition that were appended together, still encoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The partition.
    pub partition: Partition,
    /// Place of the first record; the others follow without a gap.
    pub first_offset: Offset,
    /// Log time of all of them.
    pub received_at: Timestamp,
    /// Encoded records, see [`elate_proto::record`].
    pub records: Vec<Bytes>,
}

/// Nothing earlier than `time` will come in this partition after `last_offset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The partition.
    pub partition: Partition,
    /// The partition's last offset when it was made.
    pub last_offset: Offset,
    /// Log time.
    pub time: Timestamp,
}

/// What a follower gets, in order within each partition.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Followed {
    /// Records.
    pub batches: Vec<Batch>,
    /// Marks; each comes after all records that it covers.
    pub marks: Vec<Mark>,
}

/// Why the log did not do what it was asked. All of it is retried: these are faults of the infrastructure, or of its
/// configuration, never of a record.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It does not answer, or answers that it can't now.
    #[error("the log is not available: {reason}")]
    Unavailable {
        /// What it or the transport says.
        reason: String,
    },
    /// It refuses what we ask: another generation, a missing credential.
    #[error("the log refuses: {reason}")]
    Refused {
        /// What it says.
        reason: String,
    },
    /// What it sent can't be read.
    #[error("the log sent what can't be read: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: String,
    },
}

impl LogError {
    /// The kind that the edges map it to.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Unavailable { .. } => Kind::Unavailable,
            Self::Refused { .. } => Kind::Precondition,
            Self::Malformed { .. } => Kind::Internal,
        }
    }
}

/// The customer log, as a follower and producer needs it.
#[async_trait::async_trait]
pub trait LogSource: Send + Sync + 'static {
    /// Partitions, heads and generation.
    async fn shape(&self) -> Result<LogShape, LogError>;

    /// Follows partitions, each after its offset. The stream ends with an error, or when the log stops.
    async fn follow(
        &self,
        from: Vec<(Partition, Offset)>,
        generation: &str,
    ) -> Result<BoxStream<'static, Result<Followed, LogError>>, LogError>;

    /// Appends encoded records of ours, in order of sequence per producer. Answers how many were new; sequences that
    /// are not above the producer's last one are ignored.
    async fn append(&self, records: Vec<Bytes>) -> Result<u32, LogError>;

    /// The records of one customer of `partition` in log order, up to and including `up_to`.
    async fn read_customer(
        &self,
        workspace: &WorkspaceId,
        customer: CustomerId,
        partition: Partition,
        up_to: Offset,
    ) -> Result<Vec<Record>, LogError>;
}
