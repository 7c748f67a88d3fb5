//! A running system, and a simulation of what its log recorded, come to the same.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use elate_consumer::{Host, Processor, Settings};
use elate_domain::system::{DefinitionsPublished, name};
use elate_domain::{
    CustomerId, Event, EventType, Offset, Partition, RawJson, Record, Timestamp, WorkspaceId,
};
use elate_e2e::Clients;
use elate_journeys::model::Journeys;
use elate_notifications::model::Notifications;
use elate_proto::common::v1::{CustomerRef, customer_ref::Ref};
use elate_proto::events::v1::FollowWorkspaceRequest;
use elate_proto::record::from_proto;
use elate_proto::scoring::v1::GetScoreRequest;
use elate_scoring::model::Scoring;
use elate_simulate::report::{Entry, Input, Moments, Period};
use elate_simulate::{Definitions, Options, Recording, Report, Silent, simulate};
use elate_testkit::free_port;
use elate_testkit::process::{Process, Recipe, workspace_binary};
use serde_json::{Map, Value as Json, json};

/// What a played story runs on after its last event.
const TRAIL_MILLIS: i64 = 4 * 86_400_000;
/// How long the playback takes: slow enough for a loaded machine, as each second stands for hours.
const SECONDS: &str = "60";
const PATIENCE: Duration = Duration::from_secs(240);
/// Nothing more comes after this silence; the playback is over.
const SILENCE: Duration = Duration::from_secs(10);

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/retail")
}

/// An address that is free, as is the one a hundred ports above.
fn address() -> SocketAddr {
    loop {
        let port = free_port();
        let Some(above) = port.checked_add(100) else { continue };
        if TcpListener::bind(("127.0.0.1", above)).is_ok() {
            return SocketAddr::from(([127, 0, 0, 1], port));
        }
    }
}

/// The retail example, played by all four services in one process.
async fn played(data: &Path) -> (Process, Clients) {
    let address = address();
    let recipe = Recipe::new(workspace_binary("elate"))
        .args(["dev", "--listen", &address.to_string(), "--seconds", SECONDS])
        .args(["--data", data.to_str().unwrap()])
        .args(["--manifests", example().join("manifests").to_str().unwrap()])
        .args(["--play", example().join("events.ndjson").to_str().unwrap()]);
    let mut process = recipe.spawn().expect("elate starts");
    process.wait_for_line("Ctrl-C stops it.", PATIENCE).await;
    let key = std::fs::read_to_string(data.join("admin-key")).expect("an admin key");
    let url = format!("http://{address}");
    (process, Clients::new(&std::array::from_fn(|_| url.clone()), key.trim()))
}

/// All records of the workspace up to the end of the playback, in order of each partition.
async fn log(clients: &Clients) -> Vec<Record> {
    let request = FollowWorkspaceRequest { cursor: "begin".to_owned(), ..Default::default() };
    let mut stream = clients.customers().follow_workspace(request).await.expect("a stream").into_inner();
    let mut records = Vec::new();
    while let Ok(response) = tokio::time::timeout(SILENCE, stream.message()).await {
        let Some(entry) = response.expect("a record").expect("no end").entry else { continue };
        let received = entry.received_time.expect("log time");
        records.push(Record {
            partition: Partition(entry.partition),
            offset: Offset(entry.offset),
            received_at: Timestamp(received.seconds * 1000 + i64::from(received.nanos / 1_000_000)),
            event: from_proto(entry.record.expect("a record")).expect("readable"),
        });
    }
    records.sort_by_key(|record| (record.partition, record.offset));
    records
}

fn is_outside(event: &Event) -> bool {
    !event.is_system() && event.producer.is_none()
}

/// What came from outside, as a file of recorded messages with their times of receipt.
fn exported(records: &[Record]) -> String {
    let mut outside: Vec<&Record> =
        records.iter().filter(|record| record.event.as_ref().is_some_and(is_outside)).collect();
    outside.sort_by_key(|record| (record.received_at, record.partition, record.offset));
    let lines = outside.into_iter().filter_map(|record| Some(line(record, record.event.as_ref()?)));
    lines.collect::<Vec<_>>().join("\n")
}

