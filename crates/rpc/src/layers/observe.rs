//! Rate, errors and duration of calls.

use tokio::time::Instant;
use tonic::Code;

use super::around::Next;
use super::body::{OnEnd, Watched};
use super::{Middleware, Request, Response};
use crate::error::code_name;
use crate::methods::{self, Method};
use crate::metrics::{SERVER_DURATION, SERVER_IN_FLIGHT};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Observe;

/// A call that is being answered. Dropped before its end, it was cancelled.
struct Call {
    method: &'static Method,
    began: Instant,
    ended: bool,
}

impl Call {
    fn begin(method: &'static Method) -> Self {
        SERVER_IN_FLIGHT.gauge(&[("rpc_service", method.service.as_str())]).increment(1.0);
        Self { method, began: Instant::now(), ended: false }
    }

    fn record(&mut self, code: Code) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        SERVER_IN_FLIGHT.gauge(&[("rpc_service", self.method.service.as_str())]).decrement(1.0);
        let labels = [
            ("rpc_service", self.method.service.as_str()),
            ("rpc_method", self.method.method.as_str()),
            ("code", code_name(code)),
        ];
        SERVER_DURATION.histogram(&labels).record(self.began.elapsed().as_secs_f64());
    }
}

impl OnEnd for Call {
    fn end(mut self, code: Code) {
        self.record(code);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.record(Code::Cancelled);
    }
}

impl Middleware for Observe {
    fn handle<S: Next>(&self, request: Request, next: S) -> impl Future<Output = Response> + Send + 'static {
        let call = Call::begin(methods::at(request.uri().path()));
        async move { Watched::wrap(next.call(request).await, call) }
    }
}
