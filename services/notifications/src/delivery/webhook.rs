//! One webhook endpoint: signed calls as Standard Webhooks has them.
//!
//! Redirects are not followed, since they would lead past the check of the address. Of an answer's body only so much
//! is read as lets the connection be used again.

use std::time::Duration;

use bytes::Bytes;
use elate_domain::Timestamp;
use elate_manifest::spec::Webhook;
use elate_reach::retry::{judge_http, parse_retry_after};
use elate_reach::webhook::{
    ID_HEADER, SIGNATURE_HEADER, Secret as SigningSecret, TIMESTAMP_HEADER, signature_header,
};
use elate_telemetry::trace::{TRACEPARENT, current_traceparent};
use http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::connector::{self, Guarded};
use super::secrets::Variables;
use super::trust::{self, Trust};
use super::{Report, Verdict};

const AGENT: &str = concat!("elate/", env!("CARGO_PKG_VERSION"));
/// Bytes of an answer that are read; a longer one costs the connection.
const MAX_ANSWER: usize = 16 * 1024;
/// Connections that nobody uses are closed after this time.
const IDLE: Duration = Duration::from_secs(60);
/// Idle connections that are kept.
const MAX_IDLE: usize = 64;

type Connections = Client<HttpsConnector<Guarded>, Full<Bytes>>;

/// An endpoint with its connections.
#[derive(Debug)]
pub struct Endpoint {
    spec: Webhook,
    variables: Variables,
    connections: Connections,
}

/// One message to an endpoint.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The same for every attempt.
    pub id: &'a str,
    /// JSON.
    pub body: &'a str,
    /// Another URL than the channel's, for test sends.
    pub to: Option<&'a str>,
}

impl Endpoint {
    /// An endpoint; connects when it is called.
    pub fn new(
        spec: Webhook,
        variables: Variables,
        trust: &Trust,
    ) -> Result<Self, tokio_rustls::rustls::Error> {
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(trust.client()?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(Guarded::new(spec.allow_private));
        let connections = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MAX_IDLE)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self { spec, variables, connections })
    }

    /// Calls the endpoint once.
    pub async fn call(&self, provider: &str, call: Call<'_>, now: Timestamp) -> Report {
        let request = match self.request(call, now).await {
            Ok(request) => request,
            Err(report) => return Report { provider: provider.to_owned(), ..report },
        };
        let answer = tokio::time::timeout(self.spec.timeout.0, self.connections.request(request)).await;
        match answer {
            Err(_) => Report::new(Verdict::Transient, "timeout", provider, "no answer in time"),
            Ok(Err(error)) => unreached(provider, &error),
            Ok(Ok(answer)) => self.judge(provider, answer, now).await,
        }
    }

    async fn request(&self, call: Call<'_>, now: Timestamp) -> Result<Request<Full<Bytes>>, Report> {
        let misconfigured =
            |detail: String| Report::new(Verdict::Permanent, "channel_misconfigured", "", &detail);
        let own = self.variables.setting(&self.spec.url).map_err(|e| misconfigured(e.to_string()))?;
        let url: Uri =
            call.to.unwrap_or(&own).parse().map_err(|_| misconfigured("the URL can't be read".to_owned()))?;
        let secret =
            self.variables.secret(&self.spec.secret).await.map_err(|e| misconfigured(e.to_string()))?;
        // While a secret is rotated the two stand beside each other, separated by a space.
        let secrets: Result<Vec<SigningSecret>, _> =
            secret.reveal().split_whitespace().map(str::parse).collect();
        let secrets = secrets.map_err(|error| misconfigured(error.to_string()))?;
        if secrets.is_empty() {
            return Err(misconfigured("the signing secret is empty".to_owned()));
        }
        let seconds = now.0.div_euclid(1000);
        let mut builder = Request::post(url);
        if let Some(parent) = current_traceparent() {
            builder = builder.header(TRACEPARENT, parent);
        }
        builder
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, AGENT)
            .header(ID_HEADER, call.id)
            .header(TIMESTAMP_HEADER, seconds)
            .header(SIGNATURE_HEADER, signature_header(&secrets, call.id, seconds, call.body.as_bytes()))
            .body(Full::new(Bytes::copy_from_slice(call.body.as_bytes())))
            .map_err(|error| misconfigured(error.to_string()))
    }

    async fn judge(&self, provider: &str, answer: Response<Incoming>, now: Timestamp) -> Report {
        let status = answer.status().as_u16();
        let wish = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = wish.and_then(|wish| parse_retry_after(wish, now));
        let verdict = Verdict::from(judge_http(status));
        let reason = if verdict == Verdict::Delivered { String::new() } else { format!("http_{status}") };
        // The status has decided; the body is read only so that the connection can be used again.
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect();
        drop(tokio::time::timeout(self.spec.timeout.0, body).await);
        let detail = format!("{status}");
        Report { retry_after, ..Report::new(verdict, reason, provider, &detail) }
    }
}

/// Nothing came back. A webhook has one id and may go again, so this is never more than a failure.
fn unreached(provider: &str, error: &hyper_util::client::legacy::Error) -> Report {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref::<connector::Error>() {
            let (verdict, reason) = match refused {
                connector::Error::Forbidden(_) | connector::Error::Plain | connector::Error::NoHost => {
                    (Verdict::Permanent, "address_forbidden")
                }
                connector::Error::Unresolved => (Verdict::Transient, "name_unresolved"),
                connector::Error::Io(_) => (Verdict::Transient, "connection_failed"),
            };
            return Report::new(verdict, reason, provider, &refused.to_string());
        }
        cause = error.source();
    }
    if trust::is_about_certificate(error) {
        return Report::new(Verdict::Transient, "certificate_refused", provider, "certificate_refused");
    }
    let reason = if error.is_connect() { "connection_failed" } else { "connection_lost" };
    Report::new(Verdict::Transient, reason, provider, reason)
}
