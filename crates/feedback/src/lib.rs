//! What customers say: their answers and comments, and what may be concluded from them.
//!
//! An answer comes in from an event, a file or a call and becomes one checked [`record::Feedback`], known again when it
//! is sent twice. A comment is read for how it sounds ([`sentiment`]) and, together with others, for what it is about
//! ([`themes`]). Answers are counted into figures with intervals, followed over time, compared, and weighted where
//! those who answered are not like all ([`stats`]). And before anything is asked, [`asking`] says whether a customer may
//! be asked now.
//!
//! Everything is pure and deterministic: time is an argument, nothing is random, every input has a stated bound. What
//! cannot be said honestly is not said: a comment in a language that is not known has no score (and is no zero), two
//! groups that are too small have no test, people of whom nobody answered have no weight.
//!
//! | module | what it decides |
//! |---|---|
//! | [`asking`] | whether a customer may be asked now, and if not, why and until when |
//! | [`record`] | one checked record for all feedback; CSV, JSON lines and events; repeats are recognised |
//! | [`sentiment`] | how a comment sounds, in languages that are known; all else is *not scored* |
//! | [`stats`] | figures, trends, comparisons, weights against response bias, response rates |
//! | [`themes`] | what comments are about, with counts, sentiment and examples |
//!
//! ```
//! use elate_feedback::record::NdjsonReader;
//! use elate_feedback::sentiment::Analyser;
//! use elate_feedback::stats::{Measure, Tally};
//!
//! let lines = r#"{"submission_id": "a", "type": "nps", "value": 9, "submitted_at": "2026-03-01T09:30:00Z"}"#;
//! let mut nps = Tally::new(Measure::Nps);
//! for record in NdjsonReader::new(lines.as_bytes()) {
//!     nps.add(&record.expect("a record with all that is required").value);
//! }
//! assert_eq!(nps.value(), Some(100.0));
//!
//! let read = Analyser::new().read("The courier was very kind!", None);
//! assert!(read.compound().is_some_and(|compound| compound > 0.5));
//! ```

pub mod asking;
pub mod record;
pub mod sentiment;
pub mod stats;
pub mod themes;
