//! End to end: whole systems out of the real binaries, in each topology, and what scenarios ask of them.
//!
//! * [`System`] starts, stops, kills and restarts the processes, with the servers and the mail sink that they need.
//! * [`Workspace`] talks to them like a user does, over gRPC and HTTP, with its own keys.
//! * [`http`] is as much of an HTTP client as scenarios need.
//!
//! The scenarios under `tests/` take a system and know nothing of its topology. Each works in a workspace of its own,
//! so that they share a system without seeing each other.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::missing_panics_doc,
    reason = "harness for tests: it fails by panicking"
)]

mod ask;
mod clients;
pub mod http;
mod messages;
mod system;
mod workspace;

pub use ask::SOON;
pub use clients::{Authenticated, Clients, explain};
pub use messages::*;
pub use system::{System, Topology};
pub use workspace::Workspace;
