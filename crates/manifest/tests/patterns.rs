//! Patterns of manifests that are refused when they are published, each with place, reason and hint; and the room
//! that the others get.

#![allow(clippy::unwrap_used, reason = "helpers of tests are outside of test functions")]

use elate_domain::{EventType, RawJson, Timestamp};
use elate_manifest::expression::{EventView, LazyJson};
use elate_manifest::pattern::{PatternConditions, PatternProblem, Vocabulary, compile};
use elate_manifest::spec::Pattern;
use elate_patterns::{Occurrence, Outcome, PatternState, Scratch, Times};

fn pattern(yaml: &str) -> Pattern {
    serde_yaml::from_str(yaml).unwrap()
}

fn problems(yaml: &str) -> Vec<PatternProblem> {
    compile(&pattern(yaml), &mut Vocabulary::new()).err().unwrap_or_default()
}

/// The one thing that is wrong: where, and (a part of) why.
fn refused(yaml: &str, path: &str, reason: &str) {
    let found = problems(yaml);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].path, path);
    assert!(found[0].reason.contains(reason), "{found:?}");
    assert!(!found[0].hint.is_empty(), "{found:?}");
}

#[test]
fn what_can_never_match() {
    refused("{steps: [{name: a, on: A}, {name: b, on: B, where: 'false'}]}", "steps[1].where", "never holds");
    refused(
        "{steps: [{name: a, on: A, where: 'b.properties.x > 1'}, {name: b, on: B}]}",
        "steps[0].where",
        "`b` has taken no event yet",
    );
    refused(
        "{steps: [{name: a, on: A}, {name: b, on: B, where: 'b.properties.x > 1'}]}",
        "steps[1].where",
        "`b` has taken no event yet",
    );
    refused(
        "{steps: [{name: a, on: A}, {name: x, on: B, absent: true}, {name: b, on: B, where: 'true'}]}",
        "steps[1].absent",
        "forbids every event",
    );
    refused(
        "{steps: [{name: a, on: A}, {name: b, on: B, times: {min: 3, max: 2}}]}",
        "steps[1].times",
        "can never match",
    );
    refused(
        "{steps: [{name: a, on: A}, {name: b, on: B, within: 2d}], within: 1d}",
        "steps[1].within",
        "more than",
    );
}

#[test]
fn absences_that_are_ambiguous() {
    refused(
        "{steps: [{name: a, on: A}, {name: o, on: O, optional: true}, {name: x, on: X, absent: true}, {name: b, on: B}]}",
        "steps[2].absent",
        "beside an optional step",
    );
    refused(
        "{steps: [{name: a, on: A}, {name: x, on: X, absent: true}]}",
        "steps[1].absent",
        "its time is out",
    );
    refused("{steps: [{name: x, on: X, absent: true}, {name: a, on: A}]}", "steps[0].absent", "begin");
}

#[test]
fn loops_that_nothing_ends() {
    let endless = "{name: b, on: B, times: one_or_more";
    refused(
        &format!("{{steps: [{{name: a, on: A}}, {endless}}}]}}"),
        "steps[1].times",
        "needs something that ends it",
    );
    assert_eq!(problems(&format!("{{steps: [{{name: a, on: A}}, {endless}, until: C}}]}}")), []);
    assert_eq!(problems(&format!("{{within: 1h, steps: [{{name: a, on: A}}, {endless}}}]}}")), []);
    refused(
        "{steps: [{name: a, on: A}, {group: [{group: [{name: b, on: B, optional: true}]}], times: one_or_more}], within: 1h}",
        "steps[1].group",
        "every step is optional",
    );
}

#[test]
fn repeated_steps_see_what_they_took_themselves() {
    for taken in [
        "{steps: [{name: a, on: A, times: 3, where: 'size(a) < 2 || a[0].properties.x == event.properties.x'}]}",
        "{steps: [{name: a, on: A}, {name: x, on: X, absent: true, where: 'event.properties.n == a.properties.n'}, {name: b, on: B}]}",
        "{steps: [{group: [{name: a, on: A, where: 'size(b) == 0'}, {name: b, on: B}], times: 2}]}",
        "{within: 1h, steps: [{name: a, on: A, times: one_or_more, until: {on: B, where: 'size(a) > 3'}}]}",
    ] {
        assert_eq!(problems(taken), [], "{taken}");
    }
}

fn event(number: i64) -> EventView {
    EventView {
        name: "A".into(),
        event_type: EventType::Track,
        occurred_at: Timestamp(number),
        received_at: Timestamp(number),
        message_id: format!("m-{number}").into(),
        source: "s".into(),
        user_id: None,
        anonymous_id: None,
        properties: LazyJson::new(RawJson::default()),
        traits: LazyJson::default(),
        context: LazyJson::default(),
    }
}

/// Matches, and how many partial matches were dropped, after so many events of the name `A`.
fn after(yaml: &str, events: i64) -> (usize, u64, usize) {
    let mut words = Vocabulary::new();
    let compiled = compile(&pattern(yaml), &mut words).unwrap();
    let (mut state, mut scratch, mut out) = (PatternState::default(), Scratch::default(), Vec::new());
    let traits = serde_json::Value::Null;
    for number in 0..events {
        let view = event(number);
        let mut conditions = PatternConditions::new(&words, &view, &traits);
        let class = words.class_of(&view.name);
        let times = Times::same(number);
        let mut occurrence = Occurrence::new(&view, class, times, &mut conditions, &mut scratch);
        compiled.pattern.step(&mut state, &mut occurrence, &mut out);
    }
    let matches = out.iter().filter(|outcome| matches!(outcome, Outcome::Matched(_))).count();
    (matches, state.dropped(), state.open())
}

#[test]
fn a_customer_carries_no_more_than_there_is_room_for_and_it_is_counted() {
    let pair = "{steps: [{name: a, on: A}, {name: b, on: B}], within: 30d, after_match: no_skip}";
    assert_eq!(after(pair, 100), (0, 0, 100));
    assert_eq!(after(pair, 250), (0, 150, 100));
}

#[test]
fn long_matches_get_the_room_that_they_need() {
    let long = "{steps: [{name: a, on: A, times: 150}], within: 30d, after_match: no_skip}";
    assert_eq!(after(long, 160), (11, 0, 149));
}
