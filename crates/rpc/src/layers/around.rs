//! A layer written as one async function.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use tower::Service;

use super::{Request, Response};

/// What happens before and after the inner service.
pub(crate) trait Middleware: Clone + Send + Sync + 'static {
    /// Answers `request`, as a rule by calling `next` once.
    fn handle<S>(&self, request: Request, next: S) -> impl Future<Output = Response> + Send + 'static
    where
        S: Next;
}

/// The inner service of a layer.
pub(crate) trait Next: Send + Sync + 'static {
    /// Calls it. It never fails: errors are answers.
    fn call(self, request: Request) -> impl Future<Output = Response> + Send + 'static;
}

impl<S> Next for S
where
    S: Service<Request, Response = Response, Error = Infallible> + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    async fn call(mut self, request: Request) -> Response {
        let ready = std::future::poll_fn(|context| self.poll_ready(context)).await;
        match ready {
            Ok(()) => match Service::call(&mut self, request).await {
                Ok(response) => response,
                Err(never) => match never {},
            },
            Err(never) => match never {},
        }
    }
}

/// `middleware` around `inner`.
#[derive(Debug, Clone)]
pub(crate) struct Around<M, S> {
    middleware: M,
    inner: S,
}

impl<M, S> Around<M, S> {
    pub(crate) fn new(middleware: M, inner: S) -> Self {
        Self { middleware, inner }
    }
}

impl<M, S> Service<Request> for Around<M, S>
where
    M: Middleware,
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Each call takes a clone of its own and waits for that one.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let answer = self.middleware.handle(request, self.inner.clone());
        Box::pin(async move { Ok(answer.await) })
    }
}
