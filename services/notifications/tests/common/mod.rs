//! A notifications engine over a log in memory, a real database, a real mail sink and a real webhook receiver.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

pub mod face;

use std::sync::Arc;
use std::time::Duration;

use elate_consumer::{Settings, memory::MemoryLog};
use elate_domain::system::{DefinitionsPublished, NotificationReceipt, NotificationRequested, name};
use elate_domain::{
    CustomerId, Event, EventType, HumanDuration, ManualClock, RawJson, SourceId, Timestamp, WorkspaceId,
};
use elate_notifications::config::DeliverySettings;
use elate_notifications::delivery::secrets::Variables;
use elate_notifications::delivery::trust::Trust;
use elate_notifications::store::Store;
use elate_notifications::store::read::Stored;
use elate_notifications::unsubscribe::Links;
use elate_notifications::{Engine, Migrator, Parts};
use elate_rpc::memory::People;
use elate_storage::{Database, Dsn, Options};
use elate_testkit::eventually;
use elate_testkit::smtp::SmtpSink;
use elate_testkit::webhook::WebhookReceiver;
use serde_json::{Value as Json, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub const WITHIN: Duration = Duration::from_secs(20);

/// Noon in Vienna.
pub fn noon() -> Timestamp {
    Timestamp::parse("2026-03-02T11:00:00Z").unwrap()
}

pub fn workspace() -> WorkspaceId {
    WorkspaceId::try_new("shop").unwrap()
}

pub fn links() -> Links {
    Links::new(&"a key for the links of tests".into(), &"".into())
}

pub struct World {
    pub log: MemoryLog,
    pub clock: Arc<ManualClock>,
    pub store: Store,
    pub smtp: SmtpSink,
    pub hook: WebhookReceiver,
    /// Whom the events service knows.
    pub people: People,
    /// Whose word counts for mail servers.
    pub trust: Trust,
    /// What channels may refer to.
    pub variables: std::collections::BTreeMap<String, String>,
    _folder: tempfile::TempDir,
}

/// An engine at work.
pub struct Running {
    tasks: JoinSet<anyhow::Result<()>>,
    stop: CancellationToken,
}

impl Running {
    /// As the kernel does it.
    pub async fn kill(mut self) {
        self.tasks.shutdown().await;
    }

    pub async fn stop(mut self) {
        self.stop.cancel();
        self.tasks.join_next().await.unwrap().unwrap().unwrap();
    }
}

pub fn settings() -> Settings {
    // Short, for who takes over waits for its end; and longer than a busy machine stands still.
    let lease = HumanDuration(Duration::from_secs(3));
    Settings { lease, ..Settings::default() }
}

impl World {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dsn = Dsn::Sqlite(folder.path().join("notifications.db"));
        Self::on(dsn, folder).await
    }

    pub async fn on_postgres() -> Option<Self> {
        let database = elate_testkit::postgres::database().await?;
        Some(Self::on(database.url().parse().unwrap(), tempfile::tempdir().unwrap()).await)
    }

    async fn on(dsn: Dsn, folder: tempfile::TempDir) -> Self {
        let database = Database::connect(&dsn, &Options::default()).await.unwrap();
        database.migrate::<Migrator>().await.unwrap();
        let world = Self {
            log: MemoryLog::new(4, noon()),
            clock: Arc::new(ManualClock::new(noon())),
            store: Store::new(database),
            smtp: SmtpSink::start().await,
            hook: WebhookReceiver::start().await,
            people: People::default(),
            trust: Trust::default(),
            variables: [("HOOK_SECRET".to_owned(), SECRET.to_owned())].into(),
            _folder: folder,
        };
        world.publish(vec![]);
        world
    }

    /// Publishes the usual channels and templates, and `more`.
    pub fn publish(&self, more: Vec<Json>) {
        let port = self.smtp.address().port();
        let smtp = json!({"name": "main", "host": "127.0.0.1", "port": port.to_string(), "tls": "none", "timeout": "5s"});
        let dead = json!({"name": "dead", "host": "127.0.0.1", "port": "1", "tls": "none", "timeout": "5s"});
        let channel =
            |name: &str, spec: Json| json!({"kind": "Channel", "metadata": {"name": name}, "spec": spec});
        let from = "Shop <shop@example.com>";
        let unsubscribe = json!({"base_url": "https://shop.example.com/"});
        let mut manifests = vec![
            channel(
                "email",
                json!({"email": {"from": from, "providers": [smtp.clone()], "unsubscribe": unsubscribe}}),
            ),
            channel("failover", json!({"email": {"from": from, "providers": [dead, smtp]}})),
            channel("hook", self.webhook("/hook", true)),
            channel("closed", self.webhook("/closed", false)),
            channel("slow", self.webhook("/slow", true)),
            json!({"kind": "Template", "metadata": {"name": "hello"}, "spec": {"channel": "email", "fallback": "en",
                "locales": {"en": {"subject": "Hello {{ customer.first_name }}", "text": "Good day, {{ unsubscribe_url }}"}}}}),
            json!({"kind": "Template", "metadata": {"name": "plain"}, "spec": {"channel": "email", "fallback": "en",
                "locales": {"en": {"subject": "Hello", "text": "Good day"}}}}),
            json!({"kind": "Template", "metadata": {"name": "note"}, "spec": {"channel": "webhook", "fallback": "en",
                "locales": {"en": {"body": r#"{"to": {{ customer.first_name }}}"#}}}}),
        ];
        // The usual ones are published first.
        let version = if more.is_empty() { 1 } else { 2 };
        manifests.extend(more);
        let published =
            DefinitionsPublished { version, manifests, replay_millis: 0, applied_by: String::new() };
        self.put(CustomerId::NONE, name::DEFINITIONS_PUBLISHED, &published);
    }

    fn webhook(&self, path: &str, allow_private: bool) -> Json {
        let url = format!("http://{}{path}", self.hook.address());
        json!({"webhook": {"url": url, "secret": "env:HOOK_SECRET", "timeout": "5s", "allow_private": allow_private}})
    }

    pub fn start(&self, member: &str) -> Running {
        Self::run(self.engine(member))
    }

    fn run(engine: Engine) -> Running {
        let (mut tasks, stop) = (JoinSet::new(), CancellationToken::new());
        tasks.spawn(engine.run(stop.clone()));
        Running { tasks, stop }
    }

    fn engine(&self, member: &str) -> Engine {
        let parts = Parts {
            store: self.store.clone(),
            log: Arc::new(self.log.clone()),
            member: member.to_owned(),
            consumer: settings(),
            delivery: DeliverySettings::default(),
            variables: Variables::new(self.variables.clone(), std::path::Path::new("/run/secrets")),
            trust: self.trust.clone(),
            links: links(),
            clock: Arc::clone(&self.clock) as Arc<dyn elate_domain::Clock>,
        };
        Engine::new(parts).unwrap()
    }

    /// Moves log time and the clock of the edges.
    pub fn advance(&self, now: Timestamp) {
        self.clock.set(now);
        self.log.advance(now);
    }

    pub fn put<T: serde::Serialize>(&self, customer: CustomerId, name: &str, payload: &T) {
        self.log.put(event(customer, EventType::System, name, RawJson::of(payload), RawJson::default()));
    }

    /// A customer with an address.
    pub fn customer(&self, address: &str) -> CustomerId {
        let customer = CustomerId(Uuid::now_v7());
        self.moved(customer, address);
        customer
    }

    /// Gives a customer another address.
    pub fn moved(&self, customer: CustomerId, address: &str) {
        let traits = json!({"email": address, "first_name": "Ann"});
        self.people.add(workspace().as_str(), &customer.to_string(), &traits);
        let traits = RawJson::of(&traits);
        self.log.put(event(customer, EventType::Identify, "", RawJson::default(), traits));
    }

    /// Asks for a message; answers its id.
    pub fn ask(&self, customer: CustomerId, channel: &str, template: &str) -> String {
        let id = Uuid::new_v4().to_string();
        self.put(
            customer,
            name::NOTIFICATION_REQUESTED,
            &NotificationRequested {
                notification_id: id.clone(),
                play: "welcome".to_owned(),
                instance_id: "instance".to_owned(),
                step: "0".to_owned(),
                channel: channel.to_owned(),
                template: template.to_owned(),
                topic: String::new(),
                class: "marketing".to_owned(),
                expires_at: None,
                data: json!({}),
                customer: json!({"first_name": "Ann"}),
                to: None,
            },
        );
        id
    }

    pub async fn stored(&self, id: &str) -> Option<Stored> {
        self.store.notification(&workspace(), id).await.unwrap()
    }

    pub async fn until(&self, id: &str, state: &str) -> Stored {
        eventually(WITHIN, || async move {
            match self.stored(id).await {
                Some(stored) if stored.state == state => Ok(stored),
                other => Err(format!("{id} is {:?}", other.map(|s| (s.state, s.reason)))),
            }
        })
        .await
    }

    /// The states that the timeline was told of a message, in order.
    pub fn told(&self, id: &str) -> Vec<String> {
        let receipts =
            self.log.appended().into_iter().filter(|e| e.name.as_ref() == name::NOTIFICATION_RECEIPT);
        let receipts = receipts.filter_map(|event| event.properties.read::<NotificationReceipt>().ok());
        receipts.filter(|receipt| receipt.notification_id == id).map(|receipt| receipt.state).collect()
    }

    pub async fn until_told(&self, id: &str, states: &[&str]) {
        eventually(WITHIN, || async move {
            let told = self.told(id);
            if told == states { Ok(()) } else { Err(format!("told {told:?}, not {states:?}")) }
        })
        .await;
    }
}

fn event(
    customer: CustomerId,
    event_type: EventType,
    name: &str,
    properties: RawJson,
    traits: RawJson,
) -> Event {
    Event {
        workspace: workspace(),
        customer,
        source: SourceId::try_new("site").unwrap(),
        message_id: Uuid::new_v4().to_string(),
        event_type,
        name: Arc::from(name),
        user_id: None,
        anonymous_id: None,
        occurred_at: noon(),
        properties,
        traits,
        context: RawJson::default(),
        caused_by: None,
        producer: None,
        historical: false,
        clamped: false,
        conflicting: false,
        trace_parent: None,
    }
}
