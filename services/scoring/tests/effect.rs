//! What plays bring: customers through the step function into the sums, and out again as a comparison; on both kinds of
//! database.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

#[path = "common/events.rs"]
mod events;

use std::collections::BTreeMap;

use elate_consumer::{Effects, Input, Merged, Processor, ProcessorStore, TimerChange};
use elate_domain::system::{DefinitionsPublished, PlayStepped, name};
use elate_domain::{
    CustomerId, Event, EventType, Offset, Partition, RawJson, Record, Timestamp, WorkspaceId,
};
use elate_manifest::Set;
use elate_scoring::app::effect::{EffectApp, Error};
use elate_scoring::model::Scoring;
use elate_scoring::model::rows::Row;
use elate_scoring::model::state::{CustomerState, PartitionState};
use elate_scoring::store::{Migrator, Store};
use elate_storage::{Database, Dsn, Options};
use events::DAY;
use serde_json::{Value as Json, json};
use uuid::Uuid;

const MANIFESTS: &str = r#"
apiVersion: elate.dev/v1
kind: Score
metadata: {name: default}
spec: {purchases: {on: [Bought], value: total}}
---
apiVersion: elate.dev/v1
kind: Play
metadata: {name: sorry}
spec:
  trigger: {event: Complained}
  holdout: {percent: 40}
  effect: {observe: 30d, complaints: [Complained], cost: 2}
  steps: [{exit: {}}]
---
apiVersion: elate.dev/v1
kind: Play
metadata: {name: everybody}
spec:
  trigger: {event: Complained}
  steps: [{exit: {}}]
"#;

#[derive(Default)]
struct Held {
    state: CustomerState,
    timers: BTreeMap<String, Timestamp>,
}

struct Shop {
    database: Database,
    store: Store,
    partition: PartitionState,
    customers: BTreeMap<u32, Held>,
    rows: Vec<Row>,
    offset: u64,
}

fn shop() -> WorkspaceId {
    WorkspaceId::try_new("shop").unwrap()
}

impl Shop {
    async fn on(dsn: Dsn) -> Self {
        let database = Database::connect(&dsn, &Options::default()).await.unwrap();
        database.migrate::<Migrator>().await.unwrap();
        let store = Store::new(database.clone());
        let partition = PartitionState::default();
        let (customers, rows) = (BTreeMap::new(), Vec::new());
        Self { database, store, partition, customers, rows, offset: 0 }
    }

    fn event(&mut self, event_type: EventType, called: &str, at: i64, properties: RawJson) -> Event {
        self.offset += 1;
        events::event(&shop(), CustomerId::NONE, event_type, called, at, properties)
    }

    fn record(&self, at: i64) -> Record {
        Record {
            partition: Partition(0),
            offset: Offset(self.offset),
            received_at: Timestamp(at),
            event: None,
        }
    }

    fn publish(&mut self, version: u64, manifests: &str) {
        let set = Set::parse_text(manifests).unwrap_or_else(|problems| panic!("{problems:?}"));
        let published = DefinitionsPublished {
            version,
            manifests: set.canonical(),
            replay_millis: 0,
            applied_by: String::new(),
        };
        let event = self.event(EventType::System, name::DEFINITIONS_PUBLISHED, 0, RawJson::of(&published));
        let (record, mut effects) = (self.record(0), Effects::default());
        Scoring.control(&mut self.partition, &record, &event, &mut effects).unwrap();
        self.rows.extend(effects.rows);
    }

    fn take(&mut self, who: u32, event_type: EventType, called: &str, at: i64, properties: RawJson) {
        let event = self.event(event_type, called, at, properties);
        let record = self.record(at);
        self.step(who, &Input::Record { record: &record, event: &event });
    }

    fn step(&mut self, who: u32, input: &Input<'_>) {
        let held = self.customers.entry(who).or_default();
        let mut effects = Effects::default();
        Scoring.step(&self.partition, &mut held.state, *input, &mut effects).unwrap();
        // States go through their stored form: nothing may hang on what is not kept.
        let kept = rmp_serde::to_vec_named(&held.state).unwrap();
        held.state = rmp_serde::from_slice(&kept).unwrap();
        for change in effects.timers {
            match change {
                TimerChange::Set { key, deadline } => held.timers.insert(key, deadline),
                TimerChange::Cancel { key } => held.timers.remove(&key),
            };
        }
        self.rows.extend(effects.rows);
    }

