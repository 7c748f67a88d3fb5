//! The endpoint of a model: chat completions as OpenAI has them, over HTTP.
//!
//! Its address and key are the operator's, never a workspace's. Redirects are not followed, of an answer no more is
//! read than an answer can have, and the key stands in no message.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use elate_rpc::Secret;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderValue, Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::reply::{self, Garbage, Reply};
use crate::config::SentimentSettings;

const AGENT: &str = concat!("elate/", env!("CARGO_PKG_VERSION"));
/// Bytes of an answer.
const MAX_ANSWER: usize = 64 * 1024;
/// Connections that nobody uses are closed after this time.
const IDLE: Duration = Duration::from_secs(60);
/// The longest wait that an endpoint may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// An endpoint that can't be used as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum Misconfigured {
    /// The key file can't be read.
    #[error("sentiment.key_file: {0}")]
    KeyFile(#[source] std::io::Error),
    /// The key can't stand in a header.
    #[error("sentiment.key_file: the key has characters that no key has")]
    Key,
    /// The address is none.
    #[error("sentiment.url: {0}")]
    Url(#[from] http::uri::InvalidUri),
    /// TLS can't be set up.
    #[error("TLS can't be set up")]
    Tls(#[from] tokio_rustls::rustls::Error),
}

/// Why a comment was not scored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No answer in time.
    #[error("no answer in time")]
    Timeout,
    /// No connection, or it ended before the answer did.
    #[error("the connection failed")]
    Connection,
    /// Another answer than 200.
    #[error("HTTP {status}")]
    Status {
        /// The status.
        status: u16,
        /// When to come again, if it said so.
        retry_after: Option<Duration>,
    },
    /// An answer that can't be understood.
    #[error(transparent)]
    Garbage(#[from] Garbage),
}

impl Failure {
    /// Whether it may be the comment's own fault: then it is not tried for ever.
    pub fn may_be_comment(&self) -> bool {
        match self {
            Self::Garbage(_) | Self::Timeout => true,
            Self::Status { status, .. } => matches!(status, 400 | 413 | 422 | 500),
            Self::Connection => false,
        }
    }

    /// Whether it may be the endpoint's fault: then it is left alone for a while.
    pub fn may_be_endpoint(&self) -> bool {
        match self {
            Self::Timeout | Self::Connection => true,
            Self::Status { status, .. } => !matches!(status, 400 | 413 | 422),
            Self::Garbage(_) => false,
        }
    }

    /// How long the endpoint wants to be left alone, if it said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            Self::Timeout | Self::Connection | Self::Garbage(_) => None,
        }
    }

    /// As a label of a metric.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::Status { .. } => "status",
            Self::Garbage(_) => "garbage",
        }
    }
}

/// A model behind an address.
#[derive(Debug)]
pub struct Endpoint {
    url: Uri,
    model: String,
    authorization: Option<HeaderValue>,
    timeout: Duration,
    connections: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Endpoint {
    /// The endpoint of the settings; reads the key, and connects when it is asked.
    ///
    /// # Errors
    /// Names the setting that is of no use.
    pub async fn open(settings: &SentimentSettings) -> Result<Self, Misconfigured> {
        let key = match &settings.key_file {
            None => None,
            Some(file) => {
                let text = tokio::fs::read_to_string(file).await.map_err(Misconfigured::KeyFile)?;
                Some(authorization(&Secret::new(text.trim()))?)
            }
        };
        let provider = tokio_rustls::rustls::crypto::ring::default_provider();
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(Arc::new(provider))?
            .https_or_http()
            .enable_http1()
            .build();
        let connections = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(settings.concurrency)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self {
            url: settings.url.parse()?,
            model: settings.model.clone(),
            authorization: key,
            timeout: settings.timeout.0,
            connections,
        })
    }

    /// The name of the model.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Has a comment scored.
    ///
    /// # Errors
    /// Where there was no answer, or none that says how it sounds.
    pub async fn score(&self, comment: &str) -> Result<Reply, Failure> {
        tokio::time::timeout(self.timeout, self.ask(comment)).await.unwrap_or(Err(Failure::Timeout))
    }

    async fn ask(&self, comment: &str) -> Result<Reply, Failure> {
        let body = reply::request(&self.model, comment).to_string();
        let mut request =
            Request::post(&self.url).header(CONTENT_TYPE, "application/json").header(USER_AGENT, AGENT);
        if let Some(key) = &self.authorization {
            request = request.header(AUTHORIZATION, key);
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(|_| Failure::Connection)?;
        let answer = self.connections.request(request).await.map_err(|_| Failure::Connection)?;
        let status = answer.status().as_u16();
        let seconds = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let retry_after = seconds.map(|seconds| Duration::from_secs(seconds).min(LONGEST_WAIT));
        // The body is read also where the status has decided, so that the connection can be used again.
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        if status != 200 {
            return Err(Failure::Status { status, retry_after });
        }
        let body = body.map_err(|_| Failure::Garbage(Garbage::NoCompletion))?.to_bytes();
        Ok(reply::read(&body)?)
    }
}

fn authorization(key: &Secret) -> Result<HeaderValue, Misconfigured> {
    let mut value =
        HeaderValue::try_from(format!("Bearer {}", key.reveal())).map_err(|_| Misconfigured::Key)?;
    value.set_sensitive(true);
    Ok(value)
}
