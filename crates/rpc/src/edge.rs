//! One port for gRPC, gRPC-Web and HTTP.
//!
//! What is gRPC shows in its content type; everything else is HTTP and goes to the axum router, whose 404 is a 404 and
//! not a gRPC status.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body as AxumBody;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, Method};
use tonic::body::Body;
use tonic_web::GrpcWebLayer;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_http::cors::{Any, CorsLayer};

use crate::GrpcService;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Grpc,
    GrpcWeb,
    Http,
}

fn protocol(headers: &HeaderMap) -> Protocol {
    let content_type = headers.get(CONTENT_TYPE).map(|value| value.as_bytes()).unwrap_or_default();
    if content_type.starts_with(b"application/grpc-web") {
        Protocol::GrpcWeb
    } else if content_type.starts_with(b"application/grpc") {
        Protocol::Grpc
    } else {
        Protocol::Http
    }
}

/// Pages of any origin may call: a credential is always in a header that the page has to set itself, never in a cookie,
/// so an origin grants nothing.
pub fn cors() -> CorsLayer {
    let exposed = ["grpc-status", "grpc-message", "grpc-status-details-bin", "retry-after"];
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST, Method::OPTIONS])
        // `*` does not cover `authorization`, which has to be named.
        .allow_headers([
            AUTHORIZATION,
            CONTENT_TYPE,
            HeaderName::from_static("x-retry-count"),
            HeaderName::from_static("x-grpc-web"),
            HeaderName::from_static("x-user-agent"),
            HeaderName::from_static("grpc-timeout"),
            HeaderName::from_static("content-encoding"),
            HeaderName::from_static("traceparent"),
            HeaderName::from_static("tracestate"),
            HeaderName::from_static("elate-workspace"),
        ])
        .expose_headers(exposed.map(HeaderName::from_static))
        .max_age(std::time::Duration::from_secs(7200))
}

/// Everything that the port of a service answers.
pub fn router(grpc: GrpcService, http: Router) -> Router {
    let web = GrpcWebLayer::new().layer(grpc.clone());
    let dispatch = service_fn(move |request: http::Request<AxumBody>| {
        let (grpc, web, http) = (grpc.clone(), web.clone(), http.clone());
        async move {
            let response = match protocol(request.headers()) {
                Protocol::Grpc => grpc.oneshot(request.map(Body::new)).await?.map(AxumBody::new),
                Protocol::GrpcWeb => web.oneshot(request.map(Body::new)).await?.map(AxumBody::new),
                Protocol::Http => http.oneshot(request).await?,
            };
            Ok::<_, Infallible>(response)
        }
    });
    Router::new().fallback_service(dispatch).layer(cors())
}
