//! What the load drivers under `benches/` share: traffic, callers, raw limits, and what is measured.
//!
//! Each driver starts the real binaries on real servers, puts load on them over loopback, and prints a line a figure
//! with its ratio to a limit that it measured in the same run ([`Report`]), because machines drift and ratios hold.
//!
//! | module | what it has |
//! |---|---|
//! | [`traffic`] | messages of about 400 bytes, and the traffic of a shop under the retail manifests |
//! | [`load`] | callers that send batches as fast as they are taken, or at a rate |
//! | [`raw`] | multi-row inserts of the same rows by nobody but the database |
//! | [`progress`] | how far each service is, read from its own database |
//! | [`alone`] | the events service as a process by itself |
//! | [`watch`] | a follower that notes when what came onto the timelines |
//! | [`usage`] | processor time and memory of all processes that a driver has started |
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::missing_panics_doc,
    reason = "load drivers for a terminal: they fail by panicking, and measure by the machine's clock"
)]

pub mod alone;
pub mod load;
pub mod progress;
pub mod raw;
pub mod report;
pub mod traffic;
pub mod usage;
pub mod watch;

pub use report::Report;

/// The retail manifests that the examples come with, as one text of documents.
pub fn retail_manifests() -> String {
    let folder = elate_testkit::reference::workspace_root().join("examples/retail/manifests");
    let entries = std::fs::read_dir(&folder).expect("the retail example");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let texts = files.iter().map(|file| std::fs::read_to_string(file).expect("a manifest"));
    texts.collect::<Vec<_>>().join("\n---\n")
}
