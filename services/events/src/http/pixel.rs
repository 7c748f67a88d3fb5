//! The pixel: a message in the address of a picture, for e-mails and pages without scripts.

use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};
use tracing::debug;

use super::Edge;
use super::answer::Refusal;
use super::batch::{append_all, identify, object, text_of};
use super::caller::Origin;
use super::message::{self, Common};
use crate::metrics;
use crate::model::message::Outcome;

/// A transparent GIF of one pixel.
const GIF: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x01D\x00;";

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// `GET /v1/pixel/{method}`. Always a picture: a broken image in a customer's e-mail would be worse than a lost event.
pub(super) async fn pixel(
    State(edge): State<Edge>,
    Path(method): Path<String>,
    request: Request,
) -> Response {
    match take(&edge, &method, request).await {
        Ok(outcomes) => metrics::count("pixel", &outcomes),
        Err(error) => debug!(%error, "a pixel was not taken"),
    }
    let headers = [(header::CONTENT_TYPE, "image/gif"), (header::CACHE_CONTROL, "no-store, max-age=0")];
    (StatusCode::OK, headers, GIF).into_response()
}

async fn take(edge: &Edge, method: &str, request: Request) -> Result<Vec<Outcome>, Refusal> {
    let method = method.strip_suffix(".gif").unwrap_or(method);
    let kind =
        message::event_type(method).ok_or_else(|| Refusal::Unknown(format!("there is no pixel {method}")))?;
    let (parts, _) = request.into_parts();
    let json = body(parts.uri.query().unwrap_or_default())?;
    let fields = object(&json)?;
    let caller = identify(edge, &parts, text_of(&fields, "writeKey").as_deref()).await?;
    let origin = Origin::of(&parts, edge.settings.trusted_proxies);
    let common = Common { origin: Some(&origin), client_side: true, ..Common::default() };
    let read = message::read(Some(kind), &fields, &common).map_err(|error| Outcome::Rejected {
        message_id: String::new(),
        field: error.field,
        reason: error.reason,
    });
    append_all(edge, &caller, &parts, vec![read]).await
}

/// The message as JSON: `data` is base64 of it, or its fields stand in the query with dots for levels.
fn body(query: &str) -> Result<Vec<u8>, Refusal> {
    let pairs = pairs(query);
    if let Some((_, data)) = pairs.iter().find(|(name, _)| name == "data") {
        // The alphabet for addresses is asked for; the common one is met.
        let data = data.replace('+', "-").replace('/', "_").replace(' ', "-");
        return BASE64
            .decode(data)
            .map_err(|error| Refusal::Body(format!("has no base64 in `data`: {error}")));
    }
    let mut root = Map::new();
    for (name, text) in pairs {
        put(&mut root, &name, text);
    }
    serde_json::to_vec(&root).map_err(|error| Refusal::Body(error.to_string()))
}

/// Levels of an address at the most.
const MAX_LEVELS: usize = 8;

fn put(root: &mut Map<String, Value>, name: &str, text: String) {
    let keys: Vec<&str> = name.split('.').collect();
    let Some((last, parents)) = keys.split_last() else { return };
    if keys.len() > MAX_LEVELS {
        return;
    }
    let mut map = root;
    for parent in parents {
        let entry = map.entry(*parent).or_insert_with(|| Value::Object(Map::new()));
        // `a=1&a.b=2` contradicts itself; the first one stays.
        let Value::Object(inner) = entry else { return };
        map = inner;
    }
    map.insert((*last).to_owned(), Value::String(text));
}

/// The pairs of a query, decoded.
pub(super) fn pairs(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| percent_decode(&text.replace('+', " "));
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

/// Undoes percent-encoding; what is no valid escape stays as it is.
pub(super) fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = (byte == b'%')
            .then(|| bytes.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escaped {
            Some(value) => {
                decoded.push(value);
                at += 3;
            }
            None => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Value {
        serde_json::from_slice(&body(query).unwrap()).unwrap()
    }

    #[test]
    fn both_forms_of_a_pixel_are_read() {
        let expected = serde_json::json!({"userId": "u 1", "properties": {"subject": "Hi & bye"}});
        assert_eq!(read("userId=u+1&properties.subject=Hi%20%26%20bye"), expected);
        let data = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(expected.to_string());
        assert_eq!(read(&format!("data={data}")), expected);
        let data = base64::engine::general_purpose::STANDARD.encode(expected.to_string());
        assert_eq!(read(&format!("data={data}")), expected);
    }

    #[test]
    fn contradictions_and_broken_escapes_do_no_harm() {
        assert_eq!(read("a=1&a.b=2&c=%zz%4"), serde_json::json!({"a": "1", "c": "%zz%4"}));
        assert_eq!(read(&format!("{}=1", ["a"; 20].join("."))), serde_json::json!({}));
        assert!(body("data=***").is_err());
    }
}
