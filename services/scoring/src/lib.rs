//! The scoring service: delight scores that explain themselves, and the company's figures.
//!
//! It reads judged moments, recovery cases and survey answers from the customer log, keeps each customer's score and
//! the sums that reports need, and puts crossings of score thresholds back on the timeline. Comments are scored by a
//! lexicon, and besides by a model outside where one is configured.

pub mod app;
mod component;
pub mod config;
pub mod grpc;
pub mod metrics;
pub mod model;
pub mod sentiment;
pub mod store;

pub use component::ScoringComponent;
