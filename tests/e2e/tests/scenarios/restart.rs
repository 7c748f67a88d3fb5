//! Every process is stopped as an operator would, and started again on the same data.

use std::time::Duration;

use elate_domain::system::name;
use elate_e2e::{SOON, System, Workspace, identify, track, user};
use elate_proto::events::v1::IngestMessage;
use elate_proto::events::v1::ingest_result::Status;
use elate_testkit::eventually;
use serde_json::json;

fn messages() -> Vec<IngestMessage> {
    vec![
        identify("m-1", "gina", "", &json!({"email": "gina@mail.example"})),
        track("m-2", "gina", "Item Rated", &json!({"order_id": "o-1", "stars": 1})),
        track("m-3", "gina", "Basket Left", &json!({"basket_id": "b-1"})),
    ]
}

pub(crate) async fn nothing_is_lost_or_doubled(system: &mut System) {
    let workspace = system.workspace("restart").await;
    workspace.apply(include_str!("../../manifests/basic.yaml")).await;
    workspace.ingest(messages()).await;
    workspace.wait_for(user("gina"), name::NOTIFICATION_RECEIPT, |r| r["state"] == "sent").await;
    eventually(SOON, || workspace.delight(user("gina"))).await;
    // Accepted at the last moment before the stop: whatever was not processed yet is processed after the start.
    workspace.ingest(vec![track("m-4", "gina", "Item Rated", &json!({"order_id": "o-2", "stars": 5}))]).await;

    system.stop().await;
    // The wait of four seconds ends while nothing runs.
    tokio::time::sleep(Duration::from_secs(3)).await;
    system.start_again().await;

    eventually(SOON, || async {
        let judged = workspace.told(user("gina"), name::MOMENT_JUDGED).await.len();
        let mails = system.mail.mails_to("gina@mail.example").len();
        if (judged, mails) == (2, 2) { Ok(()) } else { Err(format!("{judged} moments, {mails} mails")) }
    })
    .await;
    let again = repeated(&workspace).await;
    assert!(again.iter().all(|status| *status == Status::Duplicate), "{again:?}");
    let unchanged = workspace.apply(include_str!("../../manifests/basic.yaml")).await;
    assert_eq!(unchanged.version, 1, "the same manifests are the same version");

    // A last message shows that all before it has been seen.
    workspace.ingest(vec![track("m-5", "gina", "Item Rated", &json!({"order_id": "o-3", "stars": 4}))]).await;
    eventually(SOON, || async {
        workspace.told(user("gina"), name::MOMENT_JUDGED).await.iter().any(|m| m["key"] == "o-3")
    })
    .await;
    let judged = workspace.told(user("gina"), name::MOMENT_JUDGED).await;
    let keys: Vec<&str> = judged.iter().filter_map(|m| m["key"].as_str()).collect();
    assert_eq!(keys, ["o-1", "o-2", "o-3"]);
    let subjects: Vec<Option<String>> =
        system.mail.mails_to("gina@mail.example").iter().map(|mail| mail.header("Subject")).collect();
    assert_eq!(subjects, [Some("Sorry about o-1".to_owned()), Some("Your basket b-1".to_owned())]);
    eventually(SOON, || async {
        let explained = workspace.explained(user("gina")).await.ok()?;
        explained.score.filter(|score| score.moments == 3)
    })
    .await;
}

async fn repeated(workspace: &Workspace) -> Vec<Status> {
    workspace.ingest(messages()).await.iter().map(|result| result.status()).collect()
}
