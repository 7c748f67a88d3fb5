//! A key opens its own workspace, as far as its role goes, and nothing else.

use elate_domain::system::name;
use elate_e2e::{Clients, System, Workspace, customer, identify, now_millis, rfc3339, track, user};
use elate_proto::common::v1::CustomerRef;
use elate_proto::events::v1::{
    GetCustomerRequest, GetLogRequest, IngestBatchRequest, ListKeysRequest, ListTimelineRequest, Role,
};
use elate_proto::journeys::v1::{ListCasesRequest, ListMomentsRequest, ListPromisesRequest};
use elate_proto::notifications::v1::{GetNotificationRequest, ListNotificationsRequest};
use elate_proto::scoring::v1::{GetScoreRequest, ListScoresRequest};
use elate_testkit::eventually;
use serde_json::json;
use tonic::{Code, Status};

async fn with_a_customer(system: &System, id: &str) -> Workspace {
    let workspace = system.workspace(id).await;
    workspace.apply(include_str!("../../manifests/basic.yaml")).await;
    let due = rfc3339(now_millis() + 30 * 86_400_000);
    workspace
        .ingest(vec![
            identify("m-1", "cleo", "", &json!({"email": format!("cleo@{id}.mail.example")})),
            track("m-2", "cleo", "Item Rated", &json!({"order_id": "o-1", "stars": 1})),
            track("m-3", "cleo", "Order Placed", &json!({"order_id": "o-2", "promised_at": due})),
        ])
        .await;
    workspace.wait_for(user("cleo"), name::NOTIFICATION_RECEIPT, |r| r["state"] == "sent").await;
    eventually(elate_e2e::SOON, || async {
        let promises = workspace.promises(user("cleo")).await.len();
        let messages = workspace.notifications(user("cleo")).await.len();
        let scored = workspace.delight(user("cleo")).await.is_some();
        if (promises, messages, scored) == (1, 1, true) { Ok(()) } else { Err((promises, messages, scored)) }
    })
    .await;
    workspace
}

/// Not found, or found empty.
fn nothing<T>(answer: Result<tonic::Response<T>, Status>, is_empty: impl Fn(T) -> bool, what: &str) {
    match answer {
        Ok(answer) => assert!(is_empty(answer.into_inner()), "{what} are shown to a stranger"),
        Err(status) => assert_eq!(status.code(), Code::NotFound, "{what}: {status:?}"),
    }
}

pub(crate) async fn workspaces_are_apart(system: &System) {
    let north = with_a_customer(system, "north").await;
    let south = system.workspace("south").await;
    let cleo = north.customer(user("cleo")).await.expect("a customer").customer_id;
    let message = north.notifications(user("cleo")).await.remove(0).notification_id;

    for named in [user("cleo"), customer(&cleo)] {
        sees_nothing(&south.admin, &named).await;
    }
    let all = ListPromisesRequest::default();
    nothing(south.admin.journeys().list_promises(all).await, |r| r.promises.is_empty(), "promises");
    let all = ListScoresRequest { page: None, at_most: None };
    nothing(south.admin.scoring().list_scores(all).await, |r| r.scores.is_empty(), "scores");
    let all = ListNotificationsRequest::default();
    nothing(
        south.admin.notifications().list_notifications(all).await,
        |r| r.notifications.is_empty(),
        "messages",
    );
    let one = GetNotificationRequest { notification_id: message };
    let refused = south.admin.notifications().get_notification(one).await.expect_err("another's message");
    assert_eq!(refused.code(), Code::NotFound);
    let keys =
        south.admin.admin().list_keys(ListKeysRequest { page: None }).await.expect("keys").into_inner();
    assert!(keys.keys.iter().all(|key| key.name == "admin" || key.name == "site"), "{keys:?}");

    // The same user id there is somebody else.
    south.ingest(vec![identify("m-1", "cleo", "", &json!({"email": "other@mail.example"}))]).await;
    let other = south.customer(user("cleo")).await.expect("a customer");
    assert_ne!(other.customer_id, cleo);
    assert_eq!(south.timeline(user("cleo")).await.len(), 1);
}

