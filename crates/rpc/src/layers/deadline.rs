//! The caller's deadline, kept on the server's side too: nobody waits for the answer any more.

use std::time::Duration;

use tonic::Status;

use super::around::Next;
use super::{Middleware, Request, Response};
use crate::methods;

/// The header in which gRPC says how long the caller waits.
pub(crate) const GRPC_TIMEOUT: &str = "grpc-timeout";

#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    default: Duration,
}

impl Deadline {
    pub(crate) fn new(default: Duration) -> Self {
        Self { default }
    }
}

impl Middleware for Deadline {
    fn handle<S: Next>(&self, request: Request, next: S) -> impl Future<Output = Response> + Send + 'static {
        let asked = request.headers().get(GRPC_TIMEOUT).and_then(|value| parse(value.to_str().ok()?));
        let streaming = methods::at(request.uri().path()).streaming;
        // A stream has no natural length, so only its caller can set a deadline for it.
        let limit = asked.or((!streaming).then_some(self.default));
        async move {
            let answer = next.call(request);
            let Some(limit) = limit else { return answer.await };
            match tokio::time::timeout(limit, answer).await {
                Ok(response) => response,
                Err(_) => Status::deadline_exceeded(format!("not done within {limit:?}")).into_http(),
            }
        }
    }
}

/// Reads `grpc-timeout`: at most eight digits and a unit.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let split = text.len().checked_sub(1).filter(|at| text.is_char_boundary(*at))?;
    let (digits, unit) = text.split_at(split);
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_the_protocol_writes_them() {
        assert_eq!(parse("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse("3S"), Some(Duration::from_secs(3)));
        assert_eq!(parse("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for bad in ["", "S", "123456789S", "-1S", "1.5S", "5", "5é"] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }
}
