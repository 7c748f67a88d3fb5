//! Faults at every call, crashes and thefts: in the end everything is as if nothing had happened.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking, helpers included")]

mod common;

use std::sync::Arc;

use common::chaos::{BadLine, Chaos};
use common::{Fixture, HOUR, MINUTE, Running, Shop, ShopStore, T0, customer, event, service, settings};
use elate_consumer::{Consumer, LogSource, memory::MemoryLog};
use elate_domain::system::name;
use elate_domain::{CustomerId, Event, Timestamp};
use elate_storage::query_all;
use proptest::prelude::*;
use serde_json::json;

/// What happens in one phase: events, then time passes.
type Phase = Vec<Event>;

/// Everything that may be seen from outside.
#[derive(Debug, PartialEq)]
struct Picture {
    states: Vec<String>,
    rows: Vec<String>,
    offsets: Vec<String>,
    dead: Vec<String>,
    appended: Vec<String>,
}

async fn picture(fixture: &Fixture, log: &MemoryLog) -> Picture {
    let text = |sql: &'static str, columns: usize| async move {
        let rows = query_all(fixture.database.read(), sql, []).await.unwrap();
        let row = |row: &elate_storage::Row| {
            (0..columns)
                .map(|i| row.try_get_by_index::<Option<i64>>(i).unwrap())
                .map(|v| format!("{v:?} "))
                .collect()
        };
        rows.iter().map(row).collect::<Vec<String>>()
    };
    let sql = "SELECT state FROM consumer_customer ORDER BY workspace, customer";
    let states = query_all(fixture.database.read(), sql, []).await.unwrap();
    let states = states.iter().map(|row| format!("{:?}", row.try_get::<Vec<u8>>("", "state").unwrap()));
    let mut rows = service::rows(&fixture.database, None).await;
    // Rows of different partitions are written in any order, those of a customer in theirs.
    rows.sort_by_key(|row| row.split(' ').next().unwrap().to_owned());
    let mut appended: Vec<_> = log.appended();
    appended.sort_by_key(|e| e.producer.as_ref().map(|p| (p.service.to_string(), p.partition, p.sequence)));
    Picture {
        states: states.collect(),
        rows,
        offsets: text(
            "SELECT partition, log_offset, next_sequence FROM consumer_partition ORDER BY partition",
            3,
        )
        .await,
        dead: text(
            "SELECT partition, log_offset, at FROM consumer_dead_letter ORDER BY partition, log_offset",
            3,
        )
        .await,
        appended: appended
            .iter()
            .map(|e| {
                format!(
                    "{} {} {} {:?} {}",
                    e.message_id,
                    e.name,
                    e.customer,
                    e.producer,
                    String::from_utf8_lossy(e.properties.as_bytes())
                )
            })
            .collect(),
    }
}

fn at(phase: usize) -> Timestamp {
    T0.plus_millis(phase as i64 * 10 * MINUTE)
}

/// A phase in stretches, each of which is settled before the next. An erasure begins one: what a customer's past still had
/// on its way to the log goes with it, and how much that is depends on the moment.
fn stretches(phase: &Phase) -> Vec<&[Event]> {
    let cuts = phase.iter().enumerate().filter(|(_, event)| event.name.as_ref() == name::ERASED);
    let mut rest = phase.as_slice();
    let mut stretches = Vec::new();
    for (at, _) in cuts {
        let (before, after) = rest.split_at(at - (phase.len() - rest.len()));
        stretches.push(before);
        rest = after;
    }
    stretches.push(rest);
    stretches
}

async fn play(fixture: &Fixture, phases: &[Phase], chaos: Option<Arc<Chaos>>) -> Picture {
    let log = MemoryLog::new(3, T0);
    let shop = Arc::new(Shop::default());
    shop.explosive.store(true, std::sync::atomic::Ordering::SeqCst);
    let start = || {
        let Some(chaos) = &chaos else { return fixture.start(&shop, &log) };
        let line: Arc<dyn LogSource> = Arc::new(BadLine { log: log.clone(), chaos: Arc::clone(chaos) });
        let consumer =
            Consumer::builder(Arc::clone(&shop), Arc::new(ShopStore), fixture.database.clone(), line)
                .settings(settings())
                .member("one")
                .probe(Arc::clone(chaos) as Arc<dyn elate_consumer::Probe>)
                .build();
        Running::start(consumer.unwrap())
    };
    let mut running = start();
    for (n, phase) in phases.iter().enumerate() {
        log.advance(at(n));
        for events in stretches(phase) {
            log.put_all(events.iter().cloned());
            loop {
                let Some(chaos) = &chaos else {
                    fixture.settled(&log, at(n)).await;
                    break;
                };
                tokio::select! {
                    () = fixture.settled(&log, at(n)) => break,
                    () = chaos.crash.notified() => {
                        running.kill().await;
                        running = start();
                    }
                }
            }
        }
    }
    running.kill().await;
    picture(fixture, &log).await
}

