//! Rollouts by themselves: a play that harms goes back, a good one reaches everybody, a held one stays; over a restart and
//! from the log alone; on both kinds of database.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use elate_consumer::Consumer;
use elate_consumer::memory::MemoryLog;
use elate_domain::system::{PlayStepped, RolloutDecided, RolloutStage, name};
use elate_domain::{CustomerId, Event, ManualClock, Timestamp, WorkspaceId};
use elate_journeys::app::rollout::Command;
use elate_journeys::app::{App, COMMAND_LANE, Commands, Keeper};
use elate_journeys::error::Error;
use elate_journeys::model::Journeys;
use elate_journeys::store::{Migrator, Store};
use elate_storage::{Database, Dsn, Options};
use elate_testkit::eventually;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use common::{at, event, published, shop};

const WITHIN: Duration = Duration::from_secs(60);
const DAY: i64 = 86_400_000;
const PEOPLE: u32 = 700;

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

fn begin() -> Timestamp {
    at("2026-03-01T00:00:00Z")
}

fn who(n: u32) -> CustomerId {
    CustomerId(Uuid::new_v5(&Uuid::NAMESPACE_OID, &n.to_be_bytes()))
}

/// The service without its edges: the consumer at work, and a keeper that takes turns when it is told to.
struct Process {
    app: App,
    keeper: Keeper,
    stop: CancellationToken,
    tasks: JoinSet<Result<(), elate_consumer::Error>>,
}

struct Story {
    database: Database,
    log: Arc<MemoryLog>,
    clock: Arc<ManualClock>,
    process: Option<Process>,
    day: i64,
}

impl Story {
    async fn on(dsn: &Dsn) -> Self {
        let database = Database::connect(dsn, &Options::default()).await.unwrap();
        database.migrate::<Migrator>().await.unwrap();
        let log = Arc::new(MemoryLog::new(2, begin()));
        log.put(published(1, PLAYS, begin()));
        let clock = Arc::new(ManualClock::new(begin()));
        let mut story = Self { database, log, clock, process: None, day: 0 };
        story.start("one").await;
        eventually(WITHIN, || async { !story.app().rollouts(&shop()).await.unwrap().is_empty() }).await;
        story
    }

    fn app(&self) -> &App {
        &self.process.as_ref().unwrap().app
    }

    async fn start(&mut self, member: &str) {
        let store = Store::new(self.database.clone());
        let consumer = Consumer::builder(
            Arc::new(Journeys::default()),
            Arc::new(store.clone()),
            self.database.clone(),
            Arc::clone(&self.log) as _,
        );
        let consumer = consumer.member(member).build().unwrap();
        let ownership = consumer.ownership();
        let commands =
            Commands::new(consumer.lane(COMMAND_LANE), ownership.clone(), Arc::clone(&self.clock) as _);
        let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
        tasks.spawn(consumer.run(stop.clone()));
        eventually(WITHIN, || async { ownership.all().len() == 2 }).await;
        let app = App::new(store.clone()).with_commands(commands.clone());
        self.process = Some(Process { app, keeper: Keeper::new(store, commands), stop, tasks });
    }

    async fn stop(&mut self) {
        let mut process = self.process.take().unwrap();
        process.stop.cancel();
        process.tasks.join_next().await.unwrap().unwrap().unwrap();
    }

