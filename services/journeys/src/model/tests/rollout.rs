//! Rollouts: who gets a play at each step, who counts, and what a decision changes.

use elate_domain::Timestamp;
use elate_domain::system::{RolloutDecided, RolloutStage, name};
use elate_reach::assign::sticky;
use serde_json::json;

use super::world::{Between, World, at, customer, event};
use crate::model::rows::{PlayDecision, Row};

const PLAYS: &str = r#"
apiVersion: elate.dev/v1
kind: Play
metadata: {name: old}
spec:
  trigger: {event: Late}
  reentry: always
  steps: [{exit: {}}]
---
apiVersion: elate.dev/v1
kind: Play
metadata: {name: new}
spec:
  trigger: {event: Late}
  reentry: always
  rollout:
    replaces: old
    first: [beta]
    watch: 2d
    guardrails:
      - {metric: complaints, on: Complained, where: "event.properties.loud", good: lower, tolerated_harm: 0.02}
      - {metric: repeat, on: Bought, good: higher, tolerated_harm: 0.05}
  steps: [{exit: {}}]
---
apiVersion: elate.dev/v1
kind: Policy
metadata: {name: default}
spec:
  zone: UTC
  cohorts: [{name: beta, who: "has(customer.beta) && customer.beta"}]
"#;

fn decided(sequence: u32, percent: u8, stage: RolloutStage) -> RolloutDecided {
    RolloutDecided {
        play: "new".to_owned(),
        run: 1,
        sequence,
        percent,
        stage,
        decision: "advance".to_owned(),
        reason: String::new(),
        numbers: json!({}),
        by: "elate".to_owned(),
    }
}

/// Everybody is late once more; answers who entered which play.
fn late(world: &mut World, people: u32) -> Vec<(u32, String, &'static str)> {
    let now = Timestamp(world.now.0.max(at("2026-03-02T12:00:00Z").0) + 1_000);
    let seen = world.rows.len();
    for n in 0..people {
        let id = format!("late-{n}-{}", now.0);
        world.receive(event(customer(&n.to_string()), &id, "Late", now, json!({})), now);
    }
    let rows = world.rows[seen..].iter().filter_map(|row| match row {
        Row::Evaluation(row) => {
            let who = (0..people).find(|n| customer(&n.to_string()) == row.owner.customer)?;
            let reason = if row.decision == PlayDecision::Entered { "entered" } else { word(&row.reason) };
            Some((who, row.play.clone(), reason))
        }
        _ => None,
    });
    rows.collect()
}

fn word(reason: &str) -> &'static str {
    ["rollout", "rollout_control", "replaced", "rolled_back"]
        .into_iter()
        .find(|word| *word == reason)
        .unwrap()
}

fn entered<'a>(found: &'a [(u32, String, &str)], play: &'a str) -> Vec<u32> {
    found.iter().filter(|(_, of, reason)| of == play && *reason == "entered").map(|(who, ..)| *who).collect()
}

fn counts(world: &World, treated: bool, metric: &str) -> usize {
    let counted =
        |row: &&Row| matches!(row, Row::Count(row) if row.treated == treated && row.metric == metric);
    world.rows.iter().filter(counted).count()
}

#[test]
fn a_growing_share_keeps_those_who_are_in_it_and_each_gets_one_of_the_two() {
    let mut world = World::of(PLAYS);
    let mut before: Vec<u32> = Vec::new();
    for (sequence, percent) in (0..).zip([1_u8, 5, 10, 25, 50]) {
        if sequence > 0 {
            world.control(name::ROLLOUT_DECIDED, &decided(sequence, percent, RolloutStage::Running));
        }
        let found = late(&mut world, 600);
        let new = entered(&found, "new");
        assert!(before.iter().all(|who| new.contains(who)), "{percent} %");
        let share = f64::from(percent) / 100.0;
        let hashed = |n: &u32| sticky("new", &customer(&n.to_string()).to_string()) < share;
        assert_eq!(new, (0..600).filter(hashed).collect::<Vec<_>>(), "{percent} %: as the hash says");
        let mut all = [new.clone(), entered(&found, "old")].concat();
        all.sort_unstable();
        assert_eq!(all, (0..600).collect::<Vec<_>>(), "{percent} %: everybody gets one of them");
        before = new;
    }
    let (treated, control) = (counts(&world, true, ""), counts(&world, false, ""));
    assert_eq!((treated, control), (before.len(), 600 - before.len()), "each is counted once, on one side");
    world.control(name::ROLLOUT_DECIDED, &decided(9, 100, RolloutStage::Finished));
    assert_eq!(entered(&late(&mut world, 600), "new").len(), 600);
}

