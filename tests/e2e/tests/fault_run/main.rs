//! The fault run: four processes are killed, their servers flushed, crashed and robbed of leases while events flow, and
//! afterwards everything is as if nothing had happened.
//!
//! `ELATE_FAULT_EVENTS` says how many messages are sent, every tenth a repeat; 100000 of 2,000 customers is the full
//! size. What comes out is compared with one undisturbed process on files that was sent the same messages.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::large_futures,
    missing_docs,
    reason = "tests"
)]

mod chaos;
mod digest;
mod driver;
mod workload;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use digest::Digest;
use driver::Driver;
use elate_e2e::{System, Topology, Workspace, now_millis};
use elate_proto::events::v1::PartitionHead;
use elate_testkit::smtp::Fault;
use elate_testkit::webhook::WebhookReceiver;
use elate_testkit::{eventually, postgres};
use sqlx::{Connection, PgConnection, Row as _};
use workload::{Workload, user_id};

/// What `make test` sends.
const USUAL: usize = 10_000;
/// The log has come to rest when nothing is appended for so long; longer than any retry pause.
const QUIET: Duration = Duration::from_secs(7);
const SETTLE: Duration = Duration::from_secs(600);
/// More mails than a customer gets.
const MAILS: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_run_equals_an_undisturbed_run() {
    let size = std::env::var("ELATE_FAULT_EVENTS").ok().and_then(|size| size.parse().ok()).unwrap_or(USUAL);
    let workload = Workload::of(size, now_millis());
    let Some(disturbed) = disturbed(&workload).await else { return };
    let undisturbed = undisturbed(&workload).await;
    compare(&workload, &disturbed, &undisturbed);
}

/// A workspace in which everything of the manifests is in force.
async fn prepared(system: &System, webhooks: &WebhookReceiver, folder: &Path) -> Workspace {
    let secret = folder.join("secret");
    std::fs::write(&secret, elate_reach::webhook::Secret::from_random([3; 32]).reveal()).expect("write");
    let workspace = system.workspace("faults").await;
    let manifests = include_str!("../../manifests/fault.yaml")
        .replace("{webhook_url}", &webhooks.url("/tasks"))
        .replace("{secret_file}", secret.to_str().expect("a path in UTF-8"));
    workspace.apply(&manifests).await;
    workspace
}

/// A mail server that takes its time, so that a kill is likely to find messages whose outcome nobody can know.
fn slow_mail(system: &System, workload: &Workload) {
    for customer in 0..workload.customers {
        for _mail in 0..MAILS {
            let recipient = format!("{}@fault.example", user_id(customer));
            system.mail.fail_next(&recipient, Fault::Delay(Duration::from_millis(100)));
        }
    }
}

async fn disturbed(workload: &Workload) -> Option<Digest> {
    let mut system = System::start(Topology::Four).await?;
    let (webhooks, folder) = (WebhookReceiver::start().await, tempfile::tempdir().expect("a folder"));
    let workspace = prepared(&system, &webhooks, folder.path()).await;
    slow_mail(&system, workload);
    let began = Instant::now();
    let driver = Driver::start(workload, &workspace, 0);
    let happened = chaos::run(&mut system, &driver, workload).await;
    let sent = driver.finish().await;
    system.all_ready().await;
    println!(
        "disturbed: {} messages of {} customers in {:.1} s: {} accepted, {} duplicates, {} requests repeated",
        workload.messages(),
        workload.customers,
        began.elapsed().as_secs_f64(),
        sent.accepted.load(Relaxed),
        sent.duplicate.load(Relaxed),
        sent.repeated_requests.load(Relaxed),
    );
    println!("faults: {happened:?}");
    let heads = digest::settled(&system.service_clients(), QUIET, SETTLE).await;
    println!("at rest after {:.1} s", began.elapsed().as_secs_f64());
    for service in ["journeys", "scoring", "notifications"] {
        nothing_is_stuck(&system, service, &heads).await;
    }
    let digest = digest::read(&system, &workspace, &webhooks, workload, &heads).await;
    system.stop().await;
    Some(digest)
}

