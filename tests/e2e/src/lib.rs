//! End to end: whole systems out of the real binaries, in each topology, and what scenarios ask of them.
//!
//! A [`System`] is started with [`System::start`] and talks like a user does: gRPC, HTTP, a mail server, a webhook
//! endpoint. The scenarios under `tests/` take a system and know nothing of its topology.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "harness for tests: it fails by panicking"
)]

mod ask;
mod system;

pub use ask::*;
pub use system::{System, Topology};
