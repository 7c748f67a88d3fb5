//! What can go wrong when feedback is asked about.

use elate_domain::FieldError;
use elate_feedback::{stats, themes};
use elate_rpc::{Reason, ServiceError};

/// Why a question about feedback was not answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There are more answers than one figure is made of.
    #[error("more than {0} answers")]
    TooMany(usize),
    /// The answers or shares make no figure.
    #[error(transparent)]
    Figure(#[from] stats::Error),
    /// The comments make no themes.
    #[error(transparent)]
    Themes(#[from] themes::Error),
    /// A task of this process was lost.
    #[error("the work was broken off")]
    BrokenOff,
    /// The database.
    #[error(transparent)]
    Storage(#[from] elate_storage::Error),
}

elate_rpc::reasons! {
    /// More answers or comments fit the filter than one figure is made of.
    FEEDBACK_TOO_MUCH: TooLarge, "Ask for a shorter period, or for one survey or touchpoint.";
    /// No honest figure can be made of these answers and shares; the message says why.
    FEEDBACK_NO_FIGURE: Invalid, "Change what the message names: merge categories, correct shares, take longer periods.";
    /// The scoring database does not answer.
    FEEDBACK_UNAVAILABLE: Unavailable, "Retry after the given delay.";
    /// The scoring database holds or returned what it should not.
    FEEDBACK_INTERNAL: Internal, "Report the id. A retry may succeed.";
}

impl ServiceError for Error {
    fn reason(&self) -> &'static Reason {
        match self {
            Self::TooMany(_) | Self::Themes(themes::Error::TooMany(_)) => &FEEDBACK_TOO_MUCH,
            Self::Figure(_) | Self::Themes(themes::Error::Option { .. }) => &FEEDBACK_NO_FIGURE,
            Self::Storage(error) if error.is_transient() => &FEEDBACK_UNAVAILABLE,
            Self::Storage(_) | Self::BrokenOff => &FEEDBACK_INTERNAL,
        }
    }

    fn fields(&self) -> Vec<FieldError> {
        match self {
            Self::TooMany(_) => vec![FieldError::new("filter", self.to_string())],
            Self::Figure(wrong) => vec![FieldError::new(field(wrong), wrong.to_string())],
            Self::Themes(_) | Self::BrokenOff | Self::Storage(_) => Vec::new(),
        }
    }
}

/// The field of the request that a figure failed for.
fn field(wrong: &stats::Error) -> &'static str {
    match wrong {
        stats::Error::TooManyPeriods(_) => "period",
        stats::Error::Share { .. }
        | stats::Error::NobodyAnswered { .. }
        | stats::Error::NoShare { .. }
        | stats::Error::Nobody(_) => "margins",
        stats::Error::Measures(..)
        | stats::Error::TooFew(..)
        | stats::Error::NoSpread
        | stats::Error::Confidence(_)
        | stats::Error::Time
        | stats::Error::Weight(_)
        | stats::Error::Cap(_) => "filter",
    }
}

elate_rpc::impl_status!(Error);
