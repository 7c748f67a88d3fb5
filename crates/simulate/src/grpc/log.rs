//! What a running system has recorded, as the events service gives it.

use elate_domain::{Offset, Partition, Record};
use elate_proto::events::v1::{FollowWorkspaceRequest, FollowWorkspaceResponse, TimelineEntry};
use elate_proto::record::{DecodeError, from_proto};
use elate_rpc::validate;
use prost::Message as _;
use tonic::{Status, Streaming};

/// Why the log could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// events did not answer, or stopped in the middle.
    #[error("the log can't be read: {}", .0.message())]
    Unavailable(Box<Status>),
    /// A record is not what it should be.
    #[error("a record can't be read: {0}")]
    Record(#[from] DecodeError),
    /// Its time is not.
    #[error("a record can't be read: {0}")]
    Time(#[from] elate_domain::FieldError),
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        Self::Unavailable(Box::new(status))
    }
}

impl From<Error> for crate::server::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable(status) => Self::Log(status.message().to_owned()),
            Error::Record(_) | Error::Time(_) => Self::Unreadable(error.to_string()),
        }
    }
}

/// Asks for all of the log, as it stands now.
pub fn whole() -> FollowWorkspaceRequest {
    FollowWorkspaceRequest { cursor: "begin".to_owned(), until_present: true, ..Default::default() }
}

/// The next record, and how many bytes it has; `None` where the log ended when it was asked for.
///
/// # Errors
/// [`Error::Unavailable`] where the stream breaks, others where a record is broken.
pub async fn next(stream: &mut Streaming<FollowWorkspaceResponse>) -> Result<Option<(Record, u64)>, Error> {
    while let Some(response) = stream.message().await? {
        let Some(entry) = response.entry else { continue };
        let bytes = entry.encoded_len() as u64;
        if let Some(record) = record(entry)? {
            return Ok(Some((record, bytes)));
        }
    }
    Ok(None)
}

fn record(entry: TimelineEntry) -> Result<Option<Record>, Error> {
    let (Some(received), Some(record)) = (entry.received_time, entry.record) else { return Ok(None) };
    Ok(Some(Record {
        partition: Partition(entry.partition),
        offset: Offset(entry.offset),
        received_at: validate::timestamp("received_time", received)?,
        event: from_proto(record)?,
    }))
}
