//! Scenarios, on each topology.
//!
//! A system is started once a topology; the scenarios run side by side in workspaces of their own, and last of all the
//! one that stops and starts everything. Each prints a line; one that fails does not hide the others.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::large_futures,
    missing_docs,
    reason = "tests"
)]

mod bad_input;
mod duplicates;
mod erase;
mod patterns;
mod reach;
mod replay;
mod restart;
mod story;
mod survey;
mod tenancy;
mod wire;

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use elate_e2e::{System, Topology};
use futures::FutureExt as _;
use futures::future::{LocalBoxFuture, join_all};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_one_process_on_files() {
    run(Topology::OneOnFiles).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_one_process_on_servers() {
    run(Topology::OneOnServers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_four_processes() {
    run(Topology::Four).await;
}

async fn run(topology: Topology) {
    let began = Instant::now();
    let Some(mut system) = System::start(topology).await else { return };
    println!("{topology:?}: started in {:.1} s", began.elapsed().as_secs_f64());
    let side_by_side: Vec<(&str, LocalBoxFuture<'_, ()>)> = vec![
        ("a present comes late", Box::pin(story::a_present_comes_late(&system))),
        ("quiet hours hold, a refusal ends", Box::pin(reach::quiet_hours_hold(&system))),
        ("a customer is asked and answers", Box::pin(survey::a_customer_is_asked(&system))),
        ("answers come from files", Box::pin(survey::answers_come_from_files(&system))),
        ("repeats change nothing", Box::pin(duplicates::repeats_change_nothing(&system))),
        ("workspaces are apart", Box::pin(tenancy::workspaces_are_apart(&system))),
        ("roles are kept", Box::pin(tenancy::roles_are_kept(&system))),
        ("malformed messages are refused", Box::pin(bad_input::malformed_messages(&system))),
        ("broken manifests are refused", Box::pin(bad_input::broken_manifests(&system))),
        ("senseless patterns are refused", Box::pin(patterns::senseless_patterns(&system))),
        ("hostile webhooks are refused", Box::pin(bad_input::hostile_webhooks(&system))),
        ("definitions look back", Box::pin(replay::definitions_look_back(&system))),
        ("a customer is erased", Box::pin(erase::a_customer_is_erased(&system))),
        ("health, reflection, gRPC-Web", Box::pin(wire::standard_services(&system))),
    ];
    let mut failed = join_all(side_by_side.into_iter().map(|(name, scenario)| watched(name, scenario))).await;
    if failed.iter().all(Option::is_none) {
        failed.push(watched("stop and start", restart::nothing_is_lost_or_doubled(&mut system)).await);
        failed.push(watched("silence", async { bad_input::nothing_secret_was_printed(&system) }).await);
    }
    let failed: Vec<String> = failed.into_iter().flatten().collect();
    assert!(failed.is_empty(), "{topology:?}:\n{}\n{}", failed.join("\n\n"), system.last_words());
    system.stop().await;
}

/// Runs a scenario; what it failed with.
async fn watched(name: &str, scenario: impl Future<Output = ()>) -> Option<String> {
    let began = Instant::now();
    let outcome = AssertUnwindSafe(scenario).catch_unwind().await;
    let took = began.elapsed().as_secs_f64();
    let Err(panic) = outcome else {
        println!("passed  {took:>5.1} s  {name}");
        return None;
    };
    let text = panic.downcast_ref::<String>().cloned();
    let text =
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default();
    println!("FAILED  {took:>5.1} s  {name}: {text}");
    Some(format!("{name}: {text}"))
}
