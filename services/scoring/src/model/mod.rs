//! What scoring does with each record: pure.
//!
//! | module | what it decides |
//! |---|---|
//! | [`processor`] | which record means what, and in which order |
//! | [`state`] | what is kept for a customer and for a partition |
//! | [`rows`] | what is written for readers: moments, scores, daily sums, cases, answers |
//! | [`answers`] | which events of the timeline are survey answers |

pub mod answers;
pub mod processor;
pub mod rows;
pub mod state;

#[cfg(test)]
mod tests;

pub use processor::Scoring;
