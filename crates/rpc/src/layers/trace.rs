//! A span for each call, as a child of the caller's.

use elate_telemetry::trace::{TRACEPARENT, set_parent};
use tracing::Instrument as _;

use super::around::Next;
use super::{Middleware, Request, Response};
use crate::methods;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Trace;

impl Middleware for Trace {
    fn handle<S: Next>(&self, request: Request, next: S) -> impl Future<Output = Response> + Send + 'static {
        let method = methods::at(request.uri().path());
        let span = tracing::info_span!(
            "rpc",
            otel.name = format!("{}/{}", method.service, method.method),
            otel.kind = "server",
            rpc.system = "grpc",
            rpc.service = method.service,
            rpc.method = method.method,
        );
        if let Some(parent) = request.headers().get(TRACEPARENT).and_then(|value| value.to_str().ok()) {
            set_parent(&span, parent);
        }
        next.call(request).instrument(span)
    }
}
