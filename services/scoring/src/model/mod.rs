//! What scoring does with each record: pure.
//!
//! | module | what it decides |
//! |---|---|
//! | [`processor`] | which record means what, and in which order |
//! | [`state`] | what is kept for a customer and for a partition |
//! | [`rows`] | what is written for readers: moments, scores, daily sums, cases, feedback |
//! | [`sums`] | sums over moments, exact in any order |
//! | [`sketch`] | distinct customers and quantiles of durations, with stated errors |
//! | [`formula`] | which formula a score is under, and how it comes under another |
//! | [`segments`] | which segments a customer belongs to |
//! | [`crossing`] | thresholds that a score crosses, with hysteresis |
//! | [`purchases`] | which events are purchases, and of how much |
//! | [`study`] | models of churn and value over all customers, who is at risk, what misery costs |
//! | [`effect`] | what plays bring: who is observed, and what is summed up on each side |
//! | [`feedback`] | answers and comments as they are kept, and who was asked |

pub mod crossing;
pub mod effect;
pub mod feedback;
pub mod formula;
pub mod processor;
pub mod purchases;
pub mod rows;
pub mod segments;
pub mod sketch;
pub mod state;
pub mod study;
pub mod sums;

#[cfg(test)]
mod tests;

pub use processor::Scoring;
