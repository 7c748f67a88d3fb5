//! Plays: who enters, who is held out, how a wait ends, and what is said of it.

use elate_domain::system::{ImportMark, NotificationRequested, PauseChanged, PauseScope, PlayStepped, name};
use elate_domain::{CustomerId, EventType, RawJson};
use elate_reach::assign;
use serde_json::{Value as Json, json};

use super::world::{World, at, customer, event};
use crate::model::rows::{EvaluationRow, PlayDecision, Row};

pub(super) const SHELL: &str = r#"
apiVersion: elate.dev/v1
kind: Template
metadata: {name: sorry}
spec: {channel: email, fallback: en, locales: {en: {subject: Sorry, text: We are sorry.}}}
---
apiVersion: elate.dev/v1
kind: Channel
metadata: {name: email}
spec:
  email:
    from: a@b.example
    providers: [{name: primary, host: localhost, tls: none}]
---
apiVersion: elate.dev/v1
kind: Policy
metadata: {name: default}
spec: {zone: Europe/Vienna}
---
"#;

/// A play that begins with `Started`, with more of the spec.
pub(super) fn play(spec: &str) -> String {
    let spec = spec.trim_end().lines().map(|line| format!("  {line}\n")).collect::<String>();
    format!("{SHELL}apiVersion: elate.dev/v1\nkind: Play\nmetadata: {{name: p}}\nspec:\n{spec}")
}

const WAITS: &str = r#"
trigger: {event: Started}
key: event.properties.key
reentry: always
exit_on: [Stopped]
steps:
  - send: {channel: email, template: sorry, class: service, data: {order: instance.key}}
  - wait: {event: Replied, timeout: 2h}
  - branch:
      if: instance.last_wait == "event" && event.properties.kind == "good"
      then:
        - emit: {name: Thanked, properties: {kind: event.properties.kind, key: instance.key}}
      else:
        - wait: {for: 1h}
"#;

pub(super) fn start(world: &mut World, who: CustomerId, id: &str, when: &str, key: &str) {
    world.happens(who, id, "Started", when, json!({"key": key}));
}

pub(super) fn steps(world: &World, who: CustomerId) -> Vec<String> {
    let steps: Vec<PlayStepped> = world.heard(who, name::PLAY_STEPPED);
    let line = |step: PlayStepped| {
        let branch = step.branch.map(|branch| format!("={branch}")).unwrap_or_default();
        format!("{} {} {}{branch}", step.change, step.step, step.kind).trim_end().to_owned()
    };
    steps.into_iter().map(line).collect()
}

pub(super) fn answers(world: &World, who: CustomerId) -> Vec<EvaluationRow> {
    let rows = world.rows.iter().filter_map(|row| match row {
        Row::Evaluation(row) if row.owner.customer == who => Some(row.clone()),
        _ => None,
    });
    rows.collect()
}

pub(super) fn reasons(world: &World, who: CustomerId) -> Vec<String> {
    answers(world, who).into_iter().map(|answer| answer.reason).collect()
}

#[test]
fn an_event_of_the_same_key_ends_the_wait_and_the_branch_sees_it() {
    let ann = customer("ann");
    let mut world = World::of(&play(WAITS));
    start(&mut world, ann, "m-1", "2026-03-02T12:00:00Z", "a");
    world.happens(ann, "m-2", "Replied", "2026-03-02T12:10:00Z", json!({"key": "b", "kind": "good"}));
    assert_eq!(world.state(ann).plays.len(), 1, "that was about something else");
    world.happens(ann, "m-3", "Replied", "2026-03-02T12:20:00Z", json!({"key": "a", "kind": "good"}));
    let expected = [
        "entered",
        "step 0 send",
        "step 1 wait",
        "step 1 wait=event",
        "step 2 branch=then",
        "step 2.then.0 emit",
        "completed 2.then.0",
    ];
    assert_eq!(steps(&world, ann), expected);
    assert_eq!(world.heard::<Json>(ann, "Thanked"), [json!({"kind": "good", "key": "a"})]);
    assert!(world.timers(ann).is_empty());
    let asked: Vec<NotificationRequested> = world.heard(ann, name::NOTIFICATION_REQUESTED);
    assert_eq!(asked[0].data["data"], json!({"order": "a"}));
    assert_eq!(asked[0].expires_at, Some(at("2026-03-03T12:00:00Z")));
}

