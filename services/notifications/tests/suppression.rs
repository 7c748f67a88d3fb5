//! Addresses that are written to no more.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use common::face::{Client, by_id, refusal};
use common::{WITHIN, World};
use elate_domain::CustomerId;
use elate_domain::system::{PauseChanged, PauseScope, SuppressionChanged, name};
use elate_proto::notifications::v1::{CheckReachRequest, SendTestRequest, SetSuppressionRequest};
use elate_testkit::eventually;
use elate_testkit::smtp::Fault;

const ADDRESS: &str = "Ann@example.com";

fn gone() -> Fault {
    Fault::RefuseRecipient(550, "5.1.1 no such user".to_owned())
}

/// The changes on the timeline, in order.
fn told(world: &World) -> Vec<SuppressionChanged> {
    let events = world.log.appended().into_iter();
    events
        .filter(|event| event.name.as_ref() == name::SUPPRESSION_CHANGED)
        .map(|event| event.properties.read().unwrap())
        .collect()
}

async fn until_told(world: &World, count: usize) -> SuppressionChanged {
    eventually(WITHIN, || async move {
        let told = told(world);
        if told.len() == count { Ok(told[count - 1].clone()) } else { Err(format!("{told:?}")) }
    })
    .await
}

async fn reach(client: &mut Client, customer: CustomerId, channel: &str) -> (String, String) {
    let request =
        CheckReachRequest { customer: by_id(customer), channel: channel.to_owned(), ..Default::default() };
    let answer = client.check_reach(request).await.unwrap().into_inner();
    (answer.decision, answer.reason)
}

fn set(customer: CustomerId, channel: &str, suppressed: bool) -> SetSuppressionRequest {
    SetSuppressionRequest {
        request_id: uuid::Uuid::new_v4().to_string(),
        customer: by_id(customer),
        channel: channel.to_owned(),
        suppressed,
        reason: "by the desk".to_owned(),
    }
}

async fn a_hard_bounce_suppresses_the_address_until_it_is_lifted(world: World) {
    world.smtp.fail_next(ADDRESS, gone());
    let (running, face) = world.serve();
    let mut client = face.client("shop-operator");
    let ann = world.customer(ADDRESS);
    // A message that waits is taken back by the bounce of another one.
    let pause = |paused| PauseChanged {
        scope: PauseScope::Channel,
        target: "failover".into(),
        paused,
        reason: String::new(),
    };
    world.put(CustomerId::NONE, name::PAUSE_CHANGED, &pause(true));
    let waiting = world.ask(ann, "failover", "plain");
    world.until(&waiting, "held").await;

    let bounced = world.ask(ann, "email", "hello");
    assert_eq!(world.until(&bounced, "failed").await.reason, "hard_bounce");
    let change = until_told(&world, 1).await;
    assert_eq!((change.channel.as_str(), change.suppressed), ("email", true));
    assert_eq!(change.reason, "hard_bounce");
    assert!(change.detail.contains("5.1.1"), "{}", change.detail);
    assert_eq!(world.until(&waiting, "refused").await.reason, "suppressed");
    world.put(CustomerId::NONE, name::PAUSE_CHANGED, &pause(false));

    let refused = world.ask(ann, "email", "hello");
    assert_eq!(world.until(&refused, "refused").await.reason, "suppressed");
    world.until_told(&refused, &["refused"]).await;
    let said = |decision: &str, reason: &str| (decision.to_owned(), reason.to_owned());
    assert_eq!(reach(&mut client, ann, "email").await, said("refuse", "suppressed"));
    // It is the address that is suppressed: other channels stay open, and so does a test to somebody else.
    world.until(&world.ask(ann, "hook", "note"), "sent").await;
    let test = SendTestRequest {
        request_id: "t".into(),
        channel: "email".into(),
        template: "hello".into(),
        to: "me@example.com".into(),
        customer: by_id(ann),
        data: Default::default(),
    };
    let test = client.send_test(test).await.unwrap().into_inner().notification_id;
    world.until(&test, "sent").await;
    assert!(world.smtp.mails_to(ADDRESS).is_empty());

    client.set_suppression(set(ann, "email", false)).await.unwrap();
    let change = until_told(&world, 2).await;
    assert_eq!((change.suppressed, change.reason.as_str()), (false, "by the desk"));
    assert_eq!(reach(&mut client, ann, "email").await, said("send", ""));
    world.until(&world.ask(ann, "email", "hello"), "sent").await;
    // Lifting what is not there changes nothing and tells nothing.
    client.set_suppression(set(ann, "", false)).await.unwrap();
    world.until(&world.ask(ann, "email", "hello"), "sent").await;
    assert_eq!(told(&world).len(), 2);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hard_bounce_suppresses_the_address_until_it_is_lifted_on_sqlite() {
    a_hard_bounce_suppresses_the_address_until_it_is_lifted(World::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hard_bounce_suppresses_the_address_until_it_is_lifted_on_postgres() {
    if let Some(world) = World::on_postgres().await {
        a_hard_bounce_suppresses_the_address_until_it_is_lifted(world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_address_is_written_to_and_other_refusals_suppress_nothing() {
    let world = World::new().await;
    world.smtp.fail_next(ADDRESS, gone());
    world.smtp.fail_next("new@example.com", Fault::RefuseRecipient(550, "5.7.1 not from you".into()));
    world.smtp.fail_next("new@example.com", Fault::RefuseMail(554, "5.6.0 no".into()));
    let running = world.start("one");
    let ann = world.customer(ADDRESS);
    let bounced = world.ask(ann, "email", "hello");
    world.until(&bounced, "failed").await;
    until_told(&world, 1).await;
    // A restart forgets nothing.
    running.stop().await;
    let running = world.start("two");
    // The same address in other letters.
    world.moved(ann, "ann@EXAMPLE.com");
    let refused = world.ask(ann, "email", "hello");
    assert_eq!(world.until(&refused, "refused").await.reason, "suppressed");

    world.moved(ann, "new@example.com");
    for reason in ["smtp_550", "smtp_554"] {
        let failed = world.ask(ann, "email", "hello");
        assert_eq!(world.until(&failed, "failed").await.reason, reason);
    }
    world.until(&world.ask(ann, "email", "hello"), "sent").await;
    assert_eq!(told(&world).len(), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_suppresses_by_hand_and_nobody_else_does() {
    let world = World::new().await;
    let (running, face) = world.serve();
    let mut client = face.client("shop-operator");
    let ann = world.customer(ADDRESS);
    world.until(&world.ask(ann, "hook", "note"), "sent").await;
    client.set_suppression(set(ann, "", true)).await.unwrap();
    assert!(until_told(&world, 1).await.suppressed);
    let refused = world.ask(ann, "email", "hello");
    assert_eq!(world.until(&refused, "refused").await.reason, "suppressed");

    for (key, reason) in [("shop-reader", "ROLE_INSUFFICIENT"), ("hotel-operator", "CUSTOMER_UNKNOWN")] {
        let answer = face.client(key).set_suppression(set(ann, "", false)).await;
        assert_eq!(refusal(answer).0, reason);
    }
    let (reason, field) = refusal(client.set_suppression(set(ann, "none", false)).await);
    assert_eq!((reason.as_str(), field.as_str()), ("DEFINITION_UNKNOWN", "channel"));
    let nobody = SetSuppressionRequest { customer: None, ..set(ann, "", false) };
    assert_eq!(refusal(client.set_suppression(nobody).await).1, "customer");
    assert_eq!(reach(&mut client, ann, "email").await.1, "suppressed");
    running.stop().await;
}
