//! Why a customer entered a play or did not: every condition, with what it evaluated to at the time.

use elate_domain::{EventType, RawJson};
use elate_reach::assign;
use serde_json::json;

use super::plays::{SHELL, answers, play};
use super::world::{World, at, customer, event};
use crate::model::rows::{Check, EvaluationRow, PlayDecision, Row, Verdict};

const ASKS: &str = r#"
trigger: {event: {on: Started, where: event.properties.total > 100}}
key: event.properties.key
audience: customer.tier == "gold"
reentry: {after: 3600s}
holdout: {percent: 50, seed: s}
exit_on: [Stopped, {on: Refunded, where: event.properties.whole}]
steps: [{wait: {for: 1d}}]
"#;

fn told(checks: &[Check]) -> Vec<(String, Verdict)> {
    checks.iter().map(|check| (check.name.clone(), check.verdict)).collect()
}

fn detail<'a>(row: &'a EvaluationRow, name: &str) -> &'a str {
    let found = row.checks.iter().find(|check| check.name == name);
    found.map_or("", |check| check.detail.as_str())
}

/// Customers by which half of the seed's hash they are in.
fn of_half(held_out: bool) -> elate_domain::CustomerId {
    let mut all = (0..100).map(|number| customer(&format!("c-{number}")));
    all.find(|who| (assign::sticky("s", &who.to_string()) < 0.5) == held_out).unwrap()
}

fn gold(world: &mut World, who: elate_domain::CustomerId, when: &str) {
    let mut identified = event(who, &format!("i-{when}"), "", at(when), json!({}));
    identified.event_type = EventType::Identify;
    identified.traits = RawJson::of(&json!({"tier": "gold"}));
    world.receive(identified, at(when));
}

#[test]
fn every_condition_has_an_answer_also_behind_the_one_that_decided() {
    use Verdict::{Failed, NotAsked, Passed, Unknown};
    let ann = of_half(false);
    let mut world = World::of(&play(ASKS));
    world.happens(ann, "m-1", "Started", "2026-03-02T12:00:00Z", json!({"key": "a", "total": 200}));
    gold(&mut world, ann, "2026-03-02T12:01:00Z");
    world.happens(ann, "m-2", "Started", "2026-03-02T12:02:00Z", json!({"key": "a", "total": 200}));
    world.happens(ann, "m-3", "Started", "2026-03-02T12:03:00Z", json!({"key": "b", "total": 200}));
    let all = answers(&world, ann);
    let checks = |place: usize, audience, re_entry, running, exits: bool| {
        let mut expected = vec![
            ("trigger", Passed),
            ("key", Passed),
            ("history", Passed),
            ("pause", Passed),
            ("running", running),
            ("re_entry", re_entry),
            ("audience", audience),
            ("global_holdout", Passed),
            ("holdout", Passed),
        ];
        expected.extend(exits.then_some(("exits", NotAsked)));
        let expected: Vec<_> =
            expected.into_iter().map(|(name, verdict)| (name.to_owned(), verdict)).collect();
        assert_eq!(told(&all[place].checks), expected, "evaluation {place}");
    };
    checks(0, Unknown, Passed, Passed, false);
    checks(1, Passed, Passed, Passed, true);
    checks(2, Passed, Failed, Passed, false);
    assert_eq!(detail(&all[0], "holdout"), "would be not in the play's control group");
    assert_eq!(detail(&all[1], "holdout"), "not in the play's control group");
    assert_eq!(detail(&all[1], "exits"), "left at once on Stopped, Refunded where event.properties.whole");
    assert_eq!(
        detail(&all[2], "re_entry"),
        "entered on 2026-03-02T12:02:00.000Z, and may again from 2026-03-02T13:02:00.000Z"
    );
}

#[test]
fn the_control_group_has_an_answer_too() {
    let ben = of_half(true);
    let mut world = World::of(&play(ASKS));
    gold(&mut world, ben, "2026-03-02T12:00:00Z");
    world.happens(ben, "m-1", "Started", "2026-03-02T12:01:00Z", json!({"key": "a", "total": 200}));
    let [answer] = &answers(&world, ben)[..] else { panic!("one answer") };
    assert_eq!(answer.decision, PlayDecision::HeldOut);
    assert_eq!(detail(answer, "holdout"), "in the play's control group");
    assert_eq!(answer.checks.last().map(|check| check.verdict), Some(Verdict::Failed));
}

