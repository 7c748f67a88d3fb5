//! Journeys behind the consumer loop: from the log to the read models and back to the log, on both kinds of database.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use elate_consumer::Consumer;
use elate_consumer::memory::MemoryLog;
use elate_domain::system::{CaseChanged, NotificationRequested, name};
use elate_domain::{CaseState, CustomerId, Event, PromiseState};
use elate_journeys::app::App;
use elate_journeys::model::Journeys;
use elate_journeys::model::rows::PlayPhase;
use elate_journeys::page::PageOf;
use elate_journeys::store::{InstanceFilter, Migrator, PromiseFilter, Store};
use elate_storage::{Database, Dsn, Options};
use elate_testkit::eventually;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use common::{at, event, published, retail, shop};

const WITHIN: Duration = Duration::from_secs(60);
const ALL: PageOf = PageOf { after: None, limit: 500 };

/// Forty customers are promised a delivery for Friday and nothing comes; then everybody gets a replacement.
async fn a_broken_promise_is_made_good(dsn: Dsn) {
    let database = Database::connect(&dsn, &Options::default()).await.unwrap();
    database.migrate::<Migrator>().await.unwrap();
    let store = Store::new(database.clone());
    let app = App::new(store.clone());
    let log = Arc::new(MemoryLog::new(4, at("2026-03-01T00:00:00Z")));
    let consumer =
        Consumer::builder(Arc::new(Journeys::default()), Arc::new(store), database, Arc::clone(&log) as _);
    let consumer = consumer.member("one").build().unwrap();
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(consumer.run(stop.clone()));

    let customers: Vec<CustomerId> = (1..=40_u128).map(|n| CustomerId(Uuid::from_u128(n << 64))).collect();
    log.put(published(1, &retail(), at("2026-03-01T00:00:00Z")));
    log.advance(at("2026-03-02T12:00:00Z"));
    for (number, who) in customers.iter().enumerate() {
        let order = json!({"order_id": format!("o-{number}"), "promised_at": "2026-03-06T18:00:00Z"});
        log.put(event(*who, &format!("m-{number}"), "Order Placed", at("2026-03-02T12:00:00Z"), &order));
    }
    log.advance(at("2026-03-07T06:30:00Z"));
    let broken = PromiseFilter { states: vec![PromiseState::Broken], ..PromiseFilter::default() };
    eventually(WITHIN, || async { app.promises(&shop(), &broken, ALL).await.unwrap().items.len() == 40 })
        .await;

    let one = app.promises(&shop(), &broken, ALL).await.unwrap().items[0].promise_id;
    let (_, history) = app.promise(&shop(), one).await.unwrap();
    let states: Vec<_> = history.iter().map(|change| change.state).collect();
    assert_eq!(states, [PromiseState::Open, PromiseState::AtRisk, PromiseState::Broken]);
    let missing = app.promise(&shop(), Uuid::nil()).await;
    assert!(matches!(missing, Err(elate_journeys::error::Error::PromiseUnknown(_))), "{missing:?}");

    let said = |called: &str| -> Vec<Event> {
        log.appended().into_iter().filter(|event| &*event.name == called).collect()
    };
    // Everybody is in the play or in its control group; then log time passes the 10 minutes' wait of the others.
    let decided = InstanceFilter { name: Some("recover-late-gift".into()), ..InstanceFilter::default() };
    let instances = async || app.play_instances(&shop(), &decided, ALL).await.unwrap().items;
    eventually(WITHIN, || async { instances().await.len() == 40 }).await;
    let control = instances().await.iter().filter(|row| row.phase == PlayPhase::HeldOut).count();
    log.advance(at("2026-03-07T08:00:00Z"));
    eventually(WITHIN, || async {
        let apologies = said(name::NOTIFICATION_REQUESTED).into_iter().filter(|event| {
            event.properties.read::<NotificationRequested>().unwrap().template == "late-gift-apology"
        });
        apologies.count() + control == 40
    })
    .await;

    log.advance(at("2026-03-09T09:00:00Z"));
    for (number, who) in customers.iter().enumerate() {
        let order = json!({"order_id": format!("o-{number}"), "promised_at": "2026-03-11T18:00:00Z"});
        log.put(event(*who, &format!("s-{number}"), "Replacement Sent", at("2026-03-09T09:00:00Z"), &order));
        log.put(event(
            *who,
            &format!("r-{number}"),
            "Replacement Delivered",
            at("2026-03-09T10:00:00Z"),
            &order,
        ));
    }
    eventually(WITHIN, || async {
        let changes =
            said(name::CASE_CHANGED).into_iter().map(|event| event.properties.read::<CaseChanged>().unwrap());
        changes.filter(|change| change.state == CaseState::Recovered).count() == 40
    })
    .await;
    let status = app.definitions_status(&shop()).await.unwrap();
    assert_eq!(
        status.iter().map(|p| (p.partition.0, p.version)).collect::<Vec<_>>(),
        [(0, 1), (1, 1), (2, 1), (3, 1)]
    );
    let why = app.explain_play(&shop(), customers[0], "recover-late-gift").await.unwrap();
    // Entered or held out once; what was judged again at the end of the waiting started nothing anew.
    let reasons: Vec<_> = why.evaluations.iter().map(|answer| answer.reason.as_str()).collect();
    assert!(matches!(reasons[..], ["same_key", "triggered" | "held_out"]), "{reasons:?}");
    stop.cancel();
    tasks.join_next().await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_broken_promise_is_made_good_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    a_broken_promise_is_made_good(Dsn::Sqlite(folder.path().join("journeys.db"))).await;
}

#[tokio::test]
async fn a_broken_promise_is_made_good_on_postgres() {
    if let Some(database) = elate_testkit::postgres::database().await {
        a_broken_promise_is_made_good(database.url().parse().unwrap()).await;
    }
}
