//! Whether expressions fit what is known of events: what can never hold is refused, what may be a slip is told.

#![allow(clippy::unwrap_used, reason = "helpers of tests are outside of test functions")]

use std::path::Path;

use elate_manifest::{Catalog, Findings, Set, read};
use serde_json::Value as Json;

fn catalog() -> Catalog {
    let mut catalog = Catalog::new();
    for (event, path, kind) in [
        ("Order Placed", "order_id", "string"),
        ("Order Placed", "total", "number"),
        ("Order Placed", "coupon", "null"),
        ("Order Placed", "promised_at", "string"),
        ("Order Placed", "gift", "boolean"),
        ("Order Placed", "lines", "array"),
        ("Order Placed", "address", "object"),
        ("Order Placed", "address.city", "string"),
        ("Order Delivered", "order_id", "number"),
        ("Order Delivered", "late_minutes", "number"),
        ("Tracking Viewed", "page", "string"),
        ("Tracking Viewed", "page", "number"),
    ] {
        catalog.property(event, path, kind);
    }
    catalog.event("Order Cancelled");
    catalog
}

/// A moment whose pattern's first step has a condition, and whose experience is as given.
fn moment(condition: &str, experience: &str) -> Set {
    let text = format!(
        r#"
apiVersion: elate.dev/v1
kind: Moment
metadata: {{name: delivery}}
spec:
  truth: smot
  stage: use
  touchpoint: parcel
  product: shop
  channel: web
  pattern:
    key: event.properties.order_id
    steps:
      - {{name: ordered, on: "Order Placed", where: {condition:?}}}
      - {{name: looked, on: "Tracking Viewed", times: one_or_more, repeat_contiguity: relaxed, until: "Order Cancelled"}}
      - {{name: delivered, on: "Order Delivered"}}
    within: 5d
  experience: {experience:?}
  better: lower
  expect: {{standard: "60"}}
  tolerance: 20
"#
    );
    Set::parse_text(&text).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn findings(condition: &str) -> Findings {
    moment(condition, "delivered.properties.late_minutes").fit(&catalog())
}

/// The one problem of a condition: path, reason, hint.
fn refused(condition: &str) -> (String, String, String) {
    let mut found = findings(condition).problems;
    assert_eq!(found.len(), 1, "{condition}: {found:?}");
    let problem = found.remove(0);
    assert_eq!(problem.manifest, "Moment/delivery");
    (problem.path, problem.reason, problem.hint)
}

#[test]
fn what_fits_is_taken() {
    for condition in [
        "event.properties.total >= 100",
        "event.properties.total / 2 + 1 > 10.5 && !event.properties.gift",
        "event.properties.coupon == 'A' || event.properties.coupon == 5",
        "event.properties.coupon == null || event.properties.total != null",
        "timestamp(event.properties.promised_at) - event.occurred_at < duration('48h')",
        "event.properties.lines.exists(line, line.price > 3 && line.name.startsWith('x'))",
        "size(event.properties.lines) > 2 && event.properties.lines[0].price > 1",
        "event.properties.address.city in ['Graz', 'Linz'] && has(event.properties.address.city)",
        "event.properties.order_id.matches('^[0-9]+$') && 'x' in event.properties.lines",
        "customer.visits > 3 && customer.name == 'Eve'",
        "event.occurred_at.getHours('Europe/Vienna') >= 18 && event.user_id != ''",
        "event.context.device == 3 && event.traits.x > 'a'",
        "(event.properties.gift ? event.properties.total : 0) > 5",
        "event.properties.lines.map(line, line.price).filter(price, price > 3).size() > 0",
        "double(event.properties.order_id) % 2 == 1",
    ] {
        let found = findings(condition);
        assert_eq!(found.problems, [], "{condition}");
        assert!(
            found.warnings.iter().all(|warning| !warning.path.ends_with("where")),
            "{condition}: {found:?}"
        );
    }
}

#[test]
fn comparisons_that_can_never_hold() {
    let path = "spec.pattern.steps[0].where".to_owned();
    assert_eq!(
        refused("event.properties.order_id > 5"),
        (
            path.clone(),
            "`event.properties.order_id` is a text and cannot be compared with a number, `5`".to_owned(),
            "write double(event.properties.order_id)".to_owned()
        )
    );
    assert_eq!(
        refused("event.properties.total == '100'"),
        (
            path.clone(),
            "`event.properties.total` is a number and cannot ever equal a text, `'100'`".to_owned(),
            "write the number without quotes".to_owned()
        )
    );
    let (_, reason, hint) = refused("event.properties.promised_at < event.occurred_at");
    assert!(reason.contains("is a text and cannot be compared with a time"), "{reason}");
    assert_eq!(hint, "write timestamp(event.properties.promised_at)");
    assert_eq!(refused("event.properties.gift == 'true'").2, "write it without quotes");
}

#[test]
fn operators_and_functions_that_take_something_else() {
    for (condition, says) in [
        ("event.properties.total + 'x' == 'y'", "cannot be added to a text"),
        ("event.occurred_at + event.received_at > event.occurred_at", "cannot be added to a time"),
        ("event.properties.lines * 2 > 3", "is a list and cannot be multiplied by a number"),
        ("size(event.properties.total) > 3", "is a number and cannot be given to size()"),
        ("event.properties.total.startsWith('x')", "cannot be given to startsWith()"),
        ("!event.properties.total", "cannot be given to `!`"),
        ("event.properties.total && true", "cannot be joined with true or false"),
        ("event.properties.total ? true : false", "cannot decide between two values"),
        ("event.properties.total in event.properties.order_id", "cannot be in a text"),
        ("event.properties.total.exists(x, x > 1)", "is a number and has no elements"),
        ("event.properties.order_id[0] == 'x'", "is a text and has no entries"),
        ("event.properties.lines.price > 1", "is a list and has no `price`"),
        ("event.name.first == 'x'", "is a text and has no `first`"),
        ("timestamp(event.properties.gift) > event.occurred_at", "cannot be given to timestamp()"),
        (
            "event.properties.lines.exists(line, line.price > 3 && event.properties.total == 'a')",
            "ever equal",
        ),
    ] {
        let (path, reason, _) = refused(condition);
        assert_eq!(path, "spec.pattern.steps[0].where");
        assert!(reason.contains(says), "{condition}: {reason}");
    }
}

#[test]
fn a_condition_must_come_to_true_or_false() {
    let (_, reason, hint) = refused("event.properties.total");
    assert_eq!(reason, "the expression comes to a number");
    assert_eq!(hint, "it must come to true or false");
    let (_, reason, _) = refused("event.properties.gift ? 'yes' : 'no'");
    assert_eq!(reason, "the expression comes to a text");
}

#[test]
fn what_was_never_seen_is_a_warning_with_a_guess() {
    let found = findings("event.properties.totl >= 100 && event.properties.adress.city == 'Graz'");
    assert_eq!(found.problems, []);
    let said: Vec<(&str, &str, &str)> = found
        .warnings
        .iter()
        .filter(|warning| warning.path == "spec.pattern.steps[0].where")
        .map(|warning| (warning.manifest.as_str(), warning.reason.as_str(), warning.hint.as_str()))
        .collect();
    assert_eq!(
        said,
        [
            (
                "Moment/delivery",
                "no \"Order Placed\" was seen with the property `totl` yet",
                "did you mean event.properties.total?"
            ),
            (
                "Moment/delivery",
                "no \"Order Placed\" was seen with the property `adress` yet",
                "did you mean event.properties.address?"
            ),
        ]
    );
    let far = findings("event.properties.zzzzzzzz == 1");
    let hint = &far.warnings.iter().find(|warning| warning.path.ends_with("where")).unwrap().hint;
    assert!(hint.starts_with("seen so far: address, address.city"), "{hint}");
}

#[test]
fn a_key_is_looked_at_for_each_event() {
    let found = findings("true");
    let key: Vec<&str> = found
        .warnings
        .iter()
        .filter(|warning| warning.path == "spec.pattern.key")
        .map(|warning| warning.reason.as_str())
        .collect();
    assert_eq!(key, ["no \"Tracking Viewed\" was seen with the property `order_id` yet"]);
    let mut objects = Catalog::new();
    objects.property("Order Placed", "order_id", "object");
    let found = moment("true", "1").fit(&objects).problems;
    assert_eq!((found.len(), found[0].path.as_str()), (1, "spec.pattern.key"));
    assert_eq!(found[0].reason, "the expression comes to an object");
}

#[test]
fn experiences_see_steps_by_their_names() {
    let of = |experience: &str| moment("true", experience).fit(&catalog()).problems;
    assert_eq!(of("delivered.occurred_at - ordered.occurred_at"), []);
    assert_eq!(of("double(size(looked)) + looked[0].properties.page"), []);
    let text = of("ordered.properties.order_id");
    assert_eq!(
        (text[0].path.as_str(), text[0].reason.as_str()),
        ("spec.experience", "the expression comes to a text")
    );
    let list = of("looked.properties.page");
    assert_eq!(list[0].reason, "`looked` is a list and has no `properties`");
}

#[test]
fn of_unknown_events_only_what_is_wrong_in_any_case_is_said() {
    let nothing = Catalog::new();
    let set =
        moment("event.properties.anything > 5 && event.properties.other.x == 'y'", "delivered.properties.x");
    assert_eq!(set.fit(&nothing), Findings::default());
    let wrong = moment("event.name > 5", "delivered.properties.x").fit(&nothing);
    assert_eq!(wrong.problems.len(), 1);
    assert_eq!(wrong.problems[0].reason, "`event.name` is a text and cannot be compared with a number, `5`");
}

#[test]
fn journeys_promises_and_plays_are_looked_at_too() {
    let text = r#"
apiVersion: elate.dev/v1
kind: Journey
metadata: {name: shopping}
spec:
  stages: [purchase, use]
  touchpoints:
    - {name: checkout, stage: purchase, product: shop, channel: web, on: {on: "Order Placed", where: "event.properties.total > 'x'"}}
---
apiVersion: elate.dev/v1
kind: Moment
metadata: {name: promised}
spec:
  truth: smot
  stage: use
  touchpoint: parcel
  product: shop
  channel: web
  experience: delivered.occurred_at
  better: earlier
  since: ordered.occurred_at
  tolerance: 12h
  expect:
    promise:
      made: {name: ordered, on: "Order Placed"}
      due: ordered.properties.total
      fulfilled: {name: delivered, on: "Order Delivered", where: "event.properties.late_minutes"}
---
apiVersion: elate.dev/v1
kind: Play
metadata: {name: thank}
spec:
  trigger: {event: {on: "Order Placed", where: "event.properties.gift > 3"}}
  audience: "event.properties.gift + 1 == 2"
  exit_on: [{on: "Order Delivered", where: "event.properties.order_id.startsWith('a')"}]
  steps: [{wait: {for: 1h}}]
"#;
    let set = Set::parse_text(text).unwrap_or_else(|problems| panic!("{problems:?}"));
    let found = set.fit(&catalog()).problems;
    let places: Vec<(&str, &str)> =
        found.iter().map(|problem| (problem.manifest.as_str(), problem.path.as_str())).collect();
    assert_eq!(
        places,
        [
            ("Journey/shopping", "spec.touchpoints[0].on.where"),
            ("Moment/promised", "spec.expect.promise.fulfilled.where"),
            ("Moment/promised", "spec.expect.promise.due"),
            ("Play/thank", "spec.trigger.event.where"),
            ("Play/thank", "spec.audience"),
            ("Play/thank", "spec.exit_on[0].where"),
        ]
    );
}

/// Adds what a recorded event shows, as the catalogue of a running system does.
fn see(catalog: &mut Catalog, event: &str, path: &str, json: &Json) {
    let kind = match json {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    };
    if !path.is_empty() {
        catalog.property(event, path, kind);
    }
    for (name, inner) in json.as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        see(catalog, event, &path, inner);
    }
}

#[test]
fn the_retail_story_fits_its_events() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/retail");
    let mut catalog = Catalog::new();
    for line in std::fs::read_to_string(folder.join("events.ndjson")).unwrap().lines() {
        let event: Json = serde_json::from_str(line).unwrap();
        if let Some(name) = event["event"].as_str() {
            see(&mut catalog, name, "", &event["properties"]);
        }
    }
    let mut documents = Vec::new();
    for file in std::fs::read_dir(folder.join("manifests")).unwrap() {
        documents.extend(read(&std::fs::read_to_string(file.unwrap().path()).unwrap()).unwrap());
    }
    let text = serde_json::to_string(&documents).unwrap();
    let findings = |text: &str| Set::parse(serde_json::from_str(text).unwrap()).unwrap().fit(&catalog);
    assert_eq!(findings(&text), Findings::default());
    // the same with slips is not the same
    let slip = text.replace("properties.order_id", "properties.oder_id");
    assert_ne!(slip, text);
    let warnings = findings(&slip).warnings;
    assert!(warnings.iter().any(|warning| warning.hint.contains("properties.order_id")), "{warnings:?}");
}
