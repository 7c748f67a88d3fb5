//! Stories under log time: no IO, every instant is given.

mod patterns;
mod plays;
mod promises;
mod properties;
mod retail;
pub(crate) mod world;
