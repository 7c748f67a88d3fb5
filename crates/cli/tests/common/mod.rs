//! `elate dev` as a process, a webhook receiver for it to call, and the command's other faces run against it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

use std::net::TcpListener;
use std::process::Output;
use std::time::Duration;

use elate_cli::client::Target;
use elate_cli::commands::customer_ref;
use elate_proto::events::v1::{
    CreateWorkspaceRequest, EventType, IngestBatchRequest, IngestMessage, ListTimelineRequest, Record,
};
use elate_proto::notifications::v1::{ListNotificationsRequest, Notification};
use elate_testkit::process::{Process, Recipe};
use elate_testkit::webhook::WebhookReceiver;
use elate_testkit::{eventually, free_port};
use serde_json::Value as Json;

/// A debug build on a loaded machine takes its time.
pub const SOON: Duration = Duration::from_secs(60);

const MANIFESTS: &str = r#"
apiVersion: elate.dev/v1
kind: Channel
metadata: {name: hook}
spec:
  webhook: {url: "env:ELATE_CHANNEL_URL", secret: "env:ELATE_CHANNEL_SECRET", allow_private: true}
---
apiVersion: elate.dev/v1
kind: Template
metadata: {name: note}
spec:
  channel: webhook
  fallback: en
  locales:
    en: {body: '{"note": {{ event.properties.note_id }}}'}
---
apiVersion: elate.dev/v1
kind: Play
metadata: {name: write-note}
spec:
  trigger: {event: {on: "Note Wanted"}}
  key: event.properties.note_id
  reentry: always
  steps:
    - send: {channel: hook, template: note, class: service}
"#;

/// The manifests above.
pub fn manifests() -> String {
    MANIFESTS.to_owned()
}

/// All four services in one process, with the manifests above.
pub struct Dev {
    pub hook: WebhookReceiver,
    pub target: Target,
    pub url: String,
    _process: Process,
    data: tempfile::TempDir,
}

/// A server of simulations in a process of its own.
pub struct Simulations {
    pub url: String,
    _process: Process,
}

fn elate() -> Recipe {
    Recipe::new(env!("CARGO_BIN_EXE_elate"))
}

/// A free port with a free one a hundred above, for health.
fn port() -> u16 {
    loop {
        let port = free_port();
        if port.checked_add(100).is_some_and(|above| TcpListener::bind(("127.0.0.1", above)).is_ok()) {
            return port;
        }
    }
}

impl Dev {
    /// Starts it with these arguments besides.
    pub async fn start(arguments: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let hook = WebhookReceiver::start().await;
        let manifests = data.path().join("manifests.yaml");
        std::fs::write(&manifests, MANIFESTS).unwrap();
        let listen = format!("127.0.0.1:{}", port());
        let mut process = elate()
            .args(["dev", "--listen", &listen, "--mail-port", "0", "--data"])
            .arg(data.path())
            .arg("--manifests")
            .arg(&manifests)
            .args(arguments.iter().copied())
            .env("ELATE_CHANNEL_URL", format!("http://{}/hook", hook.address()))
            .env("ELATE_CHANNEL_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
            .spawn()
            .unwrap();
        process.wait_for_line("Ctrl-C stops it.", SOON).await;
        let key = std::fs::read_to_string(data.path().join("admin-key")).unwrap().trim().to_owned();
        let url = format!("http://{listen}");
        let target = Target {
            server: url.clone(),
            journeys: None,
            scoring: None,
            notifications: None,
            simulation: None,
            key: Some(key),
        };
        Self { hook, target, url, _process: process, data }
    }

    /// Runs the command as an operator does; what it printed, and whether it went well.
    pub async fn run(&self, arguments: &[&str]) -> (bool, String) {
        let key = self.target.key.clone().unwrap();
        let recipe = elate().args(arguments.iter().copied()).env("ELATE_SERVER", &self.url);
        let Output { status, stdout, stderr } = recipe.env("ELATE_KEY", key).output().await.unwrap();
        let printed = [stdout, stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        (status.success(), printed)
    }

    /// The credential that the services share.
    fn token(&self) -> String {
        std::fs::read_to_string(self.data.path().join("service-token")).unwrap().trim().to_owned()
    }

    /// Makes another workspace; the key of its administrator.
    pub async fn other_workspace(&self, id: &str) -> String {
        let target = Target { key: Some(self.token()), ..self.target.clone() };
        let request = CreateWorkspaceRequest { workspace_id: id.to_owned(), time_zone: "UTC".to_owned() };
        target.admin().await.unwrap().create_workspace(request).await.unwrap().into_inner().secret
    }

    /// Starts a server of simulations beside it.
    pub async fn serve_simulation(&self) -> Simulations {
        let listen = format!("127.0.0.1:{}", port());
        let mut process = elate()
            .arg("serve-simulation")
            .env("ELATE_LISTEN", &listen)
            .env("ELATE_EVENTS__URL", &self.url)
            .env("ELATE_SERVICE_TOKEN", self.token())
            .spawn()
            .unwrap();
        process.wait_for_port(listen.parse().unwrap(), SOON).await;
        Simulations { url: format!("http://{listen}"), _process: process }
    }

    /// Lets a customer want a note.
    pub async fn want(&self, user: &str, note: &str) {
        let message = IngestMessage {
            r#type: EventType::Track.into(),
            message_id: note.to_owned(),
            name: "Note Wanted".to_owned(),
            user_id: user.to_owned(),
            properties: serde_json::json!({ "note_id": note }).to_string().into(),
            ..Default::default()
        };
        let request = IngestBatchRequest { messages: vec![message], import_id: String::new() };
        self.target.ingest().await.unwrap().ingest_batch(request).await.unwrap();
    }

    /// Waits until a customer has so many messages, all in this state; they, newest first.
    pub async fn until(&self, user: &str, count: usize, state: i32) -> Vec<Notification> {
        let fits = |found: &[Notification]| {
            found.len() == count && found.iter().all(|message| message.state == state)
        };
        self.until_they(user, fits).await
    }

    /// Waits until a customer's messages are so; they, newest first.
    pub async fn until_they(&self, user: &str, are: impl Fn(&[Notification]) -> bool) -> Vec<Notification> {
        let are = &are;
        let client = self.target.notifications().await.unwrap();
        eventually(SOON, || {
            let mut client = client.clone();
            async move {
                let request =
                    ListNotificationsRequest { customer: Some(customer_ref(user)), ..Default::default() };
                let found = client.list_notifications(request).await.map_err(|status| status.to_string())?;
                let found = found.into_inner().notifications;
                if are(&found) { Ok(found) } else { Err(format!("{found:?}")) }
            }
        })
        .await
    }

    /// The payloads of a customer's events of this name, newest first.
    pub async fn told(&self, user: &str, name: &str) -> Vec<Json> {
        let request = ListTimelineRequest {
            customer: Some(customer_ref(user)),
            names: vec![name.to_owned()],
            ..Default::default()
        };
        let mut client = self.target.customers().await.unwrap();
        let entries = client.list_timeline(request).await.unwrap().into_inner().entries;
        let payload = |record: Record| serde_json::from_slice(&record.properties).unwrap();
        entries.into_iter().filter_map(|entry| entry.record).map(payload).collect()
    }

    /// Waits until a customer's newest event of this name fits.
    pub async fn until_told(&self, user: &str, name: &str, fits: impl Fn(&Json) -> bool) -> Json {
        eventually(SOON, || async {
            let told = self.told(user, name).await;
            told.first().filter(|newest| fits(newest)).cloned().ok_or_else(|| format!("{name}: {told:?}"))
        })
        .await
    }
}
