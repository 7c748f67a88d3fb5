//! The same message again, over whatever door, changes nothing.

use elate_domain::system::name;
use elate_e2e::{System, Workspace, http, identify, track, user};
use elate_proto::events::v1::ingest_result::Status;
use elate_proto::events::v1::{EventType, IngestMessage};
use elate_testkit::eventually;
use serde_json::{Value, json};

fn messages() -> Vec<IngestMessage> {
    vec![
        identify("m-1", "bea", "", &json!({"email": "bea@mail.example"})),
        track("m-2", "bea", "Item Rated", &json!({"order_id": "o-1", "stars": 1})),
        track("m-3", "bea", "Item Rated", &json!({"order_id": "o-2", "stars": 5})),
    ]
}

/// The same messages as the tracking API writes them.
fn batch() -> Value {
    json!({"batch": [
        {"type": "identify", "messageId": "m-1", "userId": "bea", "traits": {"email": "bea@mail.example"}},
        {"type": "track", "messageId": "m-2", "userId": "bea", "event": "Item Rated",
            "properties": {"order_id": "o-1", "stars": 1}},
        {"type": "track", "messageId": "m-3", "userId": "bea", "event": "Item Rated",
            "properties": {"order_id": "o-2", "stars": 5}},
    ]})
}

/// Message ids of what came from outside.
async fn from_outside(workspace: &Workspace) -> Vec<String> {
    let timeline = workspace.timeline(user("bea")).await;
    let records = timeline.into_iter().filter_map(|entry| entry.record);
    records.filter(|r| r.r#type() != EventType::System).map(|r| r.message_id).collect()
}

pub(crate) async fn repeats_change_nothing(system: &System) {
    let workspace = system.workspace("repeats").await;
    workspace.apply(include_str!("../../manifests/basic.yaml")).await;
    let first = workspace.ingest(messages()).await;
    assert!(first.iter().all(|result| result.status() == Status::Accepted));
    let settled = |name: &'static str, count: usize| {
        let workspace = &workspace;
        eventually(elate_e2e::SOON, move || async move {
            let told = workspace.told(user("bea"), name).await;
            if told.len() == count { Ok(()) } else { Err(format!("{name}: {told:?}")) }
        })
    };
    settled(name::MOMENT_JUDGED, 2).await;
    workspace.wait_for(user("bea"), name::NOTIFICATION_RECEIPT, |r| r["state"] == "sent").await;
    let timeline = workspace.names(user("bea")).await.len();
    let delight = eventually(elate_e2e::SOON, || workspace.delight(user("bea"))).await;

    for round in 0..3 {
        let again = workspace.ingest(messages()).await;
        assert!(again.iter().all(|result| result.status() == Status::Duplicate), "round {round}: {again:?}");
        let url = format!("{}/v1/batch", workspace.url);
        let answer = http::post_json(&url, &workspace.write_key, batch().to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    // Another payload under a used id is kept beside it, and marked.
    let other = track("m-2", "bea", "Item Viewed", &json!({}));
    let kept = workspace.ingest(vec![other.clone()]).await.remove(0);
    assert_eq!(kept.status(), Status::Accepted);
    assert!(kept.message_id.starts_with("m-2#"), "{}", kept.message_id);
    assert_eq!(workspace.ingest(vec![other]).await[0].status(), Status::Duplicate);

    // A last message shows that all before it has been seen.
    workspace.ingest(vec![track("m-4", "bea", "Item Rated", &json!({"order_id": "o-3", "stars": 4}))]).await;
    settled(name::MOMENT_JUDGED, 3).await;
    assert_eq!(from_outside(&workspace).await, ["m-1", "m-2", "m-3", kept.message_id.as_str(), "m-4"]);
    // The conflicting message, the last one, its judgement: nothing else is new.
    assert_eq!(workspace.names(user("bea")).await.len(), timeline + 3);
    assert_eq!(system.mail.mails_to("bea@mail.example").len(), 1);
    let explained = workspace.explained(user("bea")).await.expect("a score").score.expect("a score");
    assert!(explained.moments <= 3 && delight > 0.0);
}
