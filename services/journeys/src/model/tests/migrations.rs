//! Instances are moved to a newer wording by command alone.

use elate_domain::system::{PlayMigrationCommanded, PlayStepped, name};
use elate_domain::{CustomerId, EventType};
use serde_json::{Value as Json, json};

use super::plays::{play, start};
use super::world::{World, at, customer, event};

const FIRST: &str = "trigger: {event: Started}\nsteps: [{wait: {for: 1h}}, {emit: {name: Old}}]";

fn command(world: &mut World, who: CustomerId, instance: &str, version: u64, when: &str) {
    let command = PlayMigrationCommanded { play: "p".to_owned(), instance_id: instance.to_owned(), version };
    let id = format!("c-{when}-{version}");
    let payload = serde_json::to_value(&command).unwrap();
    let mut event = event(who, &id, name::PLAY_MIGRATION_COMMANDED, at(when), payload);
    event.event_type = EventType::System;
    world.receive(event, at(when));
}

/// A customer who waits in the first wording, and a second that is in force.
fn waiting(second: &str) -> (World, CustomerId, String) {
    let ann = customer("ann");
    let mut world = World::of(&play(FIRST));
    start(&mut world, ann, "m-1", "2026-03-02T12:00:00Z", "a");
    world.publish(2, &play(second));
    let id = world.state(ann).plays[0].id.to_string();
    (world, ann, id)
}

fn last(world: &World, who: CustomerId) -> PlayStepped {
    world.heard::<PlayStepped>(who, name::PLAY_STEPPED).pop().unwrap()
}

#[test]
fn the_new_wait_counts_from_when_the_instance_began_to_wait() {
    let second = "trigger: {event: Started}\nsteps: [{wait: {for: 3h}}, {emit: {name: New}}]";
    let (mut world, ann, id) = waiting(second);
    command(&mut world, ann, &id, 2, "2026-03-02T12:30:00Z");
    let said = last(&world, ann);
    assert_eq!((said.change.as_str(), said.definitions_version), ("migrated", 2));
    assert_eq!(said.reason, "from version 1 to 2");
    world.until(at("2026-03-02T14:59:59Z"));
    assert_eq!(world.state(ann).plays[0].until, Some(at("2026-03-02T15:00:00Z")));
    world.until(at("2026-03-02T15:00:00Z"));
    assert_eq!(world.heard::<Json>(ann, "New").len(), 1);
    assert!(world.heard::<Json>(ann, "Old").is_empty());
    assert!(world.timers(ann).is_empty());
}

#[test]
fn a_wait_that_is_over_in_the_new_wording_ends_at_once() {
    let second = "trigger: {event: Started}\nsteps: [{wait: {for: 10m}}, {emit: {name: New}}]";
    let (mut world, ann, id) = waiting(second);
    command(&mut world, ann, &id, 2, "2026-03-02T12:30:00Z");
    world.until(at("2026-03-02T12:30:00Z"));
    assert_eq!(world.heard::<Json>(ann, "New").len(), 1);
}

#[test]
fn an_instance_whose_place_is_gone_stays_as_it_is_and_says_why() {
    let second = "trigger: {event: Started}\nsteps: [{emit: {name: New}}]";
    let (mut world, ann, id) = waiting(second);
    command(&mut world, ann, &id, 2, "2026-03-02T12:30:00Z");
    let said = last(&world, ann);
    assert_eq!((said.change.as_str(), said.definitions_version), ("not_migrated", 1));
    assert_eq!(said.reason, "the step 0 is `emit` there, and no wait");
    world.until(at("2026-03-02T13:00:00Z"));
    assert_eq!(world.heard::<Json>(ann, "Old").len(), 1);
}

#[test]
fn a_repeat_a_strange_instance_and_a_version_to_come_change_nothing() {
    let second = "trigger: {event: Started}\nsteps: [{wait: {for: 3h}}, {emit: {name: New}}]";
    let (mut world, ann, id) = waiting(second);
    let before = world.state(ann).clone();
    command(&mut world, ann, &id, 7, "2026-03-02T12:01:00Z");
    command(&mut world, ann, "not an id", 2, "2026-03-02T12:02:00Z");
    command(&mut world, ann, &uuid::Uuid::nil().to_string(), 2, "2026-03-02T12:03:00Z");
    assert_eq!(world.state(ann), &before);
    command(&mut world, ann, &id, 2, "2026-03-02T12:04:00Z");
    let moved = world.state(ann).clone();
    command(&mut world, ann, &id, 2, "2026-03-02T12:05:00Z");
    assert_eq!(world.state(ann), &moved);
}

#[test]
fn the_same_wait_goes_on_as_it_was() {
    let second =
        "trigger: {event: Started}\nsteps: [{wait: {for: 1h}}, {emit: {name: New, properties: {a: \"1\"}}}]";
    let (mut world, ann, id) = waiting(second);
    command(&mut world, ann, &id, 2, "2026-03-02T12:59:59Z");
    world.until(at("2026-03-02T13:00:00Z"));
    assert_eq!(world.heard::<Json>(ann, "New"), [json!({"a": 1})]);
}
