//! What notifications does with each record: pure.
//!
//! | module | what it decides |
//! |---|---|
//! | [`processor`] | which record means what |
//! | [`chain`] | may a message go now: the rules of a workspace around `elate_reach::decide` |
//! | [`rules`] | the rules themselves, read from published definitions |
//! | [`state`] | what is kept for a customer and for a partition |
//! | [`rows`] | what is written for readers and for the dispatcher |
//! | [`bounce`] | which refusals mean that there is nobody at an address |
//! | [`schedule`] | when a failed attempt is tried again |
//! | `suppression` | addresses that are written to no more |
//! | [`surveys`] | may a customer be asked now, and what became of the question |
//! | [`template`] | what a message says |

pub mod bounce;
pub mod chain;
mod contact;
mod messages;
pub mod processor;
pub mod rows;
pub mod rules;
pub mod schedule;
pub mod state;
mod suppression;
pub mod surveys;
pub mod template;

#[cfg(test)]
mod tests;

pub use processor::Notifications;
