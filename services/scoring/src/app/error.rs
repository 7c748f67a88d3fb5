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
    /// The trait that customers are told apart by.
    #[error("the trait {0}")]
    Trait(&'static str),
    /// More rows than an answer may have.
    #[error("the answer would have {0} rows")]
    TooManyRows(usize),
    /// No formula of this version stands beside the one in force.
    #[error("there is no formula {0} beside the one in force")]
    NoFormula(u32),
    /// There is no model of purchases.
    #[error("there is no model of purchases yet")]
    NoModel,
    /// The customer never bought anything.
    #[error("customer {0} has no purchase")]
    NoPurchases(CustomerId),
    /// A study could not be finished.
    #[error(transparent)]
    Churn(#[from] elate_delight::churn::Error),
    /// A study was given up by the runtime, at a stop.
    #[error("the study was given up")]
    StudyGivenUp,
    /// What is kept of customers could not be read.
    #[error(transparent)]
    States(#[from] elate_consumer::Error),
    /// The database.
    #[error(transparent)]
    Storage(#[from] elate_storage::Error),
}

elate_rpc::reasons! {
    /// The customer has no judged moment at the asked time.
    SCORE_MISSING: NotFound, "Ask for a later time, or wait for the first judged moment.";
    /// The period of a report can't be used.
    PERIOD_INVALID: Invalid, "Give a period that ends after it begins and spans at most three years.";
    /// Figures by segment lack their trait or value.
    SEGMENT_INVALID: Invalid, "Name a trait that the Score manifest lists, and a value unless figures are grouped by it.";
    /// The figures asked for are too many for one answer.
    REPORT_TOO_LARGE: Invalid, "Ask for a shorter period, larger buckets, or one journey or touchpoint.";
    /// No formula of this version stands beside the one in force.
    FORMULA_MISSING: NotFound, "Apply a DelightFormula manifest of this version; the one in force is not compared with itself.";
    /// There is no model of purchases.
    MODEL_MISSING: NotFound, "List purchases in the Score manifest; a model needs 30 customers with a repeat purchase.";
    /// The customer never bought anything.
    PURCHASES_MISSING: NotFound, "Ask for a customer with a purchase.";
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
            Self::Trait(_) => &SEGMENT_INVALID,
            Self::TooManyRows(_) => &REPORT_TOO_LARGE,
            Self::NoFormula(_) => &FORMULA_MISSING,
            Self::NoModel => &MODEL_MISSING,
            Self::NoPurchases(_) => &PURCHASES_MISSING,
            Self::StudyGivenUp => &SCORING_UNAVAILABLE,
            Self::States(elate_consumer::Error::Storage(error)) if error.is_transient() => {
                &SCORING_UNAVAILABLE
            }
            Self::Churn(_) | Self::States(_) => &SCORING_INTERNAL,
            Self::Storage(error) if error.is_transient() => &SCORING_UNAVAILABLE,
            Self::Storage(_) => &SCORING_INTERNAL,
        }
    }

    fn fields(&self) -> Vec<FieldError> {
        match self {
            Self::Period(reason) => vec![FieldError::new("to_time", *reason)],
            Self::Trait(reason) => vec![FieldError::new("trait", *reason)],
            Self::NoFormula(version) => {
                vec![FieldError::new("version", format!("{version} is none of those"))]
            }
            Self::NoMoments(_)
            | Self::TooManyRows(_)
            | Self::NoModel
            | Self::NoPurchases(_)
            | Self::Churn(_)
            | Self::StudyGivenUp
            | Self::States(_)
            | Self::Storage(_) => Vec::new(),
        }
    }
}

elate_rpc::impl_status!(Error);
