//! What is learned from all customers: when a promise is at risk, what a tolerance is, what people are used to.

use elate_domain::system::{MomentJudged, PopulationLearned, PromiseChanged, WayLearned, name};
use elate_domain::{PromiseState, Timestamp};
use elate_manifest::Set;
use serde_json::json;

use super::world::{Between, World, at, customer};
use crate::model::learning::wording;
use crate::model::rows::{Measure, Outlook, Row, SampleRow};

const PARCEL: &str = r#"
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
      withdrawn: Cancelled
      learned: {milestones: [Packed, Shipped], chance: 0.5, least: 20}
  tolerance: 12h
"#;

const WAIT: &str = r#"
apiVersion: elate.dev/v1
kind: Moment
metadata: {name: answer}
spec:
  truth: smot
  stage: use
  touchpoint: chat
  product: help
  channel: web
  on: Answered
  experience: event.properties.seconds
  better: lower
  expect: {habit: {half_life: 5}}
  tolerance: learned
  min_tolerance: 10
"#;

const HOUR: f64 = 3_600_000.0;

fn word(manifest: &str) -> i64 {
    wording(&Set::parse_text(manifest).unwrap().canonical()[0]["spec"])
}

/// Of a hundred parcels, ninety came 10 hours after they were packed, ten 30 hours after.
fn taught() -> PopulationLearned {
    let points: Vec<f64> = (0..100).map(|n| if n < 90 { 10.0 * HOUR } else { 30.0 * HOUR }).collect();
    PopulationLearned {
        moment: "parcel".to_owned(),
        wording: word(PARCEL),
        samples: 0,
        median: None,
        spread: None,
        ways: vec![WayLearned { milestone: "Packed".to_owned(), samples: 100, points }],
    }
}

fn order(world: &mut World) {
    let due = json!({"order": "o1", "due": "2026-03-03T08:00:00Z"});
    world.happens(customer("ann"), "m-1", "Ordered", "2026-03-02T06:00:00Z", due);
}

fn packed(world: &mut World) {
    world.happens(customer("ann"), "m-2", "Packed", "2026-03-02T12:00:00Z", json!({"order": "o1"}));
}

fn changes(world: &World) -> Vec<(PromiseState, String)> {
    let changes: Vec<PromiseChanged> = world.heard(customer("ann"), name::PROMISE_CHANGED);
    changes.into_iter().map(|change| (change.state, change.reason)).collect()
}

fn outlook(world: &World) -> Outlook {
    let found = world.rows.iter().rev().find_map(|row| match row {
        Row::Outlook(row) => Some(row.outlook.clone()),
        _ => None,
    });
    found.unwrap()
}

fn samples(world: &World) -> Vec<(Measure, f64)> {
    let rows = world.rows.iter().filter_map(|row| match row {
        Row::Sample(SampleRow { measure, value, .. }) => Some((measure.clone(), *value)),
        _ => None,
    });
    rows.collect()
}

#[test]
fn a_promise_is_at_risk_from_when_those_before_it_were_mostly_there() {
    let mut world = World::of(PARCEL);
    world.control(name::POPULATION_LEARNED, &taught());
    order(&mut world);
    assert_eq!(outlook(&world).chance, None, "nothing was taught of the making");
    packed(&mut world);
    let soon = outlook(&world);
    assert_eq!((soon.after.as_str(), soon.samples), ("Packed", 100));
    assert!((soon.chance.unwrap() - 10.5 / 101.0).abs() < 1e-9, "{soon:?}");
    world.until(at("2026-03-02T21:59:59Z"));
    assert_eq!(changes(&world).len(), 1);
    world.until(at("2026-03-02T22:00:00Z"));
    let (state, reason) = changes(&world).pop().unwrap();
    assert_eq!(state, PromiseState::AtRisk);
    assert_eq!(reason, "95 % likely to be late after Packed, by 100 promises before it");
    // It is at risk once, and kept all the same.
    world.happens(customer("ann"), "m-3", "Delivered", "2026-03-03T07:00:00Z", json!({"order": "o1"}));
    assert_eq!(changes(&world).pop().unwrap().0, PromiseState::Kept);
    assert!(world.timers(customer("ann")).is_empty());
}

