//! The examples, replayed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    dead_code,
    unreachable_pub,
    reason = "tests fail by panicking"
)]

use std::num::NonZeroUsize;
use std::path::PathBuf;

use elate_simulate::{Definitions, Options, Recording, Report, Silent, simulate};

/// A file or folder of an example.
pub fn place(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(path)
}

/// The manifests of an example, in order of their files.
pub fn manifests(example: &str) -> Vec<String> {
    let folder = std::fs::read_dir(place(&format!("{example}/manifests"))).unwrap();
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
}

/// The recorded events of an example.
pub fn events(example: &str) -> Vec<u8> {
    std::fs::read(place(&format!("{example}/events.ndjson"))).unwrap()
}

/// The usual options.
pub fn options() -> Options {
    Options::try_default().unwrap()
}

/// Options with so many threads.
pub fn with_threads(threads: usize) -> Options {
    Options { threads: NonZeroUsize::new(threads).unwrap(), ..options() }
}

/// Replays events under manifests.
pub fn replay(manifests: &[String], events: &[u8], options: &Options) -> Report {
    let definitions = Definitions::read(manifests).expect("valid manifests");
    let recording = Recording::read(events, options, &Silent).expect("a recording");
    simulate(&definitions, &recording, options, &Silent).expect("a report")
}

/// Replays an example.
pub fn example(name: &str) -> Report {
    replay(&manifests(name), &events(name), &options())
}
