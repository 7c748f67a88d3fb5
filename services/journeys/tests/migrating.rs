//! Plays that run are moved to a newer wording by a command in the log, and tell their history as they go; on both
//! kinds of database.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use elate_consumer::Consumer;
use elate_consumer::memory::MemoryLog;
use elate_domain::{CustomerId, Event, ManualClock};
use elate_journeys::app::{App, COMMAND_LANE, Commands};
use elate_journeys::error::Error;
use elate_journeys::model::Journeys;
use elate_journeys::model::rows::{PlayPhase, PlayRow};
use elate_journeys::page::PageOf;
use elate_journeys::store::{InstanceFilter, Migrator, Store};
use elate_storage::{Database, Dsn, Options};
use elate_testkit::eventually;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use common::{at, event, shop};

const WITHIN: Duration = Duration::from_secs(60);

fn published(version: u64, steps: &str) -> Event {
    let text = format!(
        "apiVersion: elate.dev/v1\nkind: Play\nmetadata: {{name: p}}\nspec: {{trigger: {{event: Started}}, \
         key: event.properties.key, reentry: always, steps: [{steps}]}}"
    );
    common::published(version, &text, at("2026-03-01T00:00:00Z"))
}

fn page(after: Option<elate_journeys::page::After>) -> PageOf {
    PageOf { after, limit: 7 }
}

async fn instances(app: &App) -> Vec<PlayRow> {
    let active = InstanceFilter { phases: vec![PlayPhase::Active], ..InstanceFilter::default() };
    app.play_instances(&shop(), &active, PageOf { after: None, limit: 100 }).await.unwrap().items
}

/// Twenty instances wait; those that stand where the newer wording waits too are moved.
async fn who_is_told_to_moves(dsn: Dsn) {
    let database = Database::connect(&dsn, &Options::default()).await.unwrap();
    database.migrate::<Migrator>().await.unwrap();
    let store = Store::new(database.clone());
    let log = Arc::new(MemoryLog::new(4, at("2026-03-01T00:00:00Z")));
    let consumer = Consumer::builder(
        Arc::new(Journeys::default()),
        Arc::new(store.clone()),
        database,
        Arc::clone(&log) as _,
    );
    let consumer = consumer.member("one").build().unwrap();
    let clock = Arc::new(ManualClock::new(at("2026-03-02T12:00:00Z")));
    let commands = Commands::new(consumer.lane(COMMAND_LANE), consumer.ownership(), clock);
    let app = App::new(store).with_commands(commands);
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(consumer.run(stop.clone()));

    log.put(published(1, "{wait: {event: Ready, timeout: 1d}}, {wait: {for: 1d}}, {emit: {name: Old}}"));
    log.advance(at("2026-03-02T12:00:00Z"));
    let customers: Vec<CustomerId> = (1..=20_u128).map(|n| CustomerId(Uuid::from_u128(n << 64))).collect();
    for (number, who) in customers.iter().enumerate() {
        let key = json!({"key": number.to_string()});
        log.put(event(*who, &format!("m-{number}"), "Started", at("2026-03-02T12:00:00Z"), &key));
        if number < 5 {
            log.put(event(*who, &format!("r-{number}"), "Ready", at("2026-03-02T12:00:00Z"), &key));
        }
    }
    let standing = async |step: &str| instances(&app).await.iter().filter(|row| row.step == step).count();
    eventually(WITHIN, || async { standing("0").await == 15 && standing("1").await == 5 }).await;
    let preview = app.preview_migration(&shop(), "p").await.unwrap();
    assert_eq!((preview.version, preview.groups.len()), (1, 0), "all of them run the newest wording");

    // The second step is no wait any more.
    log.put(published(2, "{wait: {event: Ready, timeout: 2d}}, {emit: {name: New}}"));
    eventually(WITHIN, || async {
        let status = app.definitions_status(&shop()).await.unwrap();
        status.len() == 4 && status.iter().all(|partition| partition.version == 2)
    })
    .await;
    let preview = app.preview_migration(&shop(), "p").await.unwrap();
    let told = preview.groups.iter().map(|group| {
        (group.waiting.version, group.waiting.step.as_str(), group.waiting.instances, group.stays.as_deref())
    });
    let stays = "the step 1 is `emit` there, and no wait";
    assert_eq!(told.collect::<Vec<_>>(), [(1, "0", 15, None), (1, "1", 5, Some(stays))]);

    let wrong = app.migrate(&shop(), "p", 1, page(None)).await;
    assert!(matches!(wrong, Err(Error::DefinitionsChanged { asked: 1, newest: 2 })), "{wrong:?}");
    let (mut moving, mut staying, mut after) = (0, 0, None);
    loop {
        let done = app.migrate(&shop(), "p", 2, page(after)).await.unwrap();
        (moving, staying, after) = (moving + done.moving, staying + done.staying, done.next);
        if after.is_none() {
            break;
        }
    }
    assert_eq!((moving, staying), (15, 5));
    let moved = async || instances(&app).await.iter().filter(|row| row.definitions_version == 2).count();
    eventually(WITHIN, || async { moved().await == 15 }).await;
    let again = app.migrate(&shop(), "p", 2, PageOf { after: None, limit: 100 }).await.unwrap();
    assert_eq!(again.moving, 0, "who runs the newest wording is not told again");

    let row = instances(&app).await.into_iter().find(|row| row.definitions_version == 2).unwrap();
    assert_eq!(row.waits_until, Some(at("2026-03-04T12:00:00Z")));
    let (_, steps) = app.play_instance(&shop(), row.instance_id).await.unwrap();
    assert_eq!(steps.last().map(|step| step.change.as_str()), Some("migrated"));
    log.advance(at("2026-03-04T13:00:00Z"));
    let said = |called: &str| log.appended().into_iter().filter(|event| &*event.name == called).count();
    eventually(WITHIN, || async { said("New") == 15 && said("Old") == 5 }).await;
    stop.cancel();
    tasks.join_next().await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn who_is_told_to_moves_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    who_is_told_to_moves(Dsn::Sqlite(folder.path().join("journeys.db"))).await;
}

#[tokio::test]
async fn who_is_told_to_moves_on_postgres() {
    if let Some(database) = elate_testkit::postgres::database().await {
        who_is_told_to_moves(database.url().parse().unwrap()).await;
    }
}
