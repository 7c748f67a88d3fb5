//! The rate of one key.

use std::sync::Arc;
use std::time::Duration;

use super::around::Next;
use super::{Middleware, Request, Response};
use crate::error::{Reason, ServiceError};
use crate::metrics::SERVER_REFUSED;
use crate::rate::RateLimiter;
use crate::{Identity, Problem, Role, reasons};

/// The key has used up its rate.
#[derive(Debug, thiserror::Error)]
#[error("the key makes more requests than it may; retry in {0:?}")]
pub(crate) struct RateLimited(pub(crate) Duration);

impl ServiceError for RateLimited {
    fn reason(&self) -> &'static Reason {
        &reasons::RATE_LIMITED
    }
    fn retry_after(&self) -> Option<Duration> {
        Some(self.0)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Throttle {
    limiter: Option<Arc<RateLimiter>>,
}

impl Throttle {
    pub(crate) fn new(limiter: Option<Arc<RateLimiter>>) -> Self {
        Self { limiter }
    }

    fn refusal(&self, request: &Request) -> Option<RateLimited> {
        let limiter = self.limiter.as_ref()?;
        // Our own services are bounded by what they read, not by a rate.
        let identity = request.extensions().get::<Identity>().filter(|id| id.role() != Role::Service)?;
        limiter.take(identity.key_id(), 1.0).err().map(RateLimited)
    }
}

impl Middleware for Throttle {
    fn handle<S: Next>(&self, request: Request, next: S) -> impl Future<Output = Response> + Send + 'static {
        let refusal = self.refusal(&request);
        async move {
            let Some(refusal) = refusal else { return next.call(request).await };
            SERVER_REFUSED.counter(&[("cause", "rate_limited")]).increment(1);
            Problem::of(&refusal).into_status().into_http()
        }
    }
}
