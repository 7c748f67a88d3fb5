//! What the tests of this workspace share: real servers, real receivers, real processes, and one way to wait.
//!
//! * [`postgres`] and [`redis`] hand out a private corner (a database, a key prefix) of the servers that
//!   `scripts/services.sh` started; [`private`] starts whole servers of a test's own, for tests that break them.
//! * [`smtp`] and [`webhook`] are the outside world of the notifications service: they take what is sent to them,
//!   keep it, and fail as told.
//! * [`certificates`] makes authorities and certificates that nobody else trusts.
//! * [`otlp`] is a collector of telemetry that keeps what it is sent.
//! * [`process`] runs the binaries of this workspace and kills them without mercy.
//! * [`eventually()`] is the only place where a test waits.
//! * [`mod@reference`] finds the reference data sets, which live outside the repository.
//!
//! This crate is a dev-dependency only. It reports trouble by panicking with a sentence that says what to do,
//! because a test has no caller to hand an error to.
//!
//! # Missing servers
//!
//! On a developer's machine a test that needs a server which is not there prints one line and passes. Where
//! `ELATE_TEST_REQUIRE_SERVERS=1` is set (`make test` and CI set it) the same test fails, so that a green run
//! means that everything ran.
#![allow(
    clippy::expect_used,
    clippy::print_stderr,
    reason = "helpers for tests: they fail by panicking and tell of skipped tests on stderr"
)]

pub mod certificates;
mod environment;
pub mod eventually;
pub mod otlp;
pub mod ports;
pub mod postgres;
pub mod private;
pub mod process;
pub mod redis;
pub mod reference;
pub mod smtp;
pub mod webhook;

pub use environment::{REQUIRE_SERVERS, servers_required};
pub use eventually::eventually;
pub use ports::free_port;
pub use reference::reference_data;
