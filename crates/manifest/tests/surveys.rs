//! Surveys: what is taken, and what is refused with its place.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use elate_manifest::spec::{Spec, SurveyCadence};
use elate_manifest::{Id, Set};

const GOOD: &str = r#"
apiVersion: elate.dev/v1
kind: Channel
metadata: {name: email}
spec:
  email: {from: "Shop <shop@shop.example>", providers: [{name: main, host: "127.0.0.1", tls: none}]}
---
apiVersion: elate.dev/v1
kind: Channel
metadata: {name: hook}
spec: {webhook: {url: "https://shop.example/hook", secret: "env:HOOK"}}
---
apiVersion: elate.dev/v1
kind: Template
metadata: {name: ask}
spec: {channel: email, fallback: en, locales: {en: {subject: "One question", text: "{{ survey.url }}"}}}
---
apiVersion: elate.dev/v1
kind: Survey
metadata: {name: after-delivery}
spec:
  kind: nps
  fallback: en
  question: {en: "Would you recommend us?", de: "Würden Sie uns empfehlen?"}
  channel: email
  template: ask
  page: {base_url: "https://shop.example"}
  cadence: {recurring: {every: 90d, reminders: 1, wait: 7d}}
  limits: {any: 14d}
  audience: customer.tier == "gold"
  sample: 25
"#;

/// What is wrong once `this` stands in the place of `that`.
fn told(that: &str, this: &str) -> String {
    let text = GOOD.replace(that, this);
    assert_ne!(text, GOOD, "{that} is not there");
    let problems = Set::parse_text(&text).err().unwrap_or_default();
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

#[test]
fn a_survey_is_read_and_speaks_the_customers_language() {
    let set = Set::parse_text(GOOD).unwrap();
    let id = Id::parse("survey/after-delivery").unwrap();
    let Some(Spec::Survey(survey)) = set.get(&id).map(|document| &document.spec) else { panic!("no survey") };
    assert!(matches!(survey.cadence, SurveyCadence::Recurring { reminders: 1, .. }));
    for (locale, language) in [("de-AT", "de"), ("de", "de"), ("fr", "en"), ("en_GB", "en")] {
        assert_eq!(survey.localised(Some(locale)).unwrap().0, language, "{locale}");
    }
    assert_eq!(survey.localised(None).unwrap().0, "en");
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (that, this, place) in [
        ("sample: 25", "sample: 0", "spec.sample"),
        ("sample: 25", "sample: 101", "spec.sample"),
        ("audience: customer.tier == \"gold\"", "audience: event.properties.total > 1", "spec.audience"),
        ("audience: customer.tier == \"gold\"", "audience: 'customer.tier =='", "spec.audience"),
        ("fallback: en\n  question", "fallback: fr\n  question", "spec.fallback"),
        ("de: \"Würden Sie uns empfehlen?\"", "de: \" \"", "spec.question.de"),
        ("reminders: 1", "reminders: 21", "spec.cadence.recurring.reminders"),
        ("every: 90d", "every: 0s", "spec.cadence.recurring.every"),
        ("  channel: email\n  template", "  channel: hook\n  template", "spec.channel"),
        ("template: ask", "template: asks", "spec.template"),
        ("limits: {any: 14d}", "limits: {each: 14d}", "spec.limits"),
        ("kind: nps", "kind: stars", "spec.kind"),
        ("template: ask\n", "template: ask\n  topic: news\n", "spec.topic"),
    ] {
        let told = told(that, this);
        assert!(told.contains(place), "{this}: {told}");
    }
}
