//! Single messages and batches.

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use elate_domain::EventType;
use elate_rpc::Identity;
use elate_telemetry::trace::{TRACEPARENT, TraceParent};
use serde_json::Value;
use serde_json::value::RawValue;

use super::answer::{Refusal, taken};
use super::caller::{self, Origin};
use super::message::{self, Common, Fields};
use super::{Edge, body, time};
use crate::metrics;
use crate::model::message::{Batch, MAX_MESSAGES, Message, Outcome};

type Answer = Result<Response, Refusal>;

/// Either a message, or why it is none.
pub(super) type Read = Result<Message, Outcome>;

/// `POST /v1/batch`: a server's batch.
pub(super) async fn batch(State(edge): State<Edge>, request: Request) -> Answer {
    take_batch(&edge, request, false, false).await
}

/// `POST /v1/b` and the beacon: a browser's batch.
pub(super) async fn client_batch(State(edge): State<Edge>, request: Request) -> Answer {
    take_batch(&edge, request, true, false).await
}

/// `POST /v1/import`: a batch of what happened long ago.
pub(super) async fn import(State(edge): State<Edge>, request: Request) -> Answer {
    take_batch(&edge, request, false, true).await
}

/// `POST /v1/m`: what SDKs measure of themselves is of no use here, and they expect to be heard.
pub(super) async fn sdk_metrics() -> Response {
    (StatusCode::OK, axum::Json(serde_json::json!({"success": true}))).into_response()
}

/// `POST /v1/track` and the like, and their short forms.
pub(super) async fn single(State(edge): State<Edge>, Path(method): Path<String>, request: Request) -> Answer {
    let kind = message::event_type(&method).ok_or_else(|| {
        Refusal::Unknown(format!("there is no /{method}; see the documentation of the API"))
    })?;
    // The short forms are those of analytics.js, which runs in the customer's browser.
    let client_side = method.len() == 1;
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body, edge.settings.max_body.as_usize()).await?;
    let fields = object(&bytes)?;
    let caller = identify(&edge, &parts, text_of(&fields, "writeKey").as_deref()).await?;
    let origin = Origin::of(&parts, edge.settings.trusted_proxies);
    let common = Common { origin: Some(&origin), client_side, ..Common::default() };
    let read = one(Some(kind), &fields, &common);
    append(&edge, &caller, &parts, vec![read]).await
}

async fn take_batch(edge: &Edge, request: Request<Body>, client_side: bool, import: bool) -> Answer {
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body, edge.settings.max_body.as_usize()).await?;
    let fields = object(&bytes)?;
    let caller = identify(edge, &parts, text_of(&fields, "writeKey").as_deref()).await?;
    let items = items(&fields)?;
    let origin = Origin::of(&parts, edge.settings.trusted_proxies);
    let common = Common {
        sent: value_of(&fields, "sentAt").and_then(|value| time::parse(&value)),
        context: value_of(&fields, "context").and_then(|value| match value {
            Value::Object(map) if !map.is_empty() => Some(map),
            _ => None,
        }),
        origin: Some(&origin),
        client_side,
        import,
    };
    let read = items.into_iter().map(|item| parsed(item, &common)).collect();
    append(edge, &caller, &parts, read).await
}

/// The body as an object. Its content type is not looked at: browsers say `text/plain` to be spared a preflight.
pub(super) fn object(bytes: &[u8]) -> Result<Fields<'_>, Refusal> {
    serde_json::from_slice(bytes).map_err(|error| Refusal::Body(format!("is no JSON object: {error}")))
}

pub(super) fn value_of(fields: &Fields<'_>, name: &str) -> Option<Value> {
    fields.get(name).and_then(|raw| serde_json::from_str(raw.get()).ok())
}

pub(super) fn text_of(fields: &Fields<'_>, name: &str) -> Option<String> {
    value_of(fields, name).and_then(|value| value.as_str().map(str::to_owned))
}

/// The items of a batch, each as it was written.
pub(super) fn items<'a>(fields: &Fields<'a>) -> Result<Vec<&'a RawValue>, Refusal> {
    let raw: &'a RawValue = fields.get("batch").ok_or_else(|| Refusal::Body("has no `batch`".to_owned()))?;
    let items: Vec<&'a RawValue> = serde_json::from_str(raw.get())
        .map_err(|_| Refusal::Body("has a `batch` that is no array".to_owned()))?;
    if items.len() > MAX_MESSAGES {
        let limit = format!("{MAX_MESSAGES} messages");
        return Err(crate::app::Error::TooLarge { what: "the batch", limit }.into());
    }
    Ok(items)
}

fn parsed(item: &RawValue, common: &Common<'_>) -> Read {
    match serde_json::from_str::<Fields<'_>>(item.get()) {
        Ok(fields) => one(None, &fields, common),
        Err(_) => Err(Outcome::Rejected {
            message_id: String::new(),
            field: String::new(),
            reason: "is no object".to_owned(),
        }),
    }
}

fn one(kind: Option<EventType>, fields: &Fields<'_>, common: &Common<'_>) -> Read {
    message::read(kind, fields, common).map_err(|error| Outcome::Rejected {
        message_id: text_of(fields, "messageId").unwrap_or_default(),
        field: error.field,
        reason: error.reason,
    })
}

/// Who sends; the body's key counts where no header carries one.
pub(super) async fn identify(
    edge: &Edge,
    parts: &Parts,
    body_key: Option<&str>,
) -> Result<Identity, Refusal> {
    let key = caller::key(&parts.headers, body_key, parts.uri.query())?;
    caller::writer(edge, &key).await
}

/// Appends what could be read, and answers for all of it.
pub(super) async fn append(edge: &Edge, caller: &Identity, parts: &Parts, read: Vec<Read>) -> Answer {
    let outcomes = append_all(edge, caller, parts, read).await?;
    metrics::count("http", &outcomes);
    taken(outcomes)
}

pub(super) async fn append_all(
    edge: &Edge,
    caller: &Identity,
    parts: &Parts,
    read: Vec<Read>,
) -> Result<Vec<Outcome>, Refusal> {
    let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(read.len());
    let mut messages = Vec::with_capacity(read.len());
    for message in read {
        match message {
            Ok(message) => {
                messages.push(message);
                outcomes.push(None);
            }
            Err(outcome) => outcomes.push(Some(outcome)),
        }
    }
    let appended = if messages.is_empty() {
        Vec::new()
    } else {
        let batch = Batch {
            workspace: caller.workspace()?.clone(),
            source: caller.source().cloned().ok_or(elate_rpc::auth::Error::Workspace)?,
            import_id: None,
            trace_parent: trace_parent(parts),
            messages,
        };
        edge.ingest.append(batch).await?
    };
    let mut appended = appended.into_iter();
    // One outcome for each message that was read, so nothing is left over or missing.
    Ok(outcomes.into_iter().filter_map(|outcome| outcome.or_else(|| appended.next())).collect())
}

/// The trace of the request: our span's where there is one, else the client's own.
fn trace_parent(parts: &Parts) -> Option<std::sync::Arc<str>> {
    let given = || {
        let text = parts.headers.get(TRACEPARENT)?.to_str().ok()?;
        text.parse::<TraceParent>().ok()
    };
    TraceParent::current().or_else(given).map(|parent| parent.to_string().into())
}
