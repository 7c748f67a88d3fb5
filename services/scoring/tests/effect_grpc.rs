//! What plays bring, over the consumer loop and over gRPC: who may see it, and what is refused.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

#[macro_use]
#[path = "common/served.rs"]
mod served;

use std::time::Duration;

use elate_domain::system::{PlayStepped, name};
use elate_domain::{CustomerId, EventType, RawJson};
use elate_manifest::Set;
use elate_proto::scoring::v1::{GetPlayEffectRequest, ListPlayEffectsRequest, PlayEffect};
use elate_storage::Dsn;
use elate_testkit::eventually;
use serde_json::json;
use served::{DAY, Shop, customers, refusal};

const WITHIN: Duration = Duration::from_secs(60);

const MANIFESTS: &str = r#"
apiVersion: elate.dev/v1
kind: Score
metadata: {name: default}
spec: {purchases: {on: [Bought], value: total}}
---
apiVersion: elate.dev/v1
kind: Play
metadata: {name: sorry}
spec:
  trigger: {event: Complained}
  holdout: {percent: 40}
  effect: {observe: 30d, complaints: [Complained], cost: 2}
  steps: [{exit: {}}]
"#;

fn publish(shop: &Shop) {
    let set = Set::parse_text(MANIFESTS).unwrap_or_else(|problems| panic!("{problems:?}"));
    shop.publish(1, set.canonical());
}

fn enters(shop: &Shop, customer: CustomerId, held_out: bool) {
    let stepped = PlayStepped {
        play: "sorry".to_owned(),
        definitions_version: 1,
        instance_id: String::new(),
        key: String::new(),
        change: if held_out { "held_out" } else { "entered" }.to_owned(),
        step: String::new(),
        kind: String::new(),
        branch: None,
        reason: String::new(),
    };
    shop.put(customer, EventType::System, name::PLAY_STEPPED, 10 * DAY, RawJson::of(&stepped));
}

/// So many of the treated, then of the held out. Of the treated every tenth complains, of the held out every other; the
/// treated feel well, the held out do not.
fn crowd(shop: &Shop, treated: usize, held_out: usize) {
    for (number, customer) in customers((treated + held_out) as u128).into_iter().enumerate() {
        let is_treated = number < treated;
        enters(shop, customer, !is_treated);
        let spread = (number % 10) as f64 / 10.0;
        shop.moment(customer, "chat", 10 * DAY, if is_treated { 1.0 + spread } else { -1.0 - spread });
        if number % if is_treated { 10 } else { 2 } == 0 {
            shop.put(customer, EventType::Track, "Complained", 10 * DAY, RawJson::default());
        }
        let bought = json!({"total": 10});
        shop.put(customer, EventType::Track, "Bought", 10 * DAY, RawJson::of(&bought));
    }
}

/// Waits until everybody is observed, and has done all they do.
async fn until(shop: &Shop, customers: u64) -> PlayEffect {
    eventually(WITHIN, || {
        let mut client = shop.effects("shop-reader");
        async move {
            let request = GetPlayEffectRequest { play: "sorry".to_owned() };
            let found = client.get_play_effect(request).await.map_err(|s| s.to_string())?.into_inner();
            let effect = found.effect.unwrap();
            let bought = |measure: &Option<elate_proto::scoring::v1::EffectMeasure>| {
                let measure = measure.as_ref().unwrap();
                [measure.treated, measure.held_out].into_iter().flatten().all(|share| share == 1.0)
            };
            let all = effect.treated + effect.held_out == customers && bought(&effect.repeat);
            if all { Ok(effect) } else { Err(format!("{effect:?}")) }
        }
    })
    .await
}

