//! Several processes of one service: shares, take-over, fencing, side lanes.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking, helpers included")]

#[macro_use]
mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Fixture, Running, Shop, T0, bump, customer, shop};
use elate_consumer::{Error, Held, LaneEvent, memory::MemoryLog};
use elate_domain::{Partition, RawJson};
use elate_storage::{execute, query_all};
use elate_testkit::eventually;

both!(
    members_share_fairly_and_take_over,
    a_zombie_can_not_commit,
    lanes_are_fenced_and_drained_in_order,
    a_worker_keeps_the_partition_and_holds_nobody_up
);

async fn owners(fixture: &Fixture) -> Vec<(String, usize)> {
    let sql = "SELECT owner, COUNT(*) AS n FROM consumer_partition WHERE owner IS NOT NULL GROUP BY owner ORDER BY owner";
    let rows = query_all(fixture.database.read(), sql, []).await.unwrap();
    let owner = |row: &elate_storage::Row| {
        (row.try_get::<String>("", "owner").unwrap(), row.try_get::<i64>("", "n").unwrap() as usize)
    };
    rows.iter().map(owner).collect()
}

async fn shared_as(fixture: &Fixture, expected: &[(&str, usize)]) {
    eventually(Duration::from_secs(20), || async {
        let found = owners(fixture).await;
        let same = found.iter().map(|(name, n)| (name.as_str(), *n)).eq(expected.iter().copied());
        if same { Ok(()) } else { Err(found) }
    })
    .await;
}

async fn members_share_fairly_and_take_over(fixture: Fixture) {
    let (processor, log) = (Arc::new(Shop::default()), MemoryLog::new(8, T0));
    let start = |name: &str| Running::start(fixture.member(name, &processor, &log));
    let feed = |round: u128| {
        for n in 0..40 {
            log.put(bump(n + round * 1000));
        }
    };
    let a = start("a");
    shared_as(&fixture, &[("a", 8)]).await;
    feed(0);
    let b = start("b");
    shared_as(&fixture, &[("a", 4), ("b", 4)]).await;
    feed(1);
    let c = start("c");
    shared_as(&fixture, &[("a", 3), ("b", 3), ("c", 2)]).await;
    feed(2);
    // One dies without a word, one leaves in order.
    b.kill().await;
    shared_as(&fixture, &[("a", 4), ("c", 4)]).await;
    feed(3);
    c.stop().await;
    shared_as(&fixture, &[("a", 8)]).await;
    fixture.settled(&log, T0).await;
    a.stop().await;
    assert!(owners(&fixture).await.is_empty(), "leases are given back at the end");
    for round in 0..4 {
        for n in 0..40 {
            assert_eq!(fixture.rows(customer(n + round * 1000)).await, ["Bump 1"]);
        }
    }
}

/// The partition goes to somebody else behind the owner's back, who then tries to work on.
async fn steal(fixture: &Fixture) {
    let tx = fixture.database.begin().await.unwrap();
    let sql = "UPDATE consumer_partition SET owner = 'thief', epoch = epoch + 1, expires_at = 9999999999999";
    execute(&tx, sql, []).await.unwrap();
    tx.commit().await.unwrap();
}

async fn a_zombie_can_not_commit(fixture: Fixture) {
    let (processor, log) = (Arc::new(Shop::default()), MemoryLog::new(2, T0));
    let consumer = fixture.consumer(&processor, &log);
    let mut ownership = consumer.ownership();
    let running = Running::start(consumer);
    log.put(bump(1));
    fixture.settled(&log, T0).await;
    assert_eq!(ownership.all().len(), 2);
    steal(&fixture).await;
    log.put(bump(1));
    log.put(bump(2));
    eventually(Duration::from_secs(10), || async { ownership.all().is_empty() }).await;
    assert!(ownership.changed().await, "who listens is told");
    assert_eq!(fixture.rows(customer(1)).await, ["Bump 1"], "nothing of the zombie is written");
    assert_eq!(fixture.rows(customer(2)).await, Vec::<String>::new());
    // The thief gives up: the partition goes on where its offset stands.
    let tx = fixture.database.begin().await.unwrap();
    execute(&tx, "UPDATE consumer_partition SET owner = NULL, expires_at = 0", []).await.unwrap();
    tx.commit().await.unwrap();
    fixture.settled(&log, T0).await;
    running.stop().await;
    assert_eq!(fixture.rows(customer(1)).await, ["Bump 1", "Bump 2"]);
}

