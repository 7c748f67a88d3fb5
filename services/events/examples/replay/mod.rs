//! Sends recorded requests of real SDKs through the HTTP router, against SQLite, and looks at what came of them.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use elate_domain::{Clock, SourceId, SystemClock, WorkspaceId};
use elate_events::app::{App, Settings};
use elate_events::config::HttpSettings;
use elate_events::http::{Edge, router};
use elate_events::model::key::Role;
use elate_events::store::Migrator;
use elate_events::{KeyAuthenticator, ManifestRegistry};
use elate_log::Log;
use elate_rpc::auth::hash_secret;
use elate_storage::{Database, Dsn, Options};
use serde_json::Value;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

/// Keys that stand in the recordings.
const KEYS: [&str; 4] = ["wk_test", "wk:secret", "phc_test", "a-key-for-cloudevents"];

/// A service on a database of its own.
pub struct World {
    pub app: App,
    pub http: Router,
    _tasks: JoinSet<()>,
    _folder: tempfile::TempDir,
}

impl World {
    /// An empty one.
    pub async fn new() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let dsn = Dsn::Sqlite(folder.path().join("events.db"));
        let database = Database::connect(&dsn, &Options::default()).await?;
        database.migrate::<Migrator>().await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let options = elate_log::Options { partitions: 4, ..elate_log::Options::default() };
        let log = Log::open(database.clone(), Arc::clone(&clock), options).await?;
        let app = App::open(database, log, Settings::embedded(), Arc::new(ManifestRegistry)).await?;
        let mut tasks = JoinSet::new();
        for (_, run) in app.tasks() {
            tasks.spawn(run);
        }
        let workspace = WorkspaceId::try_new("recorded")?;
        app.admin().create_workspace(&workspace, "").await?;
        let source = SourceId::try_new("sdk")?;
        for (index, key) in KEYS.iter().enumerate() {
            let name = format!("key {index}");
            app.admin().register(&workspace, &name, Role::Writer, &source, hash_secret(key)).await?;
        }
        let authenticator = Arc::new(KeyAuthenticator::new(app.admin()));
        let edge = Edge::new(app.ingest(), authenticator, None, clock, HttpSettings::default());
        Ok(Self { http: router(edge), app, _tasks: tasks, _folder: folder })
    }

    /// How many records the log holds.
    pub async fn records(&self) -> anyhow::Result<u64> {
        let shape = self.app.customer_log().shape().await?;
        Ok(shape.heads.values().map(|head| head.last.0).sum())
    }

    /// Sends a request; the status and the body of the answer.
    pub async fn send(&self, request: http::Request<Body>) -> anyhow::Result<(u16, String)> {
        let response = match self.http.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }
}

/// What came of one file.
pub struct Outcome {
    pub passed: usize,
    pub failures: Vec<String>,
}

/// The files of a folder, in order of their names.
pub fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Replays a file, if it holds requests to a tracking server: each request must be answered 200, and afterwards the log
/// must hold each event once, however often it was sent.
pub async fn replay(file: &Path) -> anyhow::Result<Option<Outcome>> {
    let recorded: Value = serde_json::from_slice(&std::fs::read(file)?)?;
    let Some(requests) = recorded.get("requests").and_then(Value::as_array) else { return Ok(None) };
    let world = World::new().await?;
    let mut outcome = Outcome { passed: 0, failures: Vec::new() };
    let mut events = BTreeSet::new();
    for (index, recorded) in requests.iter().enumerate() {
        // Of some requests only their size was recorded.
        let Some(body) = body(recorded) else { continue };
        let request = request(recorded, &body)?;
        let (status, answer) = world.send(request).await?;
        if status == 200 && !answer.contains("rejected") {
            outcome.passed += 1;
        } else {
            outcome.failures.push(format!("request {index} was answered {status}: {answer}"));
        }
        collect(recorded, &mut events);
    }
    let (stored, sent) = (world.records().await?, events.len() as u64);
    if stored == sent {
        outcome.passed += 1;
    } else {
        outcome.failures.push(format!("{sent} different events were sent, {stored} are in the log"));
    }
    Ok(Some(outcome))
}

fn body(recorded: &Value) -> Option<Vec<u8>> {
    if let Some(json) = recorded.get("body_json") {
        return serde_json::to_vec(json).ok();
    }
    recorded.get("body_text").and_then(Value::as_str).map(|text| text.as_bytes().to_vec())
}

fn text<'a>(recorded: &'a Value, name: &str) -> &'a str {
    recorded.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn headers(recorded: &Value) -> Vec<(String, String)> {
    let pairs = recorded.get("headers").and_then(Value::as_array).cloned().unwrap_or_default();
    pairs
        .iter()
        .filter_map(|pair| Some((pair.get(0)?.as_str()?.to_lowercase(), pair.get(1)?.as_str()?.to_owned())))
        .collect()
}

fn request(recorded: &Value, body: &[u8]) -> anyhow::Result<http::Request<Body>> {
    // CloudEvents have no path of their own: the sender is told where to send to.
    let path = text(recorded, "path").replace("/events", "/v1/cloudevents");
    let mut request = http::Request::builder().method(text(recorded, "method")).uri(&path);
    for (name, value) in headers(recorded) {
        if name != "content-length" && name != "connection" {
            request = request.header(name, value);
        }
    }
    if path.starts_with("/v1/cloudevents") {
        request = request.header("authorization", "Bearer a-key-for-cloudevents");
    }
    let gzip = recorded.get("body_gzip").and_then(Value::as_bool).unwrap_or_default();
    let body = if gzip {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(body)?;
        encoder.finish()?
    } else {
        body.to_vec()
    };
    Ok(request.body(Body::from(body))?)
}

/// What makes each event of a request what it is: its id, and for CloudEvents, which use ids again, its type.
fn collect(recorded: &Value, events: &mut BTreeSet<String>) {
    let identity = |event: &Value| {
        let id = ["messageId", "uuid", "id"].iter().find_map(|name| event.get(*name)?.as_str());
        format!(
            "{} {}",
            id.unwrap_or_default(),
            if event.get("specversion").is_some() { text(event, "type") } else { "" }
        )
    };
    let headers = headers(recorded);
    let header = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    let json = recorded.get("body_json");
    if let (Some(id), Some(event_type)) = (header("ce-id"), header("ce-type")) {
        events.insert(format!("{id} {event_type}"));
    } else if let Some(batch) = json.and_then(|json| json.get("batch")).or(json).and_then(Value::as_array) {
        events.extend(batch.iter().map(identity));
    } else if let Some(json) = json {
        events.insert(identity(json));
    }
}
