//! From a module's error enum to what a caller sees.
//!
//! Each module keeps an enum with one variant a cause and implements [`ServiceError`] for it: `reason()` says which
//! declared [`Reason`] it is, and with it the [`Kind`]. [`Problem::of`] makes of it what leaves the process. It is
//! called once, at the edge, and is the one place where an internal error is logged: the caller gets an id, the log
//! gets the error and all its causes under that id.

use std::time::Duration;

use elate_domain::FieldError;
#[doc(no_inline)]
pub use elate_domain::Kind;
use http::StatusCode;
use serde::Serialize;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use uuid::Uuid;

/// The domain of all reasons, as `google.rpc.ErrorInfo` wants one.
pub const DOMAIN: &str = "elate.dev";

/// The retry delay where an error that can be retried doesn't say one.
const DEFAULT_RETRY_DELAY: Duration = Duration::from_secs(1);

/// A stable, documented reason. Clients may depend on `code`; it is never renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reason {
    /// `UPPER_SNAKE_CASE`, unique over all services.
    pub code: &'static str,
    /// What sort of failure it is.
    pub kind: Kind,
    /// What it means.
    pub meaning: &'static str,
    /// What the caller can do.
    pub remedy: &'static str,
}

/// Declares reasons as constants named like their codes, and `ALL` as the list of them.
///
/// ```
/// elate_rpc::reasons! {
///     /// No such customer in this workspace.
///     CUSTOMER_UNKNOWN: NotFound, "Check the id.";
/// }
/// assert_eq!(CUSTOMER_UNKNOWN.code, "CUSTOMER_UNKNOWN");
/// assert_eq!(ALL.len(), 1);
/// ```
#[macro_export]
macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident: $kind:ident, $remedy:literal;)+) => {
        $(
            $(#[doc = $doc])+
            #[allow(unreachable_pub, reason = "a crate may keep its declarations to itself")]
            pub const $name: $crate::error::Reason = $crate::error::Reason {
                code: stringify!($name),
                kind: $crate::error::Kind::$kind,
                meaning: concat!($($doc),+),
                remedy: $remedy,
            };
        )+
        /// All reasons declared here.
        #[allow(unreachable_pub, reason = "a crate may keep its declarations to itself")]
        pub const ALL: &[$crate::error::Reason] = &[$($name),+];
    };
}

/// What a module's error enum says to callers. `Display` is the message, unless the kind is internal.
pub trait ServiceError: std::error::Error + Send + Sync + 'static {
    /// The declared reason of this cause. Match exhaustively.
    fn reason(&self) -> &'static Reason;

    /// What sort of failure it is: that of the reason.
    fn kind(&self) -> Kind {
        self.reason().kind
    }

    /// The fields that are wrong.
    fn fields(&self) -> Vec<FieldError> {
        Vec::new()
    }

    /// After which time a retry makes sense.
    fn retry_after(&self) -> Option<Duration> {
        None
    }
}

/// Lets `?` turn an error enum into a [`tonic::Status`].
///
/// The orphan rule forbids one blanket implementation for all enums, so each one asks for its own.
#[macro_export]
macro_rules! impl_status {
    ($($error:ty),+ $(,)?) => {
        $(
            impl From<$error> for ::tonic::Status {
                fn from(error: $error) -> Self {
                    $crate::Problem::of(&error).into_status()
                }
            }
        )+
    };
}

/// An error as a caller sees it, over either protocol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What sort of failure it is.
    pub kind: Kind,
    /// The stable reason.
    pub reason: &'static str,
    /// A sentence for people; opaque where the failure is internal.
    pub message: String,
    /// The fields that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldError>,
    /// After which time a retry makes sense.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

impl Problem {
    /// What `error` is to a caller. Logs it where it is internal.
    pub fn of<E: ServiceError + ?Sized>(error: &E) -> Self {
        let (kind, reason) = (error.kind(), error.reason().code);
        let message = if kind == Kind::Internal {
            let id = Uuid::new_v4().simple();
            tracing::error!(%id, reason, error = causes(error), "internal error");
            format!("internal error {id}")
        } else {
            error.to_string()
        };
        let retryable = matches!(kind, Kind::Exhausted | Kind::Unavailable);
        let retry_after = error.retry_after().or(retryable.then_some(DEFAULT_RETRY_DELAY));
        Self { kind, reason, message, fields: error.fields(), retry_after }
    }

    /// As a gRPC status with `ErrorInfo`, and `BadRequest` and `RetryInfo` where they apply.
    pub fn into_status(self) -> Status {
        let mut details = ErrorDetails::new();
        details.set_error_info(self.reason, DOMAIN, [] as [(String, String); 0]);
        for field in self.fields {
            details.add_bad_request_violation(field.field, field.reason);
        }
        if self.retry_after.is_some() {
            details.set_retry_info(self.retry_after);
        }
        Status::with_error_details(code(self.kind), self.message, details)
    }

    /// As an HTTP status.
    pub fn http_status(&self) -> StatusCode {
        http_status(self.kind)
    }

