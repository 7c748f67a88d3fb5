//! What can go wrong in a use-case.

use elate_rpc::{Reason, ServiceError};
use uuid::Uuid;

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such play instance in the workspace.
    #[error("there is no play instance {0}")]
    InstanceUnknown(Uuid),
    /// There is no such journey instance in the workspace.
    #[error("there is no journey instance {0}")]
    JourneyInstanceUnknown(Uuid),
    /// There is no such journey in the newest definitions, and nothing was recorded of one.
    #[error("there is no journey {0:?}")]
    JourneyUnknown(String),
    /// As many journeys are being looked at as this process allows.
    #[error("as many journeys are being looked at as may be at once")]
    DiscoveryBusy,
    /// What a look is to count is not valid.
    #[error(transparent)]
    Discovery(#[from] elate_discovery::Error),
    /// The caller went away, or the process stops.
    #[error("the look was given up")]
    DiscoveryGivenUp,
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
    /// The play has no rollout.
    #[error("the play {0:?} has no rollout")]
    RolloutUnknown(String),
    /// The rollout is where nothing of the kind can be done with it.
    #[error("the rollout of {play:?} is {}", stage.as_str())]
    RolloutOver {
        /// The play.
        play: String,
        /// Where it stands.
        stage: elate_domain::system::RolloutStage,
    },
    /// Something else was decided about the rollout at the same moment.
    #[error("something else was decided about the rollout of {0:?} at the same moment")]
    RolloutChanged(String),
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
    /// There is no such journey instance in this workspace.
    JOURNEY_INSTANCE_UNKNOWN: NotFound, "Check the id; list the instances of the journey or the customer.";
    /// There is no such journey in the newest definitions, and nothing was recorded of one.
    JOURNEY_UNKNOWN: NotFound, "Check the name, or apply the journey's manifest first.";
    /// As many journeys are being looked at as this process allows at once.
    DISCOVERY_BUSY: Exhausted, "Retry after the given delay.";
    /// What a look at a journey is to count is not valid.
    DISCOVERY_INVALID: Invalid, "Mend what is named, and ask again.";
    /// The look was given up, because the caller went away or the process stops.
    DISCOVERY_GIVEN_UP: Unavailable, "Retry after the given delay.";
    /// There is no such promise in this workspace.
    PROMISE_UNKNOWN: NotFound, "Check the id; list the promises of the customer.";
    /// There is no such play in the newest definitions.
    PLAY_UNKNOWN: NotFound, "Check the name, or apply the play's manifest first.";
    /// The definitions are not those that the preview was about.
    DEFINITIONS_CHANGED: Precondition, "Ask for the preview again, and name its version.";
    /// The play has no rollout.
    ROLLOUT_UNKNOWN: NotFound, "Check the name; give the play a `rollout`.";
    /// The rollout is over, or not held.
    ROLLOUT_OVER: Precondition, "Look how it stands; word the play anew to begin again.";
    /// Something else was decided about the rollout at the same moment.
    ROLLOUT_CHANGED: Precondition, "Look how it stands, and decide again.";
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
            Self::JourneyInstanceUnknown(_) => &JOURNEY_INSTANCE_UNKNOWN,
            Self::JourneyUnknown(_) => &JOURNEY_UNKNOWN,
            Self::DiscoveryBusy => &DISCOVERY_BUSY,
            Self::Discovery(_) => &DISCOVERY_INVALID,
            Self::DiscoveryGivenUp => &DISCOVERY_GIVEN_UP,
            Self::PlayUnknown(_) => &PLAY_UNKNOWN,
            Self::DefinitionsChanged { .. } => &DEFINITIONS_CHANGED,
            Self::RolloutUnknown(_) => &ROLLOUT_UNKNOWN,
            Self::RolloutOver { .. } => &ROLLOUT_OVER,
            Self::RolloutChanged(_) => &ROLLOUT_CHANGED,
            Self::NoPartition | Self::Consumer(elate_consumer::Error::Fenced { .. }) => {
                &JOURNEYS_NO_PARTITION
            }
            Self::Storage(error) if error.is_transient() => &JOURNEYS_UNAVAILABLE,
            Self::Storage(_) | Self::Definitions(_) | Self::Consumer(_) => &JOURNEYS_INTERNAL,
        }
    }
}

elate_rpc::impl_status!(Error);
