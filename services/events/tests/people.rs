//! Identity, timelines, erasure.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use elate_domain::system::{Erased, ErasureReceipt, MergedAway, name};
use elate_domain::{CustomerId, EventType, Offset, RawJson, Timestamp};
use elate_events::app::Error;
use elate_events::model::customer::{CustomerRef, TimelineQuery};
use elate_events::model::message::{Message, Outcome};
use elate_events::model::page::PageRequest;
use support::{World, accepted, batch, emitted, encoded, track, workspace, worlds};

fn identify(id: &str, user: &str, traits: &'static str, at: i64) -> Message {
    Message {
        event_type: EventType::Identify,
        name: String::new(),
        traits: traits.into(),
        original_time: Some(Timestamp(at)),
        ..track(id, user, "")
    }
}

async fn timeline(world: &World, customer: CustomerRef, oldest_first: bool, size: u32) -> Vec<String> {
    let mut query = TimelineQuery {
        customer,
        names: Vec::new(),
        oldest_first,
        page: PageRequest { size, token: String::new() },
    };
    let mut ids = Vec::new();
    loop {
        let page = world.app.customers().timeline(&workspace(), &query).await.unwrap();
        assert!(page.items.len() <= size as usize);
        ids.extend(page.items.into_iter().map(|entry| entry.event.message_id));
        if page.next.is_empty() {
            return ids;
        }
        query.page.token = page.next;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_becomes_the_user_and_keeps_the_past() {
    for world in worlds().await {
        let ann = accepted(&world.send_one(track("known", "ann", "")).await);
        world.clock.advance(std::time::Duration::from_secs(1));
        let visitor = accepted(&world.send_one(track("visit", "", "device")).await);
        world.clock.advance(std::time::Duration::from_secs(1));
        assert_eq!(accepted(&world.send_one(track("login", "ann", "device")).await), ann);
        world.clock.advance(std::time::Duration::from_secs(1));
        assert_eq!(accepted(&world.send_one(track("after", "", "device")).await), ann, "{}", world.name);
        let told =
            world.events().await.into_iter().find(|event| event.name.as_ref() == name::MERGED_AWAY).unwrap();
        assert_eq!(told.customer, visitor);
        assert_eq!(told.properties.read::<MergedAway>().unwrap().survivor, ann);
        let customer = world.app.customers().get(&workspace(), &CustomerRef::Id(visitor)).await.unwrap();
        assert_eq!((customer.id, customer.merged), (ann, vec![visitor]));
        assert_eq!((customer.user_ids, customer.anonymous_ids), (vec!["ann".into()], vec!["device".into()]));
        let merged = format!("merged:{visitor}");
        for size in [1, 2, 50] {
            let mut forward = timeline(&world, CustomerRef::User("ann".into()), true, size).await;
            let backward = timeline(&world, CustomerRef::User("ann".into()), false, size).await;
            assert_eq!(forward.iter().collect::<BTreeSet<_>>(), backward.iter().collect::<BTreeSet<_>>());
            forward.retain(|id| *id != merged);
            assert_eq!(forward, ["known", "visit", "login", "after"], "{}", world.name);
        }
        let bob = accepted(&world.send_one(track("second", "bob", "device")).await);
        assert_ne!(bob, ann);
        assert_eq!(accepted(&world.send_one(track("third", "", "device")).await), bob);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeline_is_whole_before_and_after_it_is_indexed() {
    for world in worlds().await {
        let count = 700;
        for part in 0..7 {
            let messages =
                (part * 100..part * 100 + 100).map(|i| track(&format!("{i:04}"), "ann", "")).collect();
            world.send(messages).await;
        }
        let expected: Vec<String> = (0..count).map(|i| format!("{i:04}")).collect();
        let reversed: Vec<String> = expected.iter().rev().cloned().collect();
        for _ in 0..2 {
            assert_eq!(timeline(&world, CustomerRef::User("ann".into()), true, 90).await, expected);
            assert_eq!(timeline(&world, CustomerRef::User("ann".into()), false, 90).await, reversed);
            elate_testkit::eventually(std::time::Duration::from_secs(20), || async {
                let sql = "SELECT SUM(indexed) AS n FROM timeline_head";
                let sql = sql.replace("SUM(indexed)", "CAST(COALESCE(SUM(indexed), 0) AS BIGINT)");
                let row = elate_storage::query_one(world.database.read(), &sql, []).await.unwrap().unwrap();
                row.try_get::<i64>("", "n").unwrap() >= count
            })
            .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn traits_are_the_newest_word_on_each() {
    for world in worlds().await {
        world.send_one(identify("1", "ann", "{\"city\":\"Graz\",\"age\":30}", 2_000)).await;
        world.send_one(identify("2", "ann", "{\"city\":\"Wien\",\"plan\":\"pro\"}", 1_000)).await;
        let customer =
            world.app.customers().get(&workspace(), &CustomerRef::User("ann".into())).await.unwrap();
        let expected = serde_json::json!({"city": "Graz", "age": 30, "plan": "pro"});
        assert_eq!(customer.traits.value(), expected, "{}", world.name);
    }
}

/// Devices log in while they send: nothing may land on a customer after it was merged away.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_lands_on_a_loser() {
    for world in worlds().await {
        let other = world.another().await;
        let users: Vec<Message> = (0..10).map(|i| track(&format!("u{i}"), &format!("user{i}"), "")).collect();
        world.send(users).await;
        let mut tasks = tokio::task::JoinSet::new();
        for worker in 0..6_u64 {
            let ingest = if worker % 2 == 0 { world.app.ingest() } else { other.app.ingest() };
            tasks.spawn(async move {
                for i in 0..40_u64 {
                    let device = format!("device{}", i % 10);
                    let login = (i + worker) % 4 == 3;
                    let user = if login { format!("user{}", i % 10) } else { String::new() };
                    let message = track(&format!("{worker}-{i}"), &user, &device);
                    accepted(&ingest.append(batch(vec![message])).await.unwrap()[0]);
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        let mut gone: BTreeMap<CustomerId, Offset> = BTreeMap::new();
        let mut own = 0;
        for record in world.records().await {
            let event = record.event.unwrap();
            assert!(
                !gone.contains_key(&event.customer),
                "{}: {} lands on a loser",
                world.name,
                event.message_id
            );
            own += usize::from(!event.is_system());
            if event.name.as_ref() == name::MERGED_AWAY {
                gone.insert(event.customer, record.offset);
            }
        }
        assert_eq!(own, 250, "{}", world.name);
        assert!(!gone.is_empty());
        // Ten users, each with a device, and nobody else is left.
        for i in 0..10 {
            let (user, device) =
                (CustomerRef::User(format!("user{i}")), CustomerRef::Anonymous(format!("device{i}")));
            let customers = world.app.customers();
            let user = customers.get(&workspace(), &user).await.unwrap();
            assert_eq!(customers.get(&workspace(), &device).await.unwrap().id, user.id);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_customer_is_gone_and_stays_away() {
    for world in worlds().await {
        let other = world.another().await;
        let secret = |id: &str, user: &str, device: &str| Message {
            properties: "{\"secret\":\"rosebud\"}".into(),
            ..track(id, user, device)
        };
        let ann = accepted(&world.send_one(secret("1", "ann", "")).await);
        let visitor = accepted(&world.send_one(secret("2", "", "device")).await);
        world.send_one(secret("3", "ann", "device")).await;
        let bob = accepted(&world.send_one(secret("4", "bob", "")).await);
        // Another process has cached who ann is.
        accepted(&other.send_one(secret("5", "ann", "")).await);
        let customers = world.app.customers();
        let reference = CustomerRef::Anonymous("device".into());
        let erasure = customers.erase(&workspace(), "r1", &reference).await.unwrap();
        assert_eq!(customers.erase(&workspace(), "r1", &reference).await.unwrap(), erasure);
        for world in [&world, &other] {
            let rejected = world.send_one(secret("6", "ann", "")).await;
            assert!(
                matches!(&rejected, Outcome::Rejected { field, reason, .. } if field == "user_id" && reason == "erased"),
                "{rejected:?}"
            );
        }
        assert!(matches!(
            customers.get(&workspace(), &CustomerRef::Id(ann)).await,
            Err(Error::NotFound { .. })
        ));
        let mut left = Vec::new();
        for record in world.records().await {
            let Some(event) = record.event else { continue };
            if event.name.as_ref() == name::ERASED {
                assert_eq!(event.properties.read::<Erased>().unwrap().erasure_id, erasure);
                left.push(event.customer);
            } else {
                assert_eq!(event.customer, bob, "{}: {event:?}", world.name);
            }
        }
        left.sort_unstable();
        assert_eq!(left, [ann.min(visitor), ann.max(visitor)]);
        receipts(&world, &erasure, ann, visitor).await;
    }
}

async fn receipts(world: &World, erasure: &str, ann: CustomerId, visitor: CustomerId) {
    let (log, customers) = (world.app.customer_log(), world.app.customers());
    assert_eq!(
        log.append(encoded([emitted(ann, "elate.moment.judged", 1, RawJson::default())])).await.unwrap(),
        0
    );
    let mut sequence = 1;
    for service in ["journeys", "scoring", "notifications"] {
        for customer in [ann, visitor] {
            assert!(!customers.erasure(&workspace(), erasure).await.unwrap().complete);
            sequence += 1;
            let receipt = ErasureReceipt { erasure_id: erasure.into(), service: service.into(), purged: 2 };
            let event = emitted(customer, name::ERASURE_RECEIPT, sequence, RawJson::of(&receipt));
            assert_eq!(log.append(encoded([event])).await.unwrap(), 1);
        }
    }
    let done = customers.erasure(&workspace(), erasure).await.unwrap();
    assert!(
        done.complete && done.receipts.iter().all(|receipt| receipt.purged == 4),
        "{}: {done:?}",
        world.name
    );
}