fn receipt(id: u32) -> LaneEvent {
    LaneEvent {
        workspace: shop(),
        customer: customer(1),
        name: "elate.test.answer".into(),
        occurred_at: T0,
        properties: RawJson::default(),
        id: id.to_string(),
        cause: None,
        historical: false,
        trace_parent: None,
    }
}

async fn lanes_are_fenced_and_drained_in_order(fixture: Fixture) {
    let (processor, log) = (Arc::new(Shop::default()), MemoryLog::new(2, T0));
    let consumer = fixture.consumer(&processor, &log);
    let (lane, ownership) = (consumer.lane("shop-delivery"), consumer.ownership());
    let running = Running::start(consumer);
    let held: Held = eventually(Duration::from_secs(10), || async { ownership.get(Partition(1)) }).await;
    for round in 0..5 {
        let tx = fixture.database.begin().await.unwrap();
        let events = vec![receipt(round * 2), receipt(round * 2 + 1)];
        let appended = lane.append(&tx, vec![(held, events)]).await.unwrap();
        tx.commit().await.unwrap();
        // One commit's word gets lost, as after a commit whose answer never came.
        if round != 2 {
            lane.committed(appended);
        }
    }
    // What is rolled back was never said, and leaves no gap that matters.
    let tx = fixture.database.begin().await.unwrap();
    let _ = lane.append(&tx, vec![(held, vec![receipt(99)])]).await.unwrap();
    tx.rollback().await.unwrap();
    fixture.settled(&log, T0).await;
    let sequences: Vec<u64> = log.appended().iter().map(|e| e.producer.as_ref().unwrap().sequence).collect();
    assert_eq!(sequences, (1..=10).collect::<Vec<_>>());
    assert!(log.appended().iter().all(|e| e.producer.as_ref().unwrap().service.as_ref() == "shop-delivery"));
    steal(&fixture).await;
    let tx = fixture.database.begin().await.unwrap();
    let refused = lane.append(&tx, vec![(held, vec![receipt(100)])]).await;
    assert!(matches!(refused, Err(Error::Fenced { .. })), "{refused:?}");
    tx.rollback().await.unwrap();
    running.kill().await;
}

async fn a_worker_keeps_the_partition_and_holds_nobody_up(fixture: Fixture) {
    if fixture.database.is_embedded() {
        // There is one writer at a time.
        return;
    }
    let (processor, log) = (Arc::new(Shop::default()), MemoryLog::new(1, T0));
    let consumer = fixture.consumer(&processor, &log);
    let (lane, ownership) = (consumer.lane("shop-delivery"), consumer.ownership());
    let running = Running::start(consumer);
    let held: Held = eventually(Duration::from_secs(10), || async { ownership.get(Partition(0)) }).await;
    let tx = fixture.database.begin().await.unwrap();
    let appended = lane.append(&tx, vec![(held, vec![receipt(1)])]).await.unwrap();
    // The loop goes on while the worker's transaction is open.
    log.put(bump(1));
    eventually(Duration::from_secs(20), || async {
        (fixture.rows(customer(1)).await == ["Bump 1"]).then_some(())
    })
    .await;
    // Nobody else can have the partition before it ends.
    let free = "SELECT partition FROM consumer_partition FOR UPDATE SKIP LOCKED";
    let other = fixture.database.begin().await.unwrap();
    assert!(query_all(&other, free, []).await.unwrap().is_empty());
    other.rollback().await.unwrap();
    tx.commit().await.unwrap();
    lane.committed(appended);
    fixture.settled(&log, T0).await;
    assert_eq!(log.appended().len(), 1);
    let other = fixture.database.begin().await.unwrap();
    assert_eq!(query_all(&other, free, []).await.unwrap().len(), 1);
    other.rollback().await.unwrap();
    running.stop().await;
}
