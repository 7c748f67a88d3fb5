//! Promises, one rule at a time.

use elate_domain::system::{MomentJudged, PromiseChanged, name};
use elate_domain::{Outcome, PromiseState};
use serde_json::json;

use super::world::{World, at, customer, event};
use crate::model::rows::Row;

const DELIVERY: &str = r#"
apiVersion: elate.dev/v1
kind: Moment
metadata: {name: delivery}
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
      withdrawn: Cancelled
      moved: {on: Moved, due: event.properties.due}
      at_risk: [{unless: Shipped, by: "due - duration('24h')"}]
    standard: "ordered.occurred_at + duration('240h')"
  tolerance: 12h
"#;

fn ordered(due: &str) -> World {
    let mut world = World::of(DELIVERY);
    world.happens(
        customer("ann"),
        "m-1",
        "Ordered",
        "2026-03-02T12:00:00Z",
        json!({"order": "o1", "due": due}),
    );
    world
}

fn judged(world: &World) -> Vec<MomentJudged> {
    world.heard(customer("ann"), name::MOMENT_JUDGED)
}

fn changes(world: &World) -> Vec<PromiseChanged> {
    world.heard(customer("ann"), name::PROMISE_CHANGED)
}

fn states(world: &World) -> Vec<PromiseState> {
    changes(world).iter().map(|change| change.state).collect()
}

#[test]
fn a_promise_is_at_risk_when_a_milestone_is_missing_and_not_when_it_came() {
    use PromiseState::{AtRisk, Open};
    let mut world = ordered("2026-03-06T12:00:00Z");
    world.until(at("2026-03-05T11:59:59Z"));
    assert_eq!(states(&world), [Open]);
    world.until(at("2026-03-05T12:00:00Z"));
    assert_eq!(states(&world), [Open, AtRisk]);
    assert_eq!(changes(&world)[1].reason, "Shipped is missing");

    let mut world = ordered("2026-03-06T12:00:00Z");
    world.happens(customer("ann"), "m-2", "Shipped", "2026-03-04T12:00:00Z", json!({"order": "o1"}));
    world.until(at("2026-03-06T12:00:00Z"));
    assert_eq!(states(&world), [Open]);
}

#[test]
fn state_and_outcome_are_told_apart_by_when_it_was_fulfilled() {
    use PromiseState::{Broken, Exceeded, Kept, Late};
    let cases = [
        ("2026-03-05T11:00:00Z", Exceeded, 2.08, Outcome::Magical),
        ("2026-03-06T12:00:00Z", Kept, 0.0, Outcome::Neutral),
        ("2026-03-06T15:00:00Z", Late, -0.25, Outcome::Neutral),
        ("2026-03-07T12:00:00Z", Broken, -2.0, Outcome::Miserable),
    ];
    for (delivered, state, gap, outcome) in cases {
        let mut world = ordered("2026-03-06T12:00:00Z");
        world.happens(customer("ann"), "m-2", "Delivered", delivered, json!({"order": "o1"}));
        let last = judged(&world).pop().unwrap();
        assert_eq!(states(&world).last(), Some(&state), "{delivered}");
        assert!((last.gap - gap).abs() < 0.01 && last.outcome == outcome, "{delivered}: {last:?}");
        assert!(world.state(customer("ann")).promises.is_empty());
        let timers = world.timers(customer("ann"));
        assert!(!timers.iter().any(|key| key.starts_with("promise:")), "nothing rings any more: {timers:?}");
    }
}

#[test]
fn what_is_told_late_of_a_delivery_counts_all_the_same() {
    let ann = customer("ann");
    let mut world = ordered("2026-03-06T12:00:00Z");
    world.happens(ann, "m-2", "Something", "2026-03-07T09:00:00Z", json!({}));
    let delivered = event(ann, "m-3", "Delivered", at("2026-03-06T10:00:00Z"), json!({"order": "o1"}));
    world.receive(delivered, at("2026-03-07T10:00:00Z"));
    let judged = judged(&world);
    assert_eq!(judged.len(), 2, "it was miserable, and then it turned out that it had been there in time");
    assert_eq!((judged[0].revision, judged[0].provisional), (0, true));
    assert_eq!((judged[1].revision, judged[1].provisional), (1, false));
    assert_eq!(judged[0].moment_id, judged[1].moment_id);
    assert_eq!(judged[1].outcome, Outcome::Neutral);
    assert_eq!(states(&world).last(), Some(&PromiseState::Broken), "it stays so in history");
    assert_eq!(world.state(ann).late, 1);
}

#[test]
fn nothing_ever_comes() {
    let mut world = ordered("2026-03-06T12:00:00Z");
    world.until(at("2026-04-06T12:00:00Z"));
    let judged = judged(&world);
    assert_eq!(
        judged.iter().map(|j| (j.gap, j.provisional)).collect::<Vec<_>>(),
        [(-1.0, true), (-5.0, false)]
    );
    assert_eq!(judged[0].occurred_at, at("2026-03-07T00:00:00Z"));
    assert_eq!(judged[1].occurred_at, at("2026-03-09T00:00:00Z"));
    world.happens(customer("ann"), "m-9", "Delivered", "2026-04-07T12:00:00Z", json!({"order": "o1"}));
    assert_eq!(super::promises::judged(&world).len(), 2, "a promise that was given up is not judged again");
}

