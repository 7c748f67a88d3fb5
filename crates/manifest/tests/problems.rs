//! What is said about documents that are wrong: all of it, each with place, reason and hint.

#![allow(clippy::unwrap_used, reason = "helpers of tests are outside of test functions")]

use elate_manifest::{Id, Kind, Name, Set, diff, read};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

fn told(text: &str) -> String {
    let problems = match Set::parse_text(text) {
        Ok(_) => return "nothing is wrong".to_owned(),
        Err(problems) => problems,
    };
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn headers() {
    insta::assert_snapshot!(told(
        r#"
apiVersion: elate.dev/v2
kind: Score
metadata: {name: default, colour: red}
spec: {}
---
apiVersion: elate.dev/v1
kind: Pley
metadata: {name: Recover!}
spec: {}
---
apiVersion: elate.dev/v1
kind: Score
metadata: {}
spec: {}
---
just a text
---
apiVersion: elate.dev/v1
kind: Score
metadata: {name: other}
"#
    ));
}

#[test]
fn form_of_a_play() {
    insta::assert_snapshot!(told(
        r#"
apiVersion: elate.dev/v1
kind: Play
metadata: {name: p}
spec:
  triger: {event: X}
  priority: high
  audience: "customer.visits >"
  holdout: {percent: 105}
  exit_on: [{on: [], where: "true"}]
  steps:
    - wait: {for: soon, evnet: X}
    - sned: {channel: email}
    - send: {channel: Email, tmplate: t}
    - {wait: {for: 1h}, exit: {}}
    - emit: {name: Done, properties: {a: "explode(1)"}}
    - branch: {if: "true", then: [{exit: {reson: x}}]}
"#
    ));
}

#[test]
fn meaning_of_a_play() {
    insta::assert_snapshot!(told(
        r#"
apiVersion: elate.dev/v1
kind: Play
metadata: {name: p}
spec:
  trigger: {event: {on: X, where: "event.total > 1 && moment.gap < 0"}}
  key: evnt.properties.id
  steps:
    - wait: {}
    - wait: {event: X}
    - wait: {for: 0s, zone: Europe/Vienna}
    - branch: {if: "instance.last_wait == 'timeout'"}
    - split: [{name: a, weight: 0}]
    - ask: {survey: nps, expires: 0s, data: {x: mood.x}}
    - grant: {budget: surprises, amount: evnt.properties.x}
    - task: {title: " ", channel: no, template: no, data: {task: "1"}}
    - emit: {name: elate.moment.judged}
    - exit: {}
    - wait: {for: 1h}
"#
    ));
}

#[test]
fn moments() {
    insta::assert_snapshot!(told(
        r#"
apiVersion: elate.dev/v1
kind: Moment
metadata: {name: nothing}
spec: {truth: smot, stage: use, touchpoint: t, experience: event.occurred_at, better: earlier, expect: {}, tolerance: 3}
---
apiVersion: elate.dev/v1
kind: Moment
metadata: {name: both}
spec:
  truth: smot
  stage: use
  touchpoint: t
  product: p
  channel: c
  on: X
  key: event.properties.id
  pattern:
    steps:
      - {name: a, on: A}
      - {name: b, on: B, where: "c.properties.n > 1", within: 2h}
      - {name: b, on: C, absent: true}
  experience: ordred.properties.n
  better: higher
  since: a.occurred_at
  expect: {standard: "1", habit: {half_life: 0}}
  tolerance: learned
  thresholds: {magical: -1, miserable: -7}
  weight: -1
  give_up: 1d
---
apiVersion: elate.dev/v1
kind: Moment
metadata: {name: promise}
spec:
  truth: smot
  stage: purchase
  touchpoint: t
  product: p
  channel: c
  pattern: {steps: [{name: a, on: A}, {name: b, on: B}, {name: c, on: C}]}
  experience: c.occurred_at
  better: earlier
  since: a.occurred_at
  expect: {promise: b.properties.at}
  tolerance: 1h
"#
    ));
}

#[test]
fn references() {
    insta::assert_snapshot!(told(
        r#"
apiVersion: elate.dev/v1
kind: Journey
metadata: {name: gift-order}
spec:
  stages: [purchase, use]
  touchpoints: [{name: delivery, stage: purchase, product: p, channel: c, on: X}]
---
apiVersion: elate.dev/v1
kind: Moment
metadata: {name: late}
spec:
  {truth: smot, journey: gift-order, stage: advocacy, touchpoint: delivry, on: X, experience: event.properties.n,
   better: higher, expect: {standard: "1"}, tolerance: 1}
---
apiVersion: elate.dev/v1
kind: Moment
metadata: {name: elsewhere}
spec:
  {truth: smot, journey: gift-oder, stage: use, touchpoint: delivery, on: X, experience: event.properties.n,
   better: higher, expect: {standard: "1"}, tolerance: 1}
---
apiVersion: elate.dev/v1
kind: Play
metadata: {name: p}
spec:
  trigger: {promise: {moment: late, state: at_risk}}
  steps:
    - branch: {if: "true", then: [{send: {channel: emial, template: t, topic: news}}]}
    - send: {channel: email, template: t}
---
apiVersion: elate.dev/v1
kind: Play
metadata: {name: q}
spec: {trigger: {score: {threshold: 40, direction: below}}, steps: [{exit: {}}]}
---
apiVersion: elate.dev/v1
kind: Channel
metadata: {name: email}
spec: {email: {from: a@example.com, providers: [{name: a, host: localhost, port: 99999, username: me}]}}
---
apiVersion: elate.dev/v1
kind: Channel
metadata: {name: hook}
spec: {webhook: {url: ftp://x, secret: whsec_plain}, on_unknown: resend}
---
apiVersion: elate.dev/v1
kind: Template
metadata: {name: t}
spec: {channel: webhook, fallback: en, locales: {de: {subject: x}}}
---
apiVersion: elate.dev/v1
kind: Template
metadata: {name: t}
spec: {channel: webhook, fallback: en, locales: {en: {body: "{}"}}}
"#
    ));
}

#[test]
fn policy_and_score() {
    insta::assert_snapshot!(told(
        r#"
apiVersion: elate.dev/v1
kind: Policy
metadata: {name: default}
spec:
  zone: Mars/Olympus
  zones: [Europe/Vienna]
  quiet_hours: {from: "21:00", to: "25:00"}
  topics: [{name: news, consent: maybe}, {name: news, consent: opt_in}]
  caps: [{name: a, limit: 0, per: {calendar_days: 0}, topic: nws}, {name: b, channel: pigeon, limit: 1, per: {rolling: 1d}}]
  surveys: {nps: 11}
---
apiVersion: elate.dev/v1
kind: Score
metadata: {name: default}
spec: {formula: 2, thresholds: [{name: a, at: 100}, {name: a, at: 50}]}
"#
    ));
}

#[test]
fn segments_purchases_and_hysteresis_have_bounds() {
    let found = told(
        r#"
apiVersion: elate.dev/v1
kind: Score
metadata: {name: default}
spec:
  thresholds: [{name: a, at: 30, hysteresis: 5}, {name: b, at: 95, hysteresis: 5}, {name: c, at: 5, hysteresis: -1}]
  segments: [{trait: plan, values: [pro, free, pro]}, {trait: plan, values: []}, {trait: "a=b", values: [x]}]
  purchases: {on: [], value: ""}
"#,
    );
    let text = format!("{found:?}");
    for path in [
        "spec.thresholds[1].hysteresis",
        "spec.thresholds[2].hysteresis",
        "spec.segments[0].values[2]",
        "spec.segments[1].trait",
        "spec.segments[1].values",
        "spec.segments[2].trait",
        "spec.purchases.on",
        "spec.purchases.value",
    ] {
        assert!(text.contains(path), "{path} is not refused in {text}");
    }
    assert!(!text.contains("spec.thresholds[0]"), "{text}");
}

#[test]
fn texts_that_are_no_documents() {
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n\
                d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]";
    let lines = [
        told("a: [1"),
        told("a: 1\na: 2"),
        told("a: !secret x"),
        told(&"x".repeat((1 << 20) + 1)),
        told(&format!("a: {}{}", "[".repeat(40), "]".repeat(40))),
        told(&format!("a: {}{}", "[".repeat(400), "]".repeat(400))),
        told(bomb),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

fn score(at: u32) -> Json {
    json!({ "apiVersion": "elate.dev/v1", "kind": "Score", "metadata": { "name": "default" },
        "spec": { "thresholds": [{ "name": "low", "at": at }] } })
}

fn play(threshold: u32) -> Json {
    json!({ "apiVersion": "elate.dev/v1", "kind": "Play", "metadata": { "name": "p" },
        "spec": { "trigger": { "score": { "threshold": threshold, "direction": "below" } }, "steps": [{ "wait": { "for": "1h" } }] } })
}

#[test]
fn applying_checks_the_set_as_a_whole() {
    let set = Set::parse(vec![score(40), play(40)]).unwrap();
    let score_id = Id::new(Kind::Score, Name::try_new("default").unwrap());
    let play_id = Id::parse("play/p").unwrap();
    // The play stands in the way, though nothing is wrong with what is applied.
    let refused = set.apply(vec![score(41)], &[]).unwrap_err();
    assert_eq!(refused.len(), 1);
    assert_eq!((refused[0].document, refused[0].manifest.as_str()), (None, "Play/p"));
    assert!(set.apply(vec![], std::slice::from_ref(&score_id)).is_err());
    assert!(set.apply(vec![], &[Id::parse("play/q").unwrap()]).is_err());
    let both = set.apply(vec![score(41), play(41)], &[]).unwrap();
    assert_eq!(both.len(), 2);
    let none = set.apply(vec![], &[score_id, play_id]).unwrap();
    assert!(none.is_empty());
}

#[test]
fn what_changes_is_told_line_by_line() {
    let old = Set::parse(vec![score(40), play(40)]).unwrap();
    let mut changed = score(40);
    changed["metadata"]["title"] = json!("Thresholds");
    changed["spec"]["thresholds"].as_array_mut().unwrap().push(json!({ "name": "high", "at": 70 }));
    let new = old.apply(vec![changed], &[Id::parse("Play/p").unwrap()]).unwrap();
    assert!(diff(&old, &old).is_empty());
    let lines =
        |old: &Set, new: &Set| diff(old, new).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let forth = "- Play/p\n~ Score/default\n    + metadata.title: \"Thresholds\"\n    + spec.thresholds[1].at: 70\n    + spec.thresholds[1].name: \"high\"";
    assert_eq!(lines(&old, &new), forth);
    let back = "+ Play/p\n~ Score/default\n    - metadata.title: \"Thresholds\"\n    - spec.thresholds[1].at: 70\n    - spec.thresholds[1].name: \"high\"";
    assert_eq!(lines(&new, &old), back);
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        "[a-z]{0,6}|[0-9]{1,2}[hd]|event\\.properties\\.[a-z]|[0-2][0-9]:[0-5][0-9]".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            proptest::collection::vec((a_field(), inner), 0..5)
                .prop_map(|fields| Json::Object(fields.into_iter().collect())),
        ]
    })
}

fn a_field() -> impl Strategy<Value = String> {
    proptest::sample::select(vec![
        "steps",
        "wait",
        "send",
        "branch",
        "if",
        "then",
        "on",
        "where",
        "name",
        "pattern",
        "times",
        "within",
        "expect",
        "promise",
        "due",
        "trigger",
        "event",
        "touchpoints",
        "stages",
        "email",
        "providers",
        "per",
        "caps",
        "locales",
        "x",
    ])
    .prop_map(str::to_owned)
}

/// The good documents of the retail example, to be damaged.
fn good() -> Vec<Json> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/retail/manifests");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().flat_map(|file| read(&std::fs::read_to_string(file).unwrap()).unwrap()).collect()
}

