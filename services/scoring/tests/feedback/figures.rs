//! What is concluded from feedback: trends, comparisons, segments, weights, response rates, themes.

use elate_proto::scoring::v1::list_themes_request::About;
use elate_proto::scoring::v1::{
    CompareFeedbackRequest, CompareSegmentsRequest, FeedbackFilter, FeedbackMargin, GetFeedbackTrendRequest,
    GetResponseRateRequest, GetWeightedFeedbackRequest, ListThemesRequest, SurveyKind,
    get_feedback_trend_request::Period,
};
use elate_rpc::error::{fields_of, reason_of};
use serde_json::json;

use crate::shop::{DAY, Shop, days};

/// 40 answers in each of three weeks of 1970; the share of promoters rises. Week 0 begins on 5 January, a Monday.
async fn three_weeks(shop: &Shop) {
    for week in 0..3_i64 {
        for n in 0..40_i64 {
            let score = if n < 10 + 10 * week { 10 } else { 5 };
            // Nine of ten answers are of the plan `free`, and those of `pro` are kinder.
            let plan = if n % 10 == 0 { "pro" } else { "free" };
            let answer =
                json!({"kind": "nps", "score": score, "survey": "quarterly", "traits": {"plan": plan}});
            shop.track(&format!("u-{n}"), "Survey Answered", (4 + 7 * week) * DAY + n, &answer);
        }
    }
    shop.listed(120).await;
}

