//! The recorded week of the retail example, told customer by customer.

use std::collections::HashMap;
use std::path::PathBuf;

use elate_domain::system::{
    CaseChanged, MomentJudged, NotificationRequested, PlayStepped, PromiseChanged, name,
};
use elate_domain::{CaseState, CustomerId, EventType, Outcome, PromiseState, RawJson};
use serde_json::Value as Json;

use super::world::{Between, World, at, customer, event};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/retail")
}

fn manifests() -> String {
    let mut files: Vec<_> =
        std::fs::read_dir(folder().join("manifests")).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect::<Vec<_>>().join("\n---\n")
}

fn text(json: &Json, field: &str) -> Option<String> {
    json[field].as_str().map(str::to_owned)
}

/// The week, and a fortnight after it in which nothing comes.
pub(super) fn week(between: Between) -> World {
    let mut world = World::new(between);
    world.publish(1, &manifests());
    let messages: Vec<Json> = std::fs::read_to_string(folder().join("events.ndjson"))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    // The first login of a device tells whose it was before.
    let mut owners: HashMap<String, String> = HashMap::new();
    for message in &messages {
        if let (Some(device), Some(user)) = (text(message, "anonymousId"), text(message, "userId")) {
            owners.entry(device).or_insert(user);
        }
    }
    let mut seen = std::collections::HashSet::new();
    for message in &messages {
        let id = text(message, "messageId").unwrap();
        if !seen.insert(id.clone()) {
            continue;
        }
        let device = text(message, "anonymousId");
        let user = text(message, "userId").or_else(|| owners.get(device.as_ref()?).cloned());
        let who = customer(&user.or(device).unwrap());
        let event_type = match message["type"].as_str().unwrap() {
            "identify" => EventType::Identify,
            "page" => EventType::Page,
            "screen" => EventType::Screen,
            _ => EventType::Track,
        };
        let called = text(message, "event").or_else(|| text(message, "name")).unwrap_or_default();
        let time = at(message["timestamp"].as_str().unwrap());
        let mut happened = event(who, &id, &called, time, message["properties"].clone());
        happened.event_type = event_type;
        happened.traits = RawJson::of(&message["traits"]);
        happened.context = RawJson::of(&message["context"]);
        world.receive(happened, time);
    }
    world.until(at("2026-03-25T00:00:00Z"));
    world
}

fn promises(world: &World, who: CustomerId) -> Vec<PromiseState> {
    let changes: Vec<PromiseChanged> = world.heard(who, name::PROMISE_CHANGED);
    changes.into_iter().filter(|change| change.moment == "delivery").map(|change| change.state).collect()
}

fn gaps(world: &World, who: CustomerId, moment: &str) -> Vec<(u32, f64, Outcome)> {
    let judged: Vec<MomentJudged> = world.heard(who, name::MOMENT_JUDGED);
    let judged = judged.into_iter().filter(|judged| judged.moment == moment);
    judged.map(|judged| (judged.revision, (judged.gap * 100.0).round() / 100.0, judged.outcome)).collect()
}

