//! A workspace with one play that is rolled out, and days on which everybody gets it or not.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use elate_consumer::memory::MemoryLog;
use elate_domain::system::{PlayStepped, RolloutDecided, RolloutStage, name};
use elate_domain::{CustomerId, Event, ManualClock, Timestamp};
use elate_journeys::app::App;
use elate_journeys::store::Store;
use elate_storage::{Database, Dsn};
use elate_testkit::eventually;
use serde_json::json;
use uuid::Uuid;

use crate::common::process::{Process, WITHIN, migrated};
use crate::common::{at, event, published, shop};

const DAY: i64 = 86_400_000;
/// Everybody.
pub(crate) const PEOPLE: u32 = 700;

const PLAYS: &str = r#"
apiVersion: elate.dev/v1
kind: Play
metadata: {name: sorry}
spec:
  trigger: {event: Late}
  reentry: always
  rollout:
    seed: s58
    least_customers: 10
    guardrails:
      - {metric: complaints, on: Complained, good: lower, tolerated_harm: 0.02}
  steps: [{exit: {}}]
"#;

pub(crate) fn begin() -> Timestamp {
    at("2026-03-01T00:00:00Z")
}

fn who(n: u32) -> CustomerId {
    CustomerId(Uuid::new_v5(&Uuid::NAMESPACE_OID, &n.to_be_bytes()))
}

pub(crate) struct Story {
    pub(crate) database: Database,
    pub(crate) log: Arc<MemoryLog>,
    clock: Arc<ManualClock>,
    process: Option<Process>,
    pub(crate) days: i64,
}

impl Story {
    pub(crate) async fn on(dsn: &Dsn) -> Self {
        let database = migrated(dsn).await;
        let log = Arc::new(MemoryLog::new(2, begin()));
        log.put(published(1, PLAYS, begin()));
        let clock = Arc::new(ManualClock::new(begin()));
        let mut story = Self { database, log, clock, process: None, days: 0 };
        story.start("one").await;
        eventually(WITHIN, || async { !story.app().rollouts(&shop()).await.unwrap().is_empty() }).await;
        story
    }

    pub(crate) fn app(&self) -> &App {
        &self.process.as_ref().unwrap().app
    }

    pub(crate) async fn start(&mut self, member: &str) {
        self.process = Some(Process::start(&self.database, &self.log, &self.clock, member).await);
    }

    pub(crate) async fn stop(&mut self) {
        self.process.take().unwrap().stop().await;
    }

    /// A day on which everybody is late, and some of those who got the play complain about it.
    pub(crate) async fn day(&mut self, complain: impl Fn(bool, u32) -> bool) {
        self.days += 1;
        let now = begin().plus_millis(self.days * DAY);
        self.log.advance(now);
        let day = self.days;
        self.log
            .put_all((0..PEOPLE).map(|n| event(who(n), &format!("l-{day}-{n}"), "Late", now, &json!({}))));
        let store = Store::new(self.database.clone());
        // Whoever is asked about last was asked about on this day.
        let explained = async |n: u32| {
            let why = App::new(store.clone()).explain_play(&shop(), who(n), "sorry").await;
            why.is_ok_and(|why| why.evaluations.first().is_some_and(|last| last.at >= now))
        };
        for n in (0..PEOPLE).rev().take(10) {
            eventually(WITHIN, || async { explained(n).await }).await;
        }
        let treated = self.treated();
        let later = now.plus_millis(3_600_000);
        self.log.advance(later);
        let some = (0..PEOPLE).filter(|n| complain(treated.contains(&who(*n)), *n));
        self.log
            .put_all(some.map(|n| event(who(n), &format!("c-{day}-{n}"), "Complained", later, &json!({}))));
        self.clock.set(later.plus_millis(DAY / 2));
    }

    /// Who ever entered.
    pub(crate) fn treated(&self) -> BTreeSet<CustomerId> {
        let stepped = |event: &Event| event.properties.read::<PlayStepped>().unwrap().change == "entered";
        let said = self.log.appended();
        let entered = said.iter().filter(|event| &*event.name == name::PLAY_STEPPED && stepped(event));
        entered.map(|event| event.customer).collect()
    }

    pub(crate) async fn turn(&mut self) {
        self.process.as_mut().unwrap().keeper.turn().await.unwrap();
    }

    pub(crate) async fn stands(&self) -> (u8, RolloutStage) {
        let standing = self.app().rollout(&shop(), "sorry").await.unwrap().standing;
        (standing.percent, standing.stage)
    }

    /// The keeper's turns until it decides something: what was counted may still be on its way.
    pub(crate) async fn decided(&mut self, from: (u8, RolloutStage)) -> (u8, RolloutStage) {
        for _ in 0..400 {
            self.turn().await;
            if self.stands().await != from {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // Both partitions are told, before anything else happens.
        let standing = self.app().rollout(&shop(), "sorry").await.unwrap().standing;
        let heard = || self.said().iter().filter(|said| said.sequence == standing.sequence).count();
        let news = standing.sequence > 0;
        eventually(WITHIN, || async { !news || heard() == 2 }).await;
        self.stands().await
    }

    pub(crate) fn said(&self) -> Vec<RolloutDecided> {
        let said = self.log.appended().into_iter().filter(|event| &*event.name == name::ROLLOUT_DECIDED);
        said.map(|event| event.properties.read().unwrap()).collect()
    }
}
