//! Scoring as it is served: the loop over a log in memory, and the gRPC services before it.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

/// Runs each story on SQLite, and on PostgreSQL where there is one.
#[allow(unused_macros, reason = "each test file uses a part of it")]
macro_rules! on_both {
    ($($story:ident: $sqlite:ident, $postgres:ident;)+) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $sqlite() {
            $story(None).await;
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn $postgres() {
            if let Some(database) = elate_testkit::postgres::database().await {
                $story(Some(database.url().parse().unwrap())).await;
            }
        }
    )+};
}

mod events;

use std::sync::Arc;

use elate_consumer::memory::MemoryLog;
use elate_consumer::{Consumer, Lane, Ownership};
use elate_domain::system::{DefinitionsPublished, MomentJudged, name};
use elate_domain::{Clock, CustomerId, Event, EventType, ManualClock, RawJson, Timestamp, WorkspaceId};
use elate_proto::common::v1::{CustomerRef, customer_ref};
use elate_proto::scoring::v1::churn_service_client::ChurnServiceClient;
use elate_proto::scoring::v1::churn_service_server::ChurnServiceServer;
use elate_proto::scoring::v1::driver_service_client::DriverServiceClient;
use elate_proto::scoring::v1::driver_service_server::DriverServiceServer;
use elate_proto::scoring::v1::effect_service_client::EffectServiceClient;
use elate_proto::scoring::v1::effect_service_server::EffectServiceServer;
use elate_proto::scoring::v1::formula_service_client::FormulaServiceClient;
use elate_proto::scoring::v1::formula_service_server::FormulaServiceServer;
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
use elate_scoring::app::effect::EffectApp;
use elate_scoring::app::formula::{FORMULA_LANE, FormulaKeeper};
use elate_scoring::grpc::{ChurnGrpc, DriverGrpc, EffectGrpc, FormulaGrpc, Grpc, InsightGrpc};
use elate_scoring::model::Scoring;
use elate_scoring::store::{Migrator, Store};
use elate_storage::{Database, Dsn, Options};
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::service::Routes;

pub(crate) use events::DAY;

pub(crate) type Client = ScoringServiceClient<Channel>;

/// Scoring at work over a log in memory.
pub(crate) struct Shop {
    pub(crate) log: MemoryLog,
    pub(crate) people: People,
    pub(crate) app: App,
    service: GrpcService,
    stop: CancellationToken,
    tasks: JoinSet<Result<(), elate_consumer::Error>>,
    pub(crate) database: Database,
    pub(crate) store: Store,
    pub(crate) clock: Arc<ManualClock>,
    lane: Lane,
    ownership: Ownership,
    _folder: tempfile::TempDir,
}

impl Shop {
    pub(crate) async fn on(dsn: Option<Dsn>) -> Self {
        Self::at(dsn, 10 * DAY, 10 * DAY).await
    }

    /// The log's time, and the clock's.
    pub(crate) async fn at(dsn: Option<Dsn>, log_time: i64, now: i64) -> Self {
        Self::over(MemoryLog::new(2, Timestamp(log_time)), dsn, now).await
    }

    /// Over a log that is there already.
    pub(crate) async fn over(log: MemoryLog, dsn: Option<Dsn>, now: i64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dsn = dsn.unwrap_or_else(|| Dsn::Sqlite(folder.path().join("scoring.db")));
        let database = Database::connect(&dsn, &Options::default()).await.unwrap();
        database.migrate::<Migrator>().await.unwrap();
        let store = Store::new(database.clone());
        let consumer = Consumer::builder(
            Arc::new(Scoring),
            Arc::new(store.clone()),
            database.clone(),
            Arc::new(log.clone()) as _,
        );
        let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
        let consumer = consumer.member("one").build().unwrap();
        let (lane, ownership) = (consumer.lane(FORMULA_LANE), consumer.ownership());
        tasks.spawn(consumer.run(stop.clone()));
        let people = People::default();
        let manual = Arc::new(ManualClock::new(Timestamp(now)));
        let app = App::new(store.clone());
        let directory = || Directory::new(people.channel());
        let clock = || -> Arc<dyn Clock> { Arc::<ManualClock>::clone(&manual) };
        let grpc = Grpc::new(app.clone(), directory(), clock());
        let insight = InsightGrpc::new(app.clone(), directory(), clock());
        let churn = ChurnGrpc::new(app.clone(), directory(), clock());
        let routes = Routes::new(ScoringServiceServer::new(grpc))
            .add_service(InsightServiceServer::new(insight))
            .add_service(ChurnServiceServer::new(churn))
            .add_service(DriverServiceServer::new(DriverGrpc::new(app.clone(), clock())))
            .add_service(FormulaServiceServer::new(FormulaGrpc::new(app.clone())))
            .add_service(EffectServiceServer::new(EffectGrpc::new(EffectApp::new(store.clone()))));
        let service = Stack::new(Arc::new(NamedKeys)).apply(routes);
        let clock = manual;
        Self {
            log,
            people,
            app,
            service,
            stop,
            tasks,
            database,
            store,
            clock,
            lane,
            ownership,
            _folder: folder,
        }
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

    pub(crate) fn formulas(&self, key: &str) -> FormulaServiceClient<Channel> {
        FormulaServiceClient::new(client::in_process(self.service.clone(), Some(Secret::new(key))))
    }

    pub(crate) fn drivers(&self, key: &str) -> DriverServiceClient<Channel> {
        DriverServiceClient::new(client::in_process(self.service.clone(), Some(Secret::new(key))))
    }

    pub(crate) fn effects(&self, key: &str) -> EffectServiceClient<Channel> {
        EffectServiceClient::new(client::in_process(self.service.clone(), Some(Secret::new(key))))
    }

    /// A keeper of formulas, as a process has one.
    pub(crate) fn keeper(&self) -> FormulaKeeper {
        let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&self.clock);
        FormulaKeeper::new(self.store.clone(), self.lane.clone(), self.ownership.clone(), clock)
    }

    /// Publishes manifests, as the record that each partition gets.
    pub(crate) fn publish(&self, version: u64, manifests: Vec<serde_json::Value>) {
        let published =
            DefinitionsPublished { version, manifests, replay_millis: 0, applied_by: String::new() };
        let properties = RawJson::of(&published);
        self.put(CustomerId::NONE, EventType::System, name::DEFINITIONS_PUBLISHED, 0, properties);
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
        let workspace = WorkspaceId::try_new("shop").unwrap();
        let event = events::event(&workspace, customer, event_type, name, at, properties);
        self.log.put(Event { traits, ..event });
    }

    pub(crate) fn moment(&self, customer: CustomerId, touchpoint: &str, at: i64, gap: f64) {
        let id = uuid::Uuid::new_v4().to_string();
        let because = vec!["m-1".to_owned()];
        let product = String::new();
        let judged = MomentJudged { because, product, ..events::judged(&id, touchpoint, at, gap) };
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
