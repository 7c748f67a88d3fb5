//! Journeys as they are: what the loop leaves behind is what really happened, and what is told of it is what
//! `elate-discovery` says of the same steps.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod asking;
mod breaking;
#[path = "../common/mod.rs"]
mod common;
mod rows;
mod shop;
