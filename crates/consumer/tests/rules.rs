//! What the loop does for every service: merges, erasures, imports, the loop guard, control records, replays.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking, helpers included")]

#[macro_use]
mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use common::{Fixture, HOUR, MINUTE, Shop, T0, arm, bump, customer, event, named, shop};
use elate_consumer::{memory::MemoryLog, query};
use elate_domain::system::{ErasureReceipt, StateMoved, name};
use elate_domain::{CustomerId, Event, Partition};
use serde_json::json;

both!(
    merged_states_travel_with_their_timers,
    erasure_leaves_nothing_but_a_receipt,
    imports_hold_timers_until_they_end,
    the_loop_guard_holds_deep_chains_and_floods,
    control_records_reach_every_partition,
    definitions_replay_history_without_effects,
);

async fn merged_states_travel_with_their_timers(fixture: Fixture) {
    let (processor, log) = (Arc::new(Shop::default()), MemoryLog::new(4, T0));
    log.put(bump(1));
    log.put(arm(1, "theirs", T0.plus_millis(HOUR)));
    log.put(bump(2));
    let running = fixture.start(&processor, &log);
    fixture.settled(&log, T0).await;
    log.put(event(customer(1), name::MERGED_AWAY, json!({"survivor": customer(2), "reason": "test"})));
    log.put(event(customer(3), name::MERGED_AWAY, json!({"survivor": customer(2), "reason": "test"})));
    fixture.settled(&log, T0).await;
    // Nothing may come for the loser any more; where something does, it must not hurt.
    log.put(event(customer(1), "Bump", json!({"late": true})));
    log.advance(T0.plus_millis(HOUR));
    fixture.settled(&log, T0.plus_millis(HOUR)).await;
    running.stop().await;
    let found =
        query::state::<common::State>(&fixture.database, &shop(), customer(1)).await.unwrap().unwrap();
    assert_eq!(found.customer, customer(2), "readers find the survivor");
    assert_eq!(found.state.trace, ["Bump", "merged Bump,Arm", "timer theirs 3600000"]);
    assert_eq!(fixture.rows(customer(2)).await, ["Bump 1", "merged", "timer theirs 3600000"]);
    let appended = log.appended();
    let moved = named(&appended, name::STATE_MOVED);
    assert_eq!(moved.len(), 1, "of a customer of whom nothing is kept nothing travels");
    let moved: StateMoved = moved[0].properties.read().unwrap();
    assert_eq!((moved.service.as_str(), moved.loser), ("shop", customer(1)));
}

async fn erasure_leaves_nothing_but_a_receipt(fixture: Fixture) {
    let (processor, log) = (Arc::new(Shop::default()), MemoryLog::new(2, T0));
    processor.explosive.store(true, Ordering::SeqCst);
    for name in ["Bump", "Bump", "Boom"] {
        log.put(event(customer(1), name, json!({})));
    }
    log.put(bump(2));
    log.put(event(customer(1), name::ERASED, json!({"erasure_id": "e1"})));
    log.put(bump(1));
    let running = fixture.start(&processor, &log);
    fixture.settled(&log, T0).await;
    running.stop().await;
    assert!(fixture.rows(customer(1)).await.is_empty());
    assert_eq!(fixture.rows(customer(2)).await.len(), 1);
    assert_eq!(fixture.count("SELECT COUNT(*) AS n FROM consumer_dead_letter").await, 0);
    let found =
        query::state::<common::State>(&fixture.database, &shop(), customer(1)).await.unwrap().unwrap();
    assert!(found.erased && found.state == common::State::default());
    let appended = log.appended();
    let receipts = named(&appended, name::ERASURE_RECEIPT);
    assert_eq!(receipts.len(), 1);
    let receipt: ErasureReceipt = receipts[0].properties.read().unwrap();
    assert_eq!((receipt.erasure_id.as_str(), receipt.service.as_str(), receipt.purged), ("e1", "shop", 3));
}

async fn imports_hold_timers_until_they_end(fixture: Fixture) {
    let (processor, log) = (Arc::new(Shop::default()), MemoryLog::new(2, T0));
    let mark = |name: &str| event(CustomerId::NONE, name, json!({"import_id": "i1"}));
    let historical = |event: Event| Event { historical: true, ..event };
    let running = fixture.start(&processor, &log);
    log.put(mark(name::IMPORT_BEGUN));
    log.put(historical(arm(1, "second", T0.plus_millis(-HOUR))));
    log.put(historical(arm(1, "first", T0.plus_millis(-2 * HOUR))));
    log.put(historical(arm(1, "future", T0.plus_millis(2 * HOUR))));
    log.put(arm(1, "live", T0.plus_millis(MINUTE)));
    log.advance(T0.plus_millis(HOUR));
    fixture.settled(&log, T0.plus_millis(HOUR)).await;
    assert_eq!(fixture.state(customer(1)).await.trace, ["Arm", "Arm", "Arm", "Arm", "timer live 60000"]);
    log.put(mark(name::IMPORT_ENDED));
    log.advance(T0.plus_millis(3 * HOUR));
    fixture.settled(&log, T0.plus_millis(3 * HOUR)).await;
    running.stop().await;
    let trace = fixture.state(customer(1)).await.trace;
    assert_eq!(trace[5..], ["timer first -7200000", "timer second -3600000", "timer future 7200000"]);
    let appended = log.appended();
    let historical: Vec<bool> = named(&appended, "elate.test.fired").iter().map(|e| e.historical).collect();
    assert_eq!(historical, [false, true, true, false], "what lies after the import's end is of the present");
}

