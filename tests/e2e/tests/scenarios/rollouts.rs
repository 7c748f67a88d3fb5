//! A play that is rolled out: held and resumed by people, and taken back by Elate where it harms.

use std::time::Duration;

use elate_e2e::{Clients, System, customer, explain, track, user};
use elate_proto::common::v1::PageRequest;
use elate_proto::events::v1::Role;
use elate_proto::journeys::v1::{
    GetRolloutRequest, GetRolloutResponse, HoldRolloutRequest, ListPlayInstancesRequest, ListRolloutsRequest,
    PlayState, ResumeRolloutRequest, RollBackRolloutRequest, RolloutStage as Stage,
};
use elate_testkit::eventually;
use serde_json::json;
use tonic::Code;

/// So many that one in a hundred are more than ten, however they are assigned.
const PEOPLE: usize = 3_000;
/// Elate looks at rollouts every 15 seconds.
const LONG: Duration = Duration::from_secs(120);

const PLAY: &str = "
apiVersion: elate.dev/v1
kind: Play
metadata: {name: sorry}
spec:
  trigger: {event: Late}
  rollout:
    least_customers: 1000
    guardrails:
      - {metric: complaints, on: Complained, good: lower, tolerated_harm: 0.02}
  steps: [{exit: {}}]
";

async fn told(clients: &Clients) -> GetRolloutResponse {
    let request = GetRolloutRequest { play: "sorry".to_owned() };
    clients.rollouts().get_rollout(request).await.expect("a rollout").into_inner()
}

pub(crate) async fn a_play_that_harms_goes_back(system: &System) {
    let workspace = system.workspace("rollout").await;
    workspace.apply(PLAY).await;
    let admin = &workspace.admin;
    eventually(LONG, || async {
        let all =
            admin.rollouts().list_rollouts(ListRolloutsRequest {}).await.expect("rollouts").into_inner();
        !all.rollouts.is_empty()
    })
    .await;
    let standing = told(admin).await.rollout.expect("a rollout");
    assert_eq!((standing.percent, standing.stage()), (1, Stage::Running));

    // Whoever may only look, or belongs elsewhere, decides nothing; a wrong request is told by its field.
    let hold = |play: &str| HoldRolloutRequest { play: play.to_owned(), reason: "a look first".to_owned() };
    let reader = admin.with_key(&workspace.key("dashboard", Role::Reader).await);
    assert_eq!(told(&reader).await.rollout, Some(standing));
    let denied = reader.rollouts().hold_rollout(hold("sorry")).await.expect_err("a reader");
    assert_eq!(denied.code(), Code::PermissionDenied);
    let stranger = system.workspace("rollout-elsewhere").await;
    let unknown = stranger.admin.rollouts().hold_rollout(hold("sorry")).await.expect_err("a stranger");
    assert_eq!(unknown.code(), Code::NotFound);
    let theirs = stranger.admin.rollouts().list_rollouts(ListRolloutsRequest {}).await.expect("an answer");
    assert!(theirs.into_inner().rollouts.is_empty());
    let empty = admin.rollouts().hold_rollout(hold("")).await.expect_err("no name");
    assert!(explain(&empty).contains("\n  play: "), "{}", explain(&empty));

    // Held, while everybody is late and those who got the play complain.
    let held = admin.rollouts().hold_rollout(hold("sorry")).await.expect("held").into_inner().rollout;
    assert_eq!(held.expect("a rollout").stage(), Stage::Held);
    let people: Vec<usize> = (0..PEOPLE).collect();
    for some in people.chunks(1_000) {
        let late = |n: &usize| track(&format!("l-{n}"), &format!("u-{n}"), "Late", &json!({}));
        workspace.ingest(some.iter().map(late).collect()).await;
    }
    // the last ones of every partition
    for n in PEOPLE - 50..PEOPLE {
        let who = format!("u-{n}");
        eventually(LONG, || async { !workspace.why("sorry", user(&who)).await.is_empty() }).await;
    }
    let entered = treated(admin).await;
    assert!(entered.len() >= 10, "{} of {PEOPLE}", entered.len());
    let complaints = entered.iter().map(|who| track(&format!("c-{who}"), who, "Complained", &json!({})));
    workspace.ingest(complaints.collect()).await;
    let known = told(admin).await;
    assert_eq!(known.rollout.expect("a rollout").stage(), Stage::Held, "held, it stays");

    // Resumed, it goes back by itself, and says why.
    let resume = || ResumeRolloutRequest { play: "sorry".to_owned(), reason: String::new() };
    admin.rollouts().resume_rollout(resume()).await.expect("resumed");
    eventually(LONG, || async {
        let stage = told(admin).await.rollout.expect("a rollout").stage();
        if stage == Stage::RolledBack { Ok(()) } else { Err(stage) }
    })
    .await;
    let known = told(admin).await;
    let decisions: Vec<&str> = known.decisions.iter().map(|d| d.decision.as_str()).collect();
    assert_eq!(decisions, ["begin", "hold", "resume", "roll_back"]);
    let last = &known.decisions[3];
    assert_eq!((last.decided_by.as_str(), last.percent), ("elate", 1));
    assert!(last.reason.starts_with("complaints is certainly harmed"), "{}", last.reason);
    let over = admin.rollouts().resume_rollout(resume()).await.expect_err("it is over");
    assert_eq!(over.code(), Code::FailedPrecondition);
    let again = RollBackRolloutRequest { play: "sorry".to_owned(), reason: String::new() };
    admin.rollouts().roll_back_rollout(again).await.expect("what is so already");
    assert_eq!(told(admin).await.decisions.len(), 4);
}

/// The user ids of those who got the play.
async fn treated(admin: &Clients) -> Vec<String> {
    let request = ListPlayInstancesRequest {
        play: "sorry".to_owned(),
        states: vec![PlayState::Completed.into(), PlayState::Exited.into()],
        page: Some(PageRequest { page_size: 500, page_token: String::new() }),
        ..Default::default()
    };
    let found = admin.journeys().list_play_instances(request).await.expect("instances").into_inner();
    let mut users = Vec::new();
    for instance in found.instances {
        let request =
            elate_proto::events::v1::GetCustomerRequest { customer: Some(customer(&instance.customer_id)) };
        let found = admin.customers().get_customer(request).await.expect("a customer").into_inner();
        users.extend(found.customer.expect("a customer").user_ids);
    }
    users
}
