//! Rollouts over gRPC: told to readers, decided by operators, of their own workspace alone.

use elate_journeys::grpc::RolloutGrpc;
use elate_proto::journeys::v1::rollout_service_client::RolloutServiceClient;
use elate_proto::journeys::v1::rollout_service_server::RolloutServiceServer;
use elate_proto::journeys::v1::{
    GetRolloutRequest, GetRolloutResponse, HoldRolloutRequest, ListRolloutsRequest, ResumeRolloutRequest,
    RollBackRolloutRequest, RolloutStage as Stage,
};
use elate_rpc::error::{fields_of, reason_of};
use elate_rpc::memory::NamedKeys;
use elate_rpc::validate::proto_timestamp;
use elate_rpc::{Channel, Secret, Stack, client};
use elate_storage::Dsn;
use prost_types::Value;
use prost_types::value::Kind;
use tonic::Status;
use tonic::service::Routes;

use crate::story::{Story, begin};
use elate_domain::system::RolloutStage::{RolledBack, Running};

const PLAY: &str = "sorry";

fn client_of(story: &Story, key: &str) -> RolloutServiceClient<Channel> {
    let routes = Routes::new(RolloutServiceServer::new(RolloutGrpc::new(story.app().clone())));
    let service = Stack::new(std::sync::Arc::new(NamedKeys)).apply(routes);
    RolloutServiceClient::new(client::in_process(service, Some(Secret::new(key))))
}

fn get(play: &str) -> GetRolloutRequest {
    GetRolloutRequest { play: play.to_owned() }
}

fn hold(play: &str, reason: &str) -> HoldRolloutRequest {
    HoldRolloutRequest { play: play.to_owned(), reason: reason.to_owned() }
}

fn resume(play: &str, reason: &str) -> ResumeRolloutRequest {
    ResumeRolloutRequest { play: play.to_owned(), reason: reason.to_owned() }
}

fn roll_back(play: &str, reason: &str) -> RollBackRolloutRequest {
    RollBackRolloutRequest { play: play.to_owned(), reason: reason.to_owned() }
}

/// The reason of a refusal, and the first field that it names.
fn refusal<T: std::fmt::Debug>(answer: Result<T, Status>) -> (String, String) {
    let status = answer.unwrap_err();
    let field = fields_of(&status).first().map(|field| field.field.clone()).unwrap_or_default();
    (reason_of(&status).unwrap_or_default(), field)
}

async fn told(client: &mut RolloutServiceClient<Channel>) -> GetRolloutResponse {
    client.get_rollout(get(PLAY)).await.unwrap().into_inner()
}

fn field<'a>(value: &'a Value, name: &str) -> &'a Value {
    match &value.kind {
        Some(Kind::StructValue(fields)) => &fields.fields[name],
        Some(Kind::ListValue(items)) => field(&items.values[0], name),
        other => panic!("no field `{name}` in {other:?}"),
    }
}

/// What the last decision was taken by.
fn number(known: &GetRolloutResponse, path: &[&str]) -> Option<Kind> {
    let numbers = known.decisions.last().unwrap().numbers.clone().unwrap();
    let numbers = Value { kind: Some(Kind::StructValue(numbers)) };
    path.iter().fold(&numbers, |value, name| field(value, name)).kind.clone()
}

/// Steps, a hold and a return that nobody asked for, as a client of the API sees them.
pub(crate) async fn a_rollout_can_be_followed_and_held(dsn: Dsn) {
    let mut story = Story::on(&dsn).await;
    let mut reader = client_of(&story, "shop-reader");
    let mut operator = client_of(&story, "shop-operator");
    let all = reader.list_rollouts(ListRolloutsRequest {}).await.unwrap().into_inner().rollouts;
    let [begun] = &all[..] else { panic!("{all:?}") };
    assert_eq!((begun.play.as_str(), begun.percent, begun.stage()), (PLAY, 1, Stage::Running));
    assert_eq!((begun.definitions_version, begun.since_time), (1, Some(proto_timestamp(begin()))));

    // Held, it stays whatever the figures say; resumed, it goes on by them.
    let held = operator.hold_rollout(hold(PLAY, "we are on holiday")).await.unwrap().into_inner();
    let held = held.rollout.unwrap();
    assert_eq!((held.stage(), held.reason.as_str()), (Stage::Held, "we are on holiday"));
    story.day(|_, n| n % 20 == 0).await;
    for _ in 0..5 {
        story.turn().await;
    }
    let known = told(&mut reader).await;
    let standing = known.rollout.unwrap();
    assert_eq!((standing.percent, standing.stage()), (1, Stage::Held));
    let resumed = operator.resume_rollout(resume(PLAY, "")).await.unwrap().into_inner().rollout.unwrap();
    assert_eq!(resumed.stage(), Stage::Running);
    assert_eq!(story.decided((1, Running)).await, (5, Running));
    let known = told(&mut reader).await;
    let decisions: Vec<_> =
        known.decisions.iter().map(|d| (d.decision.as_str(), d.decided_by.as_str(), d.percent)).collect();
    let expected = [
        ("begin", "", 1),
        ("hold", "shop-operator", 1),
        ("resume", "shop-operator", 1),
        ("advance", "elate", 5),
    ];
    assert_eq!(decisions, expected);
    let [first] = &known.steps[..] else { panic!("{:?}", known.steps) };
    assert!(first.percent == 1 && first.treated >= 10 && first.control >= 10, "{first:?}");
    assert_eq!(number(&known, &["treated"]), Some(Kind::NumberValue(first.treated as f64)));

    // Who gets it complains: it goes back by itself, says why by which figures, and stays there.
    let mut at = (5, Running);
    while at.1 == Running && story.days < 7 {
        story.day(|treated, n| if treated { n % 4 != 0 } else { n % 20 == 0 }).await;
        at = story.decided(at).await;
    }
    assert_eq!(at.1, RolledBack);
    let known = told(&mut reader).await;
    let last = known.decisions.last().unwrap();
    assert_eq!((last.decision.as_str(), last.decided_by.as_str()), ("roll_back", "elate"));
    assert_eq!(last.stage(), Stage::RolledBack);
    assert!(last.reason.starts_with("complaints is certainly harmed"), "{}", last.reason);
    assert_eq!(known.rollout.as_ref().unwrap().reason, last.reason);
    let metric = number(&known, &["guardrails", "metric"]);
    assert_eq!(metric, Some(Kind::StringValue("complaints".to_owned())));
    let share = |side| match number(&known, &["guardrails", side, "share"]) {
        Some(Kind::NumberValue(share)) => share,
        other => panic!("{other:?}"),
    };
    assert!(share("treated") > share("control") + 0.02, "{known:?}");
    let over = operator.resume_rollout(resume(PLAY, "once more")).await;
    assert_eq!(over.as_ref().unwrap_err().code(), tonic::Code::FailedPrecondition);
    assert_eq!(refusal(over).0, "ROLLOUT_OVER");
    assert_eq!(told(&mut reader).await, known, "a refusal changes nothing");
    story.stop().await;
}

