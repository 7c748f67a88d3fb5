//! Always-valid comparisons, rollouts, plays and drivers.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../simulate/mod.rs"]
mod simulate;

mod drivers;
mod play;
mod rollout;
mod sequential;