#[test]
fn nothing_comes_and_the_instance_goes_on() {
    let ann = customer("ann");
    let mut world = World::of(&play(WAITS));
    start(&mut world, ann, "m-1", "2026-03-02T12:00:00Z", "a");
    world.until(at("2026-03-02T14:00:00Z"));
    assert_eq!(steps(&world, ann)[3..], ["step 1 wait=timeout", "step 2 branch=else", "step 2.else.0 wait"]);
    world.until(at("2026-03-02T15:00:00Z"));
    assert_eq!(steps(&world, ann)[6..], ["step 2.else.0 wait=time", "completed 2.else.0"]);
}

#[test]
fn an_exit_takes_back_what_was_not_handed_over_in_the_middle_of_a_wait() {
    let ann = customer("ann");
    let mut world = World::of(&play(WAITS));
    start(&mut world, ann, "m-1", "2026-03-02T12:00:00Z", "a");
    start(&mut world, ann, "m-2", "2026-03-02T12:01:00Z", "b");
    world.happens(ann, "m-3", "Stopped", "2026-03-02T12:05:00Z", json!({"key": "a"}));
    assert_eq!(world.state(ann).plays.len(), 1, "the instance of the other key goes on");
    world.happens(ann, "m-4", "Stopped", "2026-03-02T12:06:00Z", json!({}));
    assert!(world.state(ann).plays.is_empty(), "an event without a key is about all of them");
    assert_eq!(world.heard::<Json>(ann, name::NOTIFICATION_CANCELLED).len(), 2);
    assert!(world.timers(ann).is_empty());
    world.until(at("2026-03-05T12:00:00Z"));
    assert_eq!(steps(&world, ann).last().unwrap(), "exited 1");
}

#[test]
fn re_entry_is_as_the_play_allows_and_the_same_key_never_starts_twice() {
    let run = |reentry: &str| {
        let ann = customer("ann");
        let spec = format!(
            "trigger: {{event: Started}}\nkey: event.properties.key\nreentry: {reentry}\nsteps: [{{exit: {{}}}}]"
        );
        let mut world = World::of(&play(&spec));
        start(&mut world, ann, "m-1", "2026-03-02T12:00:00Z", "a");
        start(&mut world, ann, "m-2", "2026-03-02T13:00:00Z", "a");
        start(&mut world, ann, "m-3", "2026-03-02T14:00:00Z", "b");
        start(&mut world, ann, "m-4", "2026-03-04T14:00:00Z", "c");
        reasons(&world, ann)
    };
    assert_eq!(run("never"), ["triggered", "same_key", "re_entry", "re_entry"]);
    assert_eq!(run("always"), ["triggered", "same_key", "triggered", "triggered"]);
    assert_eq!(run("{after: 1d}"), ["triggered", "same_key", "re_entry", "triggered"]);
}

#[test]
fn why_somebody_did_not_enter_has_an_answer() {
    let ann = customer("ann");
    let spec = "trigger: {event: Started}\naudience: customer.tier == \"gold\"\nreentry: always\nsteps: [{wait: {for: 1d}}]";
    let mut world = World::of(&play(spec));
    start(&mut world, ann, "m-1", "2026-03-02T12:00:00Z", "a");
    let mut who = event(ann, "m-2", "", at("2026-03-02T12:01:00Z"), json!({}));
    who.event_type = EventType::Identify;
    who.traits = RawJson::of(&json!({"tier": "blue"}));
    world.receive(who.clone(), at("2026-03-02T12:01:00Z"));
    start(&mut world, ann, "m-3", "2026-03-02T12:02:00Z", "a");
    who.traits = RawJson::of(&json!({"tier": "gold"}));
    world.receive(who, at("2026-03-02T12:03:00Z"));
    let pause =
        |paused| PauseChanged { scope: PauseScope::Play, target: "p".into(), paused, reason: String::new() };
    world.control(name::PAUSE_CHANGED, &pause(true));
    start(&mut world, ann, "m-4", "2026-03-02T12:04:00Z", "a");
    world.control(name::PAUSE_CHANGED, &pause(false));
    start(&mut world, ann, "m-5", "2026-03-02T12:05:00Z", "a");
    start(&mut world, ann, "m-6", "2026-03-02T12:06:00Z", "a");
    let expected = ["audience_unknown", "audience", "paused", "triggered", "already_running"];
    assert_eq!(reasons(&world, ann), expected);
    for minute in 10..50 {
        start(&mut world, ann, &format!("n-{minute}"), &format!("2026-03-02T12:{minute}:00Z"), "a");
    }
    let slots: std::collections::BTreeSet<_> =
        answers(&world, ann).iter().map(|answer| answer.evaluation_id).collect();
    assert_eq!(slots.len() as u64, EvaluationRow::SLOTS, "the newest take the place of the oldest");
}

