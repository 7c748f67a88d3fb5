//! What can go wrong in a use-case.

use elate_domain::{CustomerId, FieldError};
use elate_rpc::{Reason, ServiceError};

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The customer has no judged moment, at the asked time.
    #[error("customer {0} has no judged moment at that time")]
    NoMoments(CustomerId),
    /// The period ends before it begins, or is too long.
    #[error("the period {0}")]
    Period(&'static str),
    /// The database.
    #[error(transparent)]
    Storage(#[from] elate_storage::Error),
}

elate_rpc::reasons! {
    /// The customer has no judged moment at the asked time.
    SCORE_MISSING: NotFound, "Ask for a later time, or wait for the first judged moment.";
    /// The period of a report can't be used.
    PERIOD_INVALID: Invalid, "Give a period that ends after it begins and spans at most three years.";
    /// The scoring database does not answer.
    SCORING_UNAVAILABLE: Unavailable, "Retry after the given delay.";
    /// The scoring database holds or returned what it should not.
    SCORING_INTERNAL: Internal, "Report the id. A retry may succeed.";
}

impl ServiceError for Error {
    fn reason(&self) -> &'static Reason {
        match self {
            Self::NoMoments(_) => &SCORE_MISSING,
            Self::Period(_) => &PERIOD_INVALID,
            Self::Storage(error) if error.is_transient() => &SCORING_UNAVAILABLE,
            Self::Storage(_) => &SCORING_INTERNAL,
        }
    }

    fn fields(&self) -> Vec<FieldError> {
        match self {
            Self::Period(reason) => vec![FieldError::new("to_time", *reason)],
            Self::NoMoments(_) | Self::Storage(_) => Vec::new(),
        }
    }
}

elate_rpc::impl_status!(Error);
