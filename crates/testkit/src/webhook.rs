//! A webhook receiver that records what it is sent and answers as told.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{
    collections::{HashMap, VecDeque},
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    task::JoinSet,
    time::Instant,
};
use tokio_rustls::TlsAcceptor;

use crate::certificates::Signed;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// The HTTP method.
    pub method: http::Method,
    /// Path and query.
    pub path: String,
    /// All headers.
    pub headers: http::HeaderMap,
    /// The body.
    pub body: Bytes,
    /// When the body was complete.
    pub at: Instant,
}

impl Received {
    /// A header's value as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// What to answer to one request. Every request is recorded, whatever the answer.
#[derive(Debug, Clone)]
pub struct Answer {
    status: http::StatusCode,
    headers: http::HeaderMap,
    body: Bytes,
    after: Duration,
    dropped: bool,
}

impl Answer {
    /// An empty answer with this status.
    ///
    /// # Panics
    /// When `code` is not an HTTP status.
    #[must_use]
    pub fn status(code: u16) -> Self {
        Self {
            status: http::StatusCode::from_u16(code).expect("an HTTP status"),
            headers: http::HeaderMap::new(),
            body: Bytes::new(),
            after: Duration::ZERO,
            dropped: false,
        }
    }

    /// The connection ends without an answer: the sender cannot know whether the request was handled.
    #[must_use]
    pub fn dropped() -> Self {
        Self { dropped: true, ..Self::status(200) }
    }

    /// Adds a header, e.g. `retry-after`.
    ///
    /// # Panics
    /// When name or value are not valid in HTTP.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = http::HeaderValue::from_str(value).expect("a header value");
        self.headers.append(http::HeaderName::from_static(name), value);
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Answers (or drops) only after this long.
    #[must_use]
    pub fn after(mut self, pause: Duration) -> Self {
        self.after = pause;
        self
    }

    fn response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

#[derive(Debug, Default)]
struct State {
    received: Vec<Received>,
    /// By path without query; the empty path stands for any.
    scripted: HashMap<String, VecDeque<Answer>>,
    standard: Option<Answer>,
    connections: usize,
}

/// The running receiver; it ends when dropped.
#[derive(Debug)]
pub struct WebhookReceiver {
    address: SocketAddr,
    scheme: &'static str,
    state: Arc<Mutex<State>>,
    // Dropping the set stops the accept loop and with it every connection.
    _tasks: JoinSet<()>,
}

impl WebhookReceiver {
    /// Starts on a free port of 127.0.0.1. It answers 200 to everything until told otherwise.
    ///
    /// # Panics
    /// When no port can be bound.
    pub async fn start() -> Self {
        Self::listen(None).await
    }

    /// The same over TLS, with a certificate for `localhost`.
    ///
    /// # Panics
    /// When no port can be bound, or certificate and key don't fit together.
    pub async fn start_tls(signed: &Signed) -> Self {
        Self::listen(Some(signed.acceptor())).await
    }

    async fn listen(tls: Option<TlsAcceptor>) -> Self {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("bind the webhook receiver");
        let address = listener.local_addr().expect("a bound listener has an address");
        let state = Arc::new(Mutex::new(State::default()));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, tls, Arc::clone(&state)));
        Self { address, scheme, state, _tasks: tasks }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path (which starts with `/`).
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        match self.scheme {
            // Certificates are for names.
            "https" => format!("https://localhost:{}{path}", self.address.port()),
            scheme => format!("{scheme}://{}{path}", self.address),
        }
    }

    /// All requests so far, in order of arrival.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        lock(&self.state).received.clone()
    }

    /// How many requests have arrived; cheaper than [`WebhookReceiver::received`] in a polling loop.
    #[must_use]
    pub fn count(&self) -> usize {
        lock(&self.state).received.len()
    }

    /// How many connections were opened so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        lock(&self.state).connections
    }

    /// Answers the next request, on any path, so. Several answers queue up.
    pub fn answer_next(&self, answer: Answer) {
        self.answer_next_on("", answer);
    }

    /// Answers the next request on `path` (without query) so. Goes before [`WebhookReceiver::answer_next`].
    pub fn answer_next_on(&self, path: &str, answer: Answer) {
        lock(&self.state).scripted.entry(path.to_owned()).or_default().push_back(answer);
    }

    /// What every request without a scripted answer gets.
    pub fn answer_always(&self, answer: Answer) {
        lock(&self.state).standard = Some(answer);
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, state: Arc<Mutex<State>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _peer)) = listener.accept().await {
        lock(&state).connections += 1;
        let (tls, state) = (tls.clone(), Arc::clone(&state));
        connections.spawn(async move {
            match tls {
                None => serve(stream, state).await,
                // A sender that doesn't trust us goes away during the handshake.
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, state).await;
                    }
                }
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, state: Arc<Mutex<State>>) {
    let service = service_fn(move |request| {
        let state = Arc::clone(&state);
        async move { handle(request, &state).await }
    });
    // Errors here are dropped connections: ours, on purpose, or the client's.
    let _dropped = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn handle(request: Request<Incoming>, state: &Mutex<State>) -> io::Result<Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let answer = {
        let mut state = lock(state);
        state.received.push(Received {
            path: parts.uri.path_and_query().map_or_else(String::new, ToString::to_string),
            method: parts.method,
            headers: parts.headers,
            body,
            at: Instant::now(),
        });
        let on_path = state.scripted.get_mut(parts.uri.path()).and_then(VecDeque::pop_front);
        let on_any = || state.scripted.get_mut("").and_then(VecDeque::pop_front);
        on_path.or_else(on_any).or_else(|| state.standard.clone()).unwrap_or_else(|| Answer::status(200))
    };
    if !answer.after.is_zero() {
        tokio::time::sleep(answer.after).await;
    }
    if answer.dropped {
        // hyper closes the connection without an answer when the service fails.
        return Err(io::Error::other("dropped on purpose"));
    }
    Ok(answer.response())
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::{Answer, WebhookReceiver};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    async fn post(receiver: &WebhookReceiver, path: &str) -> String {
        let mut stream = TcpStream::connect(receiver.address()).await.expect("connect");
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nwebhook-id: m1\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi"
        );
        stream.write_all(request.as_bytes()).await.expect("write");
        let mut answer = Vec::new();
        let _reset = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).expect("ASCII")
    }

    #[tokio::test]
    async fn requests_are_recorded_and_answers_follow_the_script() {
        let receiver = WebhookReceiver::start().await;
        receiver.answer_next(Answer::status(429).header("retry-after", "2"));
        receiver.answer_next(Answer::dropped());
        receiver.answer_next_on("/special", Answer::status(410));
        assert!(post(&receiver, "/special?x=1").await.starts_with("HTTP/1.1 410"));
        let throttled = post(&receiver, "/hook").await;
        assert!(throttled.starts_with("HTTP/1.1 429") && throttled.contains("retry-after: 2"));
        assert_eq!(post(&receiver, "/hook").await, "");
        assert!(post(&receiver, "/hook").await.starts_with("HTTP/1.1 200"));
        let received = receiver.received();
        assert_eq!((received.len(), received[0].path.as_str()), (4, "/special?x=1"));
        assert_eq!((received[3].header("webhook-id"), received[3].body.as_ref()), (Some("m1"), &b"hi"[..]));
    }
}
