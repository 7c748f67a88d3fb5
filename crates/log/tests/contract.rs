//! What the log promises, on each database and with each tail.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking, helpers included")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use elate_domain::{Clock, Offset, Partition, Timestamp};
use elate_log::{Change, Error, Item};
use elate_storage::query_all;
use elate_testkit::eventually;
use futures::StreamExt;
use support::{Fixture, append, fixtures, payload, records_up_to};

#[tokio::test(flavor = "multi_thread")]
async fn records_are_dense_and_come_back_at_any_offset() {
    for fixture in fixtures().await {
        let log = &fixture.log;
        for i in 0..5 {
            append(&fixture, &[(0, 3 * i, 3), (1, i, 1)]).await;
        }
        for after in 0..15 {
            let found = log.read(Partition(0), Offset(after), 10_000).await.unwrap();
            let stored: Vec<_> = found.iter().flat_map(|batch| batch.stored()).collect();
            assert_eq!(stored.len() as u64, 15 - after, "{}", fixture.name);
            for (stored, offset) in stored.iter().zip(after + 1..) {
                assert_eq!((stored.offset.0, &stored.record), (offset, &payload(0, offset - 1)));
            }
        }
        let at = log.read_at(Partition(0), &[15, 2, 99, 2]).await.unwrap();
        assert_eq!(at.iter().map(|stored| stored.offset.0).collect::<Vec<_>>(), [2, 15]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn log_time_never_goes_back_and_marks_follow_the_clock() {
    for fixture in fixtures().await {
        let start = fixture.clock.now();
        append(&fixture, &[(0, 0, 1)]).await;
        fixture.clock.set(start.plus_millis(-5_000));
        append(&fixture, &[(0, 1, 1)]).await;
        let mut follow =
            fixture.log.follow(&[(Partition(0), Offset(0)), (Partition(1), Offset(0))], "").await.unwrap();
        let records = records_up_to(&mut follow, Partition(0), 2).await;
        assert!(records.iter().all(|stored| stored.received_at == start), "{}", fixture.name);
        let later = start.plus_millis(60_000);
        fixture.clock.set(later);
        let mut marked: BTreeMap<Partition, Timestamp> = BTreeMap::new();
        while marked.len() < 2 || marked.values().any(|time| *time < later) {
            match follow.next().await.unwrap().unwrap() {
                Item::Mark(mark) => {
                    assert_eq!(mark.last, Offset(if mark.partition.0 == 0 { 2 } else { 0 }));
                    assert!(marked.insert(mark.partition, mark.time).is_none_or(|before| before < mark.time));
                }
                Item::Batch(batch) => panic!("unexpected {batch:?}"),
            }
        }
        // The mark is a promise of the row, and not of this process's clock.
        fixture.clock.set(start);
        append(&fixture, &[(1, 0, 1)]).await;
        let batch = fixture.log.read(Partition(1), Offset(0), 1).await.unwrap();
        assert_eq!(batch[0].received_at, later);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_of_another_log_are_refused() {
    for fixture in fixtures().await {
        append(&fixture, &[(0, 0, 2)]).await;
        let log = &fixture.log;
        let above = log.follow(&[(Partition(0), Offset(3))], log.generation()).await.unwrap_err();
        assert!(matches!(above, Error::AboveHead { head: Offset(2), .. }), "{above}");
        let other = log.follow(&[(Partition(0), Offset(1))], "another").await.unwrap_err();
        assert!(matches!(other, Error::Generation { .. }), "{other}");
        let none = log.follow(&[(Partition(99), Offset(0))], "").await.unwrap_err();
        assert!(matches!(none, Error::NoPartition { .. }), "{none}");
        let options = elate_log::Options { partitions: 5, ..elate_log::Options::default() };
        let clock = std::sync::Arc::clone(&fixture.clock);
        let refused = elate_log::Log::open(fixture.database.clone(), clock, options).await.unwrap_err();
        assert!(matches!(refused, Error::Partitions { .. }), "{refused}");
        // A restore under a running follower ends it.
        let mut follow = log.follow(&[(Partition(0), Offset(2))], log.generation()).await.unwrap();
        elate_log::renew_generation(&fixture.database, uuid::Uuid::new_v4()).await.unwrap();
        let end = tokio::time::timeout(Duration::from_secs(10), async {
            loop {
                if let Err(error) = follow.next().await.unwrap() {
                    return error;
                }
            }
        });
        assert!(matches!(end.await.unwrap(), Error::Generation { .. }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_erased_is_nowhere() {
    for fixture in fixtures().await {
        append(&fixture, &[(0, 0, 3)]).await;
        append(&fixture, &[(0, 3, 3)]).await;
        // A second process has seen the records before.
        let other = fixture.another().await;
        let mut follow = other.log.follow(&[(Partition(0), Offset(0))], "").await.unwrap();
        records_up_to(&mut follow, Partition(0), 6).await;
        let tombstone = Bytes::from_static(b"gone");
        let tx = fixture.database.begin().await.unwrap();
        let locked = fixture.log.lock(&tx, [Partition(0)]).await.unwrap();
        let offsets = [Offset(2), Offset(4), Offset(6)];
        fixture.log.overwrite(&tx, Partition(0), &offsets, &tombstone).await.unwrap();
        let change = Change { erasure: true, ..Change::default() };
        let written = fixture.log.write(&tx, locked, BTreeMap::from([(Partition(0), change)])).await.unwrap();
        tx.commit().await.unwrap();
        fixture.log.publish(written);
        for fixture in [&fixture, &other] {
            eventually(Duration::from_secs(20), || async {
                let mut follow = fixture.log.follow(&[(Partition(0), Offset(0))], "").await.unwrap();
                let found = records_up_to(&mut follow, Partition(0), 6).await;
                let gone = |i: usize| found[i].record == tombstone;
                [1, 3, 5].into_iter().all(gone) && ![0, 2, 4].into_iter().any(gone)
            })
            .await;
        }
        append(&fixture, &[(0, 6, 1)]).await;
        assert_eq!(records_up_to(&mut follow, Partition(0), 7).await.len(), 1, "{}", fixture.name);
    }
}

/// Appenders on several partitions and from two processes, followers in both, and a tail that is wiped all the time.
#[tokio::test(flavor = "multi_thread")]
async fn followers_see_every_offset_once_and_in_order_whatever_happens_to_the_tail() {
    for fixture in fixtures().await {
        stress(&fixture, 60).await;
    }
}

async fn stress(fixture: &Fixture, rounds: u64) {
    let other = fixture.another().await;
    let mut tasks = tokio::task::JoinSet::new();
    for log in [fixture.log.clone(), other.log.clone()] {
        for after in [0, 0] {
            let all: Vec<_> = (0..4).map(|partition| (Partition(partition), Offset(after))).collect();
            let total = rounds * 2 * 2;
            let log = log.clone();
            tasks.spawn(async move {
                let mut follow = log.follow(&all, "").await.unwrap();
                let mut at = BTreeMap::from_iter(all);
                while at.values().any(|offset| offset.0 < total) {
                    match follow.next().await.unwrap().unwrap() {
                        Item::Batch(batch) => {
                            let last = at.get_mut(&batch.partition).unwrap();
                            assert_eq!(batch.first, last.next(), "a gap or a repeat");
                            *last = batch.last();
                        }
                        Item::Mark(mark) => {
                            assert!(mark.last <= at[&mark.partition], "a mark came too early")
                        }
                    }
                }
            });
        }
    }
    for appender in [fixture.handle(), other.handle()] {
        for lane in 0..2_u32 {
            let appender = appender.clone();
            tasks.spawn(async move {
                for i in 0..rounds {
                    let places = if (i + u64::from(lane)) % 2 == 0 { [0, 1] } else { [2, 3] };
                    // Each lane appends two records to two of the four partitions.
                    appender.append(&places.map(|partition| (partition, i, 2))).await;
                }
            });
        }
    }
    for _ in 0..15 {
        fixture.disturb().await;
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    let done = async {
        while let Some(done) = tasks.join_next().await {
            done.unwrap()
        }
    };
    let within = tokio::time::timeout(Duration::from_secs(60), done).await;
    assert!(within.is_ok(), "followers are stuck: {}", fixture.name);
    let rows =
        query_all(fixture.database.read(), "SELECT last_offset FROM log_head WHERE partition < 4", []).await;
    for row in rows.unwrap() {
        assert_eq!(row.try_get::<i64>("", "last_offset").unwrap() as u64, rounds * 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_and_never_published_is_found() {
    for fixture in fixtures().await {
        let mut follow = fixture.log.follow(&[(Partition(0), Offset(0))], "").await.unwrap();
        append(&fixture, &[(0, 0, 1)]).await;
        // Killed between commit and publication.
        let handle = fixture.handle();
        drop(handle.write(&[(0, 1, 2)]).await);
        assert_eq!(records_up_to(&mut follow, Partition(0), 3).await.len(), 3, "{}", fixture.name);
        append(&fixture, &[(0, 3, 1)]).await;
        assert_eq!(records_up_to(&mut follow, Partition(0), 4).await.len(), 1, "{}", fixture.name);
    }
}

/// Another process hears of records by Redis, or by a cluster, long before it looks at SQL again.
async fn news_come_over_redis(cluster: bool) {
    let seldom = Duration::from_secs(60);
    let Some((fixture, _redis)) = support::with_own_redis(cluster, seldom).await else { return };
    let other = fixture.another().await;
    let places: Vec<_> = (0..4).map(|partition| (Partition(partition), Offset(0))).collect();
    let mut follow = other.log.follow(&places, "").await.unwrap();
    // One look at SQL comes at the start; what is appended after it can come over Redis alone.
    let begun = tokio::time::Instant::now();
    for i in 0..5 {
        for partition in 0..4 {
            append(&fixture, &[(partition, i, 1)]).await;
            records_up_to(&mut follow, Partition(partition), i + 1).await;
        }
    }
    assert!(begun.elapsed() < seldom, "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn news_come_over_one_redis() {
    news_come_over_redis(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn news_come_over_a_redis_cluster() {
    news_come_over_redis(true).await;
}

async fn redis_may_stop_and_come_back(cluster: bool) {
    let Some((fixture, mut redis)) = support::with_own_redis(cluster, support::POLL).await else { return };
    let other = fixture.another().await;
    let mut follow = other.log.follow(&[(Partition(0), Offset(0))], "").await.unwrap();
    let mut at = 0;
    for round in 0..3 {
        for _ in 0..5 {
            append(&fixture, &[(0, at, 2)]).await;
            at += 2;
        }
        assert!(!records_up_to(&mut follow, Partition(0), at).await.is_empty());
        match round {
            0 => redis.kill().await,
            _ => redis.restart().await,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_redis_may_stop_and_come_back() {
    redis_may_stop_and_come_back(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_cluster_may_stop_and_come_back() {
    redis_may_stop_and_come_back(true).await;
}
