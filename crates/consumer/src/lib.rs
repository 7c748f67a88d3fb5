//! The consumer loop that journeys, scoring and notifications share: exactly once, without a distributed transaction.
//!
//! A service brings a pure [`Processor`] and a [`ProcessorStore`]; the loop leases partitions, follows the log, loads
//! states, runs steps and timers, and commits states, rows, timers, outbox and offsets in one transaction.

pub mod processor;

pub use processor::{Effects, Emission, Input, Merged, Processor, ProcessorStore, StepError, TimerChange};
