//! What all customers teach goes round by way of the log: from the read models through the keeper to every partition,
//! on both kinds of database, and after a restart.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use std::sync::Arc;

use elate_consumer::memory::MemoryLog;
use elate_domain::system::{PopulationLearned, name};
use elate_domain::{CustomerId, ManualClock, PromiseState, Timestamp};
use elate_journeys::app::App;
use elate_journeys::page::PageOf;
use elate_journeys::store::{PromiseFilter, Store};
use elate_storage::Dsn;
use elate_testkit::eventually;
use serde_json::json;
use uuid::Uuid;

use common::process::{Process, WITHIN, migrated};
use common::{at, event, published, shop};

const ALL: PageOf = PageOf { after: None, limit: 500 };
const HOUR: i64 = 3_600_000;

const PARCEL: &str = r#"
apiVersion: elate.dev/v1
kind: Moment
metadata: {name: parcel}
spec:
  truth: smot
  stage: purchase
  touchpoint: delivery
  product: parcel
  channel: doorstep
  key: event.properties.order
  experience: delivered.occurred_at
  better: earlier
  since: ordered.occurred_at
  expect:
    promise:
      made: {name: ordered, on: Ordered}
      due: ordered.properties.due
      fulfilled: {name: delivered, on: Delivered}
      learned: {milestones: [Packed], chance: 0.4, least: 30}
  tolerance: 12h
"#;

fn begin() -> Timestamp {
    at("2026-03-01T00:00:00Z")
}

/// Forty parcels come 10 hours after they were packed; then one that does not is known to be late long before it is.
async fn the_population_teaches(dsn: Dsn) {
    let database = migrated(&dsn).await;
    let app = App::new(Store::new(database.clone()));
    let log = Arc::new(MemoryLog::new(4, begin()));
    let clock = Arc::new(ManualClock::new(begin()));
    let mut process = Process::start(&database, &log, &clock, "one").await;
    log.put(published(1, PARCEL, begin()));

    let customer = |n: u128| CustomerId(Uuid::from_u128(n << 64));
    let ordered = |n: u128, at: Timestamp| {
        let due = at.plus_millis(30 * HOUR).to_string();
        event(customer(n), &format!("o-{n}"), "Ordered", at, &json!({"order": "o", "due": due}))
    };
    let then = |n: u128, called: &str, at: Timestamp| {
        event(customer(n), &format!("{called}-{n}"), called, at, &json!({"order": "o"}))
    };
    for n in 1..=40 {
        log.put(ordered(n, begin()));
        log.put(then(n, "Packed", begin().plus_millis(HOUR)));
    }
    log.advance(begin().plus_millis(11 * HOUR));
    for n in 1..=40 {
        log.put(then(n, "Delivered", begin().plus_millis(11 * HOUR + i64::from(n as u32) * 1_000)));
    }
    let of = |states: &[PromiseState]| PromiseFilter { states: states.to_vec(), ..PromiseFilter::default() };
    let kept = of(&[PromiseState::Exceeded]);
    eventually(WITHIN, || async { app.promises(&shop(), &kept, ALL).await.unwrap().items.len() == 40 }).await;

    let said = || -> Vec<PopulationLearned> {
        let events = log.appended().into_iter().filter(|event| &*event.name == name::POPULATION_LEARNED);
        events.map(|event| event.properties.read().unwrap()).collect()
    };
    process.keeper.turn().await.unwrap();
    eventually(WITHIN, || async { said().len() == 4 }).await;
    let taught = said();
    let way = taught[0].ways.iter().find(|way| way.milestone == "Packed").unwrap();
    assert_eq!((way.samples, way.points.len()), (40, 40));
    assert!(taught.iter().all(|each| *each == taught[0]), "every partition hears the same");
    // Nothing new, nothing said; and a process that comes after tells nobody twice what it knows.
    process.keeper.turn().await.unwrap();
    process.stop().await;
    let process = Process::start(&database, &log, &clock, "two").await;
    assert_eq!(said().len(), 4);

    log.advance(begin().plus_millis(100 * HOUR));
    log.put(ordered(99, begin().plus_millis(100 * HOUR)));
    log.put(then(99, "Packed", begin().plus_millis(101 * HOUR)));
    log.advance(begin().plus_millis(112 * HOUR));
    // Nobody ever took longer than that: from here on it is as likely as not to be late, 18 hours before it is due.
    let at_risk = of(&[PromiseState::AtRisk]);
    eventually(WITHIN, || async { app.promises(&shop(), &at_risk, ALL).await.unwrap().items.len() == 1 })
        .await;
    let promise = app.promises(&shop(), &at_risk, ALL).await.unwrap().items.remove(0);
    assert_eq!(promise.reason, "50 % likely to be late after Packed, by 40 promises before it");
    let outlook = promise.outlook.unwrap();
    assert_eq!((outlook.after.as_str(), outlook.samples, outlook.chance), ("Packed", 40, Some(0.5)));
    process.stop().await;
}

#[tokio::test]
async fn the_population_teaches_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    the_population_teaches(Dsn::Sqlite(folder.path().join("journeys.db"))).await;
}

#[tokio::test]
async fn the_population_teaches_on_postgres() {
    if let Some(database) = elate_testkit::postgres::database().await {
        the_population_teaches(database.url().parse().unwrap()).await;
    }
}
