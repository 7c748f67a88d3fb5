//! Comments read by a model outside: a real HTTP server that is quick, slow, broken, or talks nonsense.

use std::time::Duration;

use elate_domain::{HumanDuration, Timestamp};
use elate_proto::scoring::v1::{Sentiment, StoredFeedback};
use elate_scoring::config::SentimentSettings;
use elate_scoring::sentiment::Endpoint;
use elate_testkit::eventually;
use elate_testkit::webhook::{Answer, WebhookReceiver};
use serde_json::{Value, json};

use crate::shop::{DAY, Shop, TODAY, WITHIN};

const KEY: &str = "sk-the-key-of-these-tests";
/// A comment of which the lexicon does not know the language.
const GERMAN: &str = "Das Paket kam leider viel zu spät und der Karton war völlig zerrissen.";
/// One that it knows, and reads as good.
const ENGLISH: &str = "The courier was very kind and the delivery was wonderful!";

/// What a model says.
fn says(sentiment: &str, tokens: u64) -> Answer {
    let content = format!("{{\"sentiment\": {sentiment}}}");
    let body = json!({"choices": [{"message": {"content": content}}], "usage": {"total_tokens": tokens}});
    Answer::status(200).body(body.to_string())
}

fn settings(model: &WebhookReceiver) -> SentimentSettings {
    SentimentSettings {
        url: model.url("/v1/chat/completions"),
        model: "reader-1".to_owned(),
        timeout: HumanDuration(Duration::from_secs(20)),
        // One call at a time, so that answers come in the order of the comments.
        concurrency: 1,
        every: HumanDuration(Duration::from_millis(20)),
        ..SentimentSettings::default()
    }
}

/// The `n`-th comment of a test, from a customer of its own.
fn comment(shop: &Shop, n: i64, text: &str) {
    let properties = json!({"comment": text, "submission_id": format!("s-{n}"), "survey": "q"});
    shop.track(&format!("u-{n}"), "Survey Answered", TODAY - DAY + n, &properties);
}

fn of(found: &[StoredFeedback], n: i64) -> Sentiment {
    let id = format!("s-{n}");
    let one = found.iter().find(|one| one.record.as_ref().unwrap().submission_id == id);
    one.unwrap().sentiment.clone().unwrap()
}

