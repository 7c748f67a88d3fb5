//! The tracking API over HTTP, as existing SDKs speak it.
//!
//! | path | what |
//! |---|---|
//! | `POST /v1/{identify,track,page,screen,group,alias}` and `/v1/{i,t,p,s,g,a}` | one message |
//! | `POST /v1/batch`, `/v1/b`, `/beacon/v1/batch` | several |
//! | `POST /v1/import` | several, whose times are taken as they are |
//! | `POST /v1/m` | metrics of SDKs: answered and dropped |
//! | `GET /v1/projects/{key}/settings` | what analytics.js asks for before anything else |
//! | `GET /v1/pixel/{method}` | one message, always answered with a picture |
//! | `POST /v1/cloudevents` | CloudEvents: binary, structured, batched |
//! | `POST /api/s/{method}`, `POST /batch/` | the same for Jitsu's and PostHog's SDKs |
//!
//! # Answers
//!
//! SDKs read only the status, so it has to be right. 2xx is "never send it again" and comes only when all that was accepted
//! is durable. 400, 401, 403, 413 make an SDK drop its data, so they stand only for what can't get better by a repeat.
//! Overload is 429 with `Retry-After`, an outage 503, a fault of ours 500: these are repeated. A batch in which some
//! messages are wrong is 200, with a list of the rejected ones in the body; a batch in which all are wrong is 400.

mod answer;
mod batch;
mod body;
mod caller;
mod cloudevents;
mod message;
mod pixel;
mod posthog;
mod recorded;
mod settings;
mod time;

pub use recorded::Recorded;

use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use elate_domain::Clock;
use elate_rpc::auth::Authenticator;
use elate_rpc::rate::RateLimiter;
use elate_telemetry::trace::{TRACEPARENT, set_parent};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::config::HttpSettings;
use crate::metrics::{HTTP_DURATION, HTTP_RETRIES};
use crate::ports::Ingest;

/// What the routes need.
#[derive(Clone)]
pub struct Edge {
    /// Takes messages in.
    pub ingest: Arc<dyn Ingest>,
    /// Knows the keys.
    pub authenticator: Arc<dyn Authenticator>,
    /// Requests of one key, shared with gRPC.
    pub limiter: Option<Arc<RateLimiter>>,
    /// For the times that clients don't give.
    pub clock: Arc<dyn Clock>,
    /// The settings.
    pub settings: HttpSettings,
    /// Requests that may be in flight.
    pub in_flight: Arc<Semaphore>,
}

impl std::fmt::Debug for Edge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edge").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Edge {
    /// An edge with room for as many requests as the settings say.
    pub fn new(
        ingest: Arc<dyn Ingest>,
        authenticator: Arc<dyn Authenticator>,
        limiter: Option<Arc<RateLimiter>>,
        clock: Arc<dyn Clock>,
        settings: HttpSettings,
    ) -> Self {
        let in_flight = Arc::new(Semaphore::new(settings.max_in_flight.clamp(1, Semaphore::MAX_PERMITS)));
        Self { ingest, authenticator, limiter, clock, settings, in_flight }
    }
}

/// All routes.
pub fn router(edge: Edge) -> Router {
    Router::new()
        .route("/v1/batch", post(batch::batch))
        .route("/v1/b", post(batch::client_batch))
        .route("/v1/import", post(batch::import))
        .route("/beacon/v1/batch", post(batch::client_batch))
        .route("/v1/m", post(batch::sdk_metrics))
        .route("/v1/cloudevents", post(cloudevents::receive).options(cloudevents::handshake))
        .route("/v1/projects/{key}/settings", get(settings::settings))
        .route("/v1/pixel/{method}", get(pixel::pixel))
        .route("/v1/{method}", post(batch::single))
        .route("/api/s/{method}", post(batch::single))
        .route("/batch/", post(posthog::batch))
        .route_layer(middleware::from_fn_with_state(edge.clone(), observe))
        .with_state(edge)
}

/// Trace, measure, and refuse at once what is too much.
async fn observe(State(edge): State<Edge>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    // The pattern, not the path: a path may hold a key.
    let route = request.extensions().get::<MatchedPath>().map_or("unknown", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("http", otel.name = route, otel.kind = "server", http.route = route);
    if let Some(parent) = request.headers().get(TRACEPARENT).and_then(|value| value.to_str().ok()) {
        set_parent(&span, parent);
    }
    if request.headers().contains_key("x-retry-count") {
        HTTP_RETRIES.counter(&[] as &[(&str, &str)]).increment(1);
    }
    let response = match Arc::clone(&edge.in_flight).try_acquire_owned() {
        Ok(_permit) => next.run(request).instrument(span).await,
        Err(_) => answer::overloaded(),
    };
    let status = response.status().as_str().to_owned();
    HTTP_DURATION
        .histogram(&[("http_route", route), ("http_response_status_code", status)])
        .record(began.elapsed().as_secs_f64());
    response
}
