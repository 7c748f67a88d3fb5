//! Scoring as it is served: the loop over a log in memory, and the gRPC services before it.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::sync::Arc;

use elate_consumer::Consumer;
use elate_consumer::memory::MemoryLog;
use elate_delight::DelightParams;
use elate_domain::system::{MomentJudged, name};
use elate_domain::{
    Clock, CustomerId, Event, EventType, ManualClock, Outcome, RawJson, SourceId, Stage, Timestamp, Truth,
    WorkspaceId,
};
use elate_proto::common::v1::{CustomerRef, customer_ref};
use elate_proto::scoring::v1::churn_service_client::ChurnServiceClient;
use elate_proto::scoring::v1::churn_service_server::ChurnServiceServer;
use elate_proto::scoring::v1::insight_service_client::InsightServiceClient;
use elate_proto::scoring::v1::insight_service_server::InsightServiceServer;
use elate_proto::scoring::v1::scoring_service_client::ScoringServiceClient;
use elate_proto::scoring::v1::scoring_service_server::ScoringServiceServer;
use elate_rpc::customers::Directory;
use elate_rpc::error::{fields_of, reason_of};
use elate_rpc::memory::{NamedKeys, People};
use elate_rpc::validate::proto_timestamp;
use elate_rpc::{Channel, GrpcService, Secret, Stack, client};
use elate_scoring::app::App;
use elate_scoring::grpc::{ChurnGrpc, Grpc, InsightGrpc};
use elate_scoring::model::Scoring;
use elate_scoring::store::{Migrator, Store};
use elate_storage::{Database, Dsn, Options};
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::service::Routes;

pub(crate) const DAY: i64 = 86_400_000;

pub(crate) type Client = ScoringServiceClient<Channel>;

/// Scoring at work over a log in memory.
pub(crate) struct Shop {
    pub(crate) log: MemoryLog,
    pub(crate) people: People,
    pub(crate) app: App,
    service: GrpcService,
    stop: CancellationToken,
    tasks: JoinSet<Result<(), elate_consumer::Error>>,
    _folder: tempfile::TempDir,
}

impl Shop {
    pub(crate) async fn on(dsn: Option<Dsn>) -> Self {
        Self::at(dsn, 10 * DAY, 10 * DAY).await
    }

    /// The log's time, and the clock's.
    pub(crate) async fn at(dsn: Option<Dsn>, log_time: i64, now: i64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dsn = dsn.unwrap_or_else(|| Dsn::Sqlite(folder.path().join("scoring.db")));
        let database = Database::connect(&dsn, &Options::default()).await.unwrap();
        database.migrate::<Migrator>().await.unwrap();
        let (store, log) = (Store::new(database.clone()), MemoryLog::new(2, Timestamp(log_time)));
        let consumer = Consumer::builder(
            Arc::new(Scoring),
            Arc::new(store.clone()),
            database,
            Arc::new(log.clone()) as _,
        );
        let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
        tasks.spawn(consumer.member("one").build().unwrap().run(stop.clone()));
        let people = People::default();
        let clock = Arc::new(ManualClock::new(Timestamp(now)));
        let app = App::new(store, DelightParams::default());
        let directory = || Directory::new(people.channel());
        let clock = || -> Arc<dyn Clock> { Arc::<ManualClock>::clone(&clock) };
        let grpc = Grpc::new(app.clone(), directory(), clock());
        let insight = InsightGrpc::new(app.clone(), directory(), clock());
        let churn = ChurnGrpc::new(app.clone(), directory(), clock());
        let routes = Routes::new(ScoringServiceServer::new(grpc))
            .add_service(InsightServiceServer::new(insight))
            .add_service(ChurnServiceServer::new(churn));
        let service = Stack::new(Arc::new(NamedKeys)).apply(routes);
        Self { app, log, people, service, stop, tasks, _folder: folder }
    }

    pub(crate) fn client(&self, key: &str) -> Client {
        ScoringServiceClient::new(client::in_process(self.service.clone(), Some(Secret::new(key))))
    }

    pub(crate) fn insight(&self, key: &str) -> InsightServiceClient<Channel> {
        InsightServiceClient::new(client::in_process(self.service.clone(), Some(Secret::new(key))))
    }

    pub(crate) fn churn(&self, key: &str) -> ChurnServiceClient<Channel> {
        ChurnServiceClient::new(client::in_process(self.service.clone(), Some(Secret::new(key))))
    }

    pub(crate) fn put(
        &self,
        customer: CustomerId,
        event_type: EventType,
        name: &str,
        at: i64,
        properties: RawJson,
    ) {
        self.event(customer, event_type, name, at, properties, RawJson::default());
    }

    pub(crate) fn identify(&self, customer: CustomerId, at: i64, traits: &serde_json::Value) {
        self.event(customer, EventType::Identify, "", at, RawJson::default(), RawJson::of(traits));
    }

    fn event(
        &self,
        customer: CustomerId,
        event_type: EventType,
        name: &str,
        at: i64,
        properties: RawJson,
        traits: RawJson,
    ) {
        self.people.add("shop", &customer.to_string(), &json!({}));
        self.log.put(Event {
            workspace: WorkspaceId::try_new("shop").unwrap(),
            customer,
            source: SourceId::try_new("site").unwrap(),
            message_id: uuid::Uuid::new_v4().to_string(),
            event_type,
            name: Arc::from(name),
            user_id: None,
            anonymous_id: None,
            occurred_at: Timestamp(at),
            properties,
            traits,
            context: RawJson::default(),
            caused_by: None,
            producer: None,
            historical: false,
            clamped: false,
            conflicting: false,
            trace_parent: None,
        });
    }

    pub(crate) fn moment(&self, customer: CustomerId, touchpoint: &str, at: i64, gap: f64) {
        let judged = MomentJudged {
            moment_id: uuid::Uuid::new_v4().to_string(),
            revision: 0,
            moment: touchpoint.to_owned(),
            definitions_version: 1,
            truth: Truth::Smot,
            journey: "gift-order".to_owned(),
            stage: Stage::Use,
            touchpoint: touchpoint.to_owned(),
            product: String::new(),
            channel: String::new(),
            key: String::new(),
            occurred_at: Timestamp(at),
            experienced: 0.0,
            expected: None,
            expectation: None,
            unit: "number".to_owned(),
            tolerance: 1.0,
            gap,
            outcome: if gap < 0.0 { Outcome::Miserable } else { Outcome::Magical },
            weight: 1.0,
            provisional: false,
            promise_id: None,
            because: vec!["m-1".to_owned()],
        };
        self.put(customer, EventType::System, name::MOMENT_JUDGED, at, RawJson::of(&judged));
    }

    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        self.tasks.join_next().await.unwrap().unwrap().unwrap();
    }
}

pub(crate) fn of(customer: CustomerId) -> Option<CustomerRef> {
    Some(CustomerRef { r#ref: Some(customer_ref::Ref::CustomerId(customer.to_string())) })
}

pub(crate) fn at(millis: i64) -> Option<prost_types::Timestamp> {
    Some(proto_timestamp(Timestamp(millis)))
}

pub(crate) fn refusal<T: std::fmt::Debug>(answer: Result<T, Status>) -> (String, String) {
    let status = answer.unwrap_err();
    let field = fields_of(&status).first().map(|field| field.field.clone()).unwrap_or_default();
    (reason_of(&status).unwrap_or_default(), field)
}

pub(crate) fn customers(count: u128) -> Vec<CustomerId> {
    (1..=count).map(|n| CustomerId(uuid::Uuid::from_u128(n << 64 | 1))).collect()
}
