//! What the loop promises, on SQLite and on PostgreSQL.

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use common::{Fixture, HOUR, MINUTE, Shop, T0, arm, bump, customer, event, shop};
use elate_consumer::{memory::MemoryLog, query};
use elate_domain::system::{ErasureReceipt, StateMoved, name};
use elate_domain::{CustomerId, Event, Partition};
use serde_json::json;

macro_rules! both {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(crate::common::sqlite().await).await }
        )* }
        mod on_postgres { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let Some(fixture) = crate::common::postgres().await else { return };
                super::$name(fixture).await
            }
        )* }
    };
}

both!(
    records_are_processed_once_and_in_order,
    timers_fire_before_the_record_that_passes_them,
    many_timers_of_one_instant_fire_in_bounded_batches,
    marks_fire_timers_while_nothing_happens,
    chains_of_timers_fire_in_order_of_deadline,
    a_failing_step_is_set_aside_and_redriven,
    a_failing_timer_is_set_aside_and_redriven,
    a_step_that_fails_once_is_no_dead_letter,
    timers_that_go_round_are_a_failure,
    merged_states_travel_with_their_timers,
    erasure_leaves_nothing_but_a_receipt,
    imports_hold_timers_until_they_end,
    the_loop_guard_holds_deep_chains_and_floods,
    control_records_reach_every_partition,
    definitions_replay_history_without_effects,
    a_restart_goes_on_where_it_was,
    a_restored_log_stops_the_loop,
);

fn named<'a>(events: &'a [Event], name: &str) -> Vec<&'a Event> {
    events.iter().filter(|event| event.name.as_ref() == name).collect()
}

async fn records_are_processed_once_and_in_order(fixture: Fixture) {
    let (shop, log) = (Arc::new(Shop::default()), MemoryLog::new(4, T0));
    for n in 0..300 {
        log.put(bump(n % 20));
    }
    let running = fixture.start(&shop, &log);
    fixture.settled(&log, T0).await;
    running.stop().await;
    for n in 0..20 {
        assert_eq!(fixture.state(customer(n)).await.count, 15);
        let expected: Vec<String> = (1..=15).map(|i| format!("Bump {i}")).collect();
        assert_eq!(fixture.rows(customer(n)).await, expected);
    }
    let appended = log.appended();
    assert_eq!(appended.len(), 100, "every third record of a customer emits");
    for partition in 0..4 {
        let of = |event: &&Event| event.producer.as_ref().unwrap().partition == Partition(partition);
        let sequences: Vec<u64> =
            appended.iter().filter(of).map(|event| event.producer.as_ref().unwrap().sequence).collect();
        assert_eq!(sequences, (1..=sequences.len() as u64).collect::<Vec<_>>());
    }
    let first = &appended[0];
    let cause = first.caused_by.as_ref().unwrap();
    assert_eq!((cause.hops, first.trace_parent.as_deref()), (1, Some("00-trace-01")));
    assert_eq!(first.source.as_str(), "elate-shop");
}

async fn timers_fire_before_the_record_that_passes_them(fixture: Fixture) {
    let (shop, log) = (Arc::new(Shop::default()), MemoryLog::new(1, T0));
    log.put(arm(1, "late", T0.plus_millis(2 * MINUTE)));
    log.put(arm(1, "early", T0.plus_millis(MINUTE)));
    log.put(arm(1, "gone", T0.plus_millis(MINUTE)));
    log.put(event(customer(1), "Cancel", json!({"key": "gone"})));
    log.put(arm(2, "overdue", T0.plus_millis(-5)));
    log.advance(T0.plus_millis(2 * MINUTE));
    log.put(bump(1));
    log.put(bump(2));
    let running = fixture.start(&shop, &log);
    fixture.settled(&log, T0).await;
    running.stop().await;
    let expected = ["Arm", "Arm", "Arm", "Cancel", "timer early 60000", "timer late 120000", "Bump"];
    assert_eq!(fixture.state(customer(1)).await.trace, expected);
    assert_eq!(fixture.state(customer(2)).await.trace, ["Arm", "timer overdue -5", "Bump"]);
    let fired = log.appended();
    let fired = named(&fired, "elate.test.fired");
    assert_eq!(fired.len(), 3);
    assert_eq!(fired[0].caused_by.as_ref().unwrap().hops, 1);
}

