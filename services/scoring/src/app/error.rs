//! What can go wrong in a use-case.

use elate_domain::{CustomerId, Kind};

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

impl Error {
    /// What sort of failure it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::NoMoments(_) => Kind::NotFound,
            Self::Period(_) => Kind::Invalid,
            Self::Storage(error) if error.is_transient() => Kind::Unavailable,
            Self::Storage(_) => Kind::Internal,
        }
    }
}