fn nps() -> i32 {
    SurveyKind::Nps.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn trends_comparisons_and_weights_are_those_of_the_statistics() {
    Shop::on_both(|shop| async move {
        three_weeks(&shop).await;
        let mut client = shop.client("shop-reader");
        let request = GetFeedbackTrendRequest {
            kind: nps(),
            filter: Some(days(0, 60)),
            period: Period::Week.into(),
            time_zone: "Europe/Berlin".to_owned(),
        };
        let trend = client.get_feedback_trend(request.clone()).await.unwrap().into_inner();
        let values: Vec<_> = trend.points.iter().map(|p| p.estimate.unwrap().value).collect();
        assert_eq!(values, [-50.0, 0.0, 50.0]);
        assert_eq!(trend.points[0].from_date, "1970-01-05");
        let change = trend.points[1].change.clone().unwrap();
        assert_eq!((change.test.as_str(), change.first_answers), ("nps_difference", 40));
        assert!(change.p_value < 0.05 && trend.slope_p_value.unwrap() < 0.01);
        assert!((trend.slope.unwrap().value - 50.0).abs() < 1e-9);

        let compare = CompareFeedbackRequest {
            kind: nps(),
            first: Some(days(0, 10)),
            second: Some(FeedbackFilter {
                traits: [("plan".to_owned(), "pro".to_owned())].into(),
                ..days(0, 60)
            }),
        };
        let compared = client.compare_feedback(compare).await.unwrap().into_inner();
        let found = compared.comparison.unwrap();
        assert_eq!((found.first_answers, found.second_answers), (40, 12));
        // One, two and three of four promoters: half of them.
        assert_eq!(compared.second.unwrap().value, 0.0);
        assert!((found.difference.unwrap().value - 50.0).abs() < 1e-9);
        let nothing =
            CompareFeedbackRequest { kind: nps(), first: Some(days(0, 10)), second: Some(days(90, 99)) };
        let nothing = client.compare_feedback(nothing).await.unwrap().into_inner();
        assert!(nothing.comparison.is_none() && !nothing.not_compared.is_empty());

        let by_plan =
            CompareSegmentsRequest { kind: nps(), filter: Some(days(0, 60)), by: "traits.plan".to_owned() };
        let segments = client.compare_segments(by_plan).await.unwrap().into_inner().segments;
        let names: Vec<_> = segments.iter().map(|s| s.segment.as_str()).collect();
        assert!(names.len() == 2 && names.contains(&"pro"), "{names:?}");
        assert!(segments.iter().all(|s| s.corrected_p_value >= s.comparison.as_ref().map(|c| c.p_value)));

        let margin = |pro: f64| FeedbackMargin {
            r#trait: "plan".to_owned(),
            shares: [("pro".to_owned(), pro), ("free".to_owned(), 1.0 - pro)].into(),
        };
        let weigh = |margins| GetWeightedFeedbackRequest { kind: nps(), filter: Some(days(0, 60)), margins };
        let asis = client.get_weighted_feedback(weigh(vec![margin(0.1)])).await.unwrap().into_inner();
        assert!((asis.estimate.unwrap().value - asis.unweighted).abs() < 1e-9, "{asis:?}");
        let half = client.get_weighted_feedback(weigh(vec![margin(0.5)])).await.unwrap().into_inner();
        assert!(half.effective_answers < 60.0 && half.design_effect > 2.0, "{half:?}");
        let refused = client.get_weighted_feedback(weigh(vec![margin(1.5)])).await.unwrap_err();
        assert_eq!(reason_of(&refused).unwrap(), "FEEDBACK_NO_FIGURE");
        assert_eq!(fields_of(&refused)[0].field, "margins");

        let wrong = GetFeedbackTrendRequest { time_zone: "Mars/Olympus".to_owned(), ..request.clone() };
        assert_eq!(fields_of(&client.get_feedback_trend(wrong).await.unwrap_err())[0].field, "time_zone");
        let stranger = shop.client("hotel-reader").get_feedback_trend(request).await.unwrap().into_inner();
        assert!(stranger.points.is_empty());
        shop.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_response_rate_is_of_those_who_were_asked() {
    Shop::on_both(|shop| async move {
        for n in 0..10 {
            let asked = json!({"submission_id": format!("s-{n}"), "survey": "quarterly"});
            shop.track(&format!("u-{n}"), "Survey Asked", 2 * DAY, &asked);
            shop.track(&format!("u-{n}"), "Survey Asked", 3 * DAY, &asked);
        }
        for n in 0..4 {
            // A score and a comment are one answer; one answer was not asked for.
            let id = if n == 3 { "unasked".to_owned() } else { format!("s-{n}") };
            let answer = json!({"kind": "nps", "score": 9, "comment": "Fine, thanks.", "submission_id": id});
            shop.track(&format!("u-{n}"), "Survey Answered", 4 * DAY, &answer);
        }
        shop.listed(8).await;
        let filter = days(0, 60);
        let request = GetResponseRateRequest {
            from_time: filter.from_time,
            to_time: filter.to_time,
            survey: "quarterly".to_owned(),
        };
        let mut client = shop.client("shop-reader");
        let rate = client.get_response_rate(request).await.unwrap().into_inner();
        assert_eq!((rate.asked, rate.answered), (10, 3));
        let share = rate.rate.unwrap();
        assert!((share.value - 0.3).abs() < 1e-12 && share.lower < 0.3 && share.upper > 0.3);
        shop.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn themes_of_detractors_are_theirs_and_come_with_examples() {
    Shop::on_both(|shop| async move {
        for n in 0..200 {
            // All speak of what they bought; what else they say differs.
            let bought = ["chair", "table", "lamp", "sofa"][n as usize / 2 % 4];
            let (score, comment) = if n % 2 == 0 {
                (2, format!("The delivery of the {bought} was late again, it came after a week."))
            } else {
                (10, format!("Friendly staff and a lovely {bought}, my visit was great."))
            };
            let answer =
                json!({"kind": "nps", "score": score, "comment": comment, "submission_id": format!("s-{n}")});
            shop.track(&format!("u-{n}"), "Survey Answered", 2 * DAY + n, &answer);
        }
        shop.listed(400).await;
        let request =
            ListThemesRequest { filter: Some(days(0, 9)), about: About::Detractors.into(), limit: 5 };
        let mut client = shop.client("shop-reader");
        let found = client.list_themes(request.clone()).await.unwrap().into_inner();
        assert_eq!((found.comments, found.others), (100, 100));
        let terms: Vec<_> =
            found.themes.iter().flat_map(|t| t.terms.iter().map(|term| term.text.clone())).collect();
        assert!(terms.iter().any(|term| term.contains("delivery")), "{terms:?}");
        assert!(!terms.iter().any(|term| term.contains("friendly")), "{terms:?}");
        let theme = &found.themes[0];
        assert_eq!((theme.comments, theme.share.unwrap().value), (100, 1.0));
        assert!(theme.examples[0].excerpt.contains("delivery"));
        let wrong = ListThemesRequest { limit: 51, ..request };
        assert_eq!(fields_of(&client.list_themes(wrong).await.unwrap_err())[0].field, "limit");
        shop.stop().await;
    })
    .await;
}