async fn many_timers_of_one_instant_fire_in_bounded_batches(fixture: Fixture) {
    let (shop, log) = (Arc::new(Shop::default()), MemoryLog::new(2, T0));
    for n in 0..40 {
        log.put(arm(n, "same", T0.plus_millis(MINUTE)));
        log.put(arm(n, "also", T0.plus_millis(MINUTE)));
    }
    log.advance(T0.plus_millis(HOUR));
    for n in 0..40 {
        log.put(bump(n));
    }
    let running = fixture.start(&shop, &log);
    fixture.settled(&log, T0.plus_millis(HOUR)).await;
    running.stop().await;
    for n in 0..40 {
        let expected = ["Arm", "Arm", "timer also 60000", "timer same 60000", "Bump"];
        assert_eq!(fixture.state(customer(n)).await.trace, expected);
    }
    // Over a partition: in order of deadline, customer, key, whatever the batches were.
    for partition in 0..2 {
        let appended = log.appended();
        let fired = named(&appended, "elate.test.fired");
        let of = fired.iter().filter(|e| e.producer.as_ref().unwrap().partition == Partition(partition));
        let customers: Vec<CustomerId> = of.map(|event| event.customer).collect();
        assert!(customers.is_sorted(), "timers of one instant fire in order of customer");
    }
}

async fn marks_fire_timers_while_nothing_happens(fixture: Fixture) {
    let (shop, log) = (Arc::new(Shop::default()), MemoryLog::new(2, T0));
    let running = fixture.start(&shop, &log);
    log.put(arm(1, "wait", T0.plus_millis(HOUR)));
    log.put(arm(2, "long", T0.plus_millis(2 * HOUR)));
    fixture.settled(&log, T0).await;
    assert_eq!(fixture.state(customer(1)).await.trace, ["Arm"]);
    log.advance(T0.plus_millis(HOUR));
    fixture.settled(&log, T0.plus_millis(HOUR)).await;
    assert_eq!(fixture.state(customer(1)).await.trace, ["Arm", "timer wait 3600000"]);
    assert_eq!(fixture.state(customer(2)).await.trace, ["Arm"]);
    running.stop().await;
}

async fn chains_of_timers_fire_in_order_of_deadline(fixture: Fixture) {
    let (shop, log) = (Arc::new(Shop::default()), MemoryLog::new(1, T0));
    log.put(arm(1, "chain-3", T0.plus_millis(1_000)));
    log.put(arm(1, "middle", T0.plus_millis(1_600)));
    log.advance(T0.plus_millis(MINUTE));
    log.put(bump(1));
    let running = fixture.start(&shop, &log);
    fixture.settled(&log, T0.plus_millis(MINUTE)).await;
    running.stop().await;
    let expected = [
        "Arm",
        "Arm",
        "timer chain-3 1000",
        "timer chain-2 1500",
        "timer middle 1600",
        "timer chain-1 2000",
        "timer chain-0 2500",
        "Bump",
    ];
    assert_eq!(fixture.state(customer(1)).await.trace, expected);
}

async fn a_failing_step_is_set_aside_and_redriven(fixture: Fixture) {
    let (processor, log) = (Arc::new(Shop::default()), MemoryLog::new(1, T0));
    processor.explosive.store(true, Ordering::SeqCst);
    log.put(arm(1, "before", T0.plus_millis(MINUTE)));
    for name in ["Bump", "Ping"] {
        log.put(event(customer(1), name, json!({})));
    }
    log.advance(T0.plus_millis(2 * MINUTE));
    for (n, name) in [(1, "Boom"), (2, "Bump"), (3, "Panic"), (1, "Bump"), (2, "Bump")] {
        log.put(event(customer(n), name, json!({})));
    }
    let running = fixture.start(&processor, &log);
    fixture.settled(&log, T0.plus_millis(2 * MINUTE)).await;
    let letters = query::dead_letters(&fixture.database, &shop(), 10).await.unwrap();
    let mut letters: Vec<_> = letters.into_iter().map(|l| (l.customer, l.offset.0, l.reason)).collect();
    letters.sort_unstable();
    let expected = [(customer(1), 4, "boom".to_owned()), (customer(3), 6, "the step panicked".to_owned())];
    assert_eq!(letters, expected);
    assert_eq!(fixture.state(customer(2)).await.count, 2, "the partition goes on");
    let before = ["Arm", "Bump", "Ping", "timer before 60000"];
    assert_eq!(fixture.state(customer(1)).await.trace, before);
    assert_eq!(fixture.rows(customer(1)).await.len(), 4);

    processor.explosive.store(false, Ordering::SeqCst);
    let appended = log.appended().len();
    log.put(event(customer(1), name::REDRIVE, json!({"service": "other"})));
    log.put(event(customer(1), name::REDRIVE, json!({"service": "shop"})));
    fixture.settled(&log, T0.plus_millis(2 * MINUTE)).await;
    running.stop().await;
    let state = fixture.state(customer(1)).await;
    assert_eq!(state.trace[..6], ["Arm", "Bump", "Ping", "timer before 60000", "Boom", "Bump"]);
    let rows = fixture.rows(customer(1)).await;
    assert_eq!(rows[..4], ["Arm 1", "Bump 2", "Ping 3", "timer before 60000"]);
    assert_eq!(rows[4..6], ["Boom 4", "Bump 5"], "what had its effects has them once");
    assert!(log.appended().len() > appended, "what had no effects yet has them now");
    let ids: std::collections::BTreeSet<_> = log.appended().into_iter().map(|e| e.message_id).collect();
    assert_eq!(ids.len(), log.appended().len());
    let letters = query::dead_letters(&fixture.database, &shop(), 10).await.unwrap();
    assert_eq!(letters.len(), 1, "the redriven customer's letter is gone: {letters:?}");
}

