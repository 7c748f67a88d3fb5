//! Drivers over the consumer loop and over gRPC: planted ones are found, noise names none, small samples are said.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

#[macro_use]
#[path = "common/served.rs"]
mod served;

use std::time::Duration;

use elate_domain::{CustomerId, EventType, RawJson};
use elate_proto::scoring::v1::{DriverTarget, FindDriversRequest, FindDriversResponse, GetFiguresRequest};
use elate_storage::Dsn;
use elate_testkit::eventually;
use serde_json::json;
use served::{DAY, Shop, at, customers, refusal};

const WITHIN: Duration = Duration::from_secs(60);
/// Moments are felt up to here; who comes back comes later.
const TO: i64 = 100 * DAY;
const NOW: i64 = 140 * DAY;
const TOUCHPOINTS: [&str; 3] = ["checkout", "delivery", "support"];

/// The same numbers on every run, even over 0 to 1.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// What becomes of a customer, of whom is known how many miserable deliveries there were.
struct Fate {
    returns: fn(f64, &mut Dice) -> bool,
    answers: fn(f64, &mut Dice) -> i64,
}

const NOISE: Fate =
    Fate { returns: |_, dice| dice.roll() < 0.6, answers: |_, dice| (dice.roll() * 10.99) as i64 };
const PLANTED: Fate = Fate {
    returns: |late, dice| dice.roll() < if late > 0.0 { 0.2 } else { 0.8 },
    answers: |late, dice| (8.0 - 3.0 * late.min(2.0) + dice.roll() * 2.0) as i64,
};

/// Customers who have four moments each, of random kinds, then answer, and come back or do not.
async fn crowd(dsn: Option<Dsn>, count: u32, fate: &Fate) -> Shop {
    let shop = Shop::at(dsn, 95 * DAY, NOW).await;
    let mut dice = Dice(7);
    let people = customers(u128::from(count));
    let mut returning: Vec<CustomerId> = Vec::new();
    for customer in &people {
        let mut late = 0.0;
        for day in 1..=4 {
            let touchpoint = TOUCHPOINTS[(dice.roll() * 3.0) as usize];
            let gap = [-2.0, 0.0, 2.0][(dice.roll() * 3.0) as usize];
            late += f64::from(touchpoint == "delivery" && gap < 0.0);
            shop.moment(*customer, touchpoint, (80 + day) * DAY, gap);
        }
        let answer = json!({"kind": "nps", "score": (fate.answers)(late, &mut dice), "submission_id": customer.to_string()});
        shop.put(*customer, EventType::Track, "Survey Answered", 90 * DAY, RawJson::of(&answer));
        // After the answer: nothing of it may count for NPS.
        shop.moment(*customer, "checkout", 91 * DAY, if dice.roll() < 0.5 { 2.0 } else { 0.0 });
        if (fate.returns)(late, &mut dice) {
            returning.push(*customer);
        }
    }
    until_counted(&shop, u64::from(count) * 5).await;
    shop.log.advance(elate_domain::Timestamp(110 * DAY));
    for customer in &returning {
        shop.put(*customer, EventType::Track, "Seen", 110 * DAY, RawJson::default());
    }
    // The last thing that happens is seen last, in each partition.
    for customer in &people {
        shop.moment(*customer, "checkout", 110 * DAY, 0.0);
    }
    until_counted(&shop, u64::from(count) * 6).await;
    shop
}

async fn until_counted(shop: &Shop, moments: u64) {
    let request = GetFiguresRequest { from_time: at(0), to_time: at(500 * DAY), ..Default::default() };
    eventually(WITHIN, || {
        let (mut client, request) = (shop.insight("shop-reader"), request.clone());
        async move {
            let found = client.get_figures(request).await.map_err(|s| s.to_string())?.into_inner();
            let counted: u64 = found.rows.iter().map(|row| row.moments).sum();
            if counted == moments { Ok(()) } else { Err(format!("{counted} moments")) }
        }
    })
    .await;
}

