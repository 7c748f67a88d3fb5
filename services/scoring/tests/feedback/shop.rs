//! Scoring at work over a log in memory, with an events service that takes messages in and knows repeats.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use elate_consumer::Consumer;
use elate_consumer::memory::MemoryLog;
use elate_domain::{CustomerId, Event, EventType, ManualClock, RawJson, SourceId, Timestamp, WorkspaceId};
use elate_proto::events::v1 as events;
use elate_proto::events::v1::customer_service_server::CustomerServiceServer;
use elate_proto::events::v1::ingest_result::Status as Taken;
use elate_proto::events::v1::ingest_service_server::{IngestService, IngestServiceServer};
use elate_proto::scoring::v1::feedback_service_client::FeedbackServiceClient;
use elate_proto::scoring::v1::feedback_service_server::FeedbackServiceServer;
use elate_proto::scoring::v1::{FeedbackFilter, ListFeedbackRequest, StoredFeedback};
use elate_rpc::auth::{NoKeys, WithServiceToken};
use elate_rpc::memory::{NamedKeys, People};
use elate_rpc::validate::proto_timestamp;
use elate_rpc::{Channel, GrpcService, Secret, Stack, client, identity};
use elate_scoring::app::feedback::FeedbackApp;
use elate_scoring::config::SentimentSettings;
use elate_scoring::grpc::FeedbackGrpc;
use elate_scoring::model::Scoring;
use elate_scoring::sentiment::{Endpoint, LANE, Scorer};
use elate_scoring::store::{Migrator, Store};
use elate_storage::{Database, Dsn, Options};
use elate_testkit::eventually;
use futures::stream::BoxStream;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};

pub(crate) const DAY: i64 = 86_400_000;
/// The time of the clock and of the log when a test begins.
pub(crate) const TODAY: i64 = 400 * DAY;
pub(crate) const WITHIN: Duration = Duration::from_secs(30);
/// What the events service of these tests calls itself by.
const TOKEN: &str = "the token of services";

pub(crate) type Client = FeedbackServiceClient<Channel>;

/// A customer of a user id, the same every time.
pub(crate) fn customer(user: &str) -> CustomerId {
    CustomerId(uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, user.as_bytes()))
}

/// Appends to the log in memory what is not there yet.
#[derive(Clone)]
struct Ingest {
    log: MemoryLog,
    seen: Arc<Mutex<BTreeSet<(String, String)>>>,
}

#[tonic::async_trait]
impl IngestService for Ingest {
    async fn ingest_batch(
        &self,
        request: Request<events::IngestBatchRequest>,
    ) -> Result<Response<events::IngestBatchResponse>, Status> {
        let workspace = identity(&request)?.workspace()?.clone();
        let mut results = Vec::new();
        for message in request.into_inner().messages {
            let id = message.message_id.clone();
            let is_new = self.seen.lock().unwrap().insert((workspace.to_string(), id));
            let status = if is_new { Taken::Accepted } else { Taken::Duplicate };
            results.push(events::IngestResult { status: status.into(), ..Default::default() });
            if is_new {
                self.log.put(event(&workspace, message));
            }
        }
        Ok(Response::new(events::IngestBatchResponse { results }))
    }

    type IngestStreamStream = BoxStream<'static, Result<events::IngestStreamResponse, Status>>;

    async fn ingest_stream(
        &self,
        _: Request<Streaming<events::IngestStreamRequest>>,
    ) -> Result<Response<Self::IngestStreamStream>, Status> {
        Err(Status::unimplemented("nobody here streams"))
    }
}

fn event(workspace: &WorkspaceId, message: events::IngestMessage) -> Event {
    let optional = |text: String| (!text.is_empty()).then_some(text);
    let whose = if message.user_id.is_empty() { &message.anonymous_id } else { &message.user_id };
    let at = message.original_time.unwrap();
    Event {
        workspace: workspace.clone(),
        customer: customer(whose),
        source: SourceId::try_new("elate").unwrap(),
        message_id: message.message_id,
        event_type: EventType::Track,
        name: Arc::from(message.name.as_str()),
        user_id: optional(message.user_id),
        anonymous_id: optional(message.anonymous_id),
        occurred_at: Timestamp(at.seconds * 1000 + i64::from(at.nanos) / 1_000_000),
        properties: RawJson::from_trusted(message.properties),
        traits: RawJson::default(),
        context: RawJson::default(),
        caused_by: None,
        producer: None,
        historical: false,
        clamped: false,
        conflicting: false,
        trace_parent: None,
    }
}

pub(crate) struct Shop {
    ingest: Ingest,
    service: GrpcService,
    stop: CancellationToken,
    tasks: JoinSet<Result<(), elate_consumer::Error>>,
    pub(crate) clock: Arc<ManualClock>,
    _folder: tempfile::TempDir,
}

impl Shop {
    pub(crate) async fn on(dsn: Option<Dsn>) -> Self {
        Self::over(MemoryLog::new(2, Timestamp(TODAY)), dsn, None).await
    }

    /// With a model that reads comments.
    pub(crate) async fn with_model(dsn: Option<Dsn>, model: SentimentSettings) -> Self {
        Self::over(MemoryLog::new(2, Timestamp(TODAY)), dsn, Some(model)).await
    }

