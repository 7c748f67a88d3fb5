//! Plays that the calendar starts.

use elate_domain::{CustomerId, EventType, RawJson};
use serde_json::{Value as Json, json};

use super::plays::{SHELL, answers, play, reasons, start};
use super::world::{World, at, customer, event};

const MONDAYS: &str = r#"
trigger: {schedule: {rule: "FREQ=WEEKLY;BYDAY=MO", start: 2026-03-01, at: "09:00"}}
audience: customer.tier == "gold"
reentry: always
steps: [{emit: {name: Greeted, properties: {at: event.properties.due, by: event.name}}}]
"#;

fn identify(world: &mut World, who: CustomerId, when: &str, traits: Json) {
    let mut identified = event(who, &format!("i-{when}"), "", at(when), json!({}));
    identified.event_type = EventType::Identify;
    identified.traits = RawJson::of(&traits);
    world.receive(identified, at(when));
}

fn greeted(world: &World, who: CustomerId) -> Vec<String> {
    let heard: Vec<Json> = world.heard(who, "Greeted");
    assert!(heard.iter().all(|greeted| greeted["by"] == "elate.schedule.due"));
    heard.iter().map(|greeted| greeted["at"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn it_comes_at_the_customers_own_time_also_over_the_change_to_summer_time() {
    let (ann, ben) = (customer("ann"), customer("ben"));
    let mut world = World::of(&play(MONDAYS));
    identify(&mut world, ann, "2026-03-18T12:00:00Z", json!({"tier": "gold", "timezone": "Europe/Vienna"}));
    identify(
        &mut world,
        ben,
        "2026-03-18T12:00:00Z",
        json!({"tier": "gold", "timezone": "America/New_York"}),
    );
    world.until(at("2026-04-01T00:00:00Z"));
    assert_eq!(greeted(&world, ann), ["2026-03-23T08:00:00.000Z", "2026-03-30T07:00:00.000Z"]);
    assert_eq!(greeted(&world, ben), ["2026-03-23T13:00:00.000Z", "2026-03-30T13:00:00.000Z"]);
    let told = &answers(&world, ann)[0].checks[0].detail;
    assert_eq!(told, "09:00 by the clock of Europe/Vienna (the customer's zone), by FREQ=WEEKLY;BYDAY=MO");
}

#[test]
fn whoever_is_not_in_the_audience_has_an_answer_and_is_asked_again_next_time() {
    let ann = customer("ann");
    let mut world = World::of(&play(MONDAYS));
    identify(&mut world, ann, "2026-03-18T12:00:00Z", json!({"tier": "blue"}));
    world.until(at("2026-03-24T00:00:00Z"));
    identify(&mut world, ann, "2026-03-24T12:00:00Z", json!({"tier": "gold"}));
    world.until(at("2026-03-31T00:00:00Z"));
    assert_eq!(reasons(&world, ann), ["audience", "triggered"]);
    // The workspace's zone is Europe/Vienna.
    assert_eq!(greeted(&world, ann), ["2026-03-30T07:00:00.000Z"]);
}

#[test]
fn another_zone_another_rule_and_no_play_at_all_move_the_timers() {
    let ann = customer("ann");
    let mut world = World::of(&play(MONDAYS));
    identify(&mut world, ann, "2026-03-18T12:00:00Z", json!({"tier": "gold", "timezone": "Europe/Vienna"}));
    identify(&mut world, ann, "2026-03-19T12:00:00Z", json!({"timezone": "Asia/Tokyo"}));
    world.until(at("2026-03-24T00:00:00Z"));
    assert_eq!(greeted(&world, ann), ["2026-03-23T00:00:00.000Z"]);
    world.publish(2, &play(&MONDAYS.replace("BYDAY=MO", "BYDAY=TU")));
    // Nothing happens to the customer before Monday: the old timer finds another rule, and sets itself right.
    world.until(at("2026-04-01T00:00:00Z"));
    assert_eq!(greeted(&world, ann)[1..], ["2026-03-31T00:00:00.000Z"]);
    world.publish(3, SHELL);
    start(&mut world, ann, "m-1", "2026-04-01T01:00:00Z", "");
    assert!(world.timers(ann).is_empty());
    world.until(at("2026-05-01T00:00:00Z"));
    assert_eq!(greeted(&world, ann).len(), 2);
}

#[test]
fn once_is_once_and_a_merge_makes_it_no_more() {
    let (device, ann) = (customer("device"), customer("ann"));
    let once = MONDAYS.replace("reentry: always\n", "");
    let mut world = World::of(&play(&once));
    for who in [device, ann] {
        identify(&mut world, who, "2026-03-18T12:00:00Z", json!({"tier": "gold"}));
    }
    world.merge(device, ann);
    assert_eq!(world.timers(ann), ["schedule:p"]);
    world.until(at("2026-04-07T00:00:00Z"));
    assert_eq!(reasons(&world, ann), ["triggered", "re_entry", "re_entry"]);
    assert_eq!(greeted(&world, ann).len(), 1);
}

#[test]
fn what_was_changed_between_two_events_is_as_if_nothing_had_been_kept_between_them() {
    let run = |between| {
        let ann = customer("ann");
        let mut world = World::new(between);
        world.publish(1, &play(MONDAYS));
        identify(&mut world, ann, "2026-03-18T12:00:00Z", json!({"tier": "gold"}));
        world.until(at("2026-04-18T12:00:00Z"));
        world.transcript()
    };
    assert_eq!(run(super::world::Between::Nothing), run(super::world::Between::MessagePack));
}
