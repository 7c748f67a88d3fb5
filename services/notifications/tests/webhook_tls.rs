//! Webhooks to endpoints with a certificate of an authority of the operator's own.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use common::World;
use elate_notifications::delivery::trust::Trust;
use elate_testkit::certificates::Authority;
use elate_testkit::webhook::WebhookReceiver;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_trusted_by_the_operators_own_authority_and_by_no_other() {
    let (own, stranger) = (Authority::new("the shop's own"), Authority::new("somebody else"));
    let trusted = WebhookReceiver::start_tls(&own.server(&["localhost"])).await;
    let untrusted = WebhookReceiver::start_tls(&stranger.server(&["localhost"])).await;
    let renamed = WebhookReceiver::start_tls(&own.server(&["elsewhere.example"])).await;
    let mut world = World::new().await;
    world.trust = Trust::load(Some(&own.file())).unwrap();
    let channel = |name: &str, receiver: &WebhookReceiver| {
        json!({"kind": "Channel", "metadata": {"name": name}, "spec": {"webhook": {"url": receiver.url("/hook"),
            "secret": "env:HOOK_SECRET", "timeout": "5s", "allow_private": true}}})
    };
    world.publish(vec![
        channel("trusted", &trusted),
        channel("untrusted", &untrusted),
        channel("renamed", &renamed),
    ]);
    let running = world.start("one");
    let ann = world.customer("ann@example.com");
    let id = world.ask(ann, "trusted", "note");
    world.until(&id, "sent").await;
    assert_eq!(trusted.received()[0].header("webhook-id"), Some(id.as_str()));
    for channel in ["untrusted", "renamed"] {
        let id = world.ask(ann, channel, "note");
        let told = world.until(&id, "retrying").await;
        assert_eq!(told.reason, "certificate_refused", "{channel}");
    }
    assert_eq!((untrusted.count(), renamed.count()), (0, 0), "nothing was said to them");
    running.stop().await;
}
