//! What can go wrong in a use-case.

use std::time::Duration;

use elate_domain::{FieldError, Kind};

/// What can go wrong in a use-case.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// More is waiting than can be appended soon. Nothing of the request was done.
    #[error("more is waiting than can be appended soon; retry in {} ms", retry_after.as_millis())]
    Overloaded {
        /// When to come again.
        retry_after: Duration,
    },
    /// The request is wrong.
    #[error("{} of the request is wrong", .0.iter().map(|e| e.to_string()).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<FieldError>),
    /// More than is taken at once.
    #[error("{what} may be {limit} at the most")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The limit, with its unit.
        limit: String,
    },
    /// There is no such thing in this workspace.
    #[error("there is no such {what} in this workspace")]
    NotFound {
        /// What was asked for.
        what: &'static str,
    },
    /// It exists already.
    #[error("the {what} exists already")]
    AlreadyExists {
        /// What exists.
        what: &'static str,
    },
    /// The customer was erased.
    #[error("the customer was erased")]
    Erased,
    /// The state of things forbids it.
    #[error("{0}")]
    Precondition(String),
    /// The service is stopping.
    #[error("the service is stopping")]
    Stopping,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] elate_storage::Error),
    /// The log failed.
    #[error(transparent)]
    Log(#[from] elate_log::Error),
}

impl Error {
    /// One field that is wrong.
    pub fn field(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError::new(field, reason)])
    }

    /// What sort of failure it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Overloaded { .. } => Kind::Exhausted,
            Self::Invalid(_) => Kind::Invalid,
            Self::TooLarge { .. } => Kind::TooLarge,
            Self::NotFound { .. } => Kind::NotFound,
            Self::AlreadyExists { .. } => Kind::AlreadyExists,
            Self::Erased | Self::Precondition(_) => Kind::Precondition,
            Self::Stopping => Kind::Unavailable,
            Self::Storage(error) => storage_kind(error),
            Self::Log(error) => error.kind(),
        }
    }
}

fn storage_kind(error: &elate_storage::Error) -> Kind {
    if error.is_transient() { Kind::Unavailable } else { Kind::Internal }
}