#[test]
fn of_events_that_did_not_trigger_it_the_last_is_remembered() {
    let ann = customer("ann");
    let mut world = World::of(&play(ASKS));
    for number in 1..=3 {
        let properties = if number == 3 { json!({"key": "a"}) } else { json!({"key": "a", "total": 5}) };
        let when = format!("2026-03-02T12:0{number}:00Z");
        world.happens(ann, &format!("m-{number}"), "Started", &when, properties);
    }
    let all = answers(&world, ann);
    let ids: std::collections::BTreeSet<_> = all.iter().map(|answer| answer.evaluation_id).collect();
    assert_eq!((all.len(), ids.len()), (3, 1), "each takes the place of the one before");
    assert!(all.iter().all(|answer| answer.decision == PlayDecision::NotTriggered));
    assert_eq!(all[1].detail, "not true: event.properties.total > 100");
    assert_eq!(all[2].detail, "could not be told: event.properties.total > 100");
    assert!(world.state(ann).memory.is_empty(), "it costs no state");
}

#[test]
fn a_trigger_without_a_name_remembers_nothing_of_all_that_it_looks_at() {
    let ann = customer("ann");
    let spec = "trigger: {event: {where: event.properties.total > 100}}\nsteps: [{exit: {}}]";
    let mut world = World::of(&play(spec));
    world.happens(ann, "m-1", "Anything", "2026-03-02T12:00:00Z", json!({"total": 1}));
    assert!(answers(&world, ann).is_empty());
}

#[test]
fn a_moment_of_another_outcome_is_a_near_miss() {
    let manifests = format!(
        "{SHELL}{}",
        r#"apiVersion: elate.dev/v1
kind: Moment
metadata: {name: wait}
spec:
  truth: smot
  stage: use
  touchpoint: desk
  product: shop
  channel: chat
  on: Waited
  key: event.properties.ticket
  experience: event.properties.minutes
  better: lower
  expect: {standard: "5"}
  tolerance: 5
---
apiVersion: elate.dev/v1
kind: Play
metadata: {name: p}
spec:
  trigger: {moment: {name: wait, outcome: miserable, where: moment.gap < -2.0}}
  reentry: always
  steps: [{wait: {for: 1d}}]
"#
    );
    let ann = customer("ann");
    let mut world = World::of(&manifests);
    for (id, minutes) in [("m-1", 5), ("m-2", 12), ("m-3", 30)] {
        let properties = json!({"ticket": id, "minutes": minutes});
        world.happens(ann, id, "Waited", "2026-03-02T12:00:00Z", properties);
    }
    let told: Vec<_> = answers(&world, ann).into_iter().map(|answer| answer.detail).collect();
    let expected = ["the moment was neutral, not miserable", "not true: moment.gap < -2.0", "triggered"];
    assert_eq!(told, expected);
    assert_eq!(detail(&answers(&world, ann)[2], "trigger"), "the moment wait was miserable, by -5.00");
}

#[test]
fn an_exit_says_which_it_was() {
    let ann = of_half(false);
    let mut world = World::of(&play(ASKS));
    gold(&mut world, ann, "2026-03-02T12:00:00Z");
    world.happens(ann, "m-1", "Started", "2026-03-02T12:01:00Z", json!({"key": "a", "total": 200}));
    world.happens(ann, "m-2", "Refunded", "2026-03-02T12:02:00Z", json!({"key": "a", "whole": false}));
    world.happens(ann, "m-3", "Refunded", "2026-03-02T12:03:00Z", json!({"key": "a", "whole": true}));
    let mut lines = world.rows.iter().filter_map(|row| match row {
        Row::Step(step) => Some((step.change.as_str(), step.reason.as_str())),
        _ => None,
    });
    let expected = ("exited", "exit_on[1]: \"Refunded\" came, true: event.properties.whole");
    assert_eq!(lines.next_back(), Some(expected));
}