    /// Fires what is due.
    fn until(&mut self, at: i64) {
        let due: Vec<(u32, String, Timestamp)> = self
            .customers
            .iter()
            .flat_map(|(who, held)| held.timers.iter().map(|(key, at)| (*who, key.clone(), *at)))
            .filter(|(.., deadline)| deadline.0 <= at)
            .collect();
        let workspace = shop();
        for (who, key, deadline) in due {
            self.customers.get_mut(&who).unwrap().timers.remove(&key);
            let customer = CustomerId(Uuid::from_u128(u128::from(who)));
            self.step(who, &Input::Timer { workspace: &workspace, customer, key: &key, deadline });
        }
    }

    fn enter(&mut self, who: u32, play: &str, change: &str, at: i64) {
        let stepped = PlayStepped {
            play: play.to_owned(),
            definitions_version: 1,
            instance_id: String::new(),
            key: String::new(),
            change: change.to_owned(),
            step: String::new(),
            kind: String::new(),
            branch: None,
            reason: String::new(),
        };
        self.take(who, EventType::System, name::PLAY_STEPPED, at, RawJson::of(&stepped));
    }

    fn track(&mut self, who: u32, called: &str, at: i64, properties: &Json) {
        self.take(who, EventType::Track, called, at, RawJson::of(properties));
    }

    fn moment(&mut self, who: u32, at: i64, gap: f64) {
        let judged = events::judged(&format!("{who}-{at}"), "chat", at, gap);
        self.take(who, EventType::System, name::MOMENT_JUDGED, at, RawJson::of(&judged));
    }

    /// Writes what there is, in batches of uneven sizes.
    async fn write(&mut self) {
        let rows = std::mem::take(&mut self.rows);
        let mut rows = rows.into_iter().peekable();
        let mut size = 1;
        while rows.peek().is_some() {
            let tx = self.database.begin().await.unwrap();
            self.store.write(&tx, rows.by_ref().take(size).collect()).await.unwrap();
            tx.commit().await.unwrap();
            size = size * 3 + 1;
        }
    }
}

fn near(value: Option<f64>, expected: f64) {
    assert!(value.is_some_and(|value| (value - expected).abs() < 1e-9), "{value:?} is not {expected}");
}

/// Six hundred treated, four hundred held out. Of the treated 5 % complain and 60 % buy for 10; of the held out 20 % and
/// 40 %. Every treated one has a good moment, every held-out one a bad one.
async fn a_planted_effect_is_found(dsn: Dsn) {
    let mut shop_ = Shop::on(dsn).await;
    shop_.publish(1, MANIFESTS);
    for who in 0..1_000_u32 {
        let treated = who < 600;
        let n = who % 100;
        let at = DAY + i64::from(who);
        shop_.track(who, "Bought", 0, &json!({"total": 99}));
        shop_.enter(who, "sorry", if treated { "entered" } else { "held_out" }, at);
        shop_.enter(who, "everybody", "entered", at);
        // Whoever enters again is the same customer.
        shop_.enter(who, "sorry", "entered", at + 5);
        shop_.moment(
            who,
            at + DAY,
            if treated { 1.0 + f64::from(n) / 100.0 } else { -1.0 - f64::from(n) / 100.0 },
        );
        if n < if treated { 5 } else { 20 } {
            shop_.track(who, "Complained", at + DAY, &json!({}));
            shop_.track(who, "Complained", at + 2 * DAY, &json!({}));
        }
        if n < if treated { 60 } else { 40 } {
            shop_.track(who, "Bought", at + 3 * DAY, &json!({"total": "7"}));
            shop_.track(who, "Bought", at + 4 * DAY, &json!({"total": 3}));
        }
    }
    shop_.until(40 * DAY);
    for who in 0..1_000 {
        // After the observation nothing counts any more.
        shop_.track(who, "Complained", 50 * DAY, &json!({}));
        shop_.track(who, "Bought", 50 * DAY, &json!({"total": 1_000_000}));
    }
    shop_.write().await;

    let app = EffectApp::new(shop_.store.clone());
    let found = app.play(&shop(), "sorry").await.unwrap();
    let effect = found.effect;
    assert_eq!((effect.customers_treated, effect.customers_held_out), (600, 400));
    near(effect.complaint.treated, 0.05);
    near(effect.complaint.held_out, 0.2);
    near(effect.repeat.treated, 0.6);
    near(effect.repeat.held_out, 0.4);
    near(effect.revenue.treated, 6.0);
    near(effect.revenue.held_out, 4.0);
    let complaint = effect.complaint.effect.unwrap();
    assert!(complaint.interval.high < 0.0 && (complaint.difference + 0.15).abs() < 1e-9, "{complaint:?}");
    let avoided = effect.complaints_avoided.unwrap();
    assert!((avoided.value - 90.0).abs() < 1e-6 && avoided.interval.contains(90.0));
    // What delight is at the end of each observation, from the states themselves.
    let mean = |range: std::ops::Range<u32>| {
        let values = range.clone().map(|who| {
            let state = &shop_.customers[&who].state;
            state
                .delight
                .delight(&elate_delight::DelightParams::default(), Timestamp(31 * DAY + i64::from(who)))
        });
        values.sum::<f64>() / f64::from(range.end - range.start)
    };
    let close = |value: Option<f64>, expected: f64| assert!((value.unwrap() - expected).abs() < 1e-6);
    close(effect.delight.treated, mean(0..600));
    close(effect.delight.held_out, mean(600..1_000));
    let points = effect.delight.effect.unwrap().difference;
    let price = effect.cost_per_point.unwrap();
    assert!((found.cost, price.value).0 == 1_200.0 && (price.value - 2.0 / points).abs() < 1e-9);
    assert!(!effect.split.unwrap().mismatch);
    assert!(matches!(app.play(&shop(), "everybody").await, Err(Error::NotObserved(_))));
    let other = WorkspaceId::try_new("other").unwrap();
    assert!(matches!(app.play(&other, "sorry").await, Err(Error::NotObserved(_))), "tenants are apart");
    assert_eq!(app.plays(&shop()).await.unwrap().len(), 1);

    // Another holdout is another experiment: it begins with nobody.
    shop_.publish(2, &MANIFESTS.replace("percent: 40", "percent: 30"));
    shop_.write().await;
    let renewed = app.play(&shop(), "sorry").await.unwrap();
    assert_eq!((renewed.version, renewed.effect.customers_treated), (2, 0));
}

