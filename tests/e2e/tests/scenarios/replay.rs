//! New definitions may look back: what happened before them is taken in, and none of it has effects.

use elate_domain::system::name;
use elate_e2e::{System, explain, now_millis, timestamp, track, user};
use elate_proto::events::v1::{ApplyManifestsRequest, IngestMessage};
use serde_json::{Value, json};

const HOUR_MILLIS: i64 = 3_600_000;
/// One journey from an order to its arrival, and a word of thanks to everybody whose parcel was early.
const MANIFESTS: &str = include_str!("../../manifests/replay.yaml");

fn at(millis: i64, message: IngestMessage) -> IngestMessage {
    IngestMessage { original_time: Some(timestamp(millis)), ..message }
}

pub(crate) async fn definitions_look_back(system: &System) {
    let workspace = system.workspace("replay").await;
    let now = now_millis();
    let order = |id: &str, hours_ago: i64| {
        let message = track(&format!("{id}-ordered"), id, "Order Placed", &json!({"order_id": id}));
        at(now - hours_ago * HOUR_MILLIS, message)
    };
    let arrival = |id: &str, hours_ago: i64| {
        let message = track(&format!("{id}-arrived"), id, "Order Delivered", &json!({"order_id": id}));
        at(now - hours_ago * HOUR_MILLIS, message)
    };
    // Of these two orders one is still on its way when the definitions come.
    workspace.ingest(vec![order("otto", 30), order("olga", 40), arrival("olga", 10)]).await;
    let applied = workspace
        .admin
        .definitions()
        .apply_manifests(ApplyManifestsRequest {
            request_id: uuid::Uuid::now_v7().to_string(),
            documents: vec![MANIFESTS.to_owned()],
            replay_seconds: 3_600,
            ..Default::default()
        })
        .await
        .unwrap_or_else(|status| panic!("{}", explain(&status)));
    assert_eq!(applied.into_inner().version, 1);

    // The pattern's first step lies before the definitions, its last one after them.
    workspace.ingest(vec![arrival("otto", 0), order("late", 1), arrival("late", 0)]).await;
    let judged: Value = workspace.wait_for(user("otto"), name::MOMENT_JUDGED, |m| m["moment"] == "way").await;
    assert_eq!(judged["outcome"], "magical", "{judged}");
    workspace.wait_for(user("otto"), "Thanked", |_| true).await;
    workspace.wait_for(user("late"), "Thanked", |_| true).await;
    // What was over before the definitions came is nobody's concern any more: no judgement, no thanks.
    let of_olga = workspace.names(user("olga")).await;
    assert_eq!(of_olga, ["Order Placed", "Order Delivered"]);
}