#[test]
fn a_play_that_is_rolled_back_goes_to_nobody_and_the_one_before_it_to_all() {
    let mut world = World::of(PLAYS);
    world.control(name::ROLLOUT_DECIDED, &decided(1, 50, RolloutStage::Running));
    assert!(entered(&late(&mut world, 100), "new").len() > 30);
    world.control(name::ROLLOUT_DECIDED, &decided(2, 50, RolloutStage::RolledBack));
    // A decision that was overtaken, and one about another run, change nothing.
    world.control(name::ROLLOUT_DECIDED, &decided(1, 50, RolloutStage::Running));
    world.control(
        name::ROLLOUT_DECIDED,
        &RolloutDecided { run: 7, ..decided(3, 100, RolloutStage::Finished) },
    );
    let found = late(&mut world, 100);
    assert_eq!((entered(&found, "new").len(), entered(&found, "old").len()), (0, 100));
    // Published again as it was, it stays so; worded anew, it begins again.
    world.publish(2, PLAYS);
    assert_eq!(entered(&late(&mut world, 100), "new").len(), 0);
    world.publish(3, &PLAYS.replace("watch: 2d", "watch: 3d"));
    world.control(name::ROLLOUT_DECIDED, &RolloutDecided { run: 3, ..decided(1, 50, RolloutStage::Running) });
    assert!(entered(&late(&mut world, 100), "new").len() > 30);
}

#[test]
fn guardrails_count_once_a_customer_while_they_are_watched() {
    let mut world = World::of(PLAYS);
    world.control(name::ROLLOUT_DECIDED, &decided(1, 50, RolloutStage::Running));
    let loud = |world: &mut World, n: u32, when: &str, loud: bool| {
        world.happens(
            customer(&n.to_string()),
            &format!("{n}-{when}"),
            "Complained",
            when,
            json!({"loud": loud}),
        );
    };
    loud(&mut world, 0, "2026-03-01T12:00:00Z", true);
    late(&mut world, 100);
    for when in ["2026-03-03T12:00:00Z", "2026-03-03T13:00:00Z"] {
        (0..100).for_each(|n| loud(&mut world, n, when, n % 2 == 0));
    }
    // The watch is over.
    (0..100).for_each(|n| loud(&mut world, n, "2026-03-09T12:00:00Z", true));
    let treated = (0..100).filter(|n| sticky("new", &customer(&n.to_string()).to_string()) < 0.5);
    let even = treated.filter(|n| n % 2 == 0).count();
    assert_eq!(counts(&world, true, "complaints"), even);
    assert_eq!(counts(&world, false, "complaints"), 50 - even);
    assert_eq!(counts(&world, true, "repeat"), 0);
}

#[test]
fn a_cohort_goes_first_and_is_not_counted() {
    let mut world = World::of(PLAYS);
    let who = (0..50_u32).find(|n| sticky("new", &customer(&n.to_string()).to_string()) > 0.2).unwrap();
    let mut known =
        event(customer(&who.to_string()), "id", "identify", at("2026-03-01T12:00:00Z"), json!({}));
    known.event_type = elate_domain::EventType::Identify;
    known.traits = elate_domain::RawJson::of(&json!({"beta": true}));
    world.receive(known, at("2026-03-01T12:00:00Z"));
    let found = late(&mut world, 50);
    assert!(entered(&found, "new").contains(&who) && !entered(&found, "old").contains(&who));
    assert!(!world.state(customer(&who.to_string())).rollouts.contains_key("new"));
}

#[test]
fn the_same_log_counts_the_same_whatever_the_state_goes_through() {
    let run = |between| {
        let mut world = World::new(between);
        world.publish(1, PLAYS);
        world.control(name::ROLLOUT_DECIDED, &decided(1, 25, RolloutStage::Running));
        late(&mut world, 60);
        late(&mut world, 60);
        (world.transcript(), format!("{:?}", world.rows))
    };
    assert_eq!(run(Between::Nothing), run(Between::MessagePack));
    assert_eq!(run(Between::Nothing), run(Between::Json));
}
