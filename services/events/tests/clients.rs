//! What SDKs send, and what they are answered.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, reason = "a test")]

#[path = "../examples/replay/mod.rs"]
mod replay;

use std::path::Path;

use axum::body::Body;
use http::Request;
use replay::World;
use serde_json::{Value, json};

#[tokio::test]
async fn every_recorded_event_is_accepted_once() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/clients");
    let mut files = 0;
    for file in replay::files(&folder).unwrap() {
        let outcome = Box::pin(replay::replay(&file)).await.unwrap().unwrap();
        assert!(outcome.failures.is_empty(), "{}: {:?}", file.display(), outcome.failures);
        assert!(outcome.passed >= 2, "{} holds at least a request", file.display());
        files += 1;
    }
    assert_eq!(files, 11);
}

#[test]
fn retries_repeat_their_message_ids() {
    let file = "tests/data/clients/segment-analytics-python-2.4.0__retry500.json";
    let text = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let recorded: Value = serde_json::from_slice(&text).unwrap();
    let ids = |request: &Value| -> Vec<String> {
        let batch = request["body_json"]["batch"].as_array().unwrap();
        batch.iter().map(|message| message["messageId"].as_str().unwrap().to_owned()).collect()
    };
    let requests = recorded["requests"].as_array().unwrap();
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|request| ids(request) == ids(&requests[0])));
}

fn post(path: &str, key: Option<&str>, body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::post(path);
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    request.body(body.into()).unwrap()
}

fn track(id: &str) -> Value {
    json!({"type": "track", "event": "Seen", "userId": "u-1", "messageId": id})
}

#[tokio::test]
async fn statuses_are_those_that_sdks_understand() {
    let world = World::new().await.unwrap();
    let status = async |request| world.send(request).await.unwrap().0;
    let one = || track("m").to_string();
    assert_eq!(status(post("/v1/track", Some("wk_test"), one())).await, 200);
    assert_eq!(
        status(post("/v1/t", None, json!({"writeKey": "wk_test", "event": "A", "userId": 7}).to_string()))
            .await,
        200
    );
    assert_eq!(status(post("/v1/track", None, one())).await, 401);
    assert_eq!(status(post("/v1/track", Some("unknown"), one())).await, 401);
    assert_eq!(status(post("/v1/track", Some("wk_test"), "{")).await, 400);
    assert_eq!(status(post("/v1/track", Some("wk_test"), json!({"event": "A"}).to_string())).await, 400);
    assert_eq!(status(post("/v1/dance", Some("wk_test"), one())).await, 404);
    assert_eq!(status(post("/v1/track", Some("wk_test"), vec![b' '; 5 << 20])).await, 413);
    let many: Vec<_> = (0..2501).map(|index| track(&index.to_string())).collect();
    assert_eq!(status(post("/v1/batch", Some("wk_test"), json!({"batch": many}).to_string())).await, 413);
    assert_eq!(status(post("/v1/m", None, "whatever")).await, 200);
}

#[tokio::test]
async fn a_bad_message_is_named_and_the_others_are_taken() {
    let world = World::new().await.unwrap();
    let large = "x".repeat(33 * 1024);
    let batch = json!({"batch": [
        track("a"),
        {"type": "dance", "userId": "u-1", "messageId": "b"},
        {"type": "track", "event": "Large", "userId": "u-1", "messageId": "c", "properties": {"text": large}},
        7,
        track("e"),
    ]});
    let (status, answer) = world.send(post("/v1/batch", Some("wk_test"), batch.to_string())).await.unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((status, &answer["success"]), (200, &json!(true)));
    let rejected: Vec<_> =
        answer["rejected"].as_array().unwrap().iter().map(|r| r["index"].as_u64().unwrap()).collect();
    assert_eq!(rejected, [1, 2, 3]);
    assert_eq!(answer["rejected"][0]["field"], "type");
    assert_eq!(world.records().await.unwrap(), 2);
}

#[tokio::test]
async fn the_pixel_is_always_a_picture() {
    let world = World::new().await.unwrap();
    for (path, records) in [
        ("/v1/pixel/track?writeKey=wk_test&userId=u-1&event=Opened&properties.subject=Hi", 1),
        ("/v1/pixel/track?writeKey=unknown&userId=u-1&event=Opened", 1),
        ("/v1/pixel/dance?data=***", 1),
    ] {
        let (status, body) = world.send(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(status, 200, "{path}");
        assert!(body.starts_with("GIF89a"), "{path}");
        assert_eq!(world.records().await.unwrap(), records, "{path}");
    }
}

#[tokio::test]
async fn analytics_js_is_told_where_to_send() {
    let world = World::new().await.unwrap();
    let ask = |key: &str| {
        let path = format!("/v1/projects/{key}/settings");
        Request::get(path).header("host", "track.shop.example").body(Body::empty()).unwrap()
    };
    let (status, answer) = world.send(ask("wk_test")).await.unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(status, 200);
    assert_eq!(answer["integrations"]["Segment.io"]["apiHost"], "track.shop.example/v1");
    assert_eq!(world.send(ask("unknown")).await.unwrap().0, 401);
}