#[test]
fn the_story_is_told_as_it_was_planted() {
    let world = week(Between::Nothing);
    let mia = customer("u-1001");
    use PromiseState::{AtRisk, Broken, Open};
    assert_eq!(promises(&world, mia), [Open, AtRisk, Broken, Broken]);
    assert_eq!(gaps(&world, mia, "delivery"), [(0, -1.0, Outcome::Miserable), (1, -5.0, Outcome::Miserable)]);
    let judged: Vec<MomentJudged> = world.heard(mia, name::MOMENT_JUDGED);
    let delivery: Vec<_> = judged.iter().filter(|judged| judged.moment == "delivery").collect();
    assert_eq!(delivery[0].moment_id, delivery[1].moment_id, "a fulfilment revises the same moment");
    assert!(delivery[0].provisional && !delivery[1].provisional);
    let felt = delivery[0].occurred_at.millis_since(at("2026-03-07T06:00:00+01:00"));
    assert!((0..1_000).contains(&felt), "{felt} ms");
    assert_eq!(gaps(&world, mia, "tracking-anxiety"), [(0, -3.0, Outcome::Miserable)]);
    assert_eq!(gaps(&world, mia, "replacement")[0].2, Outcome::Magical);

    let cases: Vec<CaseChanged> = world.heard(mia, name::CASE_CHANGED);
    let states: Vec<_> =
        cases.iter().filter(|case| case.touchpoint == "delivery").map(|case| case.state).collect();
    assert_eq!(states, [CaseState::Open, CaseState::Acting, CaseState::Recovered]);
    let last = cases.iter().rfind(|case| case.touchpoint == "delivery").unwrap();
    assert_eq!(last.play.as_deref(), Some("recover-late-gift"));

    let asked: Vec<NotificationRequested> = world.heard(mia, name::NOTIFICATION_REQUESTED);
    let templates: Vec<_> = asked.iter().map(|asked| asked.template.as_str()).collect();
    assert_eq!(templates, ["late-gift-warning", "late-gift-apology"]);
    assert_eq!(asked[1].data["moment"]["gap"], -1.0);
    let steps: Vec<PlayStepped> = world.heard(mia, name::PLAY_STEPPED);
    let ended = steps.iter().rfind(|step| step.play == "recover-late-gift").unwrap();
    assert_eq!((ended.change.as_str(), ended.reason.as_str()), ("exited", "the replacement arrived"));
}

#[test]
fn the_other_customers_get_what_was_planted_for_them() {
    use PromiseState::{AtRisk, Broken, Exceeded, Kept, Late, Open, Withdrawn};
    let world = week(Between::Nothing);
    let of = |user: &str| promises(&world, customer(user));
    assert_eq!(of("u-1002"), [Open, Late]);
    assert_eq!(gaps(&world, customer("u-1002"), "delivery"), [(0, -0.25, Outcome::Neutral)]);
    assert_eq!(of("u-1003"), [Open, AtRisk, Kept]);
    assert_eq!(of("u-1004").last(), Some(&Withdrawn));
    assert!(gaps(&world, customer("u-1004"), "delivery").is_empty());
    assert_eq!(gaps(&world, customer("u-1005"), "delivery"), [(0, -0.33, Outcome::Neutral)]);
    assert_eq!(of("u-1005").last(), Some(&Kept));
    assert_eq!(of("u-1007").last(), Some(&Exceeded));
    assert_eq!(gaps(&world, customer("u-1007"), "delivery"), [(0, 2.17, Outcome::Magical)]);

    let riley = customer("u-1006");
    assert!(of("u-1006").contains(&Broken));
    let judged = gaps(&world, riley, "delivery");
    assert_eq!(judged.first(), Some(&(0, -1.0, Outcome::Miserable)));
    assert_eq!(judged.last(), Some(&(1, -5.0, Outcome::Miserable)), "given up at the clamp");
    let cases: Vec<CaseChanged> = world.heard(riley, name::CASE_CHANGED);
    assert_eq!(cases.last().unwrap().state, CaseState::Lost);
    for number in 1012..=1047 {
        let who = customer(&format!("u-{number}"));
        let miserable =
            gaps(&world, who, "delivery").iter().any(|(.., outcome)| *outcome == Outcome::Miserable);
        assert!(!miserable, "u-{number}");
    }
}

#[test]
fn the_same_week_is_told_in_the_same_bytes_whatever_the_state_goes_through() {
    let plain = week(Between::Nothing).transcript();
    assert!(plain.len() > 10_000);
    assert_eq!(plain, week(Between::Nothing).transcript());
    assert_eq!(plain, week(Between::MessagePack).transcript());
    assert_eq!(plain, week(Between::Json).transcript());
}
