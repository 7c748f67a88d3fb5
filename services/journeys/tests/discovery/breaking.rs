//! Something breaks for some customers on some day: who asks hears for whom, since when, and by how much.

use std::time::Duration;

use elate_domain::{Event, WorkspaceId};
use elate_proto::journeys::v1 as pb;
use elate_proto::journeys::v1::discover_journey_response::Part;
use elate_testkit::eventually;
use serde_json::json;

use crate::asking::{ask, request};
use crate::common::event;
use crate::shop::{Shop, all, begin, customer};

const DAY: i64 = 86_400_000;
const DAYS: i64 = 28;
const A_DAY: i64 = 36;
/// Tuesday, 17 March 2026: the first day is a Monday.
const TUESDAY: i64 = 15;

/// A number between 0 and 1, always the same for the same order.
fn chance(order: i64, of: u64) -> f64 {
    let mut mixed =
        (order as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ of.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    ((mixed ^ (mixed >> 32)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Four weeks of orders, a third of them from telephones. Five minutes pass from the shelf to the payment, more or less
/// by half; from that Tuesday on, three times as many on telephones.
fn orders() -> Vec<Event> {
    let mut events = Vec::new();
    for order in 0..DAYS * A_DAY {
        let device = ["mobile", "desktop", "tablet"][(chance(order, 1) * 3.0) as usize];
        let day = order / A_DAY;
        let slower = if device == "mobile" && day >= TUESDAY { 3.0 } else { 1.0 };
        let pause = 300_000.0 * (0.5 + chance(order, 2)) * slower;
        let came = day * DAY + (chance(order, 3) * 0.9 * DAY as f64) as i64;
        let steps = [("Cart Opened", 0), ("Page Viewed", 60_000), ("Order Paid", 60_000 + pause as i64)];
        let used = ("Order Used", 60_000 + pause as i64 + 3_600_000);
        for (step, (called, after)) in steps.into_iter().chain([used]).enumerate() {
            let payload = json!({"order": format!("o-{order}"), "device": device});
            let at = begin().plus_millis(came + after);
            events.push(event(customer(order), &format!("m-{order}-{step}"), called, at, &payload));
        }
    }
    events
}

fn is_of_mobile(change: &pb::DiscoveredChange) -> bool {
    let segment = change.segment.as_ref();
    segment.is_some_and(|segment| segment.key == "properties.device" && segment.value == "mobile")
}

fn day_of(time: Option<prost_types::Timestamp>) -> i64 {
    (time.unwrap().seconds * 1_000 - begin().0).div_euclid(DAY)
}

/// What has changed in the weeks that these orders make.
async fn changes(orders: Vec<Event>) -> Vec<pb::DiscoveredChange> {
    let expected = orders.iter().filter(|event| &*event.name == "Order Used").count() as u64;
    let shop = Shop::on(None).await;
    shop.happen(orders);
    let workspace = WorkspaceId::try_new("shop").unwrap();
    eventually(Duration::from_secs(120), || async {
        let visits = shop.discovery.visits(&workspace, &all()).await.map_err(|error| error.to_string())?;
        let stages = visits.iter().filter(|one| one.counts.touchpoint.is_empty());
        let completed: u64 = stages.map(|one| one.counts.completed).sum();
        if completed == expected { Ok(()) } else { Err(format!("{completed} of {expected} completed")) }
    })
    .await;
    let parts = ask(&shop, "shop-reader", request()).await.unwrap();
    shop.stop().await;
    let of = |part| if let Part::Details(details) = part { details.changes } else { Vec::new() };
    parts.into_iter().flat_map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn mobile_checkout_broke_on_tuesday() {
    let found = changes(orders()).await;
    assert!(found.iter().all(is_of_mobile), "for them alone: {found:#?}");
    let at_checkout = |change: &&pb::DiscoveredChange| (&*change.from, &*change.to) == ("browse", "pay");
    let of_checkout: Vec<_> = found.iter().filter(at_checkout).collect();
    let [change] = &of_checkout[..] else { panic!("{found:#?}") };
    assert_eq!(change.is_confined, Some(true), "{change:?}");
    assert_eq!(day_of(change.time), TUESDAY, "{change:?}");
    assert!(day_of(change.earliest_time) <= TUESDAY && TUESDAY <= day_of(change.latest_time), "{change:?}");
    let (before, after) = (change.before.unwrap(), change.after.unwrap());
    assert!((250.0..350.0).contains(&before.value) && (750.0..1_050.0).contains(&after.value), "{change:?}");
    assert!(before.upper < after.lower && change.is_worse && change.p_value <= 0.05, "{change:?}");
}

/// The same weeks until that day: it is not found before it is there. (One search in twenty finds something that is not
/// there, so that nothing is said of tablets.)
#[tokio::test(flavor = "multi_thread")]
async fn it_is_not_found_before_it_broke() {
    let before = begin().plus_millis(TUESDAY * DAY);
    let found = changes(orders().into_iter().filter(|event| event.occurred_at < before).collect()).await;
    assert!(!found.iter().any(is_of_mobile), "{found:#?}");
}
