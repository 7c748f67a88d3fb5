//! The service without its edges, on each database.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::BTreeMap;
use std::sync::Arc;

use elate_domain::{
    Clock, CustomerId, Event, EventType, FieldError, ManualClock, Offset, Partition, Producer, RawJson,
    Record, SourceId, Timestamp, WorkspaceId,
};
use elate_events::app::{App, Settings};
use elate_events::model::catalog::SeenProperty;
use elate_events::model::definitions::{Change, Fit, ManifestChange, Plan};
use elate_events::model::message::{Batch, Message, Outcome};
use elate_events::ports::Manifests;
use elate_events::store::Migrator;
use elate_log::{Log, Options};
use elate_proto::record;
use elate_storage::{Database, Dsn, Options as DatabaseOptions};
use tokio::task::JoinSet;

/// Every document is JSON with kind and metadata.name; nothing is checked but that.
struct PlainManifests;

impl Manifests for PlainManifests {
    fn plan(
        &self,
        in_force: &[serde_json::Value],
        documents: &[String],
        delete: &[String],
    ) -> Result<Plan, Vec<FieldError>> {
        let name = |value: &serde_json::Value| {
            format!("{}/{}", value["kind"], value["metadata"]["name"]).replace('"', "")
        };
        let mut all: BTreeMap<String, serde_json::Value> =
            in_force.iter().map(|value| (name(value), value.clone())).collect();
        let mut changes = Vec::new();
        for (i, document) in documents.iter().enumerate() {
            let value: serde_json::Value = serde_json::from_str(document)
                .map_err(|error| vec![FieldError::new(format!("documents[{i}]"), error.to_string())])?;
            let change = match all.insert(name(&value), value.clone()) {
                None => Change::Created,
                Some(old) if old == value => Change::Unchanged,
                Some(_) => Change::Updated,
            };
            changes.push(ManifestChange { manifest: name(&value), change, diff: Vec::new() });
        }
        for manifest in delete {
            if all.remove(manifest).is_some() {
                changes.push(ManifestChange {
                    manifest: manifest.clone(),
                    change: Change::Deleted,
                    diff: Vec::new(),
                });
            }
        }
        let event_names = vec!["Never Seen".to_owned()];
        Ok(Plan { manifests: all.into_values().collect(), changes, warnings: Vec::new(), event_names })
    }

    fn fit(&self, _: &Plan, _: &[SeenProperty]) -> Fit {
        Fit::default()
    }

    fn render(&self, manifest: &serde_json::Value) -> String {
        manifest.to_string()
    }
}

pub(crate) struct World {
    pub(crate) name: &'static str,
    pub(crate) app: App,
    pub(crate) log: Log,
    pub(crate) database: Database,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) dsn: Dsn,
    settings: Settings,
    _tasks: JoinSet<()>,
    _folder: Arc<tempfile::TempDir>,
}

pub(crate) fn workspace() -> WorkspaceId {
    WorkspaceId::try_new("shop").unwrap()
}

async fn open(
    name: &'static str,
    dsn: Dsn,
    clock: Arc<ManualClock>,
    settings: Settings,
    folder: Arc<tempfile::TempDir>,
) -> World {
    let database = Database::connect(&dsn, &DatabaseOptions::default()).await.unwrap();
    database.migrate::<Migrator>().await.unwrap();
    let options = Options { partitions: 8, ..Options::default() };
    let log = Log::open(database.clone(), Arc::clone(&clock) as Arc<dyn Clock>, options).await.unwrap();
    let app =
        App::open(database.clone(), log.clone(), settings.clone(), Arc::new(PlainManifests)).await.unwrap();
    let mut tasks = JoinSet::new();
    for (_, task) in app.tasks() {
        tasks.spawn(task);
    }
    World { name, app, log, database, clock, dsn, settings, _tasks: tasks, _folder: folder }
}

