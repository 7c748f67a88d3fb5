//! Company figures, closes, watched scores, exports and churn, over the consumer loop and over gRPC.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

#[path = "common/served.rs"]
mod served;

use std::time::Duration;

use elate_domain::{CustomerId, EventType, RawJson, Timestamp};
use elate_proto::common::v1::PageRequest;
use elate_proto::scoring::v1::{
    ExportMomentsRequest, FigureGroup, GetChurnModelRequest, GetCourseRequest, GetFiguresRequest,
    GetMiseryCostRequest, GetOutlookRequest, ListAtRiskRequest, WatchScoresRequest,
};
use elate_scoring::app::StudyPlan;
use elate_storage::Dsn;
use elate_testkit::eventually;
use serde_json::json;
use served::{DAY, Shop, at, customers, of, refusal};
use tokio_stream::StreamExt as _;

const WITHIN: Duration = Duration::from_secs(30);
const HOUR: i64 = DAY / 24;

async fn postgres() -> Option<Dsn> {
    let database = elate_testkit::postgres::database().await?;
    let dsn = database.url().parse().unwrap();
    // The schema lives as long as its guard: as long as the test process.
    std::mem::forget(database);
    Some(dsn)
}

fn publish(shop: &Shop) {
    let score = json!({
        "apiVersion": "elate.dev/v1", "kind": "Score", "metadata": {"name": "default"},
        "spec": {
            "segments": [{"trait": "plan", "values": ["free", "pro"]}],
            "purchases": {"on": ["Order Completed"], "value": "total"}
        }
    });
    shop.publish(1, vec![score]);
}

/// Waits until the company's moments are this many.
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

