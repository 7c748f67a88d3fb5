//! The gRPC face over the consumer loop: what happened to customers, and who may see it.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use elate_consumer::Consumer;
use elate_consumer::memory::MemoryLog;
use elate_domain::{CustomerId, ManualClock};
use elate_journeys::app::{App, COMMAND_LANE, Commands};
use elate_journeys::grpc::Grpc;
use elate_journeys::model::Journeys;
use elate_journeys::store::{Migrator, Store};
use elate_proto::common::v1::{CustomerRef, PageRequest, customer_ref};
use elate_proto::journeys::v1::is_held_out_request::Subject;
use elate_proto::journeys::v1::journeys_service_client::JourneysServiceClient;
use elate_proto::journeys::v1::journeys_service_server::JourneysServiceServer;
use elate_proto::journeys::v1::{
    CaseState, ExplainPlayRequest, GetDefinitionsStatusRequest, GetPlayInstanceRequest, GetPromiseRequest,
    IsHeldOutRequest, ListCasesRequest, ListJourneyInstancesRequest, ListMomentsRequest,
    ListPlayInstancesRequest, ListPromisesRequest, MigratePlayRequest, Outcome, PlayState, PlayVerdict,
    PreviewPlayMigrationRequest, PromiseState,
};
use elate_rpc::customers::Directory;
use elate_rpc::error::{fields_of, reason_of};
use elate_rpc::memory::{NamedKeys, People};
use elate_rpc::validate::proto_timestamp;
use elate_rpc::{Channel, GrpcService, Secret, Stack, client};
use elate_storage::{Database, Dsn, Options};
use elate_testkit::eventually;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::service::Routes;
use uuid::Uuid;

use common::{at, event, published, retail};

const WITHIN: Duration = Duration::from_secs(60);
const PLAY: &str = "recover-late-gift";

type Client = JourneysServiceClient<Channel>;

/// Journeys at work over a log in memory, with customers whose presents came late.
struct Shop {
    log: MemoryLog,
    people: People,
    service: GrpcService,
    customers: Vec<CustomerId>,
    stop: CancellationToken,
    tasks: JoinSet<Result<(), elate_consumer::Error>>,
    _folder: tempfile::TempDir,
}

impl Shop {
    async fn on(dsn: Option<Dsn>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dsn = dsn.unwrap_or_else(|| Dsn::Sqlite(folder.path().join("journeys.db")));
        let database = Database::connect(&dsn, &Options::default()).await.unwrap();
        database.migrate::<Migrator>().await.unwrap();
        let store = Store::new(database.clone());
        let log = MemoryLog::new(2, at("2026-03-01T00:00:00Z"));
        let consumer = Consumer::builder(
            Arc::new(Journeys::default()),
            Arc::new(store.clone()),
            database,
            Arc::new(log.clone()) as _,
        );
        let consumer = consumer.member("one").build().unwrap();
        let clock = Arc::new(ManualClock::new(at("2026-03-07T06:30:00Z")));
        let commands = Commands::new(consumer.lane(COMMAND_LANE), consumer.ownership(), clock);
        let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
        tasks.spawn(consumer.run(stop.clone()));
        let people = People::default();
        let app = App::new(store).with_commands(commands);
        let grpc = Grpc::new(app, Directory::new(people.channel()));
        let service = Stack::new(Arc::new(NamedKeys)).apply(Routes::new(JourneysServiceServer::new(grpc)));
        let customers = (1..=12_u128).map(|n| CustomerId(Uuid::from_u128(n << 64))).collect();
        Self { log, people, service, customers, stop, tasks, _folder: folder }
    }

    fn client(&self, key: &str) -> Client {
        JourneysServiceClient::new(client::in_process(self.service.clone(), Some(Secret::new(key))))
    }

    /// Everybody is promised a delivery for Friday, and nothing comes.
    async fn break_promises(&self) {
        self.log.put(published(1, &retail(), at("2026-03-01T00:00:00Z")));
        self.log.advance(at("2026-03-02T12:00:00Z"));
        for (number, who) in self.customers.iter().enumerate() {
            self.people.add("shop", &who.to_string(), &json!({}));
            let order = json!({"order_id": format!("o-{number}"), "promised_at": "2026-03-06T18:00:00Z"});
            let placed =
                event(*who, &format!("m-{number}"), "Order Placed", at("2026-03-02T12:00:00Z"), &order);
            self.log.put(placed);
        }
        self.log.advance(at("2026-03-07T06:30:00Z"));
        let client = self.client("shop-reader");
        eventually(WITHIN, || {
            let mut client = client.clone();
            async move {
                let request = ListPlayInstancesRequest { play: PLAY.to_owned(), ..Default::default() };
                let found = client.list_play_instances(request).await.map_err(|s| s.to_string())?;
                let found = found.into_inner().instances.len();
                if found == 12 { Ok(()) } else { Err(format!("{found} instances")) }
            }
        })
        .await;
    }

