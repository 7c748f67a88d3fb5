//! Simulations for others: who may ask, how many at once, for how long.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::{events, manifests, options};
use elate_domain::{HumanDuration, Offset, Partition, Record};
use elate_proto::simulation::v1::simulation_service_client::SimulationServiceClient;
use elate_proto::simulation::v1::simulation_service_server::SimulationServiceServer;
use elate_proto::simulation::v1::{SimulateRequest, SimulateResponse};
use elate_rpc::error::{fields_of, reason_of};
use elate_rpc::memory::NamedKeys;
use elate_rpc::{Channel, ClientConfig, Stack, client};
use elate_runtime::{ByteSize, Settings};
use elate_simulate::config::{SimulationLimits, SimulationSettings};
use elate_simulate::grpc::SimulationGrpc;
use elate_simulate::server::{self, Intake, Question, Simulations, Watch};
use elate_simulate::{Definitions, Error, Progress, Recording, Silent, simulate};
use elate_testkit::eventually;
use tonic::service::Routes;
use tonic::{Status, Streaming};

const SOON: Duration = Duration::from_secs(60);

/// A server of simulations over an events service that takes calls and never answers them: whatever is asked for goes on.
struct Serving {
    routes: Routes,
    _events: TcpListener,
}

impl Serving {
    fn with(limits: SimulationLimits) -> Self {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let events = client::connect(&ClientConfig { url, ..ClientConfig::default() }, None).unwrap();
        let server = SimulationGrpc::new(Simulations::new(limits), events);
        Self { routes: Routes::new(SimulationServiceServer::new(server)), _events: silent }
    }

    fn caller(&self, key: &str) -> SimulationServiceClient<Channel> {
        let service = Stack::new(Arc::new(NamedKeys)).apply(self.routes.clone());
        SimulationServiceClient::new(client::in_process(service, Some(key.into())))
    }

    async fn ask(&self, key: &str, request: SimulateRequest) -> Result<Streaming<SimulateResponse>, Status> {
        Ok(self.caller(key).simulate(request).await?.into_inner())
    }
}

fn retail() -> SimulateRequest {
    SimulateRequest { documents: manifests("retail"), ..SimulateRequest::default() }
}

