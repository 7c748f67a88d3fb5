//! Answers, comments and questions: their tables, written by the loop and read by the use-cases.

pub(super) mod migration;
mod read;
mod waiting;
mod write;

pub use read::{Answered, FeedbackSelection, StoredFeedback};
pub use waiting::{Allowance, Waiting};
pub(super) use write::Batch;
