//! What goes wrong, while events flow.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use elate_e2e::System;
use elate_testkit::postgres;
use sqlx::{Connection, PgConnection};

use crate::driver::Driver;
use crate::workload::{Dice, Workload};

/// How often each process is killed.
const KILLS: usize = 5;
const VICTIMS: [&str; 4] = ["notifications", "events", "journeys", "scoring"];

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    Kill(&'static str),
    FlushRedis,
    RestartRedis,
    CrashPostgres,
    StealLease(&'static str),
}

fn plan() -> Vec<Fault> {
    let mut plan = Vec::new();
    for round in 0..KILLS {
        for victim in VICTIMS {
            plan.push(Fault::Kill(victim));
        }
        plan.push(match round {
            0 => Fault::FlushRedis,
            1 => Fault::StealLease("journeys"),
            2 => Fault::CrashPostgres,
            3 => Fault::RestartRedis,
            _ => Fault::StealLease("scoring"),
        });
    }
    plan
}

/// Lets everything go wrong, a part of the messages after each fault. Answers how often each fault happened.
pub(crate) async fn run(
    system: &mut System,
    driver: &Driver,
    workload: &Workload,
) -> BTreeMap<String, usize> {
    let plan = plan();
    let mut dice = Dice(7);
    let mut happened = BTreeMap::new();
    let mut reached = BTreeMap::new();
    for (step, fault) in plan.iter().enumerate() {
        let open = workload.messages() * (step + 1) / (plan.len() + 1);
        let before = driver.sent.messages();
        driver.open(open);
        // Killed while it works, not while it starts; and in the middle of a part, at another point each time.
        if let Fault::Kill(victim) = fault {
            ready(system, victim).await;
            at_work(system, victim, &mut reached).await;
        }
        let until = before + (open - before.min(open)) * (1 + dice.below(8)) / 10;
        wait_for_progress(driver, until).await;
        tokio::time::sleep(Duration::from_millis(dice.below(150) as u64)).await;
        strike(system, *fault).await;
        *happened.entry(format!("{fault:?}")).or_default() += 1;
    }
    happened
}

async fn wait_for_progress(driver: &Driver, messages: usize) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while driver.sent.messages() < messages {
        let sent = driver.sent.messages();
        assert!(Instant::now() < deadline, "no progress: {sent} of {messages} messages were acknowledged");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn ready(system: &System, victim: &str) {
    let health = system.admin_url(victim);
    let address = health.trim_start_matches("http://").to_owned();
    elate_testkit::eventually(Duration::from_secs(90), || async {
        tokio::net::TcpStream::connect(&address).await.ok()?;
        (elate_e2e::http::get(&format!("{health}/readyz")).await.status == 200).then_some(())
    })
    .await;
}

/// Waits until a consumer has got further in the log than it was when it was killed last.
async fn at_work(system: &System, victim: &'static str, reached: &mut BTreeMap<&'static str, i64>) {
    if victim == "events" {
        return;
    }
    let last = reached.get(victim).copied().unwrap_or_default();
    let now = elate_testkit::eventually(Duration::from_secs(60), || async {
        let mut connection = connect(system, victim).await;
        let sum = "SELECT coalesce(sum(log_offset), 0)::bigint FROM consumer_partition";
        let now: i64 = sqlx::query_scalar(sum).fetch_one(&mut connection).await.expect("ask");
        if now > last { Ok(now) } else { Err(format!("{victim} does not get on")) }
    });
    let now = now.await;
    reached.insert(victim, now);
}

async fn connect(system: &System, service: &str) -> PgConnection {
    let server = system.postgres.as_ref().expect("a PostgreSQL").url();
    let url = postgres::with_name(&server, &format!("elate_{service}"));
    PgConnection::connect(&url).await.expect("connect")
}

async fn strike(system: &mut System, fault: Fault) {
    match fault {
        Fault::Kill(victim) => system.kill_and_start(victim).await,
        Fault::FlushRedis => system.redis.as_ref().expect("a Redis").flush().await,
        Fault::RestartRedis => system.redis.as_mut().expect("a Redis").restart().await,
        Fault::CrashPostgres => system.postgres.as_mut().expect("a PostgreSQL").restart().await,
        Fault::StealLease(service) => steal_leases(system, service).await,
    }
}

/// Another member, which then does nothing, takes every partition: the owner must not commit any more, and takes them
/// back when the leases have run out.
async fn steal_leases(system: &System, service: &str) {
    let mut connection = connect(system, service).await;
    let stolen = sqlx::query(
        "UPDATE consumer_partition SET owner = 'a thief', epoch = epoch + 1,
         expires_at = (extract(epoch FROM clock_timestamp()) * 1000)::bigint + 1500",
    )
    .execute(&mut connection)
    .await
    .expect("steal the leases");
    assert!(stolen.rows_affected() > 0);
}