/// The sentiment of the `n`-th of `count` comments, as soon as it is as expected: score, scorer.
async fn until(shop: &Shop, count: usize, n: i64, expected: (Option<f64>, &str)) -> Sentiment {
    eventually(WITHIN, || async move {
        let sentiment = of(&shop.listed(count).await, n);
        let fits = (sentiment.compound, sentiment.scorer.as_str()) == expected;
        if fits { Ok(sentiment) } else { Err(format!("{sentiment:?}, not {expected:?}")) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_reads_what_the_lexicon_cannot_and_a_replay_asks_nobody() {
    let model = WebhookReceiver::start().await;
    let folder = tempfile::tempdir().unwrap();
    let key_file = folder.path().join("key");
    std::fs::write(&key_file, format!("{KEY}\n")).unwrap();
    let settings = SentimentSettings { key_file: Some(key_file), ..settings(&model) };
    assert!(!format!("{:?}", Endpoint::open(&settings).await.unwrap()).contains(KEY), "it is never shown");
    for dsn in [None, elate_testkit::postgres::database().await.map(|db| db.url().parse().unwrap())] {
        let begun = model.count();
        model.answer_next(says("-0.75", 90));
        model.answer_next(says("null", 90));
        let shop = Shop::with_model(dsn, settings.clone()).await;
        comment(&shop, 1, GERMAN);
        until(&shop, 1, 1, (Some(-0.75), "reader-1")).await;
        comment(&shop, 2, ENGLISH);
        assert_eq!(until(&shop, 2, 2, (None, "reader-1")).await.not_scored, "unsure", "which is not 0");
        // The same words are paid for once, and a comment of long ago is left to the lexicon.
        comment(&shop, 3, GERMAN);
        until(&shop, 3, 3, (Some(-0.75), "reader-1")).await;
        comment(&shop, -30 * DAY, "Bad, very bad.");
        let old = of(&shop.listed(4).await, -30 * DAY);
        assert_eq!((old.scorer.as_str(), old.compound.map(|c| c < -0.5)), ("lexicon", Some(true)));

        let calls = model.received().split_off(begun);
        assert_eq!(calls.len(), 2);
        assert_eq!(calls[0].header("authorization"), Some(format!("Bearer {KEY}").as_str()));
        let asked: Value = serde_json::from_slice(&calls[0].body).unwrap();
        assert_eq!((&asked["model"], &asked["messages"][1]["content"]), (&json!("reader-1"), &json!(GERMAN)));

        let again = shop.replayed().await;
        until(&again, 4, 3, (Some(-0.75), "reader-1")).await;
        assert_eq!(again.listed(4).await, shop.listed(4).await);
        assert_eq!(model.count(), begun + 2);
        again.stop().await;
        shop.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_tried_three_times_and_then_the_lexicon_stands() {
    let model = WebhookReceiver::start().await;
    for nonsense in ["{\"choices\": []}", "<html>", "{\"choices\": [{\"message\": {\"content\": \"5\"}}]}"] {
        model.answer_next(Answer::status(200).body(nonsense));
    }
    model.answer_always(says("0.25", 90));
    let shop = Shop::with_model(None, settings(&model)).await;
    comment(&shop, 1, ENGLISH);
    eventually(WITHIN, || async { if model.count() == 3 { Ok(()) } else { Err(model.count()) } }).await;
    comment(&shop, 2, GERMAN);
    until(&shop, 2, 2, (Some(0.25), "reader-1")).await;
    let first = of(&shop.listed(2).await, 1);
    assert_eq!((first.scorer.as_str(), first.compound.map(|c| c > 0.5)), ("lexicon", Some(true)));
    assert_eq!(model.count(), 4, "three times in vain, and once for the other comment");
    // Who writes something else is read anew.
    let changed = json!({"comment": "Awful, on second thoughts.", "submission_id": "s-1", "survey": "q"});
    shop.track("u-1", "Survey Answered", TODAY, &changed);
    until(&shop, 2, 1, (Some(0.25), "reader-1")).await;
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_busy_or_broken_is_left_alone_and_asked_again() {
    let model = WebhookReceiver::start().await;
    model.answer_next(Answer::status(429).header("retry-after", "1"));
    model.answer_next(Answer::status(503));
    model.answer_next(Answer::dropped());
    model.answer_next(Answer::status(500));
    model.answer_always(says("0.5", 90));
    let shop = Shop::with_model(None, settings(&model)).await;
    let begun = std::time::Instant::now();
    comment(&shop, 1, GERMAN);
    assert_eq!(until(&shop, 1, 1, (Some(0.5), "reader-1")).await.not_scored, "");
    assert_eq!(model.count(), 5);
    assert!(begun.elapsed() >= Duration::from_secs(4), "each failure was waited out: {:?}", begun.elapsed());
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_model_holds_no_customer_up() {
    let model = WebhookReceiver::start().await;
    model.answer_always(says("0.5", 90).after(Duration::from_secs(600)));
    let patient = SentimentSettings { timeout: HumanDuration(Duration::from_secs(500)), ..settings(&model) };
    let shop = Shop::with_model(None, patient).await;
    comment(&shop, 1, ENGLISH);
    eventually(WITHIN, || async { if model.count() == 1 { Ok(()) } else { Err(model.count()) } }).await;
    // It is under way for minutes, and everything else goes on: also of the same customer.
    for n in 2..40 {
        comment(&shop, n, GERMAN);
    }
    let nps = json!({"kind": "nps", "score": 9, "submission_id": "n-1"});
    shop.track("u-1", "Survey Answered", TODAY, &nps);
    let found = shop.listed(40).await;
    assert_eq!((of(&found, 1).scorer.as_str(), of(&found, 2).not_scored.as_str()), ("lexicon", "language"));
    shop.stop().await;

    let hasty = SentimentSettings { timeout: HumanDuration(Duration::from_millis(50)), ..settings(&model) };
    let (shop, begun) = (Shop::with_model(None, hasty).await, model.count());
    comment(&shop, 1, ENGLISH);
    eventually(WITHIN, || async { if model.count() == begun + 3 { Ok(()) } else { Err(model.count()) } })
        .await;
    assert_eq!(of(&shop.listed(1).await, 1).scorer, "lexicon");
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_holds_for_a_workspace_and_a_day() {
    for dsn in [None, elate_testkit::postgres::database().await.map(|db| db.url().parse().unwrap())] {
        let model = WebhookReceiver::start().await;
        model.answer_always(says("0.5", 90));
        let shop = Shop::with_model(dsn, SentimentSettings { calls_per_day: 2, ..settings(&model) }).await;
        three_comments(&shop).await;
        elsewhere(&shop).await;
        assert_eq!(of(&shop.listed(3).await, 3).not_scored, "language", "two calls are all that there are");
        assert_eq!(model.count(), 3);
        shop.clock.set(Timestamp(TODAY + DAY));
        until(&shop, 3, 3, (Some(0.5), "reader-1")).await;
        shop.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_counted_as_they_were_used() {
    let model = WebhookReceiver::start().await;
    // A call is thought to take some 370 tokens; the first really takes 700, which leaves too little for a third.
    model.answer_next(says("0.5", 700));
    model.answer_always(says("0.5", 100));
    let shop = Shop::with_model(None, SentimentSettings { tokens_per_day: 1_100, ..settings(&model) }).await;
    three_comments(&shop).await;
    elsewhere(&shop).await;
    assert_eq!(of(&shop.listed(3).await, 3).scorer, "lexicon");
    shop.clock.set(Timestamp(TODAY + DAY));
    until(&shop, 3, 3, (Some(0.5), "reader-1")).await;
    assert_eq!(model.count(), 4);
    shop.stop().await;
}

/// Three comments, each stored behind the one before; the first two are read.
async fn three_comments(shop: &Shop) {
    for n in 1..=3 {
        comment(shop, n, &format!("{GERMAN} {n}"));
        if n < 3 {
            until(shop, n as usize, n, (Some(0.5), "reader-1")).await;
        } else {
            shop.listed(3).await;
        }
    }
}

/// Has a comment of another workspace read, which comes later in time and has a budget of its own.
async fn elsewhere(shop: &Shop) {
    let other = json!({"comment": GERMAN, "submission_id": "s-9"});
    shop.track_in("hotel", "guest", "Survey Answered", TODAY, &other);
    eventually(WITHIN, || async {
        let found = shop.listed_by("hotel-reader", 1).await;
        if of(&found, 9).scorer == "reader-1" { Ok(()) } else { Err(found) }
    })
    .await;
}
