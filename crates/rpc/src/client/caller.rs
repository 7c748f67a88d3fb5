//! What every call carries: the credential, the trace, a deadline; and what is measured of it.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use elate_telemetry::trace::{TRACEPARENT, current_traceparent};
use http::HeaderValue;
use http::header::AUTHORIZATION;
use tokio::time::Instant;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::Service;

use crate::error::code_name;
use crate::layers::GRPC_TIMEOUT;
use crate::metrics::CLIENT_DURATION;
use crate::{BoxError, Secret, methods};

/// The connection failed. tonic finds the cause in the chain and makes a status of it.
///
/// A type of its own and not a boxed error: with `Box<dyn Error>` the compiler can't prove that the futures of generated
/// clients are `Send`.
#[derive(Debug, thiserror::Error)]
#[error("the connection failed")]
pub struct TransportError(#[source] BoxError);

#[derive(Debug, Clone)]
pub(super) struct Caller<S> {
    inner: S,
    authorization: Option<HeaderValue>,
    timeout: Option<Duration>,
}

impl<S> Caller<S> {
    pub(super) fn new(inner: S, credential: Option<Secret>, timeout: Option<Duration>) -> Self {
        let authorization = credential.filter(|secret| !secret.is_empty()).and_then(|secret| {
            let mut value = HeaderValue::try_from(format!("Bearer {}", secret.reveal())).ok()?;
            value.set_sensitive(true);
            Some(value)
        });
        Self { inner, authorization, timeout }
    }

    fn prepare(&self, request: &mut http::Request<Body>) {
        let streaming = methods::at(request.uri().path()).streaming;
        let headers = request.headers_mut();
        if let Some(authorization) = &self.authorization {
            // A call that brings its own credential keeps it.
            headers.entry(AUTHORIZATION).or_insert_with(|| authorization.clone());
        }
        if let Some(parent) = current_traceparent().and_then(|text| HeaderValue::try_from(text).ok()) {
            headers.insert(TRACEPARENT, parent);
        }
        if let Some(timeout) = self.timeout.filter(|_| !streaming && !headers.contains_key(GRPC_TIMEOUT)) {
            let millis = timeout.as_millis().clamp(1, 99_999_999);
            if let Ok(value) = HeaderValue::try_from(format!("{millis}m")) {
                headers.insert(GRPC_TIMEOUT, value);
            }
        }
    }
}

impl<S> Service<http::Request<Body>> for Caller<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = TransportError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, TransportError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        self.inner.poll_ready(context).map_err(|error| TransportError(error.into()))
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        self.prepare(&mut request);
        let method = methods::at(request.uri().path());
        // The server keeps the deadline too, but a server that is cut off can't.
        let limit = self.timeout.filter(|_| !method.streaming).map(|own| asked(&request).unwrap_or(own));
        let began = Instant::now();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = match limit {
                None => answer.await.map_err(|error| TransportError(error.into())),
                Some(limit) => match tokio::time::timeout(limit, answer).await {
                    Ok(answer) => answer.map_err(|error| TransportError(error.into())),
                    Err(_) => {
                        Ok(Status::deadline_exceeded(format!("no answer within {limit:?}")).into_http())
                    }
                },
            };
            let code = match &answer {
                Ok(response) => Status::from_header_map(response.headers()).map_or(Code::Ok, |s| s.code()),
                Err(_) => Code::Unavailable,
            };
            let labels = [
                ("rpc_service", method.service.as_str()),
                ("rpc_method", method.method.as_str()),
                ("code", code_name(code)),
            ];
            CLIENT_DURATION.histogram(&labels).record(began.elapsed().as_secs_f64());
            answer
        })
    }
}

fn asked(request: &http::Request<Body>) -> Option<Duration> {
    crate::layers::parse_timeout(request.headers().get(GRPC_TIMEOUT)?.to_str().ok()?)
}
