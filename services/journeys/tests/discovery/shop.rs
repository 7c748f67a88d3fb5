//! A shop whose customers browse, pay and wait, and what should be known of it.

use std::sync::Arc;
use std::time::Duration;

use elate_consumer::Consumer;
use elate_consumer::memory::MemoryLog;
use elate_discovery::conformance::{Design, DesignedStep};
use elate_discovery::report::{self, Options as ReportOptions, Report};
use elate_discovery::{Ending, Funnel, Recorder, Step};
use elate_domain::{CustomerId, Event, EventType, ManualClock, RawJson, Timestamp, WorkspaceId};
use elate_journeys::app::App;
use elate_journeys::app::discovery::Discovery;
use elate_journeys::config::DiscoverySettings;
use elate_journeys::grpc::{DiscoveryGrpc, Grpc};
use elate_journeys::model::{Journeys, discovery};
use elate_journeys::store::{Began, Migrator, Store};
use elate_proto::journeys::v1::discovery_service_client::DiscoveryServiceClient;
use elate_proto::journeys::v1::discovery_service_server::DiscoveryServiceServer;
use elate_proto::journeys::v1::journeys_service_client::JourneysServiceClient;
use elate_proto::journeys::v1::journeys_service_server::JourneysServiceServer;
use elate_rpc::customers::Directory;
use elate_rpc::memory::{NamedKeys, People};
use elate_rpc::{Channel, GrpcService, Secret, Stack, client};
use elate_storage::{Database, Dsn, Options};
use elate_testkit::eventually;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use uuid::Uuid;

use crate::common::{event, published};

pub(crate) const JOURNEY: &str = "order";
const HOUR: i64 = 3_600_000;
pub(crate) const ORDERS: i64 = 40;

const MANIFEST: &str = r#"
apiVersion: elate.dev/v1
kind: Journey
metadata: {name: order}
spec:
  key: event.properties.order
  stages: [consideration, purchase, use]
  entry: "Cart Opened"
  completion: "Order Used"
  abandon: {after: 5d}
  touchpoints:
    - {name: browse, stage: consideration, product: shop, channel: web, on: "Page Viewed"}
    - {name: pay, stage: purchase, product: shop, channel: web, on: "Order Paid"}
    - {name: help, stage: purchase, product: desk, channel: chat, on: "Help Asked"}
    - {name: unpack, stage: use, product: shop, channel: home, on: "Order Used"}
"#;

pub(crate) fn begin() -> Timestamp {
    Timestamp::parse("2026-03-02T00:00:00Z").unwrap()
}

/// What happens of an order: the event, and the step that it is.
fn way(order: i64) -> Vec<(&'static str, &'static str)> {
    let (cart, browse) = (("Cart Opened", "(entry)"), ("Page Viewed", "browse"));
    let (pay, help, unpack) = (("Order Paid", "pay"), ("Help Asked", "help"), ("Order Used", "unpack"));
    match order % 4 {
        0 => vec![cart, browse, pay, unpack],
        // Back from the desk to the shelf, and a page twice.
        1 => vec![cart, browse, pay, help, browse, browse, pay, unpack],
        2 => vec![cart, browse],
        _ => vec![cart, browse, help],
    }
}

pub(crate) fn customer(order: i64) -> CustomerId {
    CustomerId(Uuid::from_u128((order as u128 + 1) << 64))
}

fn device(order: i64) -> &'static str {
    if order % 3 == 0 { "mobile" } else { "desktop" }
}

fn tier(order: i64) -> &'static str {
    if order % 2 == 0 { "gold" } else { "basic" }
}

fn at(order: i64, step: usize) -> Timestamp {
    begin().plus_millis(order * HOUR + (step as i64 + 1) * (60_000 + order * 997))
}

/// Journeys at work over a log in memory.
pub(crate) struct Shop {
    log: MemoryLog,
    pub(crate) discovery: Discovery,
    service: GrpcService,
    stop: CancellationToken,
    tasks: JoinSet<Result<(), elate_consumer::Error>>,
    _folder: tempfile::TempDir,
}

impl Shop {
    pub(crate) async fn on(dsn: Option<Dsn>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dsn = dsn.unwrap_or_else(|| Dsn::Sqlite(folder.path().join("journeys.db")));
        let database = Database::connect(&dsn, &Options::default()).await.unwrap();
        database.migrate::<Migrator>().await.unwrap();
        let store = Store::new(database.clone());
        let log = MemoryLog::new(2, begin());
        let consumer = Consumer::builder(
            Arc::new(Journeys::default()),
            Arc::new(store.clone()),
            database,
            Arc::new(log.clone()) as _,
        );
        let consumer = consumer.member("one").build().unwrap();
        let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
        tasks.spawn(consumer.run(stop.clone()));
        let clock = Arc::new(ManualClock::new(begin().plus_millis(90 * 24 * HOUR)));
        let settings = DiscoverySettings { concurrency: 1, ..DiscoverySettings::default() };
        let discovery = Discovery::new(store.clone(), settings, clock);
        let grpc = Grpc::new(App::new(store), Directory::new(People::default().channel()));
        let routes = Routes::new(JourneysServiceServer::new(grpc))
            .add_service(DiscoveryServiceServer::new(DiscoveryGrpc::new(discovery.clone())));
        let service = Stack::new(Arc::new(NamedKeys)).apply(routes);
        Self { log, discovery, service, stop, tasks, _folder: folder }
    }