/// The service on SQLite and on PostgreSQL.
pub(crate) async fn worlds_with(change: impl Fn(&mut Settings)) -> Vec<World> {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let clock = || Arc::new(ManualClock::new(Timestamp(1_800_000_000_000)));
    let mut settings = Settings::embedded();
    change(&mut settings);
    let sqlite = Dsn::Sqlite(folder.path().join("events.db"));
    let mut all = vec![open("sqlite", sqlite, clock(), settings, Arc::clone(&folder)).await];
    if let Some(postgres) = elate_testkit::postgres::database().await {
        let mut settings = Settings::production();
        change(&mut settings);
        all.push(open("postgres", Dsn::Postgres(postgres.url().to_owned()), clock(), settings, folder).await);
    }
    all
}

pub(crate) async fn worlds() -> Vec<World> {
    worlds_with(|_| {}).await
}

impl World {
    /// The same service as another process runs it.
    pub(crate) async fn another(&self) -> World {
        let (dsn, clock, settings) = (self.dsn.clone(), Arc::clone(&self.clock), self.settings.clone());
        open(self.name, dsn, clock, settings, Arc::clone(&self._folder)).await
    }

    pub(crate) async fn send(&self, messages: Vec<Message>) -> Vec<Outcome> {
        self.app.ingest().append(batch(messages)).await.unwrap()
    }

    pub(crate) async fn send_one(&self, message: Message) -> Outcome {
        self.send(vec![message]).await.remove(0)
    }

    /// All records of the log, by partition, checked to be dense.
    pub(crate) async fn records(&self) -> Vec<Record> {
        let mut all = Vec::new();
        for partition in (0..self.log.partitions()).map(Partition) {
            let mut at = Offset::START;
            loop {
                let batches = self.log.read(partition, at, 1_000_000).await.unwrap();
                let Some(last) = batches.last() else { break };
                for stored in batches.iter().flat_map(|batch| batch.stored()) {
                    assert_eq!(stored.offset, at.next(), "a gap or a repeat in {partition}");
                    at = stored.offset;
                    let event = record::decode(stored.record).unwrap();
                    all.push(Record { partition, offset: at, received_at: stored.received_at, event });
                }
                assert_eq!(at, last.last());
            }
        }
        all
    }

    /// The events of the log in their order within a partition.
    pub(crate) async fn events(&self) -> Vec<Event> {
        self.records().await.into_iter().filter_map(|record| record.event).collect()
    }
}

pub(crate) fn batch(messages: Vec<Message>) -> Batch {
    Batch {
        workspace: workspace(),
        source: SourceId::try_new("web").unwrap(),
        import_id: None,
        trace_parent: None,
        messages,
    }
}

/// A track event; an empty id is left out.
pub(crate) fn track(id: &str, user: &str, anonymous: &str) -> Message {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Message {
        message_id: id.to_owned(),
        name: "Seen".to_owned(),
        user_id: some(user),
        anonymous_id: some(anonymous),
        ..Message::new(EventType::Track)
    }
}

pub(crate) fn accepted(outcome: &Outcome) -> CustomerId {
    match outcome {
        Outcome::Accepted { customer, .. } => *customer,
        other => panic!("not accepted: {other:?}"),
    }
}

/// A record of a service.
pub(crate) fn emitted(customer: CustomerId, name: &str, sequence: u64, properties: RawJson) -> Event {
    Event {
        workspace: workspace(),
        customer,
        source: SourceId::try_new("journeys").unwrap(),
        message_id: format!("{name}:{sequence}"),
        event_type: EventType::System,
        name: name.into(),
        user_id: None,
        anonymous_id: None,
        occurred_at: Timestamp(1),
        properties,
        traits: RawJson::default(),
        context: RawJson::default(),
        caused_by: None,
        producer: Some(Producer {
            service: "journeys".into(),
            partition: Partition(0),
            generation: 1,
            sequence,
        }),
        historical: false,
        clamped: false,
        conflicting: false,
        trace_parent: None,
    }
}

/// Events as a service appends them: each with its bytes.
pub(crate) fn encoded(events: impl IntoIterator<Item = Event>) -> Vec<(Event, bytes::Bytes)> {
    events.into_iter().map(|event| (event.clone(), record::encode(&event))).collect()
}
