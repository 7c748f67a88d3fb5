//! What the loop promises, on SQLite and on PostgreSQL.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking, helpers included")]

#[macro_use]
mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use common::{Fixture, HOUR, MINUTE, Shop, T0, arm, bump, customer, event, named, shop};
use elate_consumer::{memory::MemoryLog, query};
use elate_domain::system::name;
use elate_domain::{CustomerId, Partition};
use serde_json::json;

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
    a_restart_goes_on_where_it_was,
    a_restored_log_stops_the_loop,
);

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
        let of =
            |event: &&elate_domain::Event| event.producer.as_ref().unwrap().partition == Partition(partition);
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
