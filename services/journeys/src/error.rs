//! What can go wrong in a use-case.

use elate_rpc::{Reason, ServiceError};
use uuid::Uuid;

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such play instance in the workspace.
    #[error("there is no play instance {0}")]
    InstanceUnknown(Uuid),
    /// There is no such promise in the workspace.
    #[error("there is no promise {0}")]
    PromiseUnknown(Uuid),
    /// There is no such play in the newest definitions.
    #[error("there is no play {0:?}")]
    PlayUnknown(String),
    /// The definitions are not those that the caller has looked at.
    #[error("the newest version is {newest}, not {asked}")]
    DefinitionsChanged {
        /// What was asked for.
        asked: u64,
        /// What is the newest.
        newest: u64,
    },
    /// This process holds no partition, so it can't write commands.
    #[error("this process takes no commands just now")]
    NoPartition,
    /// The consumer's tables.
    #[error(transparent)]
    Consumer(#[from] elate_consumer::Error),
    /// Stored definitions can't be read.
    #[error("the stored definitions can't be read: {0}")]
    Definitions(#[from] serde_json::Error),
    /// The database.
    #[error(transparent)]
    Storage(#[from] elate_storage::Error),
}

elate_rpc::reasons! {
    /// There is no such play instance in this workspace.
    PLAY_INSTANCE_UNKNOWN: NotFound, "Check the id; list the instances of the play or the customer.";
    /// There is no such promise in this workspace.
    PROMISE_UNKNOWN: NotFound, "Check the id; list the promises of the customer.";
    /// There is no such play in the newest definitions.
    PLAY_UNKNOWN: NotFound, "Check the name, or apply the play's manifest first.";
    /// The definitions are not those that the preview was about.
    DEFINITIONS_CHANGED: Precondition, "Ask for the preview again, and name its version.";
    /// This process holds no partition just now, so it can't write commands.
    JOURNEYS_NO_PARTITION: Unavailable, "Retry after the given delay.";
    /// The journeys database does not answer.
    JOURNEYS_UNAVAILABLE: Unavailable, "Retry after the given delay.";
    /// The journeys database holds or returned what it should not.
    JOURNEYS_INTERNAL: Internal, "Report the id. A retry may succeed.";
}

impl ServiceError for Error {
    fn reason(&self) -> &'static Reason {
        match self {
            Self::InstanceUnknown(_) => &PLAY_INSTANCE_UNKNOWN,
            Self::PromiseUnknown(_) => &PROMISE_UNKNOWN,
            Self::PlayUnknown(_) => &PLAY_UNKNOWN,
            Self::DefinitionsChanged { .. } => &DEFINITIONS_CHANGED,
            Self::NoPartition | Self::Consumer(elate_consumer::Error::Fenced { .. }) => {
                &JOURNEYS_NO_PARTITION
            }
            Self::Storage(error) if error.is_transient() => &JOURNEYS_UNAVAILABLE,
            Self::Storage(_) | Self::Definitions(_) | Self::Consumer(_) => &JOURNEYS_INTERNAL,
        }
    }
}

elate_rpc::impl_status!(Error);