    async fn stop(mut self) {
        self.stop.cancel();
        self.tasks.join_next().await.unwrap().unwrap().unwrap();
    }
}

fn of(customer: CustomerId) -> Option<CustomerRef> {
    Some(CustomerRef { r#ref: Some(customer_ref::Ref::CustomerId(customer.to_string())) })
}

fn refusal<T: std::fmt::Debug>(answer: Result<T, Status>) -> (String, String) {
    let status = answer.unwrap_err();
    let field = fields_of(&status).first().map(|field| field.field.clone()).unwrap_or_default();
    (reason_of(&status).unwrap_or_default(), field)
}

async fn promises(client: &mut Client, request: ListPromisesRequest) -> usize {
    client.list_promises(request).await.unwrap().into_inner().promises.len()
}

async fn broken_promises_can_be_followed(dsn: Option<Dsn>) {
    let shop = Shop::on(dsn).await;
    shop.break_promises().await;
    let mut client = shop.client("shop-reader");
    let ann = shop.customers[0];

    // Promises by state and date, a page at a time.
    let broken = ListPromisesRequest { states: vec![PromiseState::Broken.into()], ..Default::default() };
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let page = Some(PageRequest { page_size: 5, page_token });
        let request = ListPromisesRequest { page, ..broken.clone() };
        let found = client.list_promises(request).await.unwrap().into_inner();
        seen.extend(found.promises.into_iter().map(|promise| promise.customer_id));
        page_token = found.page.unwrap().next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    seen.sort();
    let mut everybody: Vec<String> = shop.customers.iter().map(ToString::to_string).collect();
    everybody.sort();
    assert_eq!(seen, everybody, "each once");
    let due = |text| Some(proto_timestamp(at(text)));
    let early = ListPromisesRequest { due_before_time: due("2026-03-06T00:00:00Z"), ..broken.clone() };
    assert_eq!(promises(&mut client, early).await, 0);
    let of_ann = ListPromisesRequest { customer: of(ann), ..broken };
    assert_eq!(promises(&mut client, of_ann).await, 1);
    let kept = ListPromisesRequest { states: vec![PromiseState::Kept.into()], ..Default::default() };
    assert_eq!(promises(&mut client, kept).await, 0);

    // What it was to her, and what is done about it.
    let moments = ListMomentsRequest { customer: of(ann), page: None };
    let moments = client.list_moments(moments).await.unwrap().into_inner().moments;
    assert!(moments.iter().any(|moment| moment.outcome() == Outcome::Miserable), "{moments:?}");
    let open = vec![CaseState::Open.into(), CaseState::Acting.into()];
    let cases = ListCasesRequest { states: open, customer: of(ann), page: None };
    assert_eq!(client.list_cases(cases).await.unwrap().into_inner().cases.len(), 1);
    let journeys = ListJourneyInstancesRequest { customer: of(ann), ..Default::default() };
    let journeys = client.list_journey_instances(journeys).await.unwrap().into_inner().instances;
    assert_eq!(journeys.len(), 1, "{journeys:?}");

    let plays = ListPlayInstancesRequest { play: PLAY.into(), customer: of(ann), ..Default::default() };
    let instance = client.list_play_instances(plays).await.unwrap().into_inner().instances.remove(0);
    let asked = GetPlayInstanceRequest { instance_id: instance.instance_id.clone() };
    let got = client.get_play_instance(asked).await.unwrap().into_inner();
    assert_eq!(got.instance.as_ref(), Some(&instance));
    assert!(!got.steps.is_empty() || instance.state() == PlayState::HeldOut, "{got:?}");
    let why = ExplainPlayRequest { play: PLAY.into(), customer: of(ann) };
    let why = client.explain_play(why).await.unwrap().into_inner();
    assert!(why.evaluations.iter().any(|one| one.instance_id == instance.instance_id), "{why:?}");
    let last = &why.evaluations[0];
    let named: Vec<_> = last.checks.iter().map(|check| check.name.as_str()).collect();
    assert!(named.starts_with(&["trigger", "key", "history", "pause", "running", "re_entry"]), "{last:?}");
    assert!(last.checks.iter().all(|check| check.verdict() != PlayVerdict::Unspecified), "{last:?}");
    let held = IsHeldOutRequest {
        play: PLAY.into(),
        subject: Some(Subject::Customer(of(ann).unwrap())),
        ..Default::default()
    };
    let held = client.is_held_out(held).await.unwrap().into_inner();
    assert_eq!(held.held_out, instance.state() == PlayState::HeldOut);

    let status = client.get_definitions_status(GetDefinitionsStatusRequest {}).await.unwrap().into_inner();
    let versions: Vec<_> = status.partitions.iter().map(|one| (one.partition, one.version)).collect();
    assert_eq!(versions, [(0, 1), (1, 1)]);
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_promises_can_be_followed_on_sqlite() {
    broken_promises_can_be_followed(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_promises_can_be_followed_on_postgres() {
    if let Some(database) = elate_testkit::postgres::database().await {
        broken_promises_can_be_followed(Some(database.url().parse().unwrap())).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_another_workspace_sees_nothing() {
    let shop = Shop::on(None).await;
    shop.break_promises().await;
    let plays = ListPlayInstancesRequest::default();
    let mut reader = shop.client("shop-reader");
    let instance = reader.list_play_instances(plays.clone()).await.unwrap().into_inner().instances.remove(0);
    let asked = GetPlayInstanceRequest { instance_id: instance.instance_id };
    let ann = shop.customers[0];

    let mut stranger = shop.client("hotel-admin");
    assert!(stranger.list_play_instances(plays.clone()).await.unwrap().into_inner().instances.is_empty());
    assert_eq!(promises(&mut stranger, ListPromisesRequest::default()).await, 0);
    let cases = stranger.list_cases(ListCasesRequest::default()).await.unwrap().into_inner().cases;
    assert!(cases.is_empty());
    let journeys = ListJourneyInstancesRequest::default();
    assert!(stranger.list_journey_instances(journeys).await.unwrap().into_inner().instances.is_empty());
    assert_eq!(stranger.get_play_instance(asked.clone()).await.unwrap_err().code(), tonic::Code::NotFound);
    let moments = ListMomentsRequest { customer: of(ann), page: None };
    assert_eq!(refusal(stranger.list_moments(moments.clone()).await).0, "CUSTOMER_UNKNOWN");
    let why = ExplainPlayRequest { play: PLAY.into(), customer: of(ann) };
    assert_eq!(refusal(stranger.explain_play(why).await).0, "CUSTOMER_UNKNOWN");
    // A customer of the same id over there has met nothing of the shop's.
    shop.people.add("hotel", &ann.to_string(), &json!({}));
    assert!(stranger.list_moments(moments.clone()).await.unwrap().into_inner().moments.is_empty());
    let why = ExplainPlayRequest { play: PLAY.into(), customer: of(ann) };
    assert_eq!(refusal(stranger.explain_play(why).await).0, "PLAY_UNKNOWN");

    let mut writer = shop.client("shop-writer");
    assert_eq!(refusal(writer.list_moments(moments).await).0, "ROLE_INSUFFICIENT");
    assert_eq!(refusal(writer.list_play_instances(plays).await).0, "ROLE_INSUFFICIENT");
    assert_eq!(refusal(writer.get_play_instance(asked).await).0, "ROLE_INSUFFICIENT");
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_named() {
    let shop = Shop::on(None).await;
    let mut client = shop.client("shop-reader");
    let ann = shop.customers[0];
    shop.people.add("shop", &ann.to_string(), &json!({}));
    let page = Some(PageRequest { page_size: 501, page_token: String::new() });
    let bad_time = Some(prost_types::Timestamp { seconds: 0, nanos: -1 });
    for (request, field) in [
        (ListPromisesRequest { states: vec![1, 99], ..Default::default() }, "states[1]"),
        (ListPromisesRequest { due_before_time: bad_time, ..Default::default() }, "due_before_time"),
        (ListPromisesRequest { page: page.clone(), ..Default::default() }, "page.page_size"),
        (
            ListPromisesRequest { customer: Some(CustomerRef { r#ref: None }), ..Default::default() },
            "customer",
        ),
    ] {
        assert_eq!(refusal(client.list_promises(request).await).1, field);
    }
    let moments = ListMomentsRequest { customer: None, page: None };
    assert_eq!(refusal(client.list_moments(moments).await).1, "customer");
    let cases = ListCasesRequest { states: vec![0], ..Default::default() };
    assert_eq!(refusal(client.list_cases(cases).await).1, "states[0]");
    let journeys = ListJourneyInstancesRequest { journey: "x".repeat(64), ..Default::default() };
    assert_eq!(refusal(client.list_journey_instances(journeys).await).1, "journey");
    let plays = ListPlayInstancesRequest { states: vec![-1], ..Default::default() };
    assert_eq!(refusal(client.list_play_instances(plays).await).1, "states[0]");
    let asked = GetPlayInstanceRequest { instance_id: "one".into() };
    assert_eq!(refusal(client.get_play_instance(asked).await).1, "instance_id");
    let why = ExplainPlayRequest { play: String::new(), customer: of(ann) };
    assert_eq!(refusal(client.explain_play(why).await).1, "play");
    let held = IsHeldOutRequest { play: PLAY.into(), ..Default::default() };
    assert_eq!(refusal(client.is_held_out(held).await).1, "subject");
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_of_a_promise_is_told() {
    let shop = Shop::on(None).await;
    shop.break_promises().await;
    let mut client = shop.client("shop-reader");
    let due = |text| Some(proto_timestamp(at(text)));
    let friday = ListPromisesRequest {
        due_from_time: due("2026-03-06T00:00:00Z"),
        due_before_time: due("2026-03-07T00:00:00Z"),
        moment: "delivery".into(),
        customer: of(shop.customers[0]),
        ..Default::default()
    };
    let promise = client.list_promises(friday.clone()).await.unwrap().into_inner().promises.remove(0);
    let later = ListPromisesRequest { due_from_time: due("2026-03-07T00:00:00Z"), ..friday.clone() };
    assert_eq!(promises(&mut client, later).await, 0);
    assert_eq!(promises(&mut client, ListPromisesRequest { moment: "other".into(), ..friday }).await, 0);
    let asked = GetPromiseRequest { promise_id: promise.promise_id.clone() };
    let got = client.get_promise(asked.clone()).await.unwrap().into_inner();
    assert_eq!(got.promise, Some(promise));
    let states: Vec<_> = got.changes.iter().map(|change| change.state()).collect();
    assert_eq!(states, [PromiseState::Open, PromiseState::AtRisk, PromiseState::Broken]);
    assert!(got.changes.iter().all(|change| !change.reason.is_empty() && change.due_time.is_some()));
    let mut stranger = shop.client("hotel-admin");
    assert_eq!(refusal(stranger.get_promise(asked).await).0, "PROMISE_UNKNOWN");
    let wrong = GetPromiseRequest { promise_id: "one".into() };
    assert_eq!(refusal(client.get_promise(wrong).await).1, "promise_id");
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_move_plays_and_readers_look() {
    let shop = Shop::on(None).await;
    shop.break_promises().await;
    let mut reader = shop.client("shop-reader");
    let preview = PreviewPlayMigrationRequest { play: PLAY.into() };
    let preview = reader.preview_play_migration(preview).await.unwrap().into_inner();
    assert_eq!((preview.definitions_version, preview.groups.len()), (1, 0), "all run the newest wording");
    let unknown = PreviewPlayMigrationRequest { play: "nothing".into() };
    assert_eq!(refusal(reader.preview_play_migration(unknown).await).0, "PLAY_UNKNOWN");
    let move_to = |version| MigratePlayRequest {
        play: PLAY.into(),
        request_id: Uuid::from_u128(7).to_string(),
        definitions_version: version,
        page: None,
    };
    assert_eq!(refusal(reader.migrate_play(move_to(1)).await).0, "ROLE_INSUFFICIENT");
    let mut operator = shop.client("shop-operator");
    let done = operator.migrate_play(move_to(1)).await.unwrap().into_inner();
    assert_eq!((done.moving, done.staying), (0, 0));
    assert_eq!(refusal(operator.migrate_play(move_to(9)).await).0, "DEFINITIONS_CHANGED");
    shop.stop().await;
}