fn request(target: DriverTarget) -> FindDriversRequest {
    let (from_time, to_time) = (at(50 * DAY), at(TO));
    FindDriversRequest { target: target.into(), from_time, to_time, ..Default::default() }
}

async fn found(shop: &Shop, target: DriverTarget) -> FindDriversResponse {
    shop.drivers("shop-reader").find_drivers(request(target)).await.unwrap().into_inner()
}

fn named(found: &FindDriversResponse) -> Vec<(&str, &str)> {
    let named = found.drivers.iter().filter(|driver| driver.named);
    named.map(|driver| (driver.moment.as_str(), driver.outcome.as_str())).collect()
}

/// A late delivery costs three points of the answer, and three of four of those who would have come back.
async fn planted_drivers_are_named(dsn: Option<Dsn>) {
    let shop = crowd(dsn, 500, &PLANTED).await;
    let nps = found(&shop, DriverTarget::Nps).await;
    assert_eq!(nps.customers, 500, "{nps:?}");
    assert_eq!(named(&nps), [("delivery", "miserable")], "{nps:?}");
    assert!(nps.drivers[0].upper < -2.0 && nps.drivers[0].odds_ratio.is_none(), "{nps:?}");
    let retained = found(&shop, DriverTarget::Retained).await;
    assert_eq!(named(&retained), [("delivery", "miserable")], "{retained:?}");
    assert!(retained.drivers[0].odds_ratio.unwrap() < 0.5, "{retained:?}");
    assert_eq!((retained.customers, retained.drivers.len()), (500, 6), "{retained:?}");

    let mut stranger = shop.drivers("hotel-admin");
    let other = stranger.find_drivers(request(DriverTarget::Nps)).await.unwrap().into_inner();
    assert!(other.customers == 0 && other.drivers.is_empty() && other.needed > 0, "{other:?}");
    shop.stop().await;
}

async fn noise_names_none(dsn: Option<Dsn>) {
    let shop = crowd(dsn, 400, &NOISE).await;
    for target in [DriverTarget::Nps, DriverTarget::Retained] {
        let found = found(&shop, target).await;
        assert_eq!((found.customers, found.drivers.len()), (400, 6), "{found:?}");
        assert_eq!(named(&found), [], "{found:?}");
    }
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn few_customers_are_said_to_be_few() {
    let shop = crowd(None, 20, &PLANTED).await;
    for target in [DriverTarget::Nps, DriverTarget::Retained] {
        let found = found(&shop, target).await;
        assert!(found.drivers.is_empty() && !found.reason.is_empty(), "{found:?}");
        assert!(found.found < found.needed || !found.untested.is_empty(), "{found:?}");
    }
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_named() {
    let shop = Shop::at(None, TO, NOW).await;
    let mut client = shop.drivers("shop-reader");
    let good = request(DriverTarget::Retained);
    for (request, field) in [
        (FindDriversRequest { target: 0, ..good }, "target"),
        (FindDriversRequest { target: 9, ..good }, "target"),
        (FindDriversRequest { correction: 9, ..good }, "correction"),
        (FindDriversRequest { rate: Some(0.0), ..good }, "rate"),
        (FindDriversRequest { rate: Some(f64::NAN), ..good }, "rate"),
        (FindDriversRequest { from_time: None, ..good }, "from_time"),
        (FindDriversRequest { to_time: at(0), ..good }, "to_time"),
        // Who came back within a week is not known yet.
        (FindDriversRequest { to_time: at(NOW - DAY), ..good }, "to_time"),
    ] {
        assert_eq!(refusal(client.find_drivers(request).await).1, field);
    }
    let refused = shop.drivers("shop-writer").find_drivers(good).await;
    assert_eq!(refusal(refused).0, "ROLE_INSUFFICIENT");
    shop.stop().await;
}

on_both! {
    planted_drivers_are_named: planted_drivers_are_named_on_sqlite, planted_drivers_are_named_on_postgres;
    noise_names_none: noise_names_none_on_sqlite, noise_names_none_on_postgres;
}
