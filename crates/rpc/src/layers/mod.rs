//! The layers around the routes of a service.
//!
//! They are put on the *routes*, not on tonic's `Server`: a layer on the server would be missing from calls in the same
//! process, and the two ways in would have different limits and errors.
//!
//! From the outside in, and why each stands where it stands:
//!
//! 1. **trace** is outermost, so that everything below, refusals too, belongs to the caller's trace.
//! 2. **metrics** come next: what is refused below must be counted, or an overload would look like silence.
//! 3. **deadline** stands outside everything that may wait, so that the wait is part of the caller's time.
//! 4. **load shedding** stands before the credential: refusing must be cheap, and a flood of unknown keys must not reach
//!    the store of keys.
//! 5. **auth** makes the identity.
//! 6. **stopping** ends streams when the process stops; inside the metrics, so that they are counted with their code.
//! 7. **rate limit** needs the identity, because it is one key's limit and not everybody's.
//!
//! Sizes are limited below all of them, in the decoder ([`crate::MAX_REQUEST_BYTES`]) and in the handlers, where the
//! field that is too large can be named.

mod around;
mod auth;
mod body;
mod deadline;
mod observe;
mod shed;
mod stopping;
mod throttle;
mod trace;

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use elate_domain::HumanDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::service::Routes;
use tower::util::BoxCloneSyncService;

use crate::auth::Authenticator;
use crate::rate::{Rate, RateLimiter};

pub(crate) use around::{Around, Middleware};
pub(crate) use deadline::{GRPC_TIMEOUT, parse as parse_timeout};

/// A gRPC request before it is decoded.
pub type Request = http::Request<Body>;
/// A gRPC answer after it was encoded.
pub type Response = http::Response<Body>;
/// Routes with all layers around them: what is served on a port, and what is called in the same process.
pub type GrpcService = BoxCloneSyncService<Request, Response, Infallible>;

/// The limits of a server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Requests in flight; more are refused with RESOURCE_EXHAUSTED.
    #[schemars(range(min = 1))]
    pub max_in_flight: usize,
    /// Streams that are open at the same time; more are refused with RESOURCE_EXHAUSTED.
    #[schemars(range(min = 1))]
    pub max_streams: usize,
    /// Deadline of a call whose caller sets none (not of streams).
    #[schemars(with = "String")]
    pub default_deadline: HumanDuration,
    /// Requests a second that one key may make; 0 is no limit.
    #[schemars(range(min = 0.0))]
    pub requests_per_second: f64,
    /// Requests that one key may make at once, above its rate.
    #[schemars(range(min = 1.0))]
    pub request_burst: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_in_flight: 1024,
            max_streams: 1024,
            default_deadline: HumanDuration(Duration::from_secs(30)),
            requests_per_second: 0.0,
            request_burst: 1000.0,
        }
    }
}

impl Limits {
    /// The limiter of requests by key, where there is a limit.
    pub fn rate_limiter(&self) -> Option<Arc<RateLimiter>> {
        let rate = Rate { per_second: self.requests_per_second, burst: self.request_burst.max(1.0) };
        (self.requests_per_second > 0.0).then(|| Arc::new(RateLimiter::new(rate)))
    }
}

/// Puts the layers around routes.
pub struct Stack {
    authenticator: Arc<dyn Authenticator>,
    limits: Limits,
    limiter: Option<Arc<RateLimiter>>,
    stop: CancellationToken,
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Stack {
    /// A stack with the default limits.
    pub fn new(authenticator: Arc<dyn Authenticator>) -> Self {
        Self::with_limits(authenticator, Limits::default())
    }

    /// A stack with these limits.
    pub fn with_limits(authenticator: Arc<dyn Authenticator>, limits: Limits) -> Self {
        let limiter = limits.rate_limiter();
        Self { authenticator, limits, limiter, stop: CancellationToken::new() }
    }

    /// Takes a limiter that is shared with another way in, so that a key can't have its rate twice.
    #[must_use]
    pub fn share_limiter(mut self, limiter: Option<Arc<RateLimiter>>) -> Self {
        self.limiter = limiter;
        self
    }

    /// Ends streams when `stop` is cancelled.
    #[must_use]
    pub fn stop_with(mut self, stop: CancellationToken) -> Self {
        self.stop = stop;
        self
    }

    /// The routes with all layers around them, in the order that the module's page explains.
    pub fn apply(&self, routes: Routes) -> GrpcService {
        let service = Around::new(throttle::Throttle::new(self.limiter.clone()), routes.prepare());
        let service = Around::new(stopping::Stopping::new(self.stop.clone()), service);
        let service = Around::new(auth::Auth::new(Arc::clone(&self.authenticator)), service);
        let service =
            Around::new(shed::Shed::new(self.limits.max_in_flight, self.limits.max_streams), service);
        let service = Around::new(deadline::Deadline::new(self.limits.default_deadline.0), service);
        let service = Around::new(observe::Observe, service);
        BoxCloneSyncService::new(Around::new(trace::Trace, service))
    }
}

/// Paths that need no credential: a probe has none, and the contracts are public.
pub(crate) fn is_open(path: &str) -> bool {
    path.starts_with("/grpc.health.v1.Health/") || path.starts_with("/grpc.reflection.")
}