#[test]
fn the_control_group_is_what_the_hash_says_and_nothing_is_sent_to_it() {
    let spec = "trigger: {event: Started}\nreentry: always\nholdout: {percent: 30, seed: s}\nsteps: [{send: {channel: email, template: sorry, class: service}}]";
    let mut world = World::of(&play(spec));
    let mut held_out = 0;
    for number in 0..300 {
        let who = customer(&format!("c-{number}"));
        start(&mut world, who, "m-1", "2026-03-02T12:00:00Z", "a");
        start(&mut world, who, "m-2", "2026-03-03T12:00:00Z", "a");
        let expected = assign::sticky("s", &who.to_string()) < 0.3;
        let decisions: Vec<_> = answers(&world, who).into_iter().map(|answer| answer.decision).collect();
        let decision = if expected { PlayDecision::HeldOut } else { PlayDecision::Entered };
        assert_eq!(decisions, [decision; 2], "the same at every entry");
        assert_eq!(world.heard::<Json>(who, name::NOTIFICATION_REQUESTED).is_empty(), expected);
        held_out += usize::from(expected);
    }
    assert!((60..=120).contains(&held_out), "{held_out} of 300");
}

#[test]
fn an_instance_runs_the_version_that_it_started_with() {
    let (ann, ben) = (customer("ann"), customer("ben"));
    let first = "trigger: {event: Started}\nsteps: [{wait: {for: 1h}}, {emit: {name: Old}}]";
    let second = "trigger: {event: Started}\nsteps: [{emit: {name: New}}]";
    let mut world = World::of(&play(first));
    start(&mut world, ann, "m-1", "2026-03-02T12:00:00Z", "a");
    world.publish(2, &play(second));
    start(&mut world, ben, "m-2", "2026-03-02T12:30:00Z", "a");
    world.publish(3, SHELL);
    world.until(at("2026-03-02T13:00:00Z"));
    assert_eq!(world.heard::<Json>(ann, "Old").len(), 1, "also when the play is gone");
    assert_eq!(world.heard::<Json>(ben, "New").len(), 1);
    let steps: Vec<PlayStepped> = world.heard(ann, name::PLAY_STEPPED);
    assert!(steps.iter().all(|step| step.definitions_version == 1));
}

#[test]
fn history_starts_no_plays_unless_the_import_asks_for_effects() {
    let run = |effects: bool| {
        let ann = customer("ann");
        let mut world = World::of(&play(WAITS));
        world.control(name::IMPORT_BEGUN, &ImportMark { import_id: "i".into(), effects });
        let mut old = event(ann, "m-1", "Started", at("2026-01-02T12:00:00Z"), json!({"key": "a"}));
        old.historical = true;
        world.receive(old, at("2026-03-02T12:00:00Z"));
        (reasons(&world, ann), world.heard::<Json>(ann, name::NOTIFICATION_REQUESTED).len())
    };
    assert_eq!(run(false), (vec!["historical".to_owned()], 0));
    assert_eq!(run(true), (vec!["triggered".to_owned()], 1));
}

#[test]
fn a_late_event_starts_nothing() {
    let ann = customer("ann");
    let mut world = World::of(&play(WAITS));
    world.happens(ann, "m-0", "Seen", "2026-03-02T12:00:00Z", json!({}));
    let received = at("2026-03-02T12:00:01Z");
    world.receive(event(ann, "m-1", "Started", at("2026-03-02T10:59:59Z"), json!({"key": "a"})), received);
    assert_eq!(reasons(&world, ann), ["late"]);
    assert!(world.state(ann).plays.is_empty());
    assert_eq!(world.state(ann).late, 1);
    world.receive(event(ann, "m-2", "Started", at("2026-03-02T11:00:00Z"), json!({"key": "a"})), received);
    assert_eq!(reasons(&world, ann), ["late", "triggered"], "an hour is allowed");
}

