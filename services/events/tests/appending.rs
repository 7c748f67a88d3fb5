//! Appending: duplicates, order, producers, overload.

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use elate_domain::{RawJson, Timestamp};
use elate_events::app::Error;
use elate_events::model::message::{Message, Outcome};
use elate_testkit::eventually;
use support::{accepted, batch, emitted, encoded, track, workspace, worlds, worlds_with};

fn with(message: Message, properties: &'static str) -> Message {
    Message { properties: properties.into(), ..message }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_acknowledged_and_another_payload_is_kept() {
    for world in worlds().await {
        let first = with(track("m1", "ann", ""), "{\"a\":1}");
        let other = with(track("m1", "ann", ""), "{\"a\":2}");
        let outcomes = world.send(vec![first.clone(), first.clone(), other.clone()]).await;
        let customer = accepted(&outcomes[0]);
        assert!(matches!(&outcomes[1], Outcome::Duplicate { customer: Some(c), .. } if *c == customer));
        let Outcome::Accepted { message_id, .. } = &outcomes[2] else { panic!("{:?}", outcomes[2]) };
        assert!(message_id.starts_with("m1#"), "{message_id}");
        for message in [first, other] {
            let sent_again =
                Message { sent_time: Some(Timestamp(7)), context: "{\"ip\":\"x\"}".into(), ..message };
            assert!(matches!(world.send_one(sent_again).await, Outcome::Duplicate { .. }), "{}", world.name);
        }
        let events = world.events().await;
        assert_eq!(events.iter().map(|event| event.conflicting).collect::<Vec<_>>(), [false, true]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_message_fails_alone_and_order_is_that_of_happening() {
    for world in worlds().await {
        let at = |id: &str, time| Message { original_time: Some(Timestamp(time)), ..track(id, "ann", "") };
        let outcomes =
            world.send(vec![at("late", 30), track("", "", ""), at("early", 10), at("middle", 20)]).await;
        assert!(matches!(&outcomes[1], Outcome::Rejected { field, .. } if field == "user_id"));
        let ids: Vec<_> = world.events().await.into_iter().map(|event| event.message_id).collect();
        assert_eq!(ids, ["early", "middle", "late"], "{}", world.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_repeats_over_two_processes_are_appended_once() {
    for world in worlds().await {
        let other = world.another().await;
        let mut tasks = tokio::task::JoinSet::new();
        for worker in 0..8_u64 {
            let ingest = if worker % 2 == 0 { world.app.ingest() } else { other.app.ingest() };
            tasks.spawn(async move {
                for round in 0..6_u64 {
                    // The same messages in another order from each worker, for users whom nobody knows yet.
                    let mut ids: Vec<u64> = (round * 20..round * 20 + 30).collect();
                    ids.rotate_left(worker as usize * 3);
                    let message =
                        |i: &u64| track(&format!("m{i}"), &format!("u{}", i % 17), &format!("d{}", i % 23));
                    ingest.append(batch(ids.iter().map(message).collect())).await.unwrap();
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        let events = world.events().await;
        let ids: Vec<_> = events.iter().filter(|e| !e.is_system()).map(|e| e.message_id.clone()).collect();
        let distinct: BTreeSet<_> = ids.iter().collect();
        assert_eq!((ids.len(), distinct.len()), (130, 130), "{}", world.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn repeats_are_found_in_closed_segments_and_after_a_restart() {
    for world in worlds_with(|settings| settings.duplicate_segment = 40).await {
        let messages =
            |from: u64| (from..from + 50).map(|i| track(&format!("m{i}"), "ann", "")).collect::<Vec<_>>();
        for from in [0, 50, 100] {
            world.send(messages(from)).await;
            // Each of these fills a segment; the next one begins in a new one.
            let before = from / 50 + 1;
            eventually(Duration::from_secs(10), || async {
                let sql = "SELECT segment FROM seen_meta";
                let row = elate_storage::query_one(world.database.read(), sql, []).await.unwrap().unwrap();
                row.try_get::<i64>("", "segment").unwrap() as u64 >= before
            })
            .await;
        }
        let restarted = world.another().await;
        for world in [&world, &restarted] {
            for from in [0, 50, 100] {
                let outcomes = world.send(messages(from)).await;
                let repeats = outcomes.iter().filter(|o| matches!(o, Outcome::Duplicate { .. })).count();
                assert_eq!(repeats, 50, "{} from {from}", world.name);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producers_sequence_is_taken_once() {
    for world in worlds().await {
        let customer = accepted(&world.send_one(track("m", "ann", "")).await);
        let log = world.app.customer_log();
        let event = |sequence| emitted(customer, "elate.moment.judged", sequence, RawJson::default());
        assert_eq!(log.append(encoded([event(1), event(2)])).await.unwrap(), 2);
        assert_eq!(log.append(encoded([event(1), event(2), event(3)])).await.unwrap(), 1);
        let mut rebuilt = event(1);
        rebuilt.producer.as_mut().unwrap().generation = 2;
        assert_eq!(log.append(encoded([rebuilt])).await.unwrap(), 1);
        let mut homeless = event(9);
        homeless.producer = None;
        assert!(matches!(log.append(encoded([homeless])).await, Err(Error::Invalid(_))));
        let read = log.read_customer(&workspace(), customer, elate_domain::Offset(3)).await.unwrap();
        let stored: Vec<_> = futures::TryStreamExt::try_collect::<Vec<_>>(read).await.unwrap().concat();
        assert_eq!(stored.iter().map(|s| s.offset.0).collect::<Vec<_>>(), [1, 2, 3], "{}", world.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn overload_is_said_and_nothing_of_it_is_done() {
    for world in worlds_with(|settings| settings.queue_events = 10).await {
        let mut tasks = tokio::task::JoinSet::new();
        for worker in 0..40 {
            let ingest = world.app.ingest();
            tasks.spawn(async move {
                let messages = (0..9).map(|i| track(&format!("{worker}-{i}"), "ann", "")).collect();
                ingest.append(batch(messages)).await
            });
        }
        let (mut taken, mut refused) = (0, 0);
        while let Some(done) = tasks.join_next().await {
            match done.unwrap() {
                Ok(outcomes) => taken += outcomes.len(),
                Err(Error::Overloaded { retry_after }) => {
                    assert!(retry_after > Duration::ZERO);
                    refused += 1;
                }
                Err(error) => panic!("{error}"),
            }
        }
        assert!(refused > 0, "{}", world.name);
        assert_eq!(world.events().await.len(), taken);
        world.app.drain().await;
        assert!(matches!(
            world.app.ingest().append(batch(vec![track("x", "ann", "")])).await,
            Err(Error::Stopping)
        ));
    }
}