fn happening() -> impl Strategy<Value = Event> {
    let who = 0..7_u128;
    prop_oneof![
        6 => (who.clone(), any::<u16>()).prop_map(|(n, i)| event(customer(n), "Bump", json!({"i": i}))),
        3 => (who.clone(), 0..4, -5..40_i64).prop_map(|(n, key, after)| {
            event(customer(n), "Arm", json!({"key": format!("k{key}"), "at": T0.0 + after * MINUTE}))
        }),
        1 => (who.clone(), 0..4).prop_map(|(n, key)| event(customer(n), "Cancel", json!({"key": format!("k{key}")}))),
        1 => (who.clone(), 0..20_i64).prop_map(|(n, after)| {
            event(customer(n), "Arm", json!({"key": "chain-2", "at": T0.0 + after * MINUTE}))
        }),
        1 => who.clone().prop_map(|n| event(customer(n), "Boom", json!({}))),
        1 => who.clone().prop_map(|n| event(customer(n), name::REDRIVE, json!({"service": "shop"}))),
        1 => who.clone().prop_map(|n| event(customer(n), name::ERASED, json!({"erasure_id": "e"}))),
        1 => (who.clone(), who).prop_map(|(a, b)| {
            let (survivor, loser) = (customer(a.min(b)), customer(a.max(b) + 100));
            event(loser, name::MERGED_AWAY, json!({"survivor": survivor, "reason": "test"}))
        }),
        1 => (0..7_u128).prop_map(|n| event(customer(n + 100), "Bump", json!({}))),
        1 => any::<bool>().prop_map(|begins| {
            let name = if begins { name::IMPORT_BEGUN } else { name::IMPORT_ENDED };
            event(CustomerId::NONE, name, json!({"import_id": "i"}))
        }),
        1 => (0..7_u128, -50..40_i64).prop_map(|(n, after)| {
            let arm = event(customer(n), "Arm", json!({"key": "old", "at": T0.0 + after * MINUTE}));
            Event { historical: true, ..arm }
        }),
    ]
}

/// An import at the end would hold its timers for ever; time passes until nothing is left to do.
fn rounded_off(mut phases: Vec<Phase>) -> Vec<Phase> {
    phases.push(vec![event(CustomerId::NONE, name::IMPORT_ENDED, json!({"import_id": "i"}))]);
    phases.extend((0..4).map(|_| Vec::new()));
    phases
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("ELATE_FAULT_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(12),
        max_shrink_iters: 0,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_disturbed_run_ends_like_an_undisturbed_one(
        phases in prop::collection::vec(prop::collection::vec(happening(), 5..40), 1..4),
        seed in any::<u64>(),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(compare(rounded_off(phases), seed))?;
    }
}

async fn compare(phases: Vec<Phase>, seed: u64) -> Result<(), TestCaseError> {
    let quiet = common::sqlite().await;
    let expected = play(&quiet, &phases, None).await;
    let rough = common::sqlite().await;
    let chaos = Chaos::new(seed, 40, 12, rough.database.clone());
    let found = play(&rough, &phases, Some(Arc::clone(&chaos))).await;
    prop_assert!(chaos.faults() > 0, "no fault was injected");
    let Picture { states, rows, offsets, dead, appended } = found;
    prop_assert_eq!(rows, expected.rows);
    prop_assert_eq!(dead, expected.dead);
    prop_assert_eq!(appended, expected.appended);
    prop_assert_eq!(offsets, expected.offsets);
    prop_assert_eq!(states, expected.states);
    Ok(())
}

/// The same on PostgreSQL, with one fixed story.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disturbed_run_on_postgres_ends_like_an_undisturbed_one() {
    let mut phases: Vec<Phase> = Vec::new();
    for phase in 0..3_i64 {
        let bumps = (0..60).map(|i| event(customer(i % 7), "Bump", json!({"i": i, "phase": phase})));
        let arms = (0..7).map(|n| {
            event(
                customer(n),
                "Arm",
                json!({"key": "k", "at": T0.0 + phase * 10 * MINUTE + MINUTE * n as i64}),
            )
        });
        phases.push(bumps.chain(arms).collect());
    }
    phases[1].push(event(customer(3), "Boom", json!({})));
    phases[2].push(event(customer(3), name::REDRIVE, json!({"service": "shop"})));
    phases[2].push(event(customer(6), name::MERGED_AWAY, json!({"survivor": customer(2), "reason": "test"})));
    phases[2].push(event(customer(5), name::ERASED, json!({"erasure_id": "e"})));
    let phases = rounded_off(phases);
    assert!(at(phases.len()) < T0.plus_millis(2 * HOUR));
    let Some(quiet) = common::postgres().await else { return };
    let expected = play(&quiet, &phases, None).await;
    for seed in 0..3 {
        let Some(rough) = common::postgres().await else { return };
        let chaos = Chaos::new(seed, 60, 12, rough.database.clone());
        let found = play(&rough, &phases, Some(Arc::clone(&chaos))).await;
        assert!(chaos.faults() > 10, "only {} faults were injected", chaos.faults());
        assert_eq!(found, expected);
    }
}