#[test]
fn too_few_say_nothing_and_a_look_half_way_learns_of_more() {
    let mut world = World::of(PARCEL);
    let few = |samples| PopulationLearned {
        ways: vec![WayLearned {
            milestone: "Packed".into(),
            samples,
            points: vec![10.0 * HOUR; samples as usize],
        }],
        ..taught()
    };
    world.control(name::POPULATION_LEARNED, &few(19));
    order(&mut world);
    packed(&mut world);
    let unknown = outlook(&world);
    assert_eq!((unknown.samples, unknown.least, unknown.chance), (19, 20, None));
    // Half-way between packing (12:00) and the date (08:00 of the next day).
    world.until(at("2026-03-02T21:00:00Z"));
    world.control(name::POPULATION_LEARNED, &taught());
    world.until(at("2026-03-02T22:00:00Z"));
    assert_eq!(outlook(&world).samples, 100);
    assert_eq!(changes(&world).pop().unwrap().0, PromiseState::AtRisk);
}

#[test]
fn another_wording_has_everything_to_learn_again() {
    let mut world = World::of(PARCEL);
    world.control(name::POPULATION_LEARNED, &PopulationLearned { wording: 1, ..taught() });
    order(&mut world);
    packed(&mut world);
    assert_eq!(outlook(&world).samples, 0);
}

#[test]
fn a_fulfilment_teaches_what_it_took_from_each_milestone() {
    let mut world = World::of(PARCEL);
    order(&mut world);
    packed(&mut world);
    world.happens(customer("ann"), "m-3", "Delivered", "2026-03-02T18:00:00Z", json!({"order": "o1"}));
    let way = |name: &str| Measure::Way(name.to_owned());
    assert_eq!(samples(&world), [(way(""), 12.0 * HOUR), (way("Packed"), 6.0 * HOUR)]);
    let mut world = World::of(PARCEL);
    order(&mut world);
    world.happens(customer("ann"), "m-2", "Cancelled", "2026-03-02T18:00:00Z", json!({"order": "o1"}));
    assert_eq!(samples(&world), [], "what is taken back teaches nothing");
}

fn answers(world: &mut World, who: &str, seconds: f64) -> Option<MomentJudged> {
    let now = Timestamp(world.now.0.max(at("2026-03-02T12:00:00Z").0) + 60_000);
    let id = format!("a-{}", now.0);
    let event = super::world::event(customer(who), &id, "Answered", now, json!({"seconds": seconds}));
    world.receive(event, now);
    world.heard(customer(who), name::MOMENT_JUDGED).pop()
}

#[test]
fn a_tolerance_and_a_habit_come_from_the_population_once_it_is_known() {
    let mut world = World::of(WAIT);
    assert!(answers(&mut world, "ann", 60.0).is_none(), "nothing was expected of the first");
    assert_eq!(samples(&world), [(Measure::Experience, 60.0)]);
    let own = answers(&mut world, "ann", 80.0).unwrap();
    assert_eq!((own.expected, own.tolerance, own.gap), (Some(60.0), 10.0, -2.0));

    let learned = |samples| PopulationLearned {
        moment: "answer".to_owned(),
        wording: word(WAIT),
        samples,
        median: Some(100.0),
        spread: Some(40.0),
        ways: Vec::new(),
    };
    world.control(name::POPULATION_LEARNED, &learned(29));
    assert!(answers(&mut world, "bob", 80.0).is_none(), "29 are too few");
    world.control(name::POPULATION_LEARNED, &learned(30));
    let first = answers(&mut world, "eve", 80.0).unwrap();
    assert_eq!((first.expected, first.tolerance, first.gap), (Some(100.0), 40.0, 0.5));
    // From there on, the habit is her own.
    let next = answers(&mut world, "eve", 80.0).unwrap();
    assert!(next.expected.unwrap() < 100.0 && next.gap < first.gap);
    assert!((world.state(customer("eve")).habits["answer"] - next.expected.unwrap()).abs() > 0.0);
}

#[test]
fn the_same_log_teaches_the_same_whatever_the_state_goes_through() {
    let run = |between| {
        let mut world = World::new(between);
        world.publish(1, &format!("{PARCEL}\n---\n{WAIT}"));
        order(&mut world);
        world.control(name::POPULATION_LEARNED, &taught());
        packed(&mut world);
        world.until(at("2026-03-05T22:00:00Z"));
        (world.transcript(), format!("{:?}", world.rows))
    };
    assert_eq!(run(Between::Nothing), run(Between::MessagePack));
    assert_eq!(run(Between::Nothing), run(Between::Json));
}