#[test]
fn a_local_time_goes_by_the_customers_own_clock_and_a_split_is_sticky() {
    let spec = "trigger: {event: Started}\nreentry: always\nsteps:\n  - wait: {until: \"09:00\"}\n  - split:\n      - {name: a, weight: 1, steps: [{emit: {name: A}}]}\n      - {name: b, weight: 1, steps: [{emit: {name: B}}]}";
    let mut world = World::of(&play(spec));
    let mut ways = [0, 0];
    for number in 0..40 {
        let who = customer(&format!("c-{number}"));
        let mut identified = event(who, "m-0", "", at("2026-03-02T12:00:00Z"), json!({}));
        identified.event_type = EventType::Identify;
        identified.traits = RawJson::of(&json!({"timezone": "America/New_York"}));
        world.receive(identified, at("2026-03-02T12:00:00Z"));
        start(&mut world, who, "m-1", "2026-03-02T12:00:00Z", "x");
    }
    world.until(at("2026-03-02T13:59:59Z"));
    assert!(
        world.heard::<Json>(customer("c-0"), "A").is_empty()
            && world.heard::<Json>(customer("c-0"), "B").is_empty()
    );
    for number in 0..40 {
        start(&mut world, customer(&format!("c-{number}")), "m-2", "2026-03-02T14:00:00Z", "x");
    }
    for number in 0..40 {
        let who = customer(&format!("c-{number}"));
        let taken = [world.heard::<Json>(who, "A").len(), world.heard::<Json>(who, "B").len()];
        assert!(taken == [2, 0] || taken == [0, 2], "{taken:?}");
        ways[usize::from(taken[1] > 0)] += 1;
    }
    assert!(ways[0] > 5 && ways[1] > 5, "{ways:?}");
}

#[test]
fn what_was_begun_before_a_merge_goes_on_after_it() {
    let (device, ann) = (customer("device"), customer("ann"));
    let mut world = World::of(&play(WAITS));
    start(&mut world, device, "m-1", "2026-03-02T12:00:00Z", "a");
    world.merge(device, ann);
    start(&mut world, ann, "m-2", "2026-03-02T12:10:00Z", "a");
    assert_eq!(reasons(&world, ann), ["already_running"]);
    world.until(at("2026-03-02T14:00:00Z"));
    assert_eq!(steps(&world, ann)[0], "step 1 wait=timeout");
    assert!(world.rows.iter().any(|row| matches!(row, Row::Merged(merged) if merged.survivor == ann)));
}

#[test]
fn an_instance_that_a_moment_began_listens_to_events_of_the_moments_key() {
    let ann = customer("ann");
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
  trigger: {moment: {name: wait, outcome: miserable}}
  reentry: always
  exit_on: [Closed]
  steps: [{wait: {for: 1d}}]
"#
    );
    let mut world = World::of(&manifests);
    world.happens(ann, "m-1", "Waited", "2026-03-02T12:00:00Z", json!({"ticket": 1, "minutes": 30}));
    world.happens(ann, "m-2", "Waited", "2026-03-02T12:01:00Z", json!({"ticket": "2", "minutes": 30}));
    assert_eq!(world.state(ann).plays.len(), 2);
    world.happens(ann, "m-3", "Closed", "2026-03-02T12:02:00Z", json!({"ticket": "1"}));
    let left: Vec<_> = world.state(ann).plays.iter().map(|instance| instance.key.as_str()).collect();
    assert_eq!(left, ["2"], "the number 1 and the text 1 are the same key");
}

#[test]
fn what_a_play_emits_makes_nothing_late() {
    let spec =
        "trigger: {event: Started}\nkey: event.properties.key\nreentry: always\nsteps: [{emit: {name: New}}]";
    let mut world = World::of(&play(spec));
    let who = customer("a");
    // Two events of yesterday arrive today; what follows from the first happens today.
    for (id, occurred) in [("m-1", "2026-03-01T10:00:00Z"), ("m-2", "2026-03-01T10:10:00Z")] {
        let started = event(who, id, "Started", at(occurred), json!({"key": id}));
        world.receive(started, at("2026-03-02T10:00:00Z"));
    }
    assert_eq!(world.state(who).late, 0);
}
