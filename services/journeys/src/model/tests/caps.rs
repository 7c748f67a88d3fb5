//! What limits a customer's plays: entries in a time, instances at once, priority, and what service plays are spared.

use elate_domain::system::{NotificationRequested, PlayStepped, name};
use elate_reach::assign;
use serde_json::json;

use super::plays::{SHELL, answers, play, reasons, start};
use super::world::{World, at, customer};
use crate::model::rows::PlayDecision;

#[test]
fn a_play_limits_its_entries_in_a_time_and_its_instances_at_once() {
    let ann = customer("ann");
    let spec = "trigger: {event: Started}\nkey: event.properties.key\nreentry: always\ncaps: {entries: {limit: 3, per: 1d}, running: 2}\nsteps: [{wait: {for: 2h}}]";
    let mut world = World::of(&play(spec));
    let starts = ["2026-03-02T12:00:00Z", "2026-03-02T12:30:00Z", "2026-03-02T13:00:00Z"];
    for (place, when) in starts.into_iter().enumerate() {
        start(&mut world, ann, &format!("m-{place}"), when, &format!("k-{place}"));
    }
    // The first two have ended; the third entry of the day is the last one.
    start(&mut world, ann, "m-3", "2026-03-02T15:00:00Z", "k-3");
    start(&mut world, ann, "m-4", "2026-03-02T18:00:00Z", "k-4");
    // A day after the first, one of the three is over.
    start(&mut world, ann, "m-5", "2026-03-03T12:00:00Z", "k-5");
    let expected = ["triggered", "triggered", "running_cap", "triggered", "entry_cap", "triggered"];
    assert_eq!(reasons(&world, ann), expected);
    let refused = &answers(&world, ann)[4];
    assert_eq!(refused.detail, "3 entries of this play within 1day; 3 are allowed");
}

const TWO_PLAYS: &str = r#"
apiVersion: elate.dev/v1
kind: Policy
metadata: {name: default}
spec:
  zone: Europe/Vienna
  global_holdout: {percent: 50, seed: all}
  plays: {running: 1, entries: {limit: 2, per: 7d}}
---
apiVersion: elate.dev/v1
kind: Play
metadata: {name: low}
spec: {trigger: {event: Started}, reentry: always, priority: 1, steps: [{wait: {for: 1h}}]}
---
apiVersion: elate.dev/v1
kind: Play
metadata: {name: high}
spec: {trigger: {event: Started}, reentry: always, priority: 9, steps: [{wait: {for: 1h}}]}
---
apiVersion: elate.dev/v1
kind: Play
metadata: {name: receipt}
spec: {trigger: {event: Started}, reentry: always, service: true, steps: [{wait: {for: 10m}}]}
"#;

fn decided(world: &World, who: elate_domain::CustomerId, play: &str) -> Vec<String> {
    let of_play = answers(world, who).into_iter().filter(|answer| answer.play == play);
    of_play.map(|answer| answer.reason).collect()
}

fn customer_of(held_out: bool) -> elate_domain::CustomerId {
    let mut all = (0..100).map(|number| customer(&format!("c-{number}")));
    all.find(|who| (assign::sticky("all", &who.to_string()) < 0.5) == held_out).unwrap()
}

#[test]
fn the_higher_priority_takes_what_the_policy_leaves() {
    let ann = customer_of(false);
    let mut world = World::of(TWO_PLAYS);
    for (id, when) in [
        ("m-1", "2026-03-02T12:00:00Z"),
        ("m-2", "2026-03-03T12:00:00Z"),
        ("m-3", "2026-03-04T12:00:00Z"),
        ("m-4", "2026-03-09T12:00:00Z"),
    ] {
        start(&mut world, ann, id, when, "");
    }
    assert_eq!(decided(&world, ann, "high"), ["triggered", "triggered", "entry_cap", "triggered"]);
    assert_eq!(decided(&world, ann, "low"), ["running_cap", "running_cap", "entry_cap", "running_cap"]);
    assert_eq!(decided(&world, ann, "receipt"), ["triggered"; 4], "a service play neither obeys nor counts");
}

#[test]
fn the_global_holdout_leaves_service_plays_alone() {
    let ben = customer_of(true);
    let mut world = World::of(TWO_PLAYS);
    start(&mut world, ben, "m-1", "2026-03-02T12:00:00Z", "");
    assert_eq!(decided(&world, ben, "high"), ["held_out_global"]);
    assert_eq!(decided(&world, ben, "low"), ["held_out_global"], "who is held out uses nothing up");
    assert_eq!(decided(&world, ben, "receipt"), ["triggered"]);
}

#[test]
fn the_measured_sample_is_as_large_as_the_control_group() {
    let policy = SHELL.replace(
        "spec: {zone: Europe/Vienna}",
        "spec: {zone: Europe/Vienna, global_holdout: {percent: 20, seed: all}}",
    );
    let spec = "  trigger: {event: Started}\n  holdout: {percent: 20, seed: s}\n  steps: [{exit: {}}]\n";
    let manifests =
        format!("{policy}apiVersion: elate.dev/v1\nkind: Play\nmetadata: {{name: p}}\nspec:\n{spec}");
    let mut world = World::of(&manifests);
    let (mut own, mut global, mut held_out) = (0, 0, 0);
    for number in 0..1_000 {
        let who = customer(&format!("c-{number}"));
        start(&mut world, who, "m-1", "2026-03-02T12:00:00Z", "");
        let first: Vec<PlayStepped> = world.heard(who, name::PLAY_STEPPED);
        let sample = first[0].branch.as_deref().unwrap_or("");
        own += usize::from(["measured", "measured_both"].contains(&sample));
        global += usize::from(["measured_global", "measured_both"].contains(&sample));
        held_out += usize::from(answers(&world, who)[0].decision == PlayDecision::HeldOut);
    }
    // Of 1,000, 360 are held out by one or the other; of the 640 left, samples of 20 % of all, but for the held-out.
    for (sample, expected) in [(own, 160), (global, 160), (held_out, 360)] {
        assert!(usize::abs_diff(sample, expected) < 45, "{sample} instead of about {expected}");
    }
}

#[test]
fn a_service_play_that_sends_marketing_is_refused() {
    let spec = "trigger: {event: Started}\nservice: true\nsteps: [{send: {channel: email, template: sorry}}]";
    let problems = elate_manifest::Set::parse_text(&play(spec)).unwrap_err();
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(told.iter().any(|line| line.contains("a service play sends no marketing")), "{told:?}");
}

#[test]
fn an_instance_that_is_over_makes_room() {
    let ann = customer("ann");
    let spec = "trigger: {event: Started}\nkey: event.properties.key\nreentry: always\ncaps: {running: 1}\nsteps: [{send: {channel: email, template: sorry, class: service}}, {wait: {for: 1h}}]";
    let mut world = World::of(&play(spec));
    start(&mut world, ann, "m-1", "2026-03-02T12:00:00Z", "a");
    world.until(at("2026-03-02T13:00:00Z"));
    world.happens(ann, "m-2", "Started", "2026-03-02T13:00:01Z", json!({"key": "b"}));
    assert_eq!(reasons(&world, ann), ["triggered"; 2]);
    assert_eq!(world.heard::<NotificationRequested>(ann, name::NOTIFICATION_REQUESTED).len(), 2);
}
