//! The journeys service: promises, moments, recovery cases, journeys and plays.
//!
//! It follows the customer log and judges what customers live through against what they were entitled to expect,
//! opens and watches recovery cases, keeps where each customer stands on each journey, and runs plays. Whatever it
//! finds goes back to the log as an event; what it asks of notifications does so too.
//!
//! * [`model`] is pure: the step from (definitions, state, event, log time) to (state, effects).
//! * [`store`] holds the read models, written in the loop's transaction.
//! * [`app`] answers questions from them, [`grpc`] speaks the contract.
//! * [`JourneysComponent`] puts it all into a process.

pub mod app;
mod component;
pub mod config;
pub mod error;
pub mod grpc;
pub mod metrics;
pub mod model;
pub mod page;
pub mod store;

pub use component::JourneysComponent;