async fn a_failing_timer_is_set_aside_and_redriven(fixture: Fixture) {
    let (processor, log) = (Arc::new(Shop::default()), MemoryLog::new(1, T0));
    processor.explosive.store(true, Ordering::SeqCst);
    for (key, after) in [("a", 1), ("bad", 2), ("c", 3)] {
        log.put(arm(1, key, T0.plus_millis(after * MINUTE)));
    }
    log.advance(T0.plus_millis(HOUR));
    log.put(bump(1));
    let running = fixture.start(&processor, &log);
    fixture.settled(&log, T0.plus_millis(HOUR)).await;
    assert_eq!(fixture.rows(customer(1)).await, ["Arm 1", "Arm 2", "Arm 3", "timer a 60000"]);
    processor.explosive.store(false, Ordering::SeqCst);
    log.put(event(customer(1), name::REDRIVE, json!({"service": "shop"})));
    fixture.settled(&log, T0.plus_millis(HOUR)).await;
    running.stop().await;
    let rows = fixture.rows(customer(1)).await;
    let expected =
        ["Arm 1", "Arm 2", "Arm 3", "timer a 60000", "timer bad 120000", "timer c 180000", "Bump 4"];
    assert_eq!(rows, expected);
    let appended = log.appended();
    assert_eq!(named(&appended, "elate.test.fired").len(), 3);
}

async fn a_step_that_fails_once_is_no_dead_letter(fixture: Fixture) {
    let (processor, log) = (Arc::new(Shop::default()), MemoryLog::new(1, T0));
    processor.flaky.store(2, Ordering::SeqCst);
    log.put(bump(1));
    log.put(event(customer(1), "Flaky", json!({})));
    log.put(bump(1));
    let running = fixture.start(&processor, &log);
    fixture.settled(&log, T0).await;
    running.stop().await;
    assert_eq!(fixture.rows(customer(1)).await, ["Bump 1", "Flaky 2", "Bump 3"]);
    assert_eq!(fixture.count("SELECT COUNT(*) AS n FROM consumer_dead_letter").await, 0);
}

async fn timers_that_go_round_are_a_failure(fixture: Fixture) {
    let (processor, log) = (Arc::new(Shop::default()), MemoryLog::new(1, T0));
    log.put(arm(1, "round", T0.plus_millis(MINUTE)));
    log.put(bump(2));
    log.advance(T0.plus_millis(HOUR));
    let running = fixture.start(&processor, &log);
    fixture.settled(&log, T0.plus_millis(HOUR)).await;
    running.stop().await;
    let letters = query::dead_letters(&fixture.database, &shop(), 10).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert!(letters[0].reason.contains("at one instant"), "{}", letters[0].reason);
}

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

async fn a_restart_goes_on_where_it_was(fixture: Fixture) {
    let (processor, log) = (Arc::new(Shop::default()), MemoryLog::new(2, T0));
    for round in 0..6 {
        for n in 0..10 {
            log.put(bump(n));
        }
        let running = fixture.start(&processor, &log);
        if round % 2 == 0 {
            fixture.settled(&log, T0).await;
            running.stop().await;
        } else {
            running.kill().await;
        }
    }
    let running = fixture.start(&processor, &log);
    fixture.settled(&log, T0).await;
    running.stop().await;
    for n in 0..10 {
        assert_eq!(fixture.rows(customer(n)).await, (1..=6).map(|i| format!("Bump {i}")).collect::<Vec<_>>());
    }
    assert_eq!(log.appended().len(), 20);
}

async fn a_restored_log_stops_the_loop(fixture: Fixture) {
    let (processor, log) = (Arc::new(Shop::default()), MemoryLog::new(1, T0));
    log.put(bump(1));
    let running = fixture.start(&processor, &log);
    fixture.settled(&log, T0).await;
    running.stop().await;
    log.restore_as("second");
    let ended = fixture.start(&processor, &log).ended().await;
    assert!(matches!(ended, Err(elate_consumer::Error::Generation { .. })), "{ended:?}");
}
