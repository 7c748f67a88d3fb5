//! The kinds of errors. Each module has its own error enum; at the edge it becomes one of these, and from there a
//! gRPC code or an HTTP status. The reasons that go with them are listed in `docs/errors.md`.

use serde::{Deserialize, Serialize};

/// What sort of failure it was, and so what the caller can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The request is wrong and stays wrong: INVALID_ARGUMENT, 400.
    Invalid,
    /// No or an unknown credential: UNAUTHENTICATED, 401.
    Unauthenticated,
    /// A credential that may not do this: PERMISSION_DENIED, 403.
    Forbidden,
    /// There is no such thing in this workspace: NOT_FOUND, 404.
    NotFound,
    /// It exists already, with other content: ALREADY_EXISTS, 409.
    AlreadyExists,
    /// The state of things forbids it now: FAILED_PRECONDITION, 409.
    Precondition,
    /// Somebody else was faster; read again and retry: ABORTED, 409.
    Conflict,
    /// Too large or too many: INVALID_ARGUMENT with the limit in the text; 413.
    TooLarge,
    /// Overloaded or over a rate; retry after the given delay: RESOURCE_EXHAUSTED, 429.
    Exhausted,
    /// A part that is needed does not answer; retry: UNAVAILABLE, 503.
    Unavailable,
    /// Our fault; details are in the log under an id: INTERNAL, 500.
    Internal,
}

/// What is wrong with one field of a request or manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct FieldError {
    /// The path of the field, e.g. `spec.steps[2].within`.
    pub field: String,
    /// What is wrong, and what would be right.
    pub reason: String,
}

impl FieldError {
    /// An error at `field`.
    pub fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }

    /// The same error one level further out: `within` under `steps[2]` becomes `steps[2].within`.
    #[must_use]
    pub fn under(self, parent: &str) -> Self {
        let field = if self.field.is_empty() {
            parent.to_owned()
        } else if self.field.starts_with('[') {
            format!("{parent}{}", self.field)
        } else {
            format!("{parent}.{}", self.field)
        };
        Self { field, ..self }
    }
}