async fn sees_nothing(stranger: &Clients, named: &CustomerRef) {
    let whom = || Some(named.clone());
    let got = stranger.customers().get_customer(GetCustomerRequest { customer: whom() }).await;
    assert_eq!(got.expect_err("another's customer").code(), Code::NotFound);
    let timeline = ListTimelineRequest { customer: whom(), ..Default::default() };
    nothing(stranger.customers().list_timeline(timeline).await, |r| r.entries.is_empty(), "timelines");
    let score = GetScoreRequest { customer: whom(), at_time: None, as_known_time: None };
    nothing(stranger.scoring().get_score(score).await, |r| r.score.is_none(), "scores");
    let promises = ListPromisesRequest { customer: whom(), ..Default::default() };
    nothing(stranger.journeys().list_promises(promises).await, |r| r.promises.is_empty(), "promises");
    let moments = ListMomentsRequest { customer: whom(), page: None };
    nothing(stranger.journeys().list_moments(moments).await, |r| r.moments.is_empty(), "moments");
    let cases = ListCasesRequest { customer: whom(), ..Default::default() };
    nothing(stranger.journeys().list_cases(cases).await, |r| r.cases.is_empty(), "cases");
    let messages = ListNotificationsRequest { customer: whom(), ..Default::default() };
    nothing(
        stranger.notifications().list_notifications(messages).await,
        |r| r.notifications.is_empty(),
        "messages",
    );
}

fn code<T: std::fmt::Debug>(answer: Result<T, Status>) -> Code {
    answer.expect_err("a refusal").code()
}

pub(crate) async fn roles_are_kept(system: &System) {
    let workspace = system.workspace("roles").await;
    workspace.ingest(vec![identify("m-1", "dora", "", &json!({}))]).await;
    let denied = Code::PermissionDenied;

    // A write key appends, and reads nothing.
    let writer = &workspace.writer;
    let timeline = || ListTimelineRequest { customer: Some(user("dora")), ..Default::default() };
    assert_eq!(code(writer.customers().list_timeline(timeline()).await), denied);
    assert_eq!(code(writer.journeys().list_promises(ListPromisesRequest::default()).await), denied);
    assert_eq!(code(writer.scoring().list_scores(ListScoresRequest::default()).await), denied);
    let messages = ListNotificationsRequest::default;
    assert_eq!(code(writer.notifications().list_notifications(messages()).await), denied);
    assert_eq!(code(writer.admin().list_keys(ListKeysRequest { page: None }).await), denied);

    // A reader reads, and neither appends nor administrates; nobody but a service reads the log.
    let reader = workspace.admin.with_key(&workspace.key("dashboard", Role::Reader).await);
    reader.customers().list_timeline(timeline()).await.expect("a reader reads");
    reader.journeys().list_promises(ListPromisesRequest::default()).await.expect("a reader reads");
    let batch = || IngestBatchRequest {
        messages: vec![track("m-2", "dora", "Seen", &json!({}))],
        import_id: String::new(),
    };
    assert_eq!(code(reader.ingest().ingest_batch(batch()).await), denied);
    assert_eq!(code(reader.admin().list_keys(ListKeysRequest { page: None }).await), denied);
    assert_eq!(code(workspace.admin.log().get_log(GetLogRequest {}).await), denied);

    // No key of this system.
    let stranger = workspace.admin.with_key("elk_made-up");
    let unknown = Code::Unauthenticated;
    assert_eq!(code(stranger.customers().list_timeline(timeline()).await), unknown);
    assert_eq!(code(stranger.journeys().list_promises(ListPromisesRequest::default()).await), unknown);
    assert_eq!(code(stranger.scoring().list_scores(ListScoresRequest::default()).await), unknown);
    assert_eq!(code(stranger.notifications().list_notifications(messages()).await), unknown);
    assert_eq!(code(stranger.ingest().ingest_batch(batch()).await), unknown);
    assert_eq!(workspace.timeline(user("dora")).await.len(), 1, "nothing was appended by the refused");
}