    /// A day on which everybody is late, and some of those who got the play complain about it.
    async fn day(&mut self, complain: impl Fn(bool, u32) -> bool) {
        self.day += 1;
        let now = begin().plus_millis(self.day * DAY);
        self.log.advance(now);
        let day = self.day;
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
    fn treated(&self) -> std::collections::BTreeSet<CustomerId> {
        let stepped = |event: &Event| event.properties.read::<PlayStepped>().unwrap().change == "entered";
        let said = self.log.appended();
        let entered = said.iter().filter(|event| &*event.name == name::PLAY_STEPPED && stepped(event));
        entered.map(|event| event.customer).collect()
    }

    async fn turn(&mut self) {
        self.process.as_mut().unwrap().keeper.turn().await.unwrap();
    }

    async fn stands(&self) -> (u8, RolloutStage) {
        let standing = self.app().rollout(&shop(), "sorry").await.unwrap().standing;
        (standing.percent, standing.stage)
    }

    /// The keeper's turns until it decides something: what was counted may still be on its way.
    async fn decided(&mut self, from: (u8, RolloutStage)) -> (u8, RolloutStage) {
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

    fn said(&self) -> Vec<RolloutDecided> {
        let said = self.log.appended().into_iter().filter(|event| &*event.name == name::ROLLOUT_DECIDED);
        said.map(|event| event.properties.read().unwrap()).collect()
    }
}

/// A play that harms nobody reaches everybody, one step a day, with a restart in the middle.
async fn a_good_play_reaches_everybody(dsn: Dsn) {
    use RolloutStage::{Finished, Running};
    let mut story = Story::on(&dsn).await;
    let mut seen = vec![story.stands().await];
    for day in 0..6 {
        // One in twenty complains, whether they got it or not.
        story.day(|_, n| n % 20 == 0).await;
        if day == 3 {
            story.stop().await;
            story.start("two").await;
        }
        let from = *seen.last().unwrap();
        seen.push(story.decided(from).await);
    }
    let steps = [(1, Running), (5, Running), (10, Running), (25, Running), (50, Running), (100, Finished)];
    assert_eq!(&seen[..6], &steps);
    assert_eq!(seen[6], (100, Finished), "nothing comes after the end");
    assert_eq!(story.treated().len(), PEOPLE as usize);
    let known = story.app().rollout(&shop(), "sorry").await.unwrap();
    let decisions: Vec<_> = known.decisions.iter().map(|(_, decided)| decided.decision.as_str()).collect();
    assert_eq!(decisions, ["begin", "advance", "advance", "advance", "advance", "finish"]);
    assert!(known.steps.iter().all(|step| step.treated > 0 && step.control > 0), "{:?}", known.steps);

    // From the log alone, in an empty database, another process comes to the same.
    story.stop().await;
    let folder = tempfile::tempdir().unwrap();
    let fresh = Dsn::Sqlite(folder.path().join("again.db"));
    story.database = Database::connect(&fresh, &Options::default()).await.unwrap();
    story.database.migrate::<Migrator>().await.unwrap();
    story.start("three").await;
    let again = async || story.app().rollout(&shop(), "sorry").await;
    eventually(WITHIN, || async {
        let found = again().await;
        found.is_ok_and(|found| found.standing == known.standing && found.steps == known.steps)
    })
    .await;
    story.stop().await;
}

/// A play that makes people complain goes back by itself, and nobody gets it any more.
async fn a_bad_play_goes_back(dsn: Dsn) {
    let mut story = Story::on(&dsn).await;
    let mut at = story.stands().await;
    while at.1 == RolloutStage::Running && story.day < 6 {
        story.day(|treated, n| if treated { n % 4 != 0 } else { n % 20 == 0 }).await;
        at = story.decided(at).await;
    }
    assert_eq!(at.1, RolloutStage::RolledBack);
    assert!(at.0 <= 50, "{at:?}");
    let last = story.said().pop().unwrap();
    assert!(last.reason.starts_with("complaints is certainly harmed"), "{}", last.reason);
    assert_eq!(
        (last.by.as_str(), last.numbers["guardrails"][0]["metric"].as_str()),
        ("elate", Some("complaints"))
    );
    let before = story.treated().len();
    // Both partitions have heard of it once nobody enters any more.
    eventually(WITHIN, || async {
        story.said().iter().filter(|said| said.sequence == last.sequence).count() == 2
    })
    .await;
    story.stop().await;
    story.start("two").await;
    let entries = |story: &Story| {
        let said = story.log.appended();
        said.iter().filter(|event| &*event.name == name::PLAY_STEPPED).count()
    };
    let earlier = entries(&story);
    story.day(|_, _| false).await;
    assert_eq!((story.treated().len(), entries(&story)), (before, earlier));
    let gone = story.app().command_rollout(&shop(), "sorry", Command::Resume, "", "key").await;
    assert!(matches!(gone, Err(Error::RolloutOver { .. })), "{gone:?}");
    story.stop().await;
}

/// A rollout that is held stays, whatever the figures say, until it is resumed; what is asked twice is done once.
async fn a_held_play_stays(dsn: Dsn) {
    use RolloutStage::{Held, Running};
    let mut story = Story::on(&dsn).await;
    let hold = async |story: &Story, command| {
        story
            .app()
            .command_rollout(&shop(), "sorry", command, "we are on holiday", "key-1")
            .await
            .unwrap()
            .stage
    };
    assert_eq!(hold(&story, Command::Hold).await, Held);
    assert_eq!(hold(&story, Command::Hold).await, Held);
    story.day(|_, n| n % 20 == 0).await;
    for _ in 0..5 {
        story.turn().await;
    }
    assert_eq!(story.stands().await, (1, Held));
    story.stop().await;
    story.start("two").await;
    story.turn().await;
    assert_eq!(story.stands().await, (1, Held));
    assert_eq!(hold(&story, Command::Resume).await, Running);
    let after = story.decided((1, Running)).await;
    assert_eq!(after, (5, Running));
    let known = story.app().rollout(&shop(), "sorry").await.unwrap();
    let decisions: Vec<_> =
        known.decisions.iter().map(|(_, d)| (d.decision.as_str(), d.by.as_str())).collect();
    assert_eq!(decisions, [("begin", ""), ("hold", "key-1"), ("resume", "key-1"), ("advance", "elate")]);
    let other = WorkspaceId::try_new("other").unwrap();
    let unknown = story.app().command_rollout(&other, "sorry", Command::Hold, "", "key").await;
    assert!(matches!(unknown, Err(Error::RolloutUnknown(_))), "tenants are apart");
    story.stop().await;
}

macro_rules! on_both {
    ($($story:ident: $sqlite:ident, $postgres:ident;)+) => {$(
        #[tokio::test]
        async fn $sqlite() {
            let folder = tempfile::tempdir().unwrap();
            $story(Dsn::Sqlite(folder.path().join("journeys.db"))).await;
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
    a_good_play_reaches_everybody: a_good_play_reaches_everybody_on_sqlite, a_good_play_reaches_everybody_on_postgres;
    a_bad_play_goes_back: a_bad_play_goes_back_on_sqlite, a_bad_play_goes_back_on_postgres;
    a_held_play_stays: a_held_play_stays_on_sqlite, a_held_play_stays_on_postgres;
}
