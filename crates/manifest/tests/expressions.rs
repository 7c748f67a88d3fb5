//! What expressions see, result in, and refuse.

#![allow(clippy::unwrap_used, reason = "helpers of tests are outside of test functions")]

use elate_domain::{EventType, Timestamp};
use elate_manifest::expression::{
    CompileError, Condition, EventView, Miss, Quantity, Scope, StepCaptures, Value, limits,
};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

fn event(name: &str, at: &str, properties: Json) -> EventView {
    EventView {
        name: name.into(),
        event_type: EventType::Track,
        occurred_at: Timestamp::parse(at).unwrap(),
        received_at: Timestamp::parse(at).unwrap().plus_millis(1_000),
        message_id: "m-1".into(),
        source: "site".into(),
        user_id: Some("u-1".into()),
        anonymous_id: None,
        properties: properties.into(),
        traits: json!({}).into(),
        context: json!({ "locale": "de-AT", "page": { "path": "/cart" } }).into(),
    }
}

fn order() -> EventView {
    event(
        "Order Placed",
        "2026-03-02T17:40:00Z",
        json!({
            "total": 100, "rate": 2.5, "id": 4711, "text_id": "4711", "gift": true, "nothing": null,
            "promised_at": "2026-03-06T18:00:00+01:00",
            "lines": [{ "sku": "castle", "n": 2 }, { "sku": "book", "n": 1 }],
            "address": { "city": "Wien", "zip": 1010 }
        }),
    )
}

fn holds(text: &str) -> (bool, bool) {
    let order = order();
    let customer = json!({ "first_name": "Mia", "visits": 3 });
    let result = Condition::compile(text).unwrap().evaluate(&Scope::of_event(&order).customer(&customer));
    (result.holds, result.failed)
}

#[track_caller]
fn yes(text: &str) {
    assert_eq!(holds(text), (true, false), "{text}");
}

#[test]
fn numbers_are_numbers_however_they_are_written() {
    yes("event.properties.total >= 100");
    yes("event.properties.total == 100");
    yes("event.properties.total == 100.0");
    yes("event.properties.total + 1 == 101");
    yes("1 + event.properties.total == 101");
    yes("event.properties.total * 2 - 50 > 149 && event.properties.total / 3 > 33");
    yes("7 / 2 == 3.5");
    yes("-event.properties.rate == -2.5 && event.properties.total - -1 == 101");
    yes("size(event.properties.lines) + 1 == 3 && 2 * size(event.properties.lines) == 4");
    yes("event.properties.id % 10 == 1 && event.properties.id % 10 + 1 == 2");
    yes("(event.properties.gift ? 1 : 2) + event.properties.rate == 3.5");
    yes("event.properties.lines[0].n + event.properties.lines[size(event.properties.lines) - 1].n == 3");
    yes("event.properties.total in [1, 100]");
    yes("event.occurred_at.getHours() + 1 == 18");
}

#[test]
fn macros_texts_times_and_objects_work() {
    yes("event.properties.lines.exists(line, line.sku == 'castle' && line.n >= 2)");
    yes(
        "event.properties.lines.all(line, line.n > 0) && !event.properties.lines.exists(line, line.n + 1 > 3)",
    );
    yes("event.properties.lines.exists_one(line, line.n == 1)");
    yes("size(event.properties.lines.filter(line, line.n > 1)) == 1");
    yes("event.properties.lines.map(line, line.n * 10) == [20, 10]");
    yes("has(event.properties.total) && !has(event.properties.discount)");
    yes("event.properties.address.city.startsWith('W') && event.name.contains('Order')");
    yes("event.properties.text_id.matches('^[0-9]+$')");
    yes("'city' in event.properties.address && event.properties['address']['zip'] == 1010");
    yes("event.properties.address == event.properties.address");
    yes("event.context.page.path == '/cart' && event.type == 'track' && event.user_id == 'u-1'");
    yes("event.received_at - event.occurred_at == duration('1s')");
    yes("timestamp(event.properties.promised_at) > event.occurred_at + duration('72h')");
    yes("customer.first_name == 'Mia' && customer.visits == 3");
    yes("event.properties.nothing == null");
    yes("has(event['properties'].total)");
}