async fn the_loop_guard_holds_deep_chains_and_floods(fixture: Fixture) {
    let (processor, log) = (Arc::new(Shop::default()), MemoryLog::new(1, T0));
    log.put(event(customer(1), "Ping", json!({})));
    log.put(event(customer(2), "Ping", json!({"many": 150})));
    let running = fixture.start(&processor, &log);
    fixture.settled(&log, T0).await;
    running.stop().await;
    let appended = log.appended();
    let pongs = named(&appended, "elate.test.pong");
    let deepest = |n: u128| {
        let of = pongs.iter().filter(|event| event.customer == customer(n));
        of.map(|event| event.caused_by.as_ref().unwrap().hops).max().unwrap()
    };
    assert_eq!(deepest(1), 16);
    let of_second = appended.iter().filter(|event| event.customer == customer(2)).count();
    assert_eq!(of_second, 100);
    let held = query::held_events(&fixture.database, &shop(), 1000).await.unwrap();
    assert_eq!(held.iter().filter(|event| event.customer == customer(1)).count(), 1);
    assert_eq!(held.iter().find(|event| event.customer == customer(1)).unwrap().reason, "hops");
    assert!(held.iter().filter(|e| e.customer == customer(2)).all(|e| e.reason == "rate"));
}

async fn control_records_reach_every_partition(fixture: Fixture) {
    let (processor, log) = (Arc::new(Shop::default()), MemoryLog::new(3, T0));
    let version =
        |n: u64| event(CustomerId::NONE, name::DEFINITIONS_PUBLISHED, json!({"version": n, "manifests": []}));
    log.put(version(1));
    log.put(event(customer(1), "Version", json!({})));
    log.put(version(2));
    log.put(event(customer(1), "Version", json!({"n": 2})));
    log.put(event(CustomerId::NONE, "elate.test.broadcast", json!({})));
    let running = fixture.start(&processor, &log);
    fixture.settled(&log, T0).await;
    running.stop().await;
    assert_eq!(fixture.state(customer(1)).await.trace, ["v[1]", "Version", "v[1, 2]", "Version"]);
    for partition in 0..3 {
        let state =
            query::partition_state::<Vec<u64>>(&fixture.database, Partition(partition)).await.unwrap();
        assert_eq!(state, Some(vec![1, 2]));
    }
    let appended = log.appended();
    assert_eq!(named(&appended, "elate.test.answer").len(), 3);
}

async fn definitions_replay_history_without_effects(fixture: Fixture) {
    let (processor, log) = (Arc::new(Shop::default()), MemoryLog::new(1, T0));
    log.put(bump(1));
    log.advance(T0.plus_millis(HOUR));
    for n in [1, 2, 1] {
        log.put(bump(n));
    }
    log.advance(T0.plus_millis(HOUR + MINUTE / 2));
    log.put(bump(2));
    let publish = json!({"version": 1, "manifests": [], "replay_millis": HOUR / 2});
    log.put(event(CustomerId::NONE, name::DEFINITIONS_PUBLISHED, publish));
    log.put(event(customer(1), "Ping", json!({})));
    let running = fixture.start(&processor, &log);
    fixture.settled(&log, T0.plus_millis(HOUR)).await;
    assert_eq!(fixture.state(customer(1)).await.replayed, [2, 4], "the window, and nothing before it");
    assert_eq!(fixture.state(customer(2)).await.replayed, [3, 5]);
    // The third bump of the first customer; each step of the replay would have emitted one more.
    let appended = log.appended();
    let of_bumps = named(&appended, "elate.test.third");
    let of_bumps = of_bumps.iter().filter(|event| event.caused_by.as_ref().unwrap().offset.0 < 6);
    assert_eq!(of_bumps.count(), 1, "the replay emits nothing");
    log.advance(T0.plus_millis(2 * HOUR));
    fixture.settled(&log, T0.plus_millis(2 * HOUR)).await;
    running.stop().await;
    let trace = fixture.state(customer(1)).await.trace;
    let armed = format!("timer replayed {}", HOUR + MINUTE);
    assert_eq!(trace.last(), Some(&armed), "timers that the replay has set go on");
}
