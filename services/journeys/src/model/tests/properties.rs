//! What holds for every log: two runs agree, and what the state goes through between steps does not matter.

use proptest::prelude::*;
use serde_json::json;

use super::world::{Between, World, at, customer, event};
use elate_domain::Timestamp;

const MANIFESTS: &str = r#"
apiVersion: elate.dev/v1
kind: Journey
metadata: {name: order}
spec:
  key: event.properties.key
  stages: [purchase, use]
  entry: A
  completion: D
  abandon: {after: 2h}
  recovery: {window: 3h}
  touchpoints:
    - {name: door, stage: purchase, product: parcel, channel: door, on: B}
    - {name: home, stage: use, product: thing, channel: home, on: C}
---
apiVersion: elate.dev/v1
kind: Moment
metadata: {name: promised}
spec:
  truth: smot
  journey: order
  stage: purchase
  touchpoint: door
  key: event.properties.key
  experience: done.occurred_at
  better: earlier
  since: made.occurred_at
  expect:
    promise:
      made: {name: made, on: A}
      due: "made.occurred_at + duration('30m')"
      fulfilled: {name: done, on: B}
      at_risk: [{unless: C, by: "due - duration('10m')"}]
    habit: {half_life: 3}
  tolerance: 10m
---
apiVersion: elate.dev/v1
kind: Moment
metadata: {name: sequence}
spec:
  truth: smot
  journey: order
  stage: use
  touchpoint: home
  pattern:
    key: event.properties.key
    steps:
      - {name: first, on: A}
      - {name: more, on: C, times: {min: 1, max: 3}}
      - {name: never, on: D, absent: true}
    within: 40m
    after_match: no_skip
  experience: size(more)
  better: lower
  expect: {standard: "2"}
  tolerance: 1
---
apiVersion: elate.dev/v1
kind: Play
metadata: {name: mend}
spec:
  trigger: {moment: {name: promised, outcome: miserable}}
  reentry: always
  exit_on: [D]
  steps:
    - wait: {event: C, timeout: 20m}
    - branch: {if: instance.last_wait == "timeout", then: [{emit: {name: C, properties: {key: instance.key}}}]}
    - wait: {for: 5m}
"#;

#[derive(Debug, Clone)]
struct Happening {
    who: u8,
    name: char,
    key: u8,
    pause_minutes: i64,
    late_minutes: i64,
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let one = (0..2_u8, prop::sample::select(vec!['A', 'B', 'C', 'D']), 0..2_u8, 0..25_i64, 0..90_i64);
    let one = one.prop_map(|(who, name, key, pause_minutes, late)| Happening {
        who,
        name,
        key,
        pause_minutes,
        late_minutes: if late > 70 { late } else { 0 },
    });
    prop::collection::vec(one, 1..40)
}

fn run(happenings: &[Happening], between: Between) -> String {
    let mut world = World::new(between);
    world.publish(1, MANIFESTS);
    let mut now = at("2026-03-02T12:00:00Z");
    for (number, happening) in happenings.iter().enumerate() {
        now = now.plus_millis(happening.pause_minutes * 60_000);
        let who = customer(&happening.who.to_string());
        let occurred: Timestamp = now.plus_millis(-happening.late_minutes * 60_000);
        let properties = json!({"key": format!("k{}", happening.key)});
        world.receive(
            event(who, &format!("m-{number}"), &happening.name.to_string(), occurred, properties),
            now,
        );
    }
    world.until(now.plus_millis(24 * 3_600_000));
    let left: Vec<_> = (0..2).map(|who| customer(&who.to_string())).collect();
    let left = left.iter().filter(|who| happenings.iter().any(|h| customer(&h.who.to_string()) == **who));
    for who in left {
        assert!(world.timers(*who).is_empty(), "a day later nothing is open: {:?}", world.timers(*who));
        let state = world.state(*who);
        assert!(state.promises.is_empty() && state.cases.is_empty() && state.plays.is_empty());
        assert!(state.journeys.is_empty() && state.patterns.is_empty());
    }
    world.transcript()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_log_is_told_in_the_same_bytes_whatever_the_state_goes_through(happenings in happenings()) {
        let plain = run(&happenings, Between::Nothing);
        prop_assert_eq!(&plain, &run(&happenings, Between::Nothing));
        prop_assert_eq!(&plain, &run(&happenings, Between::MessagePack));
        prop_assert_eq!(&plain, &run(&happenings, Between::Json));
    }
}