    /// The value of `Retry-After`: whole seconds, at least one, because clients read nothing finer.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after.map(|delay| delay.as_millis().div_ceil(1000).clamp(1, 86_400) as u64)
    }
}

/// The error with all its causes, as one line for the log.
pub fn causes<E: std::error::Error + ?Sized>(error: &E) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Many enums show their source in their own text; it need not stand there twice.
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// The gRPC code of a kind.
pub fn code(kind: Kind) -> Code {
    match kind {
        Kind::Invalid | Kind::TooLarge => Code::InvalidArgument,
        Kind::Unauthenticated => Code::Unauthenticated,
        Kind::Forbidden => Code::PermissionDenied,
        Kind::NotFound => Code::NotFound,
        Kind::AlreadyExists => Code::AlreadyExists,
        Kind::Precondition => Code::FailedPrecondition,
        Kind::Conflict => Code::Aborted,
        Kind::Exhausted => Code::ResourceExhausted,
        Kind::Unavailable => Code::Unavailable,
        Kind::Internal => Code::Internal,
    }
}

/// The HTTP status of a kind.
pub fn http_status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::AlreadyExists | Kind::Precondition | Kind::Conflict => StatusCode::CONFLICT,
        Kind::Exhausted => StatusCode::TOO_MANY_REQUESTS,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Whether what was asked for does not exist.
pub fn is_not_found(status: &Status) -> bool {
    status.code() == Code::NotFound
}

/// The reason of a status that one of our servers sent; `None` for a status of another origin.
pub fn reason_of(status: &Status) -> Option<String> {
    let details = status.get_error_details();
    details.error_info().filter(|info| info.domain == DOMAIN).map(|info| info.reason.clone())
}

/// The fields that a status names, for callers that show them.
pub fn fields_of(status: &Status) -> Vec<FieldError> {
    let details = status.get_error_details();
    let violations = details.bad_request().map(|bad| bad.field_violations.clone()).unwrap_or_default();
    violations.into_iter().map(|v| FieldError::new(v.field, v.description)).collect()
}

/// The retry delay that a status asks for.
pub fn retry_delay_of(status: &Status) -> Option<Duration> {
    status.get_error_details().retry_info().and_then(|info| info.retry_delay)
}

/// The reference of reasons as a table in Markdown, in the order of the codes.
pub fn render_markdown(reasons: &[Reason]) -> String {
    let mut sorted: Vec<_> = reasons.iter().collect();
    sorted.sort_by_key(|reason| reason.code);
    let mut text =
        String::from("| reason | gRPC code | HTTP | meaning | what to do |\n|---|---|---|---|---|\n");
    for reason in sorted {
        let meaning = reason.meaning.split_whitespace().collect::<Vec<_>>().join(" ");
        text.push_str(&format!(
            "| `{}` | {} | {} | {} | {} |\n",
            reason.code,
            code_name(code(reason.kind)),
            http_status(reason.kind).as_u16(),
            meaning,
            reason.remedy,
        ));
    }
    text
}

/// The name of a code as gRPC's documentation writes it. Bounded, so it may be a label.
pub fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reasons;

    #[derive(Debug, thiserror::Error)]
    enum Sample {
        #[error("the request is wrong")]
        Fields,
        #[error("too many requests")]
        Slow,
        #[error("database at 10.0.0.1 refused")]
        Broken(#[source] std::io::Error),
    }

    impl ServiceError for Sample {
        fn reason(&self) -> &'static Reason {
            match self {
                Self::Fields => &reasons::INVALID_REQUEST,
                Self::Slow => &reasons::RATE_LIMITED,
                Self::Broken(_) => &reasons::INTERNAL,
            }
        }
        fn fields(&self) -> Vec<FieldError> {
            match self {
                Self::Fields => vec![FieldError::new("spec.steps[2].within", "is required")],
                Self::Slow | Self::Broken(_) => Vec::new(),
            }
        }
        fn retry_after(&self) -> Option<Duration> {
            matches!(self, Self::Slow).then_some(Duration::from_millis(1500))
        }
    }

    #[test]
    fn a_status_names_reason_fields_and_delay() {
        let status = Problem::of(&Sample::Fields).into_status();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(reason_of(&status).as_deref(), Some("INVALID_REQUEST"));
        assert_eq!(fields_of(&status), [FieldError::new("spec.steps[2].within", "is required")]);
        let status = Problem::of(&Sample::Slow).into_status();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(retry_delay_of(&status), Some(Duration::from_millis(1500)));
        assert_eq!(Problem::of(&Sample::Slow).retry_after_seconds(), Some(2));
    }

    #[test]
    fn an_internal_error_is_opaque() {
        let error = Sample::Broken(std::io::Error::other("secret detail"));
        assert_eq!(causes(&error), "database at 10.0.0.1 refused: secret detail");
        let problem = Problem::of(&error);
        assert!(!problem.message.contains("10.0.0.1"), "{}", problem.message);
        assert!(problem.message.starts_with("internal error "), "{}", problem.message);
    }

    #[test]
    fn common_reasons_have_unique_codes() {
        let mut codes: Vec<_> = reasons::ALL.iter().map(|reason| reason.code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), reasons::ALL.len());
    }
}
