//! What customers say: their answers and comments, and what may be concluded from them.
//!
//! | module | what it decides |
//! |---|---|
//! | [`sentiment`] | how a comment sounds, in languages that are known; all else is *not scored* |

pub mod sentiment;
