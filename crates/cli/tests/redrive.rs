//! `elate redrive` and `elate customer suppress`, against running services.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test")]

mod common;

use common::Dev;
use elate_domain::system::name;
use elate_proto::notifications::v1::NotificationState as State;
use elate_testkit::webhook::Answer;

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_taken_up_again() {
    let dev = Dev::start(&[]).await;
    let (failed, sent) = (State::Failed.into(), State::Sent.into());
    for _ in 0..3 {
        dev.hook.answer_next(Answer::status(400));
    }
    dev.want("ann", "n-1").await;
    let message = dev.until("ann", 1, failed).await.remove(0).notification_id;
    let (well, printed) = dev.run(&["redrive", "message", &message]).await;
    assert!(!printed.is_empty() && well, "{printed}");
    // The endpoint still refuses.
    dev.until_they("ann", |they| they[0].attempts == 2 && they[0].state == failed).await;
    dev.want("ann", "n-2").await;
    let both = dev.until("ann", 2, failed).await;
    assert!(both.iter().any(|one| one.notification_id == message));

    let (well, printed) = dev.run(&["redrive", "channel", "hook", "--state", "expired"]).await;
    assert!(well && printed.starts_with("0 messages"), "{printed}");
    let (well, printed) = dev.run(&["redrive", "channel", "hook"]).await;
    assert!(well && printed.starts_with("2 messages") && printed.contains(&message), "{printed}");
    dev.until("ann", 2, sent).await;
    let bodies = dev.hook.received().into_iter().map(|call| call.body).collect::<Vec<_>>();
    assert_eq!(bodies.iter().filter(|body| body.as_ref() == br#"{"note": "n-1"}"#).count(), 3);

    // What was sent is not sent again, and the command says so and fails.
    let (well, printed) = dev.run(&["redrive", "message", &message, "no-such-message"]).await;
    assert!(!well && printed.contains("can't be sent again"), "{printed}");
    assert!(printed.contains("there is no message"), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_are_taken_up_and_suppressed_by_command() {
    let dev = Dev::start(&[]).await;
    dev.want("ann", "n-1").await;
    dev.until("ann", 1, State::Sent.into()).await;
    let (well, printed) = dev.run(&["redrive", "customer", "user:ann", "--service", "journeys"]).await;
    assert!(well && printed.contains("journeys"), "{printed}");
    dev.until_told("ann", name::REDRIVE, |payload| payload["service"] == "journeys").await;
    let (well, printed) = dev.run(&["redrive", "customer", "ann"]).await;
    assert!(well, "{printed}");
    assert_eq!(dev.told("ann", name::REDRIVE).await.len(), 4);
    let (well, printed) = dev.run(&["redrive", "customer", "nobody"]).await;
    assert!(!well && printed.contains("no such customer"), "{printed}");

    let email = r#"{"type":"identify","messageId":"i","userId":"ann","timestamp":"2026-03-02T10:00:00Z","traits":{"email":"ann@example.com"}}"#;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), email).unwrap();
    let (well, printed) = dev.run(&["import", file.path().to_str().unwrap()]).await;
    assert!(well, "{printed}");
    let (well, printed) = dev.run(&["customer", "suppress", "ann", "--reason", "asked by phone"]).await;
    assert!(well, "{printed}");
    let told = dev.until_told("ann", name::SUPPRESSION_CHANGED, |change| change["suppressed"] == true).await;
    assert_eq!(told["reason"], "asked by phone");
    let (well, printed) = dev.run(&["customer", "unsuppress", "ann"]).await;
    assert!(well, "{printed}");
    dev.until_told("ann", name::SUPPRESSION_CHANGED, |change| change["suppressed"] == false).await;
    let (well, printed) = dev.run(&["customer", "suppress", "ann", "--channel", "pigeon"]).await;
    assert!(!well && printed.contains("channel"), "{printed}");
}