#[test]
fn what_cannot_be_told_is_false_and_flagged() {
    for text in [
        "event.properties.discount > 3",
        "event.properties.total > 'many'",
        "event.properties.gift + 1 == 2",
        "moment.gap > 1",
        "event.properties.total",
        "event.properties.lines[7].n == 1",
        "event.anonymous_id == 'x'",
        "event.properties.text_id > 1",
    ] {
        assert_eq!(holds(text), (false, true), "{text}");
    }
    // What decides does not depend on what cannot be told.
    assert_eq!(holds("event.properties.discount > 3 || event.properties.gift"), (true, false));
    assert_eq!(holds("event.properties.discount > 3 && !event.properties.gift"), (false, false));
}

#[test]
fn failures_are_counted_in_the_scope() {
    let order = order();
    let scope = Scope::of_event(&order);
    assert!(!Condition::compile("event.properties.a > 1").unwrap().holds(&scope));
    assert_eq!(Value::compile("event.properties.b").unwrap().number(&scope), Err(Miss::Failed));
    assert_eq!(Value::compile("event.properties.gift").unwrap().number(&scope), Err(Miss::Type));
    assert_eq!(Value::compile("event.properties.nothing").unwrap().number(&scope), Err(Miss::Null));
    assert_eq!(scope.failures(), 3);
}

#[test]
fn values_have_the_types_that_are_asked_for() {
    let order = order();
    let scope = Scope::of_event(&order).due(Timestamp::parse("2026-03-06T17:00:00Z").unwrap());
    let value = |text: &str| Value::compile(text).unwrap();
    assert_eq!(value("event.properties.total").quantity(&scope), Ok(Quantity::Number(100.0)));
    assert_eq!(
        value("event.received_at - event.occurred_at").quantity(&scope),
        Ok(Quantity::Duration(1_000))
    );
    assert_eq!(value("event.occurred_at").quantity(&scope), Ok(Quantity::Time(order.occurred_at)));
    let promised = Timestamp::parse("2026-03-06T17:00:00Z").unwrap();
    assert_eq!(value("event.properties.promised_at").time(&scope), Ok(promised));
    assert_eq!(value("event.properties.promised_at").quantity(&scope), Ok(Quantity::Time(promised)));
    assert_eq!(value("due - duration('24h')").time(&scope), Ok(promised.plus_millis(-86_400_000)));
    assert_eq!(
        value("event.properties.id").text_of(&scope),
        value("event.properties.text_id").text_of(&scope)
    );
    assert_eq!(value("event.properties.gift").text_of(&scope).unwrap(), "true");
    assert_eq!(value("1 / 0").number(&scope), Err(Miss::Type));
    let json = value("{'order': event.properties.id, 'where': event.properties.address, 'when': due}");
    let expected = json!({ "order": 4711, "where": { "city": "Wien", "zip": 1010 }, "when": "2026-03-06T17:00:00.000Z" });
    assert_eq!(json.json(&scope), Ok(expected));
    assert_eq!(value("event").json(&scope).unwrap()["properties"]["rate"], json!(2.5));
}

#[test]
fn earlier_steps_are_events_or_lists_of_them() {
    let last = event("Support Chat Started", "2026-03-09T10:06:00Z", json!({}));
    let mut captures = StepCaptures::new().with("ordered", order());
    let views: Vec<EventView> =
        [10, 20].map(|n| event("Tracking Viewed", "2026-03-09T09:30:00Z", json!({ "n": n }))).to_vec();
    captures.push("looked", true, views);
    captures.push("called", false, Vec::new());
    captures.push("tried", true, Vec::new());
    let scope = Scope::of_event(&last).captures(&captures);
    let check = |text: &str| Condition::compile(text).unwrap().evaluate(&scope);
    for text in [
        "ordered.properties.total == 100",
        "ordered.occurred_at < event.occurred_at",
        "size(looked) == 2 && looked[1].properties.n == 20",
        "looked.exists(view, view.properties.n > 15)",
        "called == null && size(tried) == 0",
    ] {
        assert!(check(text).holds, "{text}");
    }
    assert!(check("called.properties.n == 1").failed);
    assert!(check("looked.properties.n == 1").failed);
    assert!(check("unheard.of == 1").failed);
}

