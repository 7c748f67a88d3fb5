//! How feedback comes in: by events and by import, once each.

use elate_domain::Timestamp;
use elate_proto::common::v1::{CustomerRef, PageRequest, customer_ref};
use elate_proto::scoring::v1::feedback_record::Value;
use elate_proto::scoring::v1::import_feedback_result::Status;
use elate_proto::scoring::v1::{
    FeedbackFilter, FeedbackKind, FeedbackRecord, FeedbackScale, ImportFeedbackRequest, ListFeedbackRequest,
};
use elate_rpc::error::{fields_of, reason_of};
use elate_rpc::validate::proto_timestamp;
use serde_json::json;

use crate::shop::{DAY, Shop, customer};

fn record(id: &str, kind: FeedbackKind, value: Value) -> FeedbackRecord {
    FeedbackRecord {
        submission_id: id.to_owned(),
        kind: kind.into(),
        value: Some(value),
        submitted_time: Some(proto_timestamp(Timestamp(DAY))),
        ..Default::default()
    }
}

fn import(records: &[FeedbackRecord]) -> ImportFeedbackRequest {
    ImportFeedbackRequest { records: records.to_vec(), import_id: String::new() }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_stands_once_in_its_latest_state_and_a_comment_is_scored_where_its_language_is_known() {
    Shop::on_both(|shop| async move {
        let answer =
            |score: i64| json!({"kind": "nps", "score": score, "submission_id": "s-1", "survey": "q"});
        shop.track("ann", "Survey Answered", 3 * DAY, &answer(9));
        // An older state that comes late, the same again, and one that can't be read.
        shop.track("ann", "Survey Answered", 2 * DAY, &answer(2));
        shop.track("ann", "Survey Answered", 3 * DAY, &answer(9));
        shop.track("ann", "Survey Answered", 3 * DAY, &answer(77));
        let kind = "The courier was very kind and the delivery was wonderful!";
        let german = "Das Paket kam leider viel zu spät und der Karton war völlig zerrissen.";
        shop.track("ben", "Survey Answered", DAY, &json!({"comment": kind, "submission_id": "s-2"}));
        shop.track("eva", "Survey Answered", DAY, &json!({"comment": german, "submission_id": "s-3"}));

        let found = shop.listed(3).await;
        let nps = found[0].record.as_ref().unwrap();
        assert_eq!((nps.submission_id.as_str(), nps.value.clone()), ("s-1", Some(Value::Score(9))));
        assert_eq!(found[0].customer_id, customer("ann").to_string());
        assert!(found[0].sentiment.is_none());
        let sentiment = |id: &str| {
            let of = |f: &&elate_proto::scoring::v1::StoredFeedback| {
                f.record.as_ref().unwrap().submission_id == id
            };
            found.iter().find(of).unwrap().sentiment.clone().unwrap()
        };
        assert!(sentiment("s-2").compound.unwrap() > 0.5);
        assert_eq!((sentiment("s-3").compound, sentiment("s-3").not_scored.as_str()), (None, "language"));
        shop.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_answers_for_each_record_and_changes_nothing_when_repeated() {
    Shop::on_both(|shop| async move {
        let mut client = shop.client("shop-editor");
        let of_user = CustomerRef { r#ref: Some(customer_ref::Ref::UserId("ann".to_owned())) };
        let nobody = customer_ref::Ref::CustomerId(customer("nobody").to_string());
        let records = [
            FeedbackRecord {
                customer: Some(of_user),
                traits: [("plan".to_owned(), "pro".to_owned())].into(),
                ..record("a", FeedbackKind::Nps, Value::Score(10))
            },
            // Of nobody who is known: score and comment stand on one timeline.
            FeedbackRecord {
                scale: Some(FeedbackScale { lowest: 1, highest: 7 }),
                ..record("b", FeedbackKind::Csat, Value::Score(7))
            },
            record("b", FeedbackKind::Comment, Value::Comment("Lovely shop, thank you!".to_owned())),
            record("c", FeedbackKind::Nps, Value::Score(11)),
            FeedbackRecord { submitted_time: None, ..record("", FeedbackKind::Ces, Value::Score(1)) },
            FeedbackRecord {
                customer: Some(CustomerRef { r#ref: Some(nobody) }),
                ..record("d", FeedbackKind::Ces, Value::Score(1))
            },
        ];
        let results = client.import_feedback(import(&records)).await.unwrap().into_inner().results;
        let became: Vec<Status> = results.iter().map(|result| result.status()).collect();
        let (accepted, rejected) = (Status::Accepted, Status::Rejected);
        assert_eq!(became, [accepted, accepted, accepted, rejected, rejected, rejected]);
        let fields = |at: usize| results[at].problems.iter().map(|p| p.field.clone()).collect::<Vec<_>>();
        assert_eq!(fields(3), ["value"]);
        assert_eq!(fields(4), ["submission_id", "submitted_time"]);
        assert_eq!(fields(5), ["customer.customer_id"]);

        let found = shop.listed(3).await;
        let of = |id: &str| -> Vec<_> {
            found.iter().filter(|f| f.record.as_ref().unwrap().submission_id == id).collect()
        };
        assert_eq!(of("a")[0].customer_id, customer("ann").to_string());
        assert_eq!(of("a")[0].record.as_ref().unwrap().traits["plan"], "pro");
        let [one, other] = of("b")[..] else { panic!("{found:?}") };
        assert_eq!(one.customer_id, other.customer_id);

        let again = client.import_feedback(import(&records[..3])).await.unwrap().into_inner().results;
        assert!(again.iter().all(|result| result.status() == Status::Duplicate), "{again:?}");
        let changed = FeedbackRecord {
            submitted_time: Some(proto_timestamp(Timestamp(2 * DAY))),
            ..record("b", FeedbackKind::Comment, Value::Comment("Awful, on second thoughts.".to_owned()))
        };
        client.import_feedback(import(&[changed])).await.unwrap();
        elate_testkit::eventually(crate::shop::WITHIN, || async {
            let found = shop.listed(3).await;
            let comment = found.iter().find_map(|f| f.sentiment.clone()).unwrap();
            comment.compound.is_some_and(|compound| compound < 0.0)
        })
        .await;
        shop.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_bounds_and_workspaces_hold() {
    let shop = Shop::on(None).await;
    let mut reader = shop.client("shop-reader");
    let one = [record("a", FeedbackKind::Nps, Value::Score(10))];
    let refused = reader.import_feedback(import(&one)).await.unwrap_err();
    assert_eq!(reason_of(&refused).unwrap(), "ROLE_INSUFFICIENT");
    let mut editor = shop.client("shop-editor");
    let history = ImportFeedbackRequest { import_id: "i-1".to_owned(), ..import(&one) };
    let refused = editor.import_feedback(history).await.unwrap_err();
    assert_eq!(reason_of(&refused).unwrap(), "ROLE_INSUFFICIENT", "history is for operators");
    let many = vec![one[0].clone(); 501];
    let refused = editor.import_feedback(import(&many)).await.unwrap_err();
    assert_eq!(fields_of(&refused)[0].field, "records");

    let records: Vec<_> =
        (0..7).map(|n| record(&format!("s-{n}"), FeedbackKind::Nps, Value::Score(n))).collect();
    editor.import_feedback(import(&records)).await.unwrap();
    shop.listed(7).await;
    let (mut seen, mut page_token) = (std::collections::BTreeSet::new(), String::new());
    loop {
        let page = Some(PageRequest { page_size: 2, page_token });
        let request = ListFeedbackRequest { page, ..Default::default() };
        let found = reader.list_feedback(request).await.unwrap().into_inner();
        seen.extend(found.feedback.into_iter().map(|f| f.record.unwrap().submission_id));
        page_token = found.page.unwrap().next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen.len(), 7);
    let only = |filter: FeedbackFilter, kind: FeedbackKind| ListFeedbackRequest {
        filter: Some(filter),
        kind: kind.into(),
        ..Default::default()
    };
    for (filter, kind) in [
        (FeedbackFilter { survey: "other".to_owned(), ..Default::default() }, FeedbackKind::Unspecified),
        (FeedbackFilter::default(), FeedbackKind::Comment),
        (
            FeedbackFilter { traits: [("plan".to_owned(), "pro".to_owned())].into(), ..Default::default() },
            FeedbackKind::Nps,
        ),
    ] {
        let found = reader.list_feedback(only(filter, kind)).await.unwrap().into_inner();
        assert!(found.feedback.is_empty(), "{found:?}");
    }
    let mut stranger = shop.client("hotel-admin");
    let found = stranger.list_feedback(ListFeedbackRequest::default()).await.unwrap().into_inner();
    assert!(found.feedback.is_empty());
    shop.stop().await;
}
