//! What notifications does with each record: pure.
//!
//! | module | what it decides |
//! |---|---|
//! | [`processor`] | which record means what |
//! | [`chain`] | may a message go now: the rules of a workspace around `elate_reach::decide` |
//! | [`rules`] | the rules themselves, read from published definitions |
//! | [`state`] | what is kept for a customer and for a partition |
//! | [`rows`] | what is written for readers and for the dispatcher |
//! | [`schedule`] | when a failed attempt is tried again |
//! | [`template`] | what a message says |

pub mod chain;
mod contact;
mod messages;
pub mod processor;
pub mod rows;
pub mod rules;
pub mod schedule;
pub mod state;
pub mod template;

#[cfg(test)]
mod tests;

pub use processor::Notifications;