    /// Another store that reads the same log from its beginning, without a model.
    pub(crate) async fn replayed(&self) -> Self {
        Self::over(self.ingest.log.clone(), None, None).await
    }

    async fn over(log: MemoryLog, dsn: Option<Dsn>, model: Option<SentimentSettings>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dsn = dsn.unwrap_or_else(|| Dsn::Sqlite(folder.path().join("scoring.db")));
        let database = Database::connect(&dsn, &Options::default()).await.unwrap();
        database.migrate::<Migrator>().await.unwrap();
        let (store, clock) = (Store::new(database.clone()), Arc::new(ManualClock::new(Timestamp(TODAY))));
        let consumer = Consumer::builder(
            Arc::new(Scoring),
            Arc::new(store.clone()),
            database,
            Arc::new(log.clone()) as _,
        )
        .clock(Arc::clone(&clock) as _);
        let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
        let consumer = consumer.member("one").build().unwrap();
        if let Some(model) = model {
            let endpoint = Endpoint::open(&model).await.unwrap();
            let (lane, ownership) = (consumer.lane(LANE), consumer.ownership());
            let time = Arc::clone(&clock) as _;
            let scorer = Scorer::new(store.clone(), lane, ownership, time, model, endpoint).run(stop.clone());
            tasks.spawn(async move {
                scorer.await;
                Ok(())
            });
        }
        tasks.spawn(consumer.run(stop.clone()));
        let ingest = Ingest { log, seen: Arc::default() };
        let grpc = FeedbackGrpc::new(FeedbackApp::new(store), events_channel(&ingest));
        let service = Stack::new(Arc::new(NamedKeys)).apply(Routes::new(FeedbackServiceServer::new(grpc)));
        Self { ingest, service, stop, tasks, clock, _folder: folder }
    }

    /// The same test on SQLite and on PostgreSQL, as far as it is there.
    pub(crate) async fn on_both<F, T>(test: F)
    where
        F: Fn(Self) -> T,
        T: Future<Output = ()>,
    {
        test(Self::on(None).await).await;
        if let Some(database) = elate_testkit::postgres::database().await {
            test(Self::on(Some(database.url().parse().unwrap())).await).await;
        }
    }

    pub(crate) fn client(&self, key: &str) -> Client {
        FeedbackServiceClient::new(client::in_process(self.service.clone(), Some(Secret::new(key))))
    }

    /// Puts a track event on the timeline of a user of the workspace `shop`.
    pub(crate) fn track(&self, user: &str, name: &str, at: i64, properties: &Value) {
        self.track_in("shop", user, name, at, properties);
    }

    /// The same in another workspace.
    pub(crate) fn track_in(&self, workspace: &str, user: &str, name: &str, at: i64, properties: &Value) {
        let message = events::IngestMessage {
            message_id: uuid::Uuid::new_v4().to_string(),
            name: name.to_owned(),
            user_id: user.to_owned(),
            original_time: Some(proto_timestamp(Timestamp(at))),
            properties: properties.to_string().into(),
            ..Default::default()
        };
        self.ingest.log.put(event(&WorkspaceId::try_new(workspace).unwrap(), message));
    }

    /// All feedback of the workspace `shop`, as soon as there are so many.
    pub(crate) async fn listed(&self, count: usize) -> Vec<StoredFeedback> {
        self.listed_by("shop-reader", count).await
    }

    /// The same with another key.
    pub(crate) async fn listed_by(&self, key: &str, count: usize) -> Vec<StoredFeedback> {
        eventually(WITHIN, || {
            let mut client = self.client(key);
            async move {
                let (mut all, mut token) = (Vec::new(), String::new());
                loop {
                    let page = elate_proto::common::v1::PageRequest { page_size: 500, page_token: token };
                    let request = ListFeedbackRequest { page: Some(page), ..Default::default() };
                    let found = client.list_feedback(request).await.map_err(|s| s.to_string())?.into_inner();
                    all.extend(found.feedback);
                    token = found.page.unwrap_or_default().next_page_token;
                    if token.is_empty() {
                        break;
                    }
                }
                if all.len() == count { Ok(all) } else { Err(format!("{} records", all.len())) }
            }
        })
        .await
    }

    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap().unwrap();
        }
    }
}

fn events_channel(ingest: &Ingest) -> Channel {
    let authenticator = WithServiceToken::new(Secret::new(TOKEN), Arc::new(NoKeys));
    let mut routes = Routes::new(IngestServiceServer::new(ingest.clone()));
    routes = routes.add_service(CustomerServiceServer::new(People::default()));
    client::in_process(Stack::new(Arc::new(authenticator)).apply(routes), Some(Secret::new(TOKEN)))
}

/// The days from `from` up to `to`.
pub(crate) fn days(from: i64, to: i64) -> FeedbackFilter {
    FeedbackFilter {
        from_time: Some(proto_timestamp(Timestamp(from * DAY))),
        to_time: Some(proto_timestamp(Timestamp(to * DAY))),
        ..Default::default()
    }
}
