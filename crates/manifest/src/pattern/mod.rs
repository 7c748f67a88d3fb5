//! Patterns of manifests, compiled for the engine in `elate-patterns`.
//!
//! A workspace's patterns share one [`Vocabulary`]: event names become classes and tests become numbered
//! conditions, so that a condition that many patterns ask for is evaluated once an event.

mod compile;
mod conditions;
mod vocabulary;

pub use compile::{CompiledPattern, PatternProblem, compile};
pub use conditions::{MatchCaptures, PatternConditions};
pub use vocabulary::{StepTable, Vocabulary};