fn line(record: &Record, event: &Event) -> String {
    let mut line: Map<String, Json> = Map::new();
    line.insert("type".to_owned(), json!(event.event_type.as_str()));
    line.insert("messageId".to_owned(), json!(event.message_id));
    let name = if event.event_type.as_str() == "track" { "event" } else { "name" };
    line.insert(name.to_owned(), json!(&*event.name));
    for (field, id) in [("userId", &event.user_id), ("anonymousId", &event.anonymous_id)] {
        if let Some(id) = id {
            line.insert(field.to_owned(), json!(id));
        }
    }
    for (field, object) in
        [("properties", &event.properties), ("traits", &event.traits), ("context", &event.context)]
    {
        line.insert(field.to_owned(), object.value());
    }
    line.insert("timestamp".to_owned(), json!(event.occurred_at));
    line.insert("receivedAt".to_owned(), json!(record.received_at));
    Json::Object(line).to_string()
}

/// The score of every customer with a moment, as of `at`.
async fn scores(clients: &Clients, records: &[Record], at: Timestamp) -> Vec<(CustomerId, f64)> {
    let events = records.iter().filter_map(|record| record.event.as_ref());
    let judged = events.filter(|event| &*event.name == name::MOMENT_JUDGED);
    let customers: BTreeSet<CustomerId> = judged.map(|event| event.customer).collect();
    let mut scores = BTreeMap::new();
    for customer in customers {
        let request = GetScoreRequest {
            customer: Some(CustomerRef { r#ref: Some(Ref::CustomerId(customer.to_string())) }),
            at_time: Some(prost_types::Timestamp {
                seconds: at.0.div_euclid(1000),
                nanos: i32::try_from(at.0.rem_euclid(1000)).unwrap() * 1_000_000,
            }),
            as_known_time: None,
        };
        let score = clients.scoring().get_score(request).await.expect("a score").into_inner().score.unwrap();
        scores.insert(score.customer_id.parse().expect("an id"), score.delight);
    }
    scores.into_iter().collect()
}

/// Who entered what, whenever it was: a running system is a moment behind its log.
fn entries(report: &Report) -> Vec<(&str, &str, &str, &str)> {
    let mut entries: Vec<_> = Vec::with_capacity(report.entries.len());
    for Entry { customer, play, key, decision, .. } in &report.entries {
        entries.push((customer.as_str(), play.as_str(), key.as_str(), decision.as_str()));
    }
    entries.sort_unstable();
    entries
}

/// Moments with means that do not depend on the order in which gaps were added.
fn moments(report: &Report) -> BTreeMap<String, Moments> {
    let mut moments = report.moments.clone();
    moments.values_mut().for_each(|moments| moments.mean_gap = (moments.mean_gap * 1e9).round() / 1e9);
    moments
}

fn options(end: Timestamp) -> Options {
    Options {
        // As `elate dev` names them where it plays a story, so that customers have the same ids.
        workspace: WorkspaceId::try_new("dev").unwrap(),
        source: elate_domain::SourceId::try_new("site").unwrap(),
        customer_seed: "story".to_owned(),
        to: Some(end),
        ..Options::try_default().unwrap()
    }
}

fn manifests() -> Vec<String> {
    let folder = std::fs::read_dir(example().join("manifests")).unwrap();
    let files: BTreeSet<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
}

/// Puts the record of the definitions before all others, where the stream of the workspace does not show it.
fn publish(records: &mut Vec<Record>, definitions: &Definitions) {
    let published = |record: &Record| {
        record.event.as_ref().is_some_and(|event| &*event.name == name::DEFINITIONS_PUBLISHED)
    };
    if records.iter().any(published) {
        return;
    }
    let payload = DefinitionsPublished {
        version: 1,
        manifests: definitions.manifests().to_vec(),
        replay_millis: 0,
        applied_by: String::new(),
    };
    let first = records.iter().min_by_key(|record| record.received_at).expect("records").clone();
    let event = Event {
        customer: CustomerId::NONE,
        name: name::DEFINITIONS_PUBLISHED.into(),
        event_type: EventType::System,
        properties: RawJson::of(&payload),
        producer: None,
        ..first.event.expect("an event")
    };
    let partitions: BTreeSet<Partition> = records.iter().map(|record| record.partition).collect();
    for partition in partitions {
        let event = Some(event.clone());
        records.push(Record { partition, offset: Offset(1), received_at: first.received_at, event });
    }
    records.sort_by_key(|record| (record.partition, record.offset));
}

/// Gives a service in memory the records of a log; what it says must stand in the log, and nothing else of the service.
fn says_the_same<P: Processor>(make: impl Fn() -> P, records: &[Record], end: Timestamp) {
    let mut said: BTreeMap<String, (String, Json)> = BTreeMap::new();
    let mut note = |events: Vec<Event>| {
        for event in events {
            said.insert(event.message_id.clone(), (event.name.to_string(), event.properties.value()));
        }
    };
    for records in records.chunk_by(|a, b| a.partition == b.partition) {
        let settings = Settings::default();
        let mut host = Host::new(Arc::new(make()), records[0].partition, settings).expect("a host");
        for record in records {
            while host.next_due().is_some_and(|due| due <= record.received_at) {
                note(host.fire().events);
            }
            note(host.take(record).events);
        }
        while host.next_due().is_some_and(|due| due <= end) {
            note(host.fire().events);
        }
    }
    let events = records.iter().filter_map(|record| record.event.as_ref());
    let ours = events.filter(|event| event.producer.as_ref().is_some_and(|p| &*p.service == P::SERVICE));
    let stands: BTreeMap<String, (String, Json)> = ours
        .map(|event| (event.message_id.clone(), (event.name.to_string(), event.properties.value())))
        .collect();
    assert!(!stands.is_empty(), "{} said something", P::SERVICE);
    for (id, event) in &said {
        assert_eq!(stands.get(id), Some(event), "{} in memory and in the log", P::SERVICE);
    }
    assert_eq!(said.len(), stands.len(), "{}", P::SERVICE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulation_comes_to_what_the_running_system_did() {
    let data = tempfile::tempdir().unwrap();
    let (mut process, clients) = played(data.path()).await;
    let mut records = log(&clients).await;
    let newest = records
        .iter()
        .filter_map(|record| record.event.as_ref().filter(|event| is_outside(event)))
        .map(|event| event.occurred_at)
        .max()
        .expect("events");
    let end = newest.plus_millis(TRAIL_MILLIS);
    // After the playback the clock jumps to the present; what that brings about is no part of the story.
    records.retain(|record| record.received_at <= end);
    let scores = scores(&clients, &records, end).await;
    let period = Period { first_event: newest, last_event: newest, log_time_ends: end };
    let live = Report::of_log(&records, scores, period, Input::default(), usize::MAX);

    let options = options(end);
    let recording = Recording::read(exported(&records).as_bytes(), &options, &Silent).expect("a recording");
    let definitions = Definitions::read(&manifests()).expect("valid manifests");
    let simulated = simulate(&definitions, &recording, &options, &Silent).expect("a report");
    assert_eq!(simulated.input.accepted, 552, "all of it was recorded");
    assert_eq!(moments(&simulated), moments(&live));
    assert_eq!(simulated.promises, live.promises);
    assert_eq!(entries(&simulated), entries(&live));
    for message in
        ["recover-late-gift / email / late-gift-apology", "warn-late-gift / email / late-gift-warning"]
    {
        // Sped up, a moment on the way is hours of log time, so whether a message was held for the night may differ.
        let counts = |report: &Report| (report.messages[message].requested, report.messages[message].sent);
        assert_eq!(counts(&simulated), counts(&live), "{message}");
    }
    let (ours, theirs) = (&simulated.delight, &live.delight);
    assert_eq!((ours.customers, ours.tens), (theirs.customers, theirs.tens));
    assert_eq!(ours.unhappiest.len(), theirs.unhappiest.len());
    for (one, other) in ours.unhappiest.iter().zip(&theirs.unhappiest) {
        assert_eq!(one.customer, other.customer);
        assert!((one.delight - other.delight).abs() < 1e-6, "{one:?} {other:?}");
    }
    assert!((ours.mean - theirs.mean).abs() < 1e-6, "{ours:?} {theirs:?}");

    // On the very same records, those of the services included, each service says the very same again.
    publish(&mut records, &definitions);
    says_the_same(Journeys::default, &records, end);
    says_the_same(|| Scoring, &records, end);
    says_the_same(|| Notifications, &records, end);
    assert!(process.terminate(PATIENCE).await.success());
}
