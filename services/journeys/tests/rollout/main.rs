//! Rollouts by themselves: a play that harms goes back, a good one reaches everybody, a held one stays; over a restart and
//! from the log alone; on both kinds of database. And what is told of them over gRPC, and to whom.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod asking;
#[path = "../common/mod.rs"]
mod common;
mod story;

use elate_domain::WorkspaceId;
use elate_domain::system::{RolloutStage, name};
use elate_journeys::app::rollout::Command;
use elate_journeys::error::Error;
use elate_storage::Dsn;
use elate_testkit::eventually;

use asking::{a_rollout_can_be_followed_and_held, keys_open_what_they_may, what_is_wrong_is_named};
use common::process::{WITHIN, migrated};
use common::shop;
use story::{PEOPLE, Story};

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
    story.database = migrated(&fresh).await;
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
    while at.1 == RolloutStage::Running && story.days < 6 {
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
    a_rollout_can_be_followed_and_held:
        a_rollout_can_be_followed_and_held_on_sqlite, a_rollout_can_be_followed_and_held_on_postgres;
    keys_open_what_they_may: keys_open_what_they_may_on_sqlite, keys_open_what_they_may_on_postgres;
    what_is_wrong_is_named: what_is_wrong_is_named_on_sqlite, what_is_wrong_is_named_on_postgres;
}