async fn figures_tell_segments_apart(dsn: Option<Dsn>) {
    let shop = Shop::on(dsn).await;
    publish(&shop);
    let people = customers(5);
    for (number, customer) in people.iter().enumerate() {
        let plan = ["pro", "pro", "free", "gold"].get(number);
        if let Some(plan) = plan {
            shop.identify(*customer, 9 * DAY, &json!({"plan": plan}));
        } else {
            shop.put(*customer, EventType::Track, "Seen", 9 * DAY, RawJson::default());
        }
        shop.moment(*customer, "delivery", 9 * DAY, if number < 2 { 2.0 } else { -2.0 });
    }
    for hours in 1..=4 {
        shop.moment(people[0], "support", 9 * DAY + hours * HOUR, 3.0);
    }
    until_counted(&shop, 9).await;
    let mut client = shop.insight("shop-reader");
    let request = GetFiguresRequest {
        from_time: at(0),
        to_time: at(11 * DAY),
        group_by: FigureGroup::Segment.into(),
        r#trait: "plan".to_owned(),
        ..Default::default()
    };
    let found = client.get_figures(request.clone()).await.unwrap().into_inner();
    let rows: Vec<_> =
        found.rows.iter().map(|r| (r.group.as_str(), r.active_customers, r.magical, r.miserable)).collect();
    assert_eq!(rows, [("(none)", 1, 0, 1), ("(other)", 1, 0, 1), ("free", 1, 0, 1), ("pro", 2, 6, 0)]);
    let stands: Vec<_> = found.standing.iter().map(|s| (s.group.as_str(), s.customers)).collect();
    assert_eq!(stands, [("(none)", 1), ("(other)", 1), ("free", 1), ("pro", 2)]);
    assert!(found.standing[3].delight.unwrap().value > 50.0 && found.standing[2].low_decile < 50.0);
    assert!((found.standing[3].recent_wow.unwrap().value - 1.0).abs() < 1e-9);
    // The fifth wow counts as the fourth; each raises the score by less than the one before.
    let wows: Vec<_> = found.saturation.iter().map(|s| (s.group.as_str(), s.ordinal, s.wows)).collect();
    assert_eq!(wows, [("pro", 1, 2), ("pro", 2, 1), ("pro", 3, 1), ("pro", 4, 2)]);

    let chosen =
        GetFiguresRequest { group_by: FigureGroup::Touchpoint.into(), value: "pro".to_owned(), ..request };
    let found = client.get_figures(chosen.clone()).await.unwrap().into_inner();
    let rows: Vec<_> = found.rows.iter().map(|r| (r.group.as_str(), r.moments)).collect();
    assert_eq!(rows, [("delivery", 2), ("support", 4)]);
    assert!(found.rows.iter().all(|row| row.active_customers == 2 && row.wow_rate.is_some()));

    for (request, reason) in [
        (GetFiguresRequest { value: String::new(), ..chosen.clone() }, "SEGMENT_INVALID"),
        (GetFiguresRequest { r#trait: String::new(), ..chosen.clone() }, "SEGMENT_INVALID"),
        (GetFiguresRequest { to_time: at(-DAY), ..chosen.clone() }, "PERIOD_INVALID"),
    ] {
        assert_eq!(refusal(client.get_figures(request).await).0, reason);
    }
    let odd = GetFiguresRequest { group_by: 99, ..chosen.clone() };
    assert_eq!(refusal(client.get_figures(odd).await).1, "group_by");
    // Another workspace sees nothing, and a writer may not look.
    let other = shop.insight("hotel-admin").get_figures(chosen.clone()).await.unwrap().into_inner();
    assert!(other.rows.is_empty(), "{other:?}");
    let writer = shop.insight("shop-writer").get_figures(chosen).await;
    assert_eq!(refusal(writer).0, "ROLE_INSUFFICIENT");
    shop.stop().await;
}

async fn closes_are_exact_and_scores_are_watched(dsn: Option<Dsn>) {
    let shop = Shop::at(dsn, 10 * DAY, 10 * DAY).await;
    let people = customers(3);
    for customer in &people {
        shop.moment(*customer, "delivery", 9 * DAY, -1.0);
    }
    until_counted(&shop, 3).await;
    assert_eq!(shop.app.close_due(Timestamp(10 * DAY + 6 * 60_000)).await.unwrap(), 1);
    assert_eq!(shop.app.close_due(Timestamp(10 * DAY + 7 * 60_000)).await.unwrap(), 0);
    let mut client = shop.insight("shop-reader");
    let watched = WatchScoresRequest { customers: vec![of(people[0]).unwrap()] };
    let mut scores = client.watch_scores(watched).await.unwrap().into_inner();
    let first = scores.next().await.unwrap().unwrap().score.unwrap();
    assert_eq!((first.customer_id.clone(), first.moments), (people[0].to_string(), 1));

    // A later hour is closed although one score is already beyond it: its moments tell how it stood.
    shop.log.advance(Timestamp(10 * DAY + 90 * 60_000));
    shop.moment(people[0], "delivery", 10 * DAY + 90 * 60_000, 3.0);
    until_counted(&shop, 4).await;
    let second = scores.next().await.unwrap().unwrap().score.unwrap();
    assert!(second.moments == 2 && second.delight > first.delight, "{second:?}");
    assert_eq!(shop.app.close_due(Timestamp(10 * DAY + 66 * 60_000)).await.unwrap(), 1);
    let course = GetCourseRequest { from_time: at(0), to_time: at(20 * DAY), ..Default::default() };
    let course = client.get_course(course).await.unwrap().into_inner().points;
    assert_eq!(course.len(), 2);
    let means: Vec<f64> = course.iter().map(|point| point.delight.unwrap().value).collect();
    assert!(means[0] < means[1] && means[1] < 25.0, "faded by an hour, and no wow yet: {means:?}");
    assert!(course.iter().all(|point| point.customers == 3 && point.days_since_wow.is_none()));

    let request = ExportMomentsRequest { from_time: at(0), to_time: at(20 * DAY) };
    let mut export = client.export_moments(request).await.unwrap().into_inner();
    let page = export.next().await.unwrap().unwrap();
    assert_eq!(page.moments.len(), 4);
    assert!(export.next().await.is_none());
    let nobody = WatchScoresRequest { customers: Vec::new() };
    assert_eq!(refusal(client.watch_scores(nobody).await.map(|_| ())).1, "customers");
    shop.stop().await;
}

/// Eighty customers: all buy and have a first moment on day 100; half of them come back, and go on being there.
async fn churn_is_studied(dsn: Option<Dsn>) {
    let shop = Shop::at(dsn, 100 * DAY, 400 * DAY).await;
    publish(&shop);
    let people = customers(80);
    let buy = |customer: CustomerId, day: i64, total: f64| {
        let properties = RawJson::of(&json!({"total": total}));
        shop.put(customer, EventType::Track, "Order Completed", day * DAY, properties);
    };
    for (number, customer) in people.iter().enumerate() {
        shop.moment(*customer, "delivery", 100 * DAY, if number % 2 == 0 { 2.0 } else { -2.0 });
        buy(*customer, 100, 20.0);
    }
    for step in 1..=9_i64 {
        shop.log.advance(Timestamp((100 + 30 * step) * DAY));
        for (number, customer) in people.iter().enumerate().filter(|(number, _)| number % 2 == 0) {
            if (number as i64 + step) % 3 != 0 {
                buy(*customer, 100 + 30 * step + number as i64 % 7, 15.0 + (number % 11) as f64);
            }
        }
    }
    until_counted(&shop, 80).await;
    let mut client = shop.churn("shop-reader");
    assert_eq!(refusal(client.get_churn_model(GetChurnModelRequest {}).await).0, "MODEL_MISSING");
    let plan = StudyPlan { every: Duration::from_secs(86_400), silence: Duration::from_secs(60 * 86_400) };
    let mut now = 400 * DAY;
    let model = loop {
        // The loop may not have read all purchases yet: the study is due again after an hour.
        shop.app.study_due(plan, Timestamp(now)).await.unwrap();
        let found = client.get_churn_model(GetChurnModelRequest {}).await.map(|m| m.into_inner());
        if let Ok(model) = found {
            break model;
        }
        now += HOUR;
        assert!(now < 430 * DAY, "no model came");
    };
    assert_eq!((model.family.as_str(), model.parameters.len(), model.buyers), ("mbg_nbd", 4, 80));
    assert!(model.alive > 20.0 && model.alive < 70.0, "{model:?}");
    assert!(model.value.unwrap() > 0.0 && model.quality.unwrap().repeaters >= 30);

    let outlook = async |customer: CustomerId| {
        let request = GetOutlookRequest { customer: of(customer) };
        let mut client = shop.churn("shop-reader");
        client.get_outlook(request).await.unwrap().into_inner().outlook.unwrap()
    };
    let (loyal, silent) = (outlook(people[0]).await, outlook(people[1]).await);
    assert!(loyal.alive > silent.alive && silent.repeats == 0, "{loyal:?} {silent:?}");

    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let page = Some(PageRequest { page_size: 7, page_token });
        let request = ListAtRiskRequest { page, alive_at_most: Some(0.9) };
        let found = client.list_at_risk(request).await.unwrap().into_inner();
        seen.extend(found.customers.iter().map(|c| (c.customer_id.clone(), c.at_stake.unwrap())));
        page_token = found.page.unwrap().next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert!(seen.len() >= 40 && seen.windows(2).all(|pair| pair[0].1 >= pair[1].1), "{seen:?}");
    let misery = client.get_misery_cost(GetMiseryCostRequest {}).await.unwrap().into_inner();
    let (unharmed, hurt) = (misery.unharmed.unwrap(), misery.unrecovered.unwrap());
    assert_eq!((unharmed.customers, unharmed.left), (40, 0));
    assert_eq!(hurt.customers + misery.left_before_landmark, 40);

    let odd = ListAtRiskRequest { page: None, alive_at_most: Some(f64::NAN) };
    assert_eq!(refusal(client.list_at_risk(odd).await).1, "alive_at_most");
    let other = shop.churn("hotel-admin").list_at_risk(ListAtRiskRequest::default()).await;
    assert_eq!(refusal(other).0, "MODEL_MISSING");
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_on_sqlite() {
    figures_tell_segments_apart(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_on_postgres() {
    if let Some(dsn) = postgres().await {
        figures_tell_segments_apart(Some(dsn)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn closes_on_sqlite() {
    closes_are_exact_and_scores_are_watched(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closes_on_postgres() {
    if let Some(dsn) = postgres().await {
        closes_are_exact_and_scores_are_watched(Some(dsn)).await;
    }
}

/// The retail example: what its customers bought before is enough for a model.
#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_example_has_a_model() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/retail");
    let manifests = std::fs::read_to_string(folder.join("manifests/reach.yaml")).unwrap();
    let score = elate_manifest::read(&manifests).unwrap().into_iter().filter(|m| m["kind"] == "Score");
    let begin = Timestamp::parse("2026-03-01T00:00:00Z").unwrap();
    let shop = Shop::at(None, begin.0, begin.0).await;
    shop.publish(1, score.collect());
    let people = customers(47);
    for line in std::fs::read_to_string(folder.join("history.ndjson")).unwrap().lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        let number: usize = event["userId"].as_str().unwrap().trim_start_matches("u-").parse().unwrap();
        let at = Timestamp::parse(event["timestamp"].as_str().unwrap()).unwrap();
        let properties = RawJson::of(&event["properties"]);
        let name = event["event"].as_str().unwrap();
        shop.put(people[number - 1_001], EventType::Track, name, at.0, properties);
    }
    let plan = StudyPlan { every: Duration::from_secs(1), silence: Duration::from_secs(60 * 86_400) };
    let mut now = begin.0;
    let model = eventually(WITHIN, || {
        now += HOUR;
        let (app, mut client) = (shop.app.clone(), shop.churn("shop-reader"));
        async move {
            app.study_due(plan, Timestamp(now)).await.map_err(|e| e.to_string())?;
            let found = client.get_churn_model(GetChurnModelRequest {}).await.map_err(|s| s.to_string())?;
            let model = found.into_inner();
            if model.buyers == 47 { Ok(model) } else { Err(format!("{model:?}")) }
        }
    })
    .await;
    assert!(model.quality.unwrap().repeaters >= 30 && model.value.unwrap() > 0.0);
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn churn_on_sqlite() {
    churn_is_studied(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn churn_on_postgres() {
    if let Some(dsn) = postgres().await {
        churn_is_studied(Some(dsn)).await;
    }
}