/// Half of those who should be held out are not: no figure means anything, and the report says so.
async fn a_broken_split_is_told(dsn: Dsn) {
    let mut shop_ = Shop::on(dsn).await;
    shop_.publish(1, MANIFESTS);
    for who in 0..1_000 {
        shop_.enter(who, "sorry", if who < 800 { "entered" } else { "held_out" }, DAY);
    }
    shop_.write().await;
    let found = EffectApp::new(shop_.store.clone()).play(&shop(), "sorry").await.unwrap();
    assert!(found.effect.split.unwrap().mismatch);
}

/// Two observed customers turn out to be one: one of them is counted.
async fn a_merged_customer_counts_once(dsn: Dsn) {
    let mut shop_ = Shop::on(dsn).await;
    shop_.publish(1, MANIFESTS);
    for who in 0..2 {
        shop_.enter(who, "sorry", "entered", DAY);
        shop_.moment(who, 2 * DAY, if who == 0 { 2.0 } else { -2.0 });
        shop_.track(who, "Bought", 3 * DAY, &json!({"total": 5}));
    }
    let loser = shop_.customers.remove(&1).unwrap().state;
    let merged = Merged {
        workspace: shop(),
        survivor: CustomerId(Uuid::from_u128(0)),
        loser: CustomerId(Uuid::from_u128(1)),
        state: loser,
        now: Timestamp(4 * DAY),
    };
    let mut effects = Effects::default();
    let survivor = &mut shop_.customers.get_mut(&0).unwrap().state;
    Scoring.merge(&shop_.partition, survivor, merged, &mut effects).unwrap();
    let params = elate_delight::DelightParams::default();
    let delight = survivor.delight.delight(&params, Timestamp(4 * DAY));
    shop_.rows.extend(effects.rows);
    shop_.write().await;
    let effect = EffectApp::new(shop_.store.clone()).play(&shop(), "sorry").await.unwrap();
    assert_eq!(effect.effect.customers_treated, 1);
    near(effect.effect.revenue.treated, 5.0);
    assert!((effect.effect.delight.treated.unwrap() - delight).abs() < 1e-9);
    assert!((effect.cost - 2.0).abs() < 1e-9);
}

macro_rules! on_both {
    ($($story:ident: $sqlite:ident, $postgres:ident;)+) => {$(
        #[tokio::test]
        async fn $sqlite() {
            let folder = tempfile::tempdir().unwrap();
            $story(Dsn::Sqlite(folder.path().join("scoring.db"))).await;
        }

        #[tokio::test]
        async fn $postgres() {
            if let Some(database) = elate_testkit::postgres::database().await {
                $story(database.url().parse().unwrap()).await;
            }
        }
    )+};
}

on_both! {
    a_planted_effect_is_found: a_planted_effect_is_found_on_sqlite, a_planted_effect_is_found_on_postgres;
    a_broken_split_is_told: a_broken_split_is_told_on_sqlite, a_broken_split_is_told_on_postgres;
    a_merged_customer_counts_once: a_merged_customer_counts_once_on_sqlite, a_merged_customer_counts_once_on_postgres;
}
