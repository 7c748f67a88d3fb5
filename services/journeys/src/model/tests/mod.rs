//! Stories under log time: no IO, every instant is given.

mod caps;
mod handed_over;
mod learned;
mod migrations;
mod patterns;
mod plays;
mod promises;
mod properties;
mod retail;
mod rollout;
mod schedules;
mod why;
pub(crate) mod world;
