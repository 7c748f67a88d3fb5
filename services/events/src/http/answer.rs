//! Answers that SDKs understand.

use std::time::Duration;

use axum::Json;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use elate_domain::FieldError;
use elate_rpc::{Problem, Reason, ServiceError};
use serde::Serialize;

use crate::error::reasons;
use crate::model::message::Outcome;

/// Why a request was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// The credential.
    #[error(transparent)]
    Auth(#[from] elate_rpc::auth::Error),
    /// The use-case.
    #[error(transparent)]
    App(#[from] crate::app::Error),
    /// The body can't be read.
    #[error("the body {0}")]
    Body(String),
    /// The body is too large.
    #[error("the body may have {0} bytes at the most, inflated")]
    BodyTooLarge(usize),
    /// The route or content is of no kind that is known.
    #[error("{0}")]
    Unknown(String),
    /// All of it was refused.
    #[error("{}", .0.first().map_or_else(String::new, ToString::to_string))]
    Messages(Vec<FieldError>),
    /// The key's rate, or the server's.
    #[error("too many requests; retry in {} s", .0.as_secs_f64().ceil())]
    Busy(Duration),
}

impl ServiceError for Refusal {
    fn reason(&self) -> &'static Reason {
        match self {
            Self::Auth(error) => error.reason(),
            Self::App(error) => error.reason(),
            Self::Body(_) | Self::Messages(_) => &reasons::EVENTS_INVALID,
            Self::BodyTooLarge(_) => &reasons::EVENTS_TOO_LARGE,
            Self::Unknown(_) => &reasons::EVENTS_NOT_FOUND,
            Self::Busy(_) => &reasons::EVENTS_OVERLOADED,
        }
    }

    fn kind(&self) -> elate_domain::Kind {
        match self {
            Self::Auth(error) => error.kind(),
            Self::App(error) => ServiceError::kind(error),
            Self::Body(_) | Self::Messages(_) | Self::BodyTooLarge(_) | Self::Unknown(_) | Self::Busy(_) => {
                self.reason().kind
            }
        }
    }

    fn fields(&self) -> Vec<FieldError> {
        match self {
            Self::Auth(error) => error.fields(),
            Self::App(error) => error.fields(),
            Self::Messages(fields) => fields.clone(),
            Self::Body(_) | Self::BodyTooLarge(_) | Self::Unknown(_) | Self::Busy(_) => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Auth(error) => error.retry_after(),
            Self::App(error) => error.retry_after(),
            Self::Busy(delay) => Some(*delay),
            Self::Body(_) | Self::Messages(_) | Self::BodyTooLarge(_) | Self::Unknown(_) => None,
        }
    }
}

#[derive(Serialize)]
struct Failed {
    success: bool,
    #[serde(flatten)]
    problem: Problem,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let problem = Problem::of(&self);
        let (status, retry_after) = (problem.http_status(), problem.retry_after_seconds());
        let mut response = (status, Json(Failed { success: false, problem })).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The server has as many requests in flight as it takes.
pub(super) fn overloaded() -> Response {
    Refusal::Busy(Duration::from_secs(1)).into_response()
}

/// One message that was refused.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rejected {
    index: usize,
    message_id: String,
    field: String,
    reason: String,
}

#[derive(Debug, Serialize)]
struct Taken {
    success: bool,
    /// How many were on their timelines already.
    #[serde(skip_serializing_if = "is_zero")]
    duplicate: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rejected: Vec<Rejected>,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// The answer to messages that were looked at one by one.
pub(super) fn taken(outcomes: Vec<Outcome>) -> Result<Response, Refusal> {
    let count = outcomes.len();
    let duplicate = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Duplicate { .. })).count();
    let rejected: Vec<Rejected> = outcomes
        .into_iter()
        .enumerate()
        .filter_map(|(index, outcome)| match outcome {
            Outcome::Accepted { .. } | Outcome::Duplicate { .. } => None,
            Outcome::Rejected { message_id, field, reason } => {
                Some(Rejected { index, message_id, field, reason })
            }
        })
        .collect();
    if count > 0 && rejected.len() == count {
        let path = |rejected: &Rejected| match count {
            1 => rejected.field.clone(),
            _ => format!("batch[{}].{}", rejected.index, rejected.field),
        };
        return Err(Refusal::Messages(
            rejected.iter().map(|r| FieldError::new(path(r), r.reason.clone())).collect(),
        ));
    }
    Ok((StatusCode::OK, Json(Taken { success: true, duplicate, rejected })).into_response())
}