#[test]
fn what_an_expression_reads_is_known() {
    let condition = Condition::compile(
        "ordered.properties.total > 1 && event.properties.a.exists(x, x.context == looked[0])",
    )
    .unwrap();
    let uses = condition.uses();
    assert_eq!(uses.variables().collect::<Vec<_>>(), ["event", "looked", "ordered"]);
    assert!(uses.reads_captures() && uses.reads_field("ordered", "properties"));
    assert!(!uses.reads_field("ordered", "context") && uses.reads_field("looked", "context"));
    assert!(!Condition::compile("event.name == 'x' && customer.a == 1").unwrap().uses().reads_captures());
}

#[test]
fn an_event_survives_json_and_keeps_what_it_must() {
    let order = order();
    let text = serde_json::to_string(&order).unwrap();
    assert_eq!(serde_json::from_str::<EventView>(&text).unwrap(), order);
    assert_eq!(order.captured(false).context.get(), &json!({}));
    assert_eq!(order.captured(true), order);
}

#[test]
fn what_is_refused_says_why() {
    let refused = |text: &str| Condition::compile(text).unwrap_err();
    assert_eq!(refused("  "), CompileError::Empty);
    assert_eq!(refused(&"a".repeat(limits::MAX_LENGTH + 1)), CompileError::TooLong(limits::MAX_LENGTH + 1));
    assert_eq!(refused(&format!("{}1{}", "(".repeat(60), ")".repeat(60))), CompileError::TooDeep);
    assert_eq!(refused(&format!("{}true", "!".repeat(300))), CompileError::TooDeep);
    assert_eq!(refused(&vec!["1"; 400].join("+")), CompileError::TooDeep);
    assert_eq!(refused(&format!("a{} == 1", ".b".repeat(200))), CompileError::TooDeep);
    assert_eq!(refused("explode(1)"), CompileError::UnknownFunction("explode".to_owned()));
    assert_eq!(refused("event.name.matches(event.properties.regex)"), CompileError::Regex);
    assert_eq!(refused("a.all(x, x.all(y, y.all(z, z > 1)))"), CompileError::TooManyMacros);
    assert!(matches!(refused("event.total >"), CompileError::Syntax(_)));
}

#[test]
fn long_lists_are_an_error_and_large_objects_are_not() {
    let long: Vec<u32> = (0..=limits::MAX_ELEMENTS as u32).collect();
    let wide: serde_json::Map<String, Json> = (0..1_000).map(|n| (format!("k{n}"), json!(n))).collect();
    let event = event("x", "2026-03-02T17:40:00Z", json!({ "long": long, "wide": wide }));
    let scope = Scope::of_event(&event);
    let check = |text: &str| Condition::compile(text).unwrap().evaluate(&scope);
    assert!(check("event.properties.long.exists(x, x == 3)").failed);
    assert!(check("event.properties.wide.k999 == 999 && has(event.properties.wide.k1)").holds);
    assert!(check("event.properties.wide.exists(k, k == 'k1')").failed);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_compiler_panic(text in "[-a-z0-9 .!?:+*/%<>=&|()\\[\\]{}'\",]{0,120}") {
        let order = order();
        if let Ok(condition) = Condition::compile(&text) {
            let _ = condition.evaluate(&Scope::of_event(&order));
        }
        if let Ok(value) = Value::compile(&text) {
            let _ = value.json(&Scope::of_event(&order));
        }
    }

    #[test]
    fn any_text_at_all_is_safe(text in "\\PC{0,80}") {
        let _ = Value::compile(&text);
    }

    #[test]
    fn arithmetic_is_that_of_doubles(a in -1_000_i32..1_000, b in 1_i32..1_000) {
        let event = event("x", "2026-03-02T17:40:00Z", json!({ "a": a }));
        let scope = Scope::of_event(&event);
        let number = |text: String| Value::compile(&text).unwrap().number(&scope).unwrap();
        let (x, y) = (f64::from(a), f64::from(b));
        prop_assert_eq!(number(format!("event.properties.a + {b}")), x + y);
        prop_assert_eq!(number(format!("{b} - event.properties.a")), y - x);
        prop_assert_eq!(number(format!("event.properties.a * {b} + 1")), x * y + 1.0);
        prop_assert_eq!(number(format!("event.properties.a / {b}")), x / y);
    }
}
