//! A body that carries something until it ends, and tells how it ended.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tonic::body::Body;
use tonic::{Code, Status};

/// Told once how an answer ended.
pub(crate) trait OnEnd: Send + 'static {
    /// The answer ended with this code.
    fn end(self, code: Code);
}

/// Anything that only has to live as long as the answer, such as a permit.
pub(crate) struct Keep<T>(pub(crate) T);

impl<T: Send + 'static> OnEnd for Keep<T> {
    fn end(self, _code: Code) {}
}

/// A body with an [`OnEnd`].
pub(crate) struct Watched<E: OnEnd + Unpin> {
    inner: Body,
    on_end: Option<E>,
}

impl<E: OnEnd + Unpin> Watched<E> {
    /// The answer with its end watched. An answer without a body has ended already.
    pub(crate) fn wrap(response: super::Response, on_end: E) -> super::Response {
        if let Some(status) = Status::from_header_map(response.headers()) {
            on_end.end(status.code());
            return response;
        }
        response.map(|inner| Body::new(Self { inner, on_end: Some(on_end) }))
    }

    fn finish(&mut self, code: Code) {
        if let Some(on_end) = self.on_end.take() {
            on_end.end(code);
        }
    }
}

impl<E: OnEnd + Unpin> HttpBody for Watched<E> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = std::task::ready!(Pin::new(&mut self.inner).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    let code =
                        Status::from_header_map(trailers).map_or(Code::Unknown, |status| status.code());
                    self.finish(code);
                }
            }
            Some(Err(status)) => {
                let code = status.code();
                self.finish(code);
            }
            None => self.finish(Code::Ok),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<E: OnEnd + Unpin> Drop for Watched<E> {
    /// Whoever stops reading has cancelled the call.
    fn drop(&mut self) {
        self.finish(Code::Cancelled);
    }
}
