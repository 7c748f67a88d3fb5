//! What customers say: their answers and comments, and what may be concluded from them.
//!
//! | module | what it decides |
//! |---|---|
//! | [`asking`] | whether a customer may be asked now, and if not, why and until when |
//! | [`record`] | one checked record for all feedback; CSV, JSON lines and events; repeats are recognised |
//! | [`sentiment`] | how a comment sounds, in languages that are known; all else is *not scored* |
//! | [`stats`] | figures, trends, comparisons, weights against response bias, response rates |
//! | [`themes`] | what comments are about, with counts, sentiment and examples |

pub mod asking;
pub mod record;
pub mod sentiment;
pub mod stats;
pub mod themes;
