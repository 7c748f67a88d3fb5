//! Refusing what is too much, at once and cheaply, instead of queueing it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::around::Next;
use super::body::{Keep, Watched};
use super::{Middleware, Request, Response, is_open};
use crate::error::{Reason, ServiceError};
use crate::metrics::SERVER_REFUSED;
use crate::{Problem, methods, reasons};

/// As much is in flight as the server takes.
#[derive(Debug, thiserror::Error)]
#[error("{limit} {what} are in flight; nothing of this request was done")]
struct Overloaded {
    limit: usize,
    what: &'static str,
}

impl ServiceError for Overloaded {
    fn reason(&self) -> &'static Reason {
        &reasons::OVERLOADED
    }
    fn retry_after(&self) -> Option<Duration> {
        Some(Duration::from_secs(1))
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Shed {
    calls: Gate,
    // Streams live long. If they took permits from the calls, a few followers would starve everybody else.
    streams: Gate,
}

#[derive(Debug, Clone)]
struct Gate {
    permits: Arc<Semaphore>,
    limit: usize,
    what: &'static str,
}

impl Gate {
    fn new(limit: usize, what: &'static str) -> Self {
        let limit = limit.clamp(1, Semaphore::MAX_PERMITS);
        Self { permits: Arc::new(Semaphore::new(limit)), limit, what }
    }
}

impl Shed {
    pub(crate) fn new(max_in_flight: usize, max_streams: usize) -> Self {
        Self { calls: Gate::new(max_in_flight, "requests"), streams: Gate::new(max_streams, "streams") }
    }
}

impl Middleware for Shed {
    fn handle<S: Next>(&self, request: Request, next: S) -> impl Future<Output = Response> + Send + 'static {
        let path = request.uri().path();
        // A probe that is refused in an overload would have the process killed in the middle of its work.
        let open = is_open(path);
        let gate = if methods::at(path).streaming { self.streams.clone() } else { self.calls.clone() };
        async move {
            if open {
                return next.call(request).await;
            }
            let Ok(permit) = Arc::clone(&gate.permits).try_acquire_owned() else {
                SERVER_REFUSED.counter(&[("cause", "overloaded")]).increment(1);
                return Problem::of(&Overloaded { limit: gate.limit, what: gate.what })
                    .into_status()
                    .into_http();
            };
            Watched::wrap(next.call(request).await, Keep(permit))
        }
    }
}
