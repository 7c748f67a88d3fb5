//! Rollouts, cohorts, and what is learned or measured: what is taken, and what is refused with its place.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use elate_manifest::Set;

const GOOD: &str = r#"
apiVersion: elate.dev/v1
kind: Play
metadata: {name: old}
spec: {trigger: {event: Late}, steps: [{exit: {}}]}
---
apiVersion: elate.dev/v1
kind: Play
metadata: {name: new}
spec:
  trigger: {event: Late}
  holdout: {percent: 10}
  effect: {observe: 14d, complaints: [Complained], cost: 2}
  rollout:
    replaces: old
    first: [beta]
    guardrails:
      - {metric: complaints, on: [Complained, Escalated], where: "event.properties.loud", good: lower, tolerated_harm: 0.02}
  steps: [{exit: {}}]
---
apiVersion: elate.dev/v1
kind: Policy
metadata: {name: default}
spec:
  zone: UTC
  cohorts: [{name: beta, who: "customer.beta == true", invited: [018f0000-0000-7000-8000-000000000001]}]
---
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
      learned: {milestones: [Packed, {on: Shipped, where: "event.properties.express"}], chance: 0.4}
  tolerance: learned
  min_tolerance: 2h
"#;

/// What is wrong once `this` stands in the place of `that`.
fn told(that: &str, this: &str) -> String {
    let text = GOOD.replace(that, this);
    assert_ne!(text, GOOD, "{that} is not there");
    let problems = Set::parse_text(&text).err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_good_is_taken_and_says_the_same_when_it_is_read_again() {
    let set = Set::parse_text(GOOD).unwrap_or_else(|problems| panic!("{problems:?}"));
    let again = Set::parse(set.canonical()).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert_eq!(set.canonical(), again.canonical());
}

#[test]
fn what_cannot_be_is_refused_where_it_stands() {
    let cases = [
        ("replaces: old", "replaces: older", "spec.rollout.replaces: there is no play `older`"),
        ("replaces: old", "replaces: new", "spec.rollout.replaces: is the play itself"),
        ("first: [beta]", "first: [alpha]", "spec.rollout.first[0]: there is no cohort `alpha`"),
        ("tolerated_harm: 0.02", "tolerated_harm: 2", "spec.rollout.guardrails[0].tolerated_harm"),
        ("event.properties.loud", "evnt.properties.loud", "spec.rollout.guardrails[0]"),
        ("cost: 2", "cost: -2", "spec.effect.cost"),
        ("observe: 14d", "observe: 0s", "spec.effect.observe"),
        ("018f0000-0000-7000-8000-000000000001", "ann", "spec.cohorts[0].invited[0]: is no customer's id"),
        ("customer.beta == true", "event.name == 'x'", "spec.cohorts[0].who"),
        ("chance: 0.4", "chance: 1.4", "spec.expect.promise.learned.chance"),
        ("[Packed, {on", "[Packed, Packed, {on", "spec.expect.promise.learned.milestones[1]"),
        ("  min_tolerance: 2h\n", "", "spec.min_tolerance: is required"),
        ("min_tolerance: 2h", "min_tolerance: learned", "spec.min_tolerance: cannot be learned itself"),
    ];
    for (that, this, expected) in cases {
        let found = told(that, this);
        assert!(found.contains(expected), "{that} → {this}:\n{found}");
    }
    let none = told(
        "      - {metric: complaints, on: [Complained, Escalated], where: \"event.properties.loud\", good: lower, tolerated_harm: 0.02}\n",
        "      []\n",
    );
    assert!(none.contains("spec.rollout.guardrails"), "{none}");
}
