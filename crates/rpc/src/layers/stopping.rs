//! The end of streams when the process stops.
//!
//! A unary call is let finish. A stream has no end of its own: a follower would hold up the stop until the process is
//! killed. It is told UNAVAILABLE, and its client comes back to another process, or to this one's successor.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Body as HttpBody, Frame};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::Status;
use tonic::body::Body;

use super::around::Next;
use super::{Middleware, Request, Response};
use crate::methods;

#[derive(Debug, Clone)]
pub(crate) struct Stopping {
    stop: CancellationToken,
}

impl Stopping {
    pub(crate) fn new(stop: CancellationToken) -> Self {
        Self { stop }
    }
}

impl Middleware for Stopping {
    fn handle<S: Next>(&self, request: Request, next: S) -> impl Future<Output = Response> + Send + 'static {
        let stop = methods::at(request.uri().path()).streaming.then(|| self.stop.clone());
        async move {
            let response = next.call(request).await;
            match stop {
                None => response,
                Some(stop) => response.map(|inner| {
                    Body::new(Cut { inner, stop: Box::pin(stop.cancelled_owned()), ended: false })
                }),
            }
        }
    }
}

struct Cut {
    inner: Body,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
    ended: bool,
}

impl HttpBody for Cut {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        // What is there already is delivered first.
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(context) {
            return Poll::Ready(frame);
        }
        if self.stop.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        self.ended = true;
        let mut trailers = HeaderMap::new();
        // A short ASCII text always fits into a header.
        let _ = Status::unavailable("the server is stopping").add_header(&mut trailers);
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }
}