    fn channel(&self, key: &str) -> Channel {
        client::in_process(self.service.clone(), Some(Secret::new(key)))
    }

    pub(crate) fn client(&self, key: &str) -> DiscoveryServiceClient<Channel> {
        DiscoveryServiceClient::new(self.channel(key))
    }

    pub(crate) fn journeys(&self, key: &str) -> JourneysServiceClient<Channel> {
        JourneysServiceClient::new(self.channel(key))
    }

    /// Everything happens, and everybody who went away is given up.
    pub(crate) async fn open(&self) {
        self.log.put(published(1, MANIFEST, begin()));
        let mut happened: Vec<(Timestamp, i64, usize, &str)> = Vec::new();
        for order in 0..ORDERS {
            for (step, (called, _)) in way(order).into_iter().enumerate() {
                happened.push((at(order, step), order, step, called));
            }
            let mut known = event(customer(order), &format!("i-{order}"), "", begin(), &json!({}));
            known.event_type = EventType::Identify;
            known.traits = RawJson::of(&json!({"tier": tier(order), "orders": [1, 2]}));
            self.log.put(known);
        }
        happened.sort();
        let mut moves = ORDERS as u64 / 2;
        for (at, order, step, called) in happened {
            self.log.advance(at);
            let payload = json!({"order": format!("o-{order}"), "device": device(order)});
            self.log.put(event(customer(order), &format!("m-{order}-{step}"), called, at, &payload));
            moves += 1;
        }
        // Half of the orders are given up; the other half was completed.
        moves += ORDERS as u64 / 2;
        self.log.advance(begin().plus_millis(30 * 24 * HOUR));
        let (workspace, began) = (WorkspaceId::try_new("shop").unwrap(), all());
        eventually(Duration::from_secs(60), || {
            let (discovery, workspace, began) = (self.discovery.clone(), workspace.clone(), began.clone());
            async move {
                let visits = discovery.visits(&workspace, &began).await.map_err(|error| error.to_string())?;
                let stages = visits.iter().filter(|one| one.counts.touchpoint.is_empty());
                let told: u64 =
                    stages.map(|one| one.counts.visits + one.counts.completed + one.counts.abandoned).sum();
                if told == moves { Ok(()) } else { Err(format!("{told} of {moves} moves")) }
            }
        })
        .await;
    }

    /// All this happens, in order of time.
    pub(crate) fn happen(&self, mut events: Vec<Event>) {
        self.log.put(published(1, MANIFEST, begin()));
        events.sort_by_key(|event| event.occurred_at);
        for event in events {
            self.log.advance(event.occurred_at);
            self.log.put(event);
        }
    }

    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        self.tasks.join_next().await.unwrap().unwrap().unwrap();
    }
}

pub(crate) fn all() -> Began {
    Began { journey: JOURNEY.into(), from: None, before: None }
}

/// What `elate-discovery` says of the same steps.
pub(crate) fn expected(funnels: Vec<Funnel>, keys: &[&str], options: &ReportOptions) -> Report {
    let day = 24 * 3_600_000;
    let mut recorder = Recorder::try_new(discovery::settings(funnels, day, day)).unwrap();
    for order in 0..ORDERS {
        let instance = order.to_string();
        for (step, (_, name)) in way(order).into_iter().enumerate() {
            let mut segments = vec![("properties.device", device(order))];
            if step == 0 {
                segments.push(("traits.tier", tier(order)));
            }
            segments.retain(|(key, _)| keys.contains(key));
            recorder.record(&Step { instance: &instance, name, at: at(order, step), segments: &segments });
        }
        let ending =
            if way(order).last().unwrap().1 == "unpack" { Ending::Completed } else { Ending::Abandoned };
        assert!(recorder.end(&instance, ending));
    }
    report::build(&recorder.summary(), options)
}

pub(crate) fn design() -> Design {
    let step = |name: &str, place, optional| DesignedStep {
        name: name.to_owned(),
        place,
        optional,
        may_repeat: optional,
    };
    let touchpoints = [("browse", 0), ("pay", 1), ("help", 1), ("unpack", 2)];
    let mut steps: Vec<_> = touchpoints.into_iter().map(|(name, place)| step(name, place, false)).collect();
    steps.push(step("(entry)", 0, true));
    Design { steps }
}
