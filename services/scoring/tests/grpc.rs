//! The gRPC face over the consumer loop: scores, lists, reports and feedback, and who may see them.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

#[path = "common/served.rs"]
mod served;

use std::time::Duration;

use elate_domain::{EventType, RawJson};
use elate_proto::common::v1::PageRequest;
use elate_proto::scoring::v1::get_report_request::GroupBy;
use elate_proto::scoring::v1::{
    ExplainScoreRequest, GetFeedbackRequest, GetReportRequest, GetScoreRequest, ListScoresRequest, SurveyKind,
};
use elate_storage::Dsn;
use elate_testkit::eventually;
use serde_json::json;
use served::{Client, DAY, Shop, at, customers, of, refusal};

const WITHIN: Duration = Duration::from_secs(30);

async fn until_listed(client: &Client, count: usize) {
    eventually(WITHIN, || {
        let mut client = client.clone();
        async move {
            let listed = client.list_scores(ListScoresRequest::default()).await.map_err(|s| s.to_string())?;
            let found = listed.into_inner().scores.len();
            if found == count { Ok(()) } else { Err(format!("{found} scores")) }
        }
    })
    .await;
}

async fn scores_are_told_and_explained(dsn: Option<Dsn>) {
    let shop = Shop::on(dsn).await;
    let mut client = shop.client("shop-reader");
    let people = customers(5);
    for (number, customer) in people.iter().enumerate() {
        shop.moment(*customer, "delivery", DAY, number as f64 - 2.5);
    }
    shop.moment(people[0], "support", 5 * DAY, 3.0);
    shop.put(people[0], EventType::Track, "Order Placed", DAY, RawJson::default());
    until_listed(&client, 5).await;
    let explained = eventually(WITHIN, || {
        let mut client = client.clone();
        let request = ExplainScoreRequest { customer: of(people[0]), ..Default::default() };
        async move {
            let found = client.explain_score(request).await.map_err(|s| s.to_string())?.into_inner();
            if found.contributions.len() == 2 { Ok(found) } else { Err(format!("{found:?}")) }
        }
    })
    .await;
    let score = explained.score.unwrap();
    let points: f64 = explained.contributions.iter().map(|contribution| contribution.points).sum();
    assert!((points - (score.delight - 50.0)).abs() < 1e-9);
    assert_eq!(explained.levers[0].touchpoint, "delivery");
    assert_eq!(explained.contributions[0].because, ["m-1"]);

    let now = client
        .get_score(GetScoreRequest { customer: of(people[0]), ..Default::default() })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(now.score.as_ref().unwrap(), &score);
    // Before the second moment it was worse, and before the first there was none.
    let then = GetScoreRequest { customer: of(people[0]), at_time: at(2 * DAY), as_known_time: at(10 * DAY) };
    let then = client.get_score(then).await.unwrap().into_inner().score.unwrap();
    assert!(then.delight < score.delight && then.moments == 1, "{then:?}");
    let never = GetScoreRequest { customer: of(people[0]), at_time: at(0), ..Default::default() };
    assert_eq!(refusal(client.get_score(never).await).0, "SCORE_MISSING");

    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let page = Some(PageRequest { page_size: 2, page_token });
        let listed =
            client.list_scores(ListScoresRequest { page, at_most: None }).await.unwrap().into_inner();
        seen.extend(listed.scores.iter().map(|score| score.delight));
        page_token = listed.page.unwrap().next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert!(seen.len() == 5 && seen.windows(2).all(|pair| pair[0] <= pair[1]), "{seen:?}");
    let worst = ListScoresRequest { at_most: Some(seen[1]), page: None };
    assert_eq!(client.list_scores(worst).await.unwrap().into_inner().scores.len(), 2);
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scores_are_told_and_explained_on_sqlite() {
    scores_are_told_and_explained(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scores_are_told_and_explained_on_postgres() {
    if let Some(database) = elate_testkit::postgres::database().await {
        scores_are_told_and_explained(Some(database.url().parse().unwrap())).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_and_feedback_are_of_one_workspace() {
    let shop = Shop::on(None).await;
    let client = shop.client("shop-reader");
    let people = customers(3);
    for customer in &people {
        shop.put(*customer, EventType::Track, "Order Placed", DAY, RawJson::default());
        shop.moment(*customer, "delivery", DAY, -2.0);
        shop.moment(*customer, "support", 2 * DAY, 2.0);
        let answer = json!({"kind": "nps", "score": 10, "submission_id": customer.to_string()});
        shop.put(*customer, EventType::Track, "Survey Answered", 2 * DAY, RawJson::of(&answer));
    }
    until_listed(&client, 3).await;
    let (from_time, to_time) = (at(0), at(11 * DAY));
    let report = GetReportRequest { from_time, to_time, group_by: GroupBy::Touchpoint.into() };
    let found = eventually(WITHIN, || {
        let mut client = client.clone();
        async move {
            let found = client.get_report(report).await.map_err(|s| s.to_string())?.into_inner();
            let moments: Vec<_> =
                found.rows.iter().map(|row| (row.group.as_str(), row.magical, row.miserable)).collect();
            let expected = moments == [("delivery", 0, 3), ("support", 3, 0)];
            if expected && found.active_customers == 3 { Ok(found) } else { Err(format!("{found:?}")) }
        }
    })
    .await;
    assert!(found.mean_delight.is_some());
    let nps = GetFeedbackRequest { kind: SurveyKind::Nps.into(), from_time, to_time, survey: String::new() };
    eventually(WITHIN, || {
        let (mut client, request) = (client.clone(), nps.clone());
        async move {
            let found = client.get_feedback(request).await.map_err(|s| s.to_string())?.into_inner();
            if found.answers == 3 { Ok(()) } else { Err(format!("{found:?}")) }
        }
    })
    .await;

    // The same questions with the key of another workspace.
    let mut stranger = shop.client("hotel-admin");
    until_listed(&stranger, 0).await;
    let found = stranger.get_report(report).await.unwrap().into_inner();
    assert!(found.active_customers == 0 && found.mean_delight.is_none(), "{found:?}");
    assert!(found.rows.iter().all(|row| row.moments == 0), "{found:?}");
    assert_eq!(stranger.get_feedback(nps).await.unwrap().into_inner().answers, 0);
    let score = GetScoreRequest { customer: of(people[0]), ..Default::default() };
    assert_eq!(refusal(stranger.get_score(score.clone()).await).0, "CUSTOMER_UNKNOWN");
    let explain = ExplainScoreRequest { customer: of(people[0]), ..Default::default() };
    assert_eq!(refusal(stranger.explain_score(explain).await).0, "CUSTOMER_UNKNOWN");
    // A customer of the same id over there has no moments of the shop.
    shop.people.add("hotel", &people[0].to_string(), &json!({}));
    assert_eq!(refusal(stranger.get_score(score.clone()).await).0, "SCORE_MISSING");
    assert_eq!(refusal(shop.client("shop-writer").get_score(score).await).0, "ROLE_INSUFFICIENT");
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_named() {
    let shop = Shop::on(None).await;
    let mut client = shop.client("shop-reader");
    let ann = customers(1)[0];
    shop.moment(ann, "delivery", DAY, 1.0);
    let bad_time = Some(prost_types::Timestamp { seconds: 0, nanos: -1 });
    let score = GetScoreRequest { customer: of(ann), ..Default::default() };
    let report = GetReportRequest { from_time: at(0), to_time: at(DAY), group_by: 0 };
    let feedback = GetFeedbackRequest {
        kind: SurveyKind::Ces.into(),
        from_time: at(0),
        to_time: at(DAY),
        survey: String::new(),
    };
    for (request, field) in [
        (GetScoreRequest { customer: None, ..score.clone() }, "customer"),
        (GetScoreRequest { at_time: bad_time, ..score.clone() }, "at_time"),
        (GetScoreRequest { as_known_time: bad_time, ..score }, "as_known_time"),
    ] {
        assert_eq!(refusal(client.get_score(request).await).1, field);
    }
    for (request, field) in [
        (GetReportRequest { from_time: None, ..report }, "from_time"),
        (GetReportRequest { to_time: None, ..report }, "to_time"),
        (GetReportRequest { to_time: at(-DAY), ..report }, "to_time"),
        (GetReportRequest { group_by: 99, ..report }, "group_by"),
    ] {
        assert_eq!(refusal(client.get_report(request).await).1, field);
    }
    for (request, field) in [
        (GetFeedbackRequest { kind: 0, ..feedback.clone() }, "kind"),
        (GetFeedbackRequest { from_time: bad_time, ..feedback }, "from_time"),
    ] {
        assert_eq!(refusal(client.get_feedback(request).await).1, field);
    }
    let page = Some(PageRequest { page_size: 501, page_token: String::new() });
    let listed = ListScoresRequest { page, at_most: None };
    assert_eq!(refusal(client.list_scores(listed).await).1, "page.page_size");
    for most in [f64::NAN, f64::INFINITY] {
        let listed = ListScoresRequest { page: None, at_most: Some(most) };
        assert_eq!(refusal(client.list_scores(listed).await).1, "at_most");
    }
    shop.stop().await;
}
