//! The port for operators: is it alive, may it get requests, what does it measure.

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use elate_rpc::health::Readiness;

/// What renders the metrics page.
pub(crate) type Metrics = std::sync::Arc<dyn Fn() -> String + Send + Sync>;

/// `/healthz` (the process answers), `/readyz` (it may get requests), `/metrics`.
pub(crate) fn router(readiness: Readiness, metrics: Metrics) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(move || ready(readiness.clone())))
        .route("/metrics", get(move || page(Metrics::clone(&metrics))))
}

async fn ready(readiness: Readiness) -> impl IntoResponse {
    if readiness.is_ready() {
        (StatusCode::OK, "ready\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", readiness.reasons().join("; ")))
    }
}

async fn page(metrics: Metrics) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics())
}
