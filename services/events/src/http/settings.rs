//! What analytics.js asks for before it sends anything.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::header::HOST;
use serde_json::{Value, json};

use super::Edge;
use super::answer::Refusal;

/// `GET /v1/projects/{key}/settings`: tells the SDK to send to this server, and that there is nothing else to load.
pub(super) async fn settings(
    State(edge): State<Edge>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    edge.authenticator.resolve(&key).await?;
    let host = match &edge.settings.public_host {
        Some(host) => host.clone(),
        None => headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost").to_owned(),
    };
    Ok(Json(json!({
        "integrations": {
            "Segment.io": {
                "apiKey": key,
                // Without a scheme: the SDK takes that of the page.
                "apiHost": format!("{host}/v1"),
                "unbundledIntegrations": [],
                "addBundledMetadata": true,
                "maybeBundledConfigIds": {},
                "versionSettings": {"version": "4.4.7", "componentTypes": ["browser"]},
            }
        },
        "plan": {
            "track": {"__default": {"enabled": true, "integrations": {}}},
            "identify": {"__default": {"enabled": true}},
            "group": {"__default": {"enabled": true}},
        },
        "edgeFunction": {},
        "analyticsNextEnabled": true,
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "metrics": {"sampleRate": 0},
        "legacyVideoPluginsEnabled": false,
        "remotePlugins": [],
    })))
}
