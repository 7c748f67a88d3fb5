//! One trace from the request of an SDK through the log to the message that it caused, at a real collector.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test")]

mod common;

use common::{Dev, SOON};
use elate_proto::notifications::v1::NotificationState as State;
use elate_testkit::eventually;
use elate_testkit::otlp::{Collector, Span};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// What an SDK with tracing sends.
async fn track(dev: &Dev) {
    let body =
        r#"{"messageId":"m-1","event":"Note Wanted","userId":"u-774411","properties":{"note_id":"n-1"}}"#;
    let request = http::Request::post(format!("{}/v1/track", dev.url))
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {}", dev.target.key.as_ref().unwrap()))
        .header("traceparent", format!("00-{TRACE}-{PARENT}-01"))
        .body(Full::<bytes::Bytes>::from(body))
        .unwrap();
    let answer = Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap();
    let status = answer.status();
    let text = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(status.is_success(), "{status}: {text:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_leads_from_the_request_through_the_log_to_the_delivery() {
    let collector = Collector::start();
    // Spans are exported whatever the log shows.
    let dev = Dev::start(&["--log", "error", "--otlp", &collector.url()]).await;
    track(&dev).await;
    dev.until("u-774411", 1, State::Sent.into()).await;
    let (request, delivery) = eventually(SOON, || async {
        let spans = collector.spans();
        let named =
            |name: &str| spans.iter().find(|span| span.trace_id == TRACE && span.name == name).cloned();
        let names: Vec<String> = spans.iter().map(|span| span.name.clone()).collect();
        let found: Option<(Span, Span)> = named("/v1/{method}").zip(named("delivery"));
        found.ok_or_else(|| format!("{} spans: {names:?}", spans.len()))
    })
    .await;
    assert_eq!(request.parent_id, PARENT);
    assert_eq!(delivery.parent_id, request.span_id, "the record carries the request's span");
    assert_eq!(delivery.attributes["outcome"], "sent");
    assert_eq!(delivery.attributes["channel.kind"], "webhook");
    assert_eq!(delivery.service, "elate");
    // The receiver of the webhook can go on with it.
    let told = dev.hook.received()[0].header("traceparent").unwrap().to_owned();
    assert!(told.starts_with(&format!("00-{TRACE}-{}", delivery.span_id)), "{told}");
    // Nothing of the customer is in any span.
    let all = format!("{:?}", collector.spans());
    assert!(!all.contains("u-774411") && !all.contains("n-1"), "{all}");

    eventually(SOON, || async {
        let metrics = collector.metrics();
        let wanted = ["elate_notifications_attempts_total", "rpc_server_duration_seconds"];
        let missing: Vec<_> = wanted.iter().filter(|name| !metrics.contains(**name)).collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("{missing:?} of {metrics:?}")) }
    })
    .await;
}