fn reason(answer: Result<Streaming<SimulateResponse>, Status>) -> String {
    reason_of(&answer.err().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_too_many_is_refused_until_another_ends() {
    let limits = SimulationLimits { concurrency: 2, per_workspace: 1, ..SimulationLimits::default() };
    let serving = Serving::with(limits);
    let mut first = serving.ask("shop-reader", retail()).await.unwrap();
    assert!(first.message().await.unwrap().is_some(), "it says how far it is");
    let refused = serving.ask("shop-admin", retail()).await.err().unwrap();
    assert_eq!(reason_of(&refused).unwrap(), "SIMULATION_BUSY");
    assert!(refused.message().contains("of this workspace"), "{}", refused.message());
    let second = serving.ask("cinema-reader", retail()).await.unwrap();
    let refused = serving.ask("hotel-reader", retail()).await.err().unwrap();
    assert_eq!(reason_of(&refused).unwrap(), "SIMULATION_BUSY");
    assert!(refused.message().contains("this process"), "{}", refused.message());
    // With its caller a simulation ends, and its place is free.
    drop(first);
    drop(second);
    eventually(SOON, || async { serving.ask("shop-reader", retail()).await.map(drop) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_too_long_is_stopped() {
    let time = HumanDuration(Duration::from_millis(100));
    let serving = Serving::with(SimulationLimits { time, ..SimulationLimits::default() });
    let mut stream = serving.ask("shop-reader", retail()).await.unwrap();
    let stopped = loop {
        match stream.message().await {
            Ok(part) => assert!(part.is_some(), "it ends with an error"),
            Err(status) => break status,
        }
    };
    assert_eq!(reason_of(&stopped).unwrap(), "SIMULATION_TOO_LONG");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_named_before_anything_runs() {
    let serving = Serving::with(SimulationLimits::default());
    assert_eq!(reason(serving.ask("shop-writer", retail()).await), "ROLE_INSUFFICIENT");
    let nothing = SimulateRequest { settle_millis: Some(u64::MAX), ..SimulateRequest::default() };
    let refused = serving.ask("shop-reader", nothing).await.err().unwrap();
    let named: Vec<String> = fields_of(&refused).into_iter().map(|field| field.field).collect();
    assert_eq!(named, ["settle_millis", "documents"]);
    let huge = SimulateRequest { other_documents: vec!["#".repeat((1 << 20) + 1)], ..retail() };
    let refused = serving.ask("shop-reader", huge).await.err().unwrap();
    assert_eq!(fields_of(&refused)[0].field, "other_documents");
    let backwards = SimulateRequest {
        from_time: Some(prost_types::Timestamp { seconds: 2, nanos: 0 }),
        to_time: Some(prost_types::Timestamp { seconds: 1, nanos: 0 }),
        ..retail()
    };
    assert_eq!(fields_of(&serving.ask("shop-reader", backwards).await.err().unwrap())[0].field, "to_time");
    let broken: Vec<String> =
        manifests("retail").iter().map(|text| text.replace("truth: zmot", "truth: never")).collect();
    for (request, path) in [
        (SimulateRequest { documents: broken.clone(), ..SimulateRequest::default() }, "documents["),
        (SimulateRequest { other_documents: broken, ..retail() }, "other_documents["),
    ] {
        let refused = serving.ask("shop-reader", request).await.err().unwrap();
        assert_eq!(reason_of(&refused).unwrap(), "SIMULATION_DEFINITIONS_INVALID");
        let field = &fields_of(&refused)[0].field;
        assert!(field.starts_with(path) && field.ends_with("spec.truth"), "{field}");
    }
    // None of them kept its place.
    assert!(serving.ask("shop-reader", retail()).await.is_ok());
}

/// The retail example as records of a log.
fn records() -> Vec<Record> {
    let text = String::from_utf8(events("retail")).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    let once: Vec<&str> = text
        .lines()
        .filter(|line| {
            let id = serde_json::from_str::<serde_json::Value>(line).unwrap()["messageId"].to_string();
            seen.insert(id)
        })
        .collect();
    let recording = Recording::read(once.join("\n").as_bytes(), &options(), &Silent).unwrap();
    let mut offset = Offset::START;
    recording
        .into_events()
        .map(|(received_at, event)| {
            offset = offset.next();
            Record { partition: Partition(0), offset, received_at, event: Some(event) }
        })
        .collect()
}

#[test]
fn more_than_may_be_held_is_not_taken_in() {
    let records = records();
    let within = |limits: SimulationLimits| {
        let mut intake = Intake::new(&options(), &limits);
        records.iter().try_for_each(|record| intake.take(record.clone(), 100))
    };
    let enough = SimulationLimits { events: records.len() as u64, ..SimulationLimits::default() };
    assert!(within(enough.clone()).is_ok());
    let events = SimulationLimits { events: enough.events - 1, ..enough.clone() };
    assert!(matches!(within(events), Err(server::Error::TooLarge { .. })));
    let bytes = SimulationLimits { bytes: ByteSize(100 * enough.events - 1), ..enough };
    assert!(matches!(within(bytes), Err(server::Error::TooLarge { .. })));
}

#[test]
fn the_answer_is_what_is_found_here() {
    let definitions = || Definitions::read(&manifests("retail")).unwrap();
    let recording = Recording::of_log(records(), &options()).unwrap();
    let report = simulate(&definitions(), &recording, &options(), &Silent).unwrap();
    let (watch, limits) = (Watch::default(), SimulationLimits::default());
    let mut intake = Intake::new(&options(), &limits);
    records().into_iter().for_each(|record| intake.take(record, 1).unwrap());
    let asked = Question { definitions: definitions(), other: None, options: options(), page: true };
    let answer = intake.replay(&asked, &watch).unwrap();
    assert_eq!(answer.json, report.to_json().unwrap());
    assert_eq!(answer.page, Some(report.to_html(None).unwrap()));
    assert_eq!(watch.standing().unwrap().done, recording.events());
    assert_eq!(watch.standing().unwrap().total, Some(recording.events()));
    let nothing = Intake::new(&options(), &limits).replay(&asked, &watch);
    assert!(matches!(nothing, Err(server::Error::Empty)));
}

/// Somebody who loses interest after so many looks.
struct Fickle(AtomicU64);

impl Progress for Fickle {
    fn begin(&self, _what: &'static str, _total: u64) {}
    fn advance(&self, _done: u64) {}
    fn is_wanted(&self) -> bool {
        self.0.fetch_sub(1, Ordering::Relaxed) > 1
    }
}

#[test]
fn a_simulation_that_nobody_waits_for_ends() {
    let recording = Recording::read(&events("retail"), &options(), &Silent).unwrap();
    let definitions = Definitions::read(&manifests("retail")).unwrap();
    let fickle = Fickle(AtomicU64::new(100));
    let stopped = simulate(&definitions, &recording, &common::with_threads(1), &fickle);
    assert!(matches!(stopped, Err(Error::Stopped)));
}

#[test]
fn settings_have_bounds() {
    assert!(SimulationSettings::default().problems().is_empty());
    let simulation = SimulationLimits {
        concurrency: 2,
        per_workspace: 3,
        threads: 0,
        events: 0,
        bytes: ByteSize(0),
        time: HumanDuration(Duration::ZERO),
    };
    let problems = SimulationSettings { simulation }.problems();
    let named: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
    let wrong = ["per_workspace", "threads", "events", "bytes", "time"];
    assert_eq!(named, wrong.map(|name| format!("simulation.{name}")));
}