#[test]
fn a_date_that_was_moved_with_notice_is_judged_between_the_two() {
    let mut world = ordered("2026-03-06T12:00:00Z");
    let moved = json!({"order": "o1", "due": "2026-03-07T12:00:00Z"});
    world.happens(customer("ann"), "m-2", "Moved", "2026-03-05T10:00:00Z", moved);
    world.happens(customer("ann"), "m-3", "Delivered", "2026-03-07T12:00:00Z", json!({"order": "o1"}));
    let last = judged(&world).pop().unwrap();
    assert_eq!((last.gap, last.outcome), (-1.0, Outcome::Miserable));
    let changes = changes(&world);
    assert_eq!(changes.last().unwrap().state, PromiseState::Kept, "what was said last was kept");
    assert_eq!(changes[1].due, at("2026-03-07T12:00:00Z"));
    assert_eq!(changes[1].first_due, at("2026-03-06T12:00:00Z"));
}

#[test]
fn a_date_cannot_be_moved_once_it_has_passed() {
    let mut world = ordered("2026-03-06T12:00:00Z");
    let moved = json!({"order": "o1", "due": "2026-03-09T12:00:00Z"});
    world.happens(customer("ann"), "m-2", "Moved", "2026-03-06T13:00:00Z", moved);
    world.until(at("2026-03-07T00:00:00Z"));
    assert_eq!(states(&world).last(), Some(&PromiseState::Broken));
}

#[test]
fn a_promise_that_is_taken_back_is_never_judged() {
    let mut world = ordered("2026-03-06T12:00:00Z");
    world.happens(customer("ann"), "m-2", "Cancelled", "2026-03-05T10:00:00Z", json!({"order": "o2"}));
    assert_eq!(states(&world), [PromiseState::Open], "another order was cancelled");
    world.happens(customer("ann"), "m-3", "Cancelled", "2026-03-05T11:00:00Z", json!({"order": "o1"}));
    world.until(at("2026-04-06T12:00:00Z"));
    assert_eq!(states(&world), [PromiseState::Open, PromiseState::Withdrawn]);
    assert!(judged(&world).is_empty());
}

#[test]
fn an_order_without_a_date_is_judged_by_the_standard() {
    let mut world = World::of(DELIVERY);
    world.happens(customer("ann"), "m-1", "Ordered", "2026-03-02T12:00:00Z", json!({"order": "o1"}));
    world.happens(customer("ann"), "m-2", "Delivered", "2026-03-12T12:00:00Z", json!({"order": "o1"}));
    assert!(changes(&world).is_empty(), "nothing was promised");
    let judged = judged(&world);
    assert_eq!((judged.len(), judged[0].gap, judged[0].promise_id.as_deref()), (1, 0.0, None));
}

#[test]
fn an_overdue_deadline_waits_for_what_may_still_cancel_it() {
    let ann = customer("ann");
    let mut world = World::of(DELIVERY);
    let order = json!({"order": "o1", "due": "2026-03-03T12:00:00Z"});
    world
        .receive(event(ann, "m-1", "Ordered", at("2026-03-02T12:00:00Z"), order), at("2026-03-08T12:00:00Z"));
    world.until(at("2026-03-08T12:59:59Z"));
    assert!(judged(&world).is_empty());
    let delivered = event(ann, "m-2", "Delivered", at("2026-03-03T11:00:00Z"), json!({"order": "o1"}));
    world.receive(delivered, at("2026-03-08T12:59:59Z"));
    assert_eq!(states(&world).last(), Some(&PromiseState::Kept));
}

#[test]
fn the_history_of_a_promise_keeps_every_date_and_reason() {
    use PromiseState::{AtRisk, Kept, Open};
    let mut world = ordered("2026-03-06T12:00:00Z");
    world.happens(
        customer("ann"),
        "m-2",
        "Moved",
        "2026-03-03T12:00:00Z",
        json!({"order": "o1", "due": "2026-03-07T12:00:00Z"}),
    );
    world.until(at("2026-03-06T12:00:00Z"));
    world.happens(customer("ann"), "m-3", "Delivered", "2026-03-07T12:00:00Z", json!({"order": "o1"}));
    let changes = world.rows.iter().filter_map(|row| match row {
        Row::PromiseChange(change) => {
            Some((change.sequence, change.state, change.due, change.reason.as_str()))
        }
        _ => None,
    });
    let (first, moved) = (at("2026-03-06T12:00:00Z"), at("2026-03-07T12:00:00Z"));
    let expected = [
        (0, Open, first, "stated by \"Ordered\""),
        (1, Open, moved, "moved by \"Moved\""),
        (2, AtRisk, moved, "Shipped is missing"),
        (3, Kept, moved, "fulfilled by \"Delivered\""),
    ];
    assert_eq!(changes.collect::<Vec<_>>(), expected);
}