async fn an_effect_is_told(dsn: Option<Dsn>) {
    let shop = Shop::on(dsn).await;
    publish(&shop);
    crowd(&shop, 360, 240);
    let effect = until(&shop, 600).await;
    assert_eq!((effect.treated, effect.held_out, effect.definitions_version), (360, 240, 1));
    assert_eq!(effect.observed_for.unwrap().seconds, 30 * 86_400);
    let complaint = effect.complaint.unwrap();
    assert_eq!((complaint.treated, complaint.held_out), (Some(0.1), Some(0.5)));
    let difference = complaint.difference.unwrap();
    assert!(difference.lower < -0.4 && difference.upper > -0.4 && difference.upper < 0.0, "{difference:?}");
    assert!(complaint.p_value.unwrap() < 0.05);
    // Of 360 treated, 40 in a hundred would have complained.
    let avoided = effect.complaints_avoided.unwrap();
    assert!((avoided.value - 144.0).abs() < 1e-6 && avoided.lower > 0.0, "{avoided:?}");
    assert!((avoided.lower + difference.upper * 360.0).abs() < 1e-6, "{avoided:?}");
    // 2 for each of the treated, over the points that each of them gained.
    let gained = effect.delight.unwrap().difference.unwrap();
    let price = effect.cost_per_point.unwrap();
    assert!((effect.cost - 720.0).abs() < 1e-9);
    assert!((price.value - 2.0 / gained.value).abs() < 1e-9, "{price:?}");
    assert!(
        (price.lower - 2.0 / gained.upper).abs() < 1e-9 && (price.upper - 2.0 / gained.lower).abs() < 1e-9
    );
    let split = effect.split.unwrap();
    assert!(!split.mismatch && (split.expected_share - 0.6).abs() < 1e-9, "{split:?}");

    let listed = shop.effects("shop-reader").list_play_effects(ListPlayEffectsRequest {}).await.unwrap();
    let listed = listed.into_inner().effects;
    assert_eq!((listed.len(), listed[0].treated), (1, 360));
    let mut stranger = shop.effects("hotel-admin");
    let other = stranger.list_play_effects(ListPlayEffectsRequest {}).await.unwrap().into_inner();
    assert!(other.effects.is_empty());
    let sorry = GetPlayEffectRequest { play: "sorry".to_owned() };
    assert_eq!(refusal(stranger.get_play_effect(sorry).await).0, "PLAY_NOT_OBSERVED");
    shop.stop().await;
}

/// 500 of 600 treated, where 60 % should be: whoever splits them is broken.
async fn a_split_that_is_not_as_intended_is_told(dsn: Option<Dsn>) {
    let shop = Shop::on(dsn).await;
    publish(&shop);
    crowd(&shop, 500, 100);
    let split = until(&shop, 600).await.split.unwrap();
    assert!(split.mismatch && split.p_value < 0.001, "{split:?}");
    shop.stop().await;
}

/// With a handful on a side nothing is certain: there is no price, and what interval there is holds 0.
async fn few_customers_make_nothing_certain(dsn: Option<Dsn>) {
    let shop = Shop::on(dsn).await;
    publish(&shop);
    crowd(&shop, 4, 3);
    let effect = until(&shop, 7).await;
    assert_eq!(effect.cost_per_point, None);
    for measure in [effect.delight, effect.complaint] {
        let difference = measure.unwrap().difference;
        assert!(difference.is_none_or(|d| d.lower <= 0.0 && d.upper >= 0.0), "{difference:?}");
    }
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_named() {
    let shop = Shop::on(None).await;
    publish(&shop);
    let mut client = shop.effects("shop-reader");
    let play = |play: &str| GetPlayEffectRequest { play: play.to_owned() };
    assert_eq!(refusal(client.get_play_effect(play("")).await).1, "play");
    assert_eq!(refusal(client.get_play_effect(play("unknown")).await).0, "PLAY_NOT_OBSERVED");
    let mut writer = shop.effects("shop-writer");
    assert_eq!(refusal(writer.get_play_effect(play("sorry")).await).0, "ROLE_INSUFFICIENT");
    assert_eq!(refusal(writer.list_play_effects(ListPlayEffectsRequest {}).await).0, "ROLE_INSUFFICIENT");
    shop.stop().await;
}

on_both! {
    an_effect_is_told: an_effect_is_told_on_sqlite, an_effect_is_told_on_postgres;
    a_split_that_is_not_as_intended_is_told: a_broken_split_is_told_on_sqlite, a_broken_split_is_told_on_postgres;
    few_customers_make_nothing_certain: few_customers_on_sqlite, few_customers_on_postgres;
}