/// What the key of another workspace, or of a lesser role, can't do.
pub(crate) async fn keys_open_what_they_may(dsn: Dsn) {
    let mut story = Story::on(&dsn).await;
    let mut stranger = client_of(&story, "hotel-admin");
    let theirs = stranger.list_rollouts(ListRolloutsRequest {}).await.unwrap().into_inner();
    assert!(theirs.rollouts.is_empty(), "{theirs:?}");
    assert_eq!(refusal(stranger.get_rollout(get(PLAY)).await).0, "ROLLOUT_UNKNOWN");
    assert_eq!(refusal(stranger.hold_rollout(hold(PLAY, "")).await).0, "ROLLOUT_UNKNOWN");
    assert_eq!(refusal(stranger.resume_rollout(resume(PLAY, "")).await).0, "ROLLOUT_UNKNOWN");
    assert_eq!(refusal(stranger.roll_back_rollout(roll_back(PLAY, "")).await).0, "ROLLOUT_UNKNOWN");

    let denied = "ROLE_INSUFFICIENT";
    let mut writer = client_of(&story, "shop-writer");
    assert_eq!(refusal(writer.list_rollouts(ListRolloutsRequest {}).await).0, denied);
    assert_eq!(refusal(writer.get_rollout(get(PLAY)).await).0, denied);
    for key in ["shop-writer", "shop-reader", "shop-editor"] {
        let mut client = client_of(&story, key);
        assert_eq!(refusal(client.hold_rollout(hold(PLAY, "")).await).0, denied, "{key}");
        assert_eq!(refusal(client.resume_rollout(resume(PLAY, "")).await).0, denied, "{key}");
        assert_eq!(refusal(client.roll_back_rollout(roll_back(PLAY, "")).await).0, denied, "{key}");
    }
    assert_eq!(story.stands().await, (1, Running), "nobody has touched it");
    let known = told(&mut client_of(&story, "shop-reader")).await;
    assert_eq!(known.decisions.len(), 1, "{known:?}");

    // An operator ends it, for good, and once.
    let mut operator = client_of(&story, "shop-operator");
    for _ in 0..2 {
        let back = operator.roll_back_rollout(roll_back(PLAY, "wrong text")).await.unwrap().into_inner();
        let back = back.rollout.unwrap();
        assert_eq!((back.stage(), back.reason.as_str()), (Stage::RolledBack, "wrong text"));
    }
    let known = told(&mut operator).await;
    let decisions: Vec<_> = known.decisions.iter().map(|d| d.decision.as_str()).collect();
    assert_eq!(decisions, ["begin", "roll_back"]);
    assert_eq!(refusal(operator.hold_rollout(hold(PLAY, "")).await).0, "ROLLOUT_OVER");
    story.stop().await;
}

/// What is wrong with a request is said by its field.
pub(crate) async fn what_is_wrong_is_named(dsn: Dsn) {
    let mut story = Story::on(&dsn).await;
    let mut operator = client_of(&story, "shop-operator");
    for play in [String::new(), "x".repeat(101)] {
        assert_eq!(refusal(operator.get_rollout(get(&play)).await).1, "play");
        assert_eq!(refusal(operator.hold_rollout(hold(&play, "")).await).1, "play");
        assert_eq!(refusal(operator.resume_rollout(resume(&play, "")).await).1, "play");
        assert_eq!(refusal(operator.roll_back_rollout(roll_back(&play, "")).await).1, "play");
    }
    let long = "x".repeat(501);
    assert_eq!(refusal(operator.hold_rollout(hold(PLAY, &long)).await).1, "reason");
    assert_eq!(refusal(operator.resume_rollout(resume(PLAY, &long)).await).1, "reason");
    assert_eq!(refusal(operator.roll_back_rollout(roll_back(PLAY, &long)).await).1, "reason");
    assert_eq!(
        refusal(operator.get_rollout(get("nothing")).await),
        ("ROLLOUT_UNKNOWN".into(), String::new())
    );
    assert_eq!(story.stands().await, (1, Running));
    story.stop().await;
}