async fn undisturbed(workload: &Workload) -> Digest {
    let mut system = System::start(Topology::OneOnFiles).await.expect("needs no servers");
    let (webhooks, folder) = (WebhookReceiver::start().await, tempfile::tempdir().expect("a folder"));
    let workspace = prepared(&system, &webhooks, folder.path()).await;
    let began = Instant::now();
    let sent = Driver::start(workload, &workspace, usize::MAX).finish().await;
    assert_eq!(sent.accepted.load(Relaxed), workload.unique());
    let heads = digest::settled(&system.service_clients(), QUIET, SETTLE).await;
    println!("undisturbed: at rest after {:.1} s", began.elapsed().as_secs_f64());
    let digest = digest::read(&system, &workspace, &webhooks, workload, &heads).await;
    system.stop().await;
    digest
}

/// Every partition is processed to its end, everything emitted is in the log, and nobody was set aside.
async fn nothing_is_stuck(system: &System, service: &str, heads: &[PartitionHead]) {
    let url = postgres::with_name(
        &system.postgres.as_ref().expect("a PostgreSQL").url(),
        &format!("elate_{service}"),
    );
    let ends: BTreeMap<i64, i64> =
        heads.iter().map(|head| (i64::from(head.partition), head.last_offset.cast_signed())).collect();
    eventually(Duration::from_secs(60), || async {
        let mut connection = PgConnection::connect(&url).await.map_err(|error| error.to_string())?;
        let rows = sqlx::query("SELECT partition, log_offset FROM consumer_partition")
            .fetch_all(&mut connection)
            .await
            .map_err(|error| error.to_string())?;
        let reached: BTreeMap<i64, i64> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let behind: Vec<_> =
            ends.iter().filter(|(partition, end)| reached.get(partition) != Some(end)).collect();
        if behind.is_empty() {
            Ok(())
        } else {
            Err(format!("{service} is behind: {behind:?} in {reached:?}"))
        }
    })
    .await;
    let mut connection = PgConnection::connect(&url).await.expect("connect");
    for table in ["consumer_outbox", "consumer_dead_letter", "consumer_held"] {
        let count = format!("SELECT count(*) FROM {table}");
        let left: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(count)).fetch_one(&mut connection).await.expect("count");
        assert_eq!(left, 0, "{service}: {table} is not empty");
    }
}

fn compare(workload: &Workload, disturbed: &Digest, undisturbed: &Digest) {
    let mut differences = Vec::new();
    let (mut moments, mut promises, mut requested) = (0, 0, 0);
    for customer in 0..workload.customers {
        let id = user_id(customer);
        let (one, other) = (&disturbed.customers[&id], &undisturbed.customers[&id]);
        if one != other {
            differences.push(format!("{id}:\n  disturbed   {one:?}\n  undisturbed {other:?}"));
        }
        let sent = workload.of_customer(customer);
        let mut expected: Vec<&str> = Vec::new();
        for message in &sent {
            if !expected.contains(&message.message_id.as_str()) {
                expected.push(&message.message_id);
            }
        }
        assert_eq!(one.outside, expected, "{id}: each accepted event once, in order");
        assert!(one.requested.values().all(|times| *times == 1), "{id}: {:?}", one.requested);
        moments += one.moments.len();
        promises += one.promises.len();
        requested += one.requested.len();
    }
    assert!(differences.is_empty(), "{} customers differ:\n{}", differences.len(), differences[0]);
    let unknown = &disturbed.unknown;
    for (mail, times) in &disturbed.mails {
        assert_eq!(*times, 1, "{mail:?} was sent twice");
        assert!(undisturbed.mails.contains_key(mail), "{mail:?} should not have been sent");
    }
    for mail in undisturbed.mails.keys() {
        let arrived = disturbed.mails.contains_key(mail) || unknown.contains(mail);
        assert!(arrived, "{mail:?} is missing, and no record says that its outcome is unknown");
    }
    assert!(undisturbed.mails.values().all(|times| *times == 1) && undisturbed.unknown.is_empty());
    for (task, ids) in &disturbed.webhooks {
        assert_eq!(ids.len(), 1, "{task:?} went under several ids");
    }
    assert!(disturbed.webhooks.keys().eq(undisturbed.webhooks.keys()), "the sets of webhooks differ");
    assert!(moments > 0 && promises > 0 && !undisturbed.mails.is_empty() && !undisturbed.webhooks.is_empty());
    println!(
        "equal: {} customers, {} records in the log, {moments} moments, {promises} promises, {requested} messages \
         asked for; {} e-mails arrived, {} are recorded as unknown; {} webhooks",
        workload.customers,
        disturbed.records,
        disturbed.mails.len(),
        unknown.len(),
        disturbed.webhooks.len(),
    );
}
