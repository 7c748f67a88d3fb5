//! Collecting what is wrong, so that a caller learns of all of it at once.

use elate_domain::FieldError;

use crate::error::{Reason, ServiceError};
use crate::reasons;

/// A request with wrong fields.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", sentence(.0))]
pub struct Invalid(pub Vec<FieldError>);

fn sentence(fields: &[FieldError]) -> String {
    match fields {
        [] => "the request is invalid".to_owned(),
        [only] => only.to_string(),
        [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
    }
}

impl From<FieldError> for Invalid {
    fn from(error: FieldError) -> Self {
        Self(vec![error])
    }
}

impl ServiceError for Invalid {
    fn reason(&self) -> &'static Reason {
        &reasons::INVALID_REQUEST
    }
    fn fields(&self) -> Vec<FieldError> {
        self.0.clone()
    }
}

crate::impl_status!(Invalid);

/// What is wrong so far.
#[derive(Debug, Default)]
pub struct Fields(Vec<FieldError>);

impl Fields {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value, or nothing and a note of what is wrong.
    pub fn take<T>(&mut self, result: Result<T, FieldError>) -> Option<T> {
        result.map_err(|error| self.0.push(error)).ok()
    }

    /// Notes what is wrong.
    pub fn add(&mut self, field: impl Into<String>, reason: impl Into<String>) {
        self.0.push(FieldError::new(field, reason));
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Fails if something is wrong.
    pub fn check(self) -> Result<(), Invalid> {
        if self.0.is_empty() { Ok(()) } else { Err(Invalid(self.0)) }
    }

    /// All that is wrong, as an error.
    pub fn into_invalid(self) -> Invalid {
        Invalid(self.0)
    }
}