/// All places in a document.
fn places(json: &Json, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match json {
        Json::Object(object) => {
            object.iter().for_each(|(key, value)| places(value, &format!("{at}/{key}"), all))
        }
        Json::Array(items) => {
            items.iter().enumerate().for_each(|(i, value)| places(value, &format!("{at}/{i}"), all))
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_reader_panic(text in "([ \\-a-z:{}\\[\\]&*!'\"#|>0-9]|\n){0,200}") {
        let _ = Set::parse_text(&text);
    }

    #[test]
    fn no_document_makes_the_parser_panic(spec in any_json(), kind in 0_usize..7) {
        let kind = Kind::ALL[kind].as_str();
        let document = json!({ "apiVersion": "elate.dev/v1", "kind": kind, "metadata": { "name": "default" }, "spec": spec });
        let _ = Set::parse(vec![document, spec]);
    }

    /// Whatever is damaged, the parser answers, and where it refuses, it names the document.
    #[test]
    fn damage_is_found_where_it_is(which in any::<prop::sample::Index>(), place in any::<prop::sample::Index>(), value in any_json()) {
        let mut documents = good();
        let index = which.index(documents.len());
        let mut all = Vec::new();
        places(&documents[index]["spec"], "/spec", &mut all);
        let place = &all[place.index(all.len())];
        *documents[index].pointer_mut(place).unwrap() = value;
        if let Err(problems) = Set::parse(documents) {
            prop_assert!(!problems.is_empty());
            prop_assert!(problems.iter().any(|problem| problem.document == Some(index) || problem.reason.contains("there is no")
                || problem.reason.contains("has no")), "{problems:?}");
        }
    }
}
