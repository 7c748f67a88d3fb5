//! Messages on their way to real servers.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use std::time::Duration;

use common::{SECRET, WITHIN, World, noon};
use elate_domain::Timestamp;
use elate_reach::webhook;
use elate_testkit::eventually;
use elate_testkit::smtp::Fault;
use elate_testkit::webhook::Answer;

/// How long a slow endpoint takes: longer than anything else, on any machine.
const SLOW: Duration = Duration::from_secs(25);

async fn a_mail_and_a_webhook_arrive(world: World) {
    let running = world.start("one");
    let ann = world.customer("ann@example.com");
    let (mail, hook) = (world.ask(ann, "email", "hello"), world.ask(ann, "hook", "note"));
    world.until(&mail, "sent").await;
    world.until(&hook, "sent").await;
    world.until_told(&mail, &["sent"]).await;
    world.until_told(&hook, &["sent"]).await;

    let mails = world.smtp.mails_to("ann@example.com");
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].header("subject").as_deref(), Some("Hello Ann"));
    assert_eq!(mails[0].header("message-id"), Some(format!("<{mail}@example.com>")));
    let link = mails[0].header("list-unsubscribe").unwrap();
    assert_eq!(mails[0].header("list-unsubscribe-post").as_deref(), Some("List-Unsubscribe=One-Click"));
    let token =
        link.strip_prefix("<https://shop.example.com/unsubscribe/").unwrap().strip_suffix('>').unwrap();
    assert_eq!(common::links().read(token).unwrap().customer, ann);

    let calls = world.hook.received();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].body.as_ref(), br#"{"to": "Ann"}"#);
    let header = |name| calls[0].header(name).unwrap();
    let secrets = [SECRET.parse().unwrap()];
    let (id, at, signature) =
        (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"));
    assert_eq!(id, hook);
    webhook::verify(&secrets, id, at, signature, &calls[0].body, noon(), 300).unwrap();
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_and_a_webhook_arrive_on_sqlite() {
    a_mail_and_a_webhook_arrive(World::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_and_a_webhook_arrive_on_postgres() {
    if let Some(world) = World::on_postgres().await {
        a_mail_and_a_webhook_arrive(world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_refused_for_now_goes_later_and_one_refused_for_good_does_not() {
    let world = World::new().await;
    world.smtp.fail_next("busy@example.com", Fault::RefuseRecipient(451, "later".into()));
    world.smtp.fail_next("gone@example.com", Fault::RefuseRecipient(550, "nobody".into()));
    let running = world.start("one");
    let busy = world.ask(world.customer("busy@example.com"), "email", "hello");
    let gone = world.ask(world.customer("gone@example.com"), "email", "hello");
    let failed = world.until(&gone, "failed").await;
    assert_eq!((failed.reason.as_str(), failed.attempts), ("hard_bounce", 1));
    let retrying = world.until(&busy, "retrying").await;
    let wait = retrying.next_at.unwrap().millis_since(noon());
    assert!((60_000..=66_000).contains(&wait), "{wait}");
    world.until_told(&busy, &["attempt_failed"]).await;
    world.advance(noon().plus_millis(70_000));
    assert_eq!(world.until(&busy, "sent").await.attempts, 2);
    world.until_told(&busy, &["attempt_failed", "sent"]).await;
    world.until_told(&gone, &["failed"]).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_without_an_answer_is_unknown_and_not_sent_again() {
    let world = World::new().await;
    world.smtp.fail_next("ann@example.com", Fault::DropBeforeAnswer);
    let running = world.start("one");
    // The second server is not asked either: the first one may have taken it.
    let id = world.ask(world.customer("ann@example.com"), "email", "hello");
    world.until(&id, "outcome_unknown").await;
    world.until_told(&id, &["outcome_unknown"]).await;
    world.advance(noon().plus_millis(6 * 3_600_000));
    let bob = world.ask(world.customer("bob@example.com"), "email", "hello");
    world.until(&bob, "sent").await;
    assert_eq!(world.smtp.mails_to("ann@example.com").len(), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_out_of_reach_is_passed_over() {
    let world = World::new().await;
    let running = world.start("one");
    let id = world.ask(world.customer("ann@example.com"), "failover", "plain");
    world.until(&id, "sent").await;
    let attempts = world.store.attempts(&common::workspace(), &id).await.unwrap();
    assert_eq!(attempts.iter().map(|a| a.provider.as_str()).collect::<Vec<_>>(), ["main"]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_fails_goes_again_with_its_id_when_the_endpoint_wants_it() {
    let world = World::new().await;
    world.hook.answer_next(Answer::status(503).header("retry-after", "120"));
    world.hook.answer_next(Answer::dropped());
    let running = world.start("one");
    let id = world.ask(world.customer("ann@example.com"), "hook", "note");
    let first = world.until(&id, "retrying").await;
    assert_eq!(first.reason, "http_503");
    assert_eq!(first.next_at, Some(noon().plus_millis(120_000)));
    world.until_told(&id, &["attempt_failed"]).await;
    world.advance(noon().plus_millis(120_000));
    world.until_told(&id, &["attempt_failed", "attempt_failed"]).await;
    world.advance(noon().plus_millis(120_000 + 331_000));
    world.until_told(&id, &["attempt_failed", "attempt_failed", "sent"]).await;
    let ids: Vec<_> =
        world.hook.received().iter().map(|r| r.header("webhook-id").unwrap().to_owned()).collect();
    assert_eq!(ids, [id.as_str(), id.as_str(), id.as_str()]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn private_addresses_are_not_called() {
    let world = World::new().await;
    let metadata = serde_json::json!({"kind": "Channel", "metadata": {"name": "metadata"}, "spec": {"webhook": {
        "url": "http://169.254.169.254/latest", "secret": "env:HOOK_SECRET", "allow_private": true}}});
    let local = serde_json::json!({"kind": "Channel", "metadata": {"name": "local"}, "spec": {"webhook": {
        "url": format!("https://localhost:{}/", world.hook.address().port()), "secret": "env:HOOK_SECRET"}}});
    world.publish(vec![metadata, local]);
    let running = world.start("one");
    let ann = world.customer("ann@example.com");
    for channel in ["closed", "metadata", "local"] {
        let id = world.ask(ann, channel, "note");
        assert_eq!(world.until(&id, "failed").await.reason, "address_forbidden", "{channel}");
    }
    assert!(world.hook.received().is_empty());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_endpoint_holds_nobody_else_up() {
    let world = World::new().await;
    for _ in 0..200 {
        world.hook.answer_next_on("/slow", Answer::status(200).after(SLOW));
    }
    let running = world.start("one");
    let ann = world.customer("ann@example.com");
    for _ in 0..200 {
        world.ask(ann, "slow", "note");
    }
    eventually(WITHIN, || async {
        let slow = world.hook.received().iter().filter(|r| r.path == "/slow").count();
        if slow > 0 { Ok(()) } else { Err("nothing is under way") }
    })
    .await;
    let begun = tokio::time::Instant::now();
    let (quick, mail) = (world.ask(ann, "hook", "note"), world.ask(ann, "email", "hello"));
    world.until(&quick, "sent").await;
    world.until(&mail, "sent").await;
    assert!(begun.elapsed() < SLOW, "{:?}", begun.elapsed());
    running.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_gone_is_switched_off() {
    let world = World::new().await;
    world.hook.answer_next(Answer::status(410));
    let running = world.start("one");
    let ann = world.customer("ann@example.com");
    let first = world.ask(ann, "hook", "note");
    assert_eq!(world.until(&first, "failed").await.reason, "http_410");
    let second = world.ask(ann, "hook", "note");
    assert_eq!(world.until(&second, "failed").await.reason, "endpoint_disabled");
    assert_eq!(world.hook.received().len(), 1);
    running.stop().await;
}

/// Kills the sender between claim and outcome, and lets another one take over.
async fn take_over(world: World) {
    world.smtp.fail_next("ann@example.com", Fault::Delay(SLOW));
    world.hook.answer_next(Answer::status(200).after(SLOW));
    let first = world.start("one");
    let ann = world.customer("ann@example.com");
    let (mail, hook) = (world.ask(ann, "email", "hello"), world.ask(ann, "hook", "note"));
    world.until(&mail, "sending").await;
    eventually(WITHIN, || async {
        if world.hook.received().is_empty() { Err("not called") } else { Ok(()) }
    })
    .await;
    first.kill().await;
    assert_eq!(world.stored(&hook).await.unwrap().state, "sending");

    let second = world.start("two");
    world.until(&mail, "outcome_unknown").await;
    world.until(&hook, "sent").await;
    world.until_told(&mail, &["outcome_unknown"]).await;
    world.until_told(&hook, &["sent"]).await;
    assert!(world.smtp.mails_to("ann@example.com").len() <= 1);
    let ids: Vec<_> =
        world.hook.received().iter().map(|r| r.header("webhook-id").unwrap().to_owned()).collect();
    assert_eq!(ids, [hook.as_str(), hook.as_str()]);
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_mails_are_unknown_and_webhooks_go_again_on_sqlite() {
    take_over(World::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_mails_are_unknown_and_webhooks_go_again_on_postgres() {
    if let Some(world) = World::on_postgres().await {
        take_over(world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_webhooks_all_arrive_once() {
    let world = World::new().await;
    let running = world.start("one");
    let begun = tokio::time::Instant::now();
    let mut ids: Vec<String> = Vec::new();
    for _ in 0..20 {
        let customer = world.customer("many@example.com");
        ids.extend((0..50).map(|_| world.ask(customer, "hook", "note")));
    }
    eventually(Duration::from_secs(60), || async {
        let arrived = world.hook.received().len();
        if arrived >= ids.len() { Ok(()) } else { Err(format!("{arrived} arrived")) }
    })
    .await;
    println!("{} webhooks in {:?}", ids.len(), begun.elapsed());
    for id in &ids {
        world.until(id, "sent").await;
    }
    let mut arrived: Vec<String> =
        world.hook.received().iter().map(|r| r.header("webhook-id").unwrap().to_owned()).collect();
    arrived.sort();
    ids.sort();
    assert_eq!(arrived, ids);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_waited_too_long_is_not_sent() {
    let world = World::new().await;
    let id = world.ask(world.customer("ann@example.com"), "email", "hello");
    // The dispatcher's clock is past the expiry, the log's is not.
    world.clock.set(Timestamp(noon().0 + 25 * 3_600_000));
    let running = world.start("one");
    world.until(&id, "expired").await;
    world.until_told(&id, &["expired"]).await;
    assert!(world.smtp.mails().is_empty());
    running.stop().await;
}
