//! Why a simulation could not be run.

use elate_domain::FieldError;

/// Why a simulation could not be run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Manifests that would be refused at publication, with their paths.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Invalid(Vec<FieldError>),
    /// Nothing of the recording could be taken.
    #[error("the recording holds no events that can be taken{}", .first.as_ref().map(|text| format!("; the first refusal: {text}")).unwrap_or_default())]
    Empty {
        /// Why the first line was refused, where one was.
        first: Option<String>,
    },
    /// A service could not be set up.
    #[error(transparent)]
    Host(#[from] elate_consumer::Error),
    /// An id of ours is not valid.
    #[error(transparent)]
    Id(#[from] elate_domain::InvalidId),
    /// The report can't be written as JSON.
    #[error("the report can't be written: {0}")]
    Json(#[from] serde_json::Error),
    /// The report can't be written as a page.
    #[error("the page can't be written: {0}")]
    Page(#[from] minijinja::Error),
    /// Nobody waits for the report any more.
    #[error("the simulation was stopped")]
    Stopped,
    /// A thread ended before its work did.
    #[error("a worker stopped in the middle of its work")]
    Worker,
}
