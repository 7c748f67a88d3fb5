//! Moments that patterns make: absences, time-outs, lateness, imports, and definitions that change.

use elate_domain::Outcome;
use elate_domain::system::{MomentJudged, PatternTimedOut, name};
use serde_json::json;

use super::world::{World, at, customer, event};

/// Nobody answered within a day: the number of the customer's questions is what was experienced.
fn unanswered(within: &str) -> String {
    format!(
        r#"
apiVersion: elate.dev/v1
kind: Moment
metadata: {{name: unanswered}}
spec:
  truth: smot
  stage: use
  touchpoint: support
  product: shop
  channel: chat
  pattern:
    key: event.properties.ticket
    steps:
      - {{name: asked, on: Asked}}
      - {{name: answered, on: Answered, absent: true}}
    within: {within}
  experience: "1"
  better: lower
  expect: {{standard: "0"}}
  tolerance: 1
"#
    )
}

/// Two questions in a row; somebody wants to know when the second never came.
const TWICE: &str = r#"
apiVersion: elate.dev/v1
kind: Moment
metadata: {name: twice}
spec:
  truth: smot
  stage: use
  touchpoint: support
  product: shop
  channel: chat
  pattern:
    steps: [{name: asked, on: Asked}, {name: again, on: Asked}]
    within: 1h
  experience: again.occurred_at - asked.occurred_at
  better: higher
  expect: {standard: "duration('30m')"}
  tolerance: 10m
"#;

const LISTENER: &str = r#"
---
apiVersion: elate.dev/v1
kind: Play
metadata: {name: once}
spec:
  trigger: {event: {on: elate.pattern.timed_out, where: 'event.properties.definition == "Moment/twice"'}}
  steps: [{emit: {name: Asked Once}}]
"#;

fn judged(world: &World) -> Vec<MomentJudged> {
    world.heard(customer("ann"), name::MOMENT_JUDGED)
}

#[test]
fn silence_is_judged_when_its_time_is_out_and_not_before() {
    let ann = customer("ann");
    let mut world = World::of(&unanswered("1d"));
    world.happens(ann, "m-1", "Asked", "2026-03-02T12:00:00Z", json!({"ticket": "a"}));
    world.happens(ann, "m-2", "Asked", "2026-03-02T13:00:00Z", json!({"ticket": "b"}));
    world.happens(ann, "m-3", "Answered", "2026-03-02T14:00:00Z", json!({"ticket": "b"}));
    world.until(at("2026-03-03T11:59:59Z"));
    assert!(judged(&world).is_empty());
    world.until(at("2026-03-05T00:00:00Z"));
    let judged = judged(&world);
    assert_eq!(judged.len(), 1);
    assert_eq!((judged[0].key.as_str(), judged[0].outcome), ("a", Outcome::Miserable));
    assert_eq!(judged[0].occurred_at, at("2026-03-03T12:00:00Z"));
    assert_eq!(judged[0].because, ["m-1"]);
    assert!(world.state(ann).patterns.is_empty());
}

#[test]
fn what_never_finished_is_told_to_those_who_want_to_know() {
    let ann = customer("ann");
    let run = |manifests: &str| {
        let mut world = World::of(manifests);
        world.happens(ann, "m-1", "Asked", "2026-03-02T12:00:00Z", json!({}));
        world.until(at("2026-03-02T13:00:00Z"));
        world
    };
    assert!(run(TWICE).heard::<PatternTimedOut>(ann, name::PATTERN_TIMED_OUT).is_empty());
    let world = run(&format!("{TWICE}{LISTENER}"));
    let told: Vec<PatternTimedOut> = world.heard(ann, name::PATTERN_TIMED_OUT);
    assert_eq!(told[0].steps["asked"], ["m-1"]);
    assert_eq!(world.heard::<serde_json::Value>(ann, "Asked Once").len(), 1);
}

#[test]
fn a_late_event_takes_no_part_and_one_within_the_hour_does() {
    let ann = customer("ann");
    let run = |occurred: &str| {
        let mut world = World::of(TWICE);
        world.happens(ann, "m-0", "Seen", "2026-03-02T12:00:00Z", json!({}));
        let received = at("2026-03-02T12:00:01Z");
        world.receive(event(ann, "m-1", "Asked", at(occurred), json!({})), received);
        world.happens(ann, "m-2", "Asked", "2026-03-02T12:00:02Z", json!({}));
        (judged(&world).len(), world.state(ann).late)
    };
    assert_eq!(run("2026-03-02T11:30:00Z"), (1, 0));
    assert_eq!(run("2026-03-02T10:59:59Z"), (0, 1));
}

#[test]
fn another_wording_begins_anew() {
    let ann = customer("ann");
    let mut world = World::of(&unanswered("1d"));
    world.happens(ann, "m-1", "Asked", "2026-03-02T12:00:00Z", json!({"ticket": "a"}));
    world.publish(2, &unanswered("2d"));
    world.happens(ann, "m-2", "Asked", "2026-03-02T13:00:00Z", json!({"ticket": "b"}));
    world.until(at("2026-03-09T00:00:00Z"));
    let keys: Vec<_> = judged(&world).into_iter().map(|judged| judged.key).collect();
    assert_eq!(keys, ["b"], "what the other wording had begun is of no use to this one");
}

#[test]
fn the_same_surprise_is_worth_less_each_time() {
    let ann = customer("ann");
    let manifests = r#"
apiVersion: elate.dev/v1
kind: Moment
metadata: {name: gift}
spec:
  truth: smot
  stage: use
  touchpoint: box
  product: shop
  channel: post
  on: Gift
  experience: event.properties.worth
  better: higher
  expect: {standard: "0", habit: {half_life: 1}}
  tolerance: 10
"#;
    let mut world = World::of(manifests);
    for day in 1..=5 {
        let when = format!("2026-03-0{day}T12:00:00Z");
        world.happens(ann, &format!("m-{day}"), "Gift", &when, json!({"worth": 20}));
    }
    let gaps: Vec<_> = judged(&world).into_iter().map(|judged| judged.gap).collect();
    assert_eq!(gaps[0], 2.0);
    assert!(gaps.windows(2).all(|pair| pair[1] <= pair[0]), "{gaps:?}");
    assert!(gaps[4] < 1.0, "no wow for ever: {gaps:?}");
}
