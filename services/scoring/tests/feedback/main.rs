//! Feedback from its event or file to the figures that are made of it, and who may see them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod figures;
mod intake;
mod model;
mod shop;
