//! Why a simulation was not run, or not to its end.

use std::time::Duration;

use elate_domain::FieldError;
use elate_rpc::{Reason, ServiceError};

/// Why a simulation was not run, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// As many simulations run as this process allows.
    #[error("{running} simulations run already, which is as many as this process runs at once")]
    Busy {
        /// How many.
        running: usize,
    },
    /// As many simulations run of this workspace as this process allows.
    #[error("{running} of this workspace runs already, which is as many as one workspace may run at once")]
    WorkspaceBusy {
        /// How many.
        running: usize,
    },
    /// Definitions that a publication would refuse, too.
    #[error("the definitions would be refused: {}", .0.first().map(ToString::to_string).unwrap_or_default())]
    Definitions(Vec<FieldError>),
    /// More was recorded than is replayed at once.
    #[error(
        "the period holds more than {limit} of events from outside, which is as much as is replayed at once"
    )]
    TooLarge {
        /// How much.
        limit: String,
    },
    /// It took too long.
    #[error("the simulation was stopped after {} s, the longest that one may take", .limit.as_secs_f64())]
    TooLong {
        /// How long it may take.
        limit: Duration,
    },
    /// Nothing was recorded.
    #[error("nothing came from outside in the period")]
    Empty,
    /// events did not answer, or stopped in the middle.
    #[error("the log can't be read: {0}")]
    Log(String),
    /// A record is not what it should be.
    #[error("{0}")]
    Unreadable(String),
    /// Nobody waits any more, or the process stops.
    #[error("the simulation was given up")]
    GivenUp,
    /// The simulation itself.
    #[error(transparent)]
    Simulation(crate::Error),
}

elate_rpc::reasons! {
    /// As many simulations run as this process, or one workspace, may run at once.
    SIMULATION_BUSY: Exhausted, "Retry when another has ended.";
    /// The definitions would be refused at publication, too.
    SIMULATION_DEFINITIONS_INVALID: Invalid, "Mend what is named, and ask again.";
    /// The period holds more events than are replayed at once.
    SIMULATION_TOO_LARGE: TooLarge, "Choose a shorter period, or raise `simulation.events` or `simulation.bytes`.";
    /// The simulation took longer than one may.
    SIMULATION_TOO_LONG: Precondition, "Choose a shorter period, or raise `simulation.time`.";
    /// Nothing came from outside in the period.
    SIMULATION_EMPTY: Precondition, "Choose another period.";
    /// The simulation was given up, because the caller went away or the process stops.
    SIMULATION_GIVEN_UP: Unavailable, "Retry after the given delay.";
    /// The log can't be read just now.
    SIMULATION_LOG_UNAVAILABLE: Unavailable, "Retry after the given delay.";
    /// The simulation failed.
    SIMULATION_FAILED: Internal, "Report the id.";
}

impl From<crate::Error> for Error {
    fn from(error: crate::Error) -> Self {
        match error {
            crate::Error::Invalid(fields) => Self::Definitions(fields),
            crate::Error::Empty { .. } => Self::Empty,
            crate::Error::Stopped => Self::GivenUp,
            other => Self::Simulation(other),
        }
    }
}

impl ServiceError for Error {
    fn reason(&self) -> &'static Reason {
        match self {
            Self::Busy { .. } | Self::WorkspaceBusy { .. } => &SIMULATION_BUSY,
            Self::Definitions(_) => &SIMULATION_DEFINITIONS_INVALID,
            Self::TooLarge { .. } => &SIMULATION_TOO_LARGE,
            Self::TooLong { .. } => &SIMULATION_TOO_LONG,
            Self::Empty => &SIMULATION_EMPTY,
            Self::GivenUp => &SIMULATION_GIVEN_UP,
            Self::Log(_) => &SIMULATION_LOG_UNAVAILABLE,
            Self::Unreadable(_) | Self::Simulation(_) => &SIMULATION_FAILED,
        }
    }

    fn fields(&self) -> Vec<FieldError> {
        match self {
            Self::Definitions(fields) => fields.clone(),
            _ => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        matches!(self, Self::Busy { .. } | Self::WorkspaceBusy { .. }).then_some(Duration::from_secs(5))
    }
}

elate_rpc::impl_status!(Error);
