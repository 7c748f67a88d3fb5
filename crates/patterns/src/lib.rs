//! # elate-patterns: event patterns
//!
//! Finds patterns in one customer's events: *ordered, then looked at the tracking page three times, then no
//! delivery within five days*. Steps, groups, repetitions, absences, times and skip strategies mean what
//! they mean in Flink CEP 1.20 (and so what SQL's `MATCH_RECOGNIZE` means by them where the two overlap).
//!
//! The crate is pure: no clock, no I/O, no threads, no expression language. It runs the same live, in a
//! replay and in a simulation.
//!
//! - A [`PatternSpec`] says what to find. [`Pattern::compile`] turns it into a [`Pattern`], or says with path,
//!   reason and hint why not.
//! - A [`PatternState`] is what one key (a customer, or one order of a customer) carries between events. It
//!   is serialisable, and bounded by [`Limits`]: what is beyond them is dropped oldest first and reported.
//! - [`Pattern::step`] lets one event happen, [`Pattern::advance`] lets time pass. What comes out goes into a
//!   [`Sink`]: matches, partial matches that ran out of time, and counts of what was dropped.
//! - [`Conditions`] are the caller's; a step names one by a number. One that does not look at the events
//!   captured so far is evaluated at most once an event.
//! - A [`PatternSet`] holds many patterns and looks only at those that an event's class concerns.
//!
//! ## Time
//!
//! Events are given in log order. Each has two times ([`Times`]): when it *occurred*, which windows and gaps
//! compare, and the log's *now*, by which deadlines fire. A window is half open: the last event comes
//! strictly less than `within` after the first; at exactly `within` the time is out, an absence is true, and
//! a forbidden event comes too late to forbid. Deadlines up to `now` fire before the event is tried.
//!
//! An event that is older than others already seen is taken at its place in the log. Whether it is given to
//! patterns at all (how late is too late) is for the caller to decide, before calling. A deadline that is
//! already overdue as it is armed waits ([`Overdue`]) for what may still be on its way.
//!
//! ## Correlation
//!
//! Steps are not correlated by the patterns themselves. A pattern with a key (an order number) has one state
//! for each value of the key: the caller computes the key and chooses the state.
//!
//! ```
//! use elate_patterns::{
//!     ClassId, EventTest, NoConditions, Occurrence, Outcome, Pattern, PatternSpec, PatternState, Scratch,
//!     StepSpec, Times,
//! };
//!
//! let (ordered, delivered) = (ClassId(1), ClassId(2));
//! let pattern = Pattern::compile(&PatternSpec {
//!     steps: vec![
//!         StepSpec::event("ordered", EventTest::class(ordered)),
//!         StepSpec::absent("delivered", EventTest::class(delivered)),
//!     ],
//!     within_ms: Some(86_400_000),
//!     ..PatternSpec::default()
//! })?;
//!
//! let mut state = PatternState::default();
//! let mut scratch = Scratch::default();
//! let mut out = Vec::new();
//! let mut conditions = NoConditions;
//! let mut event =
//!     Occurrence::new(&"order 7", Some(ordered), Times::same(0), &mut conditions, &mut scratch);
//! pattern.step(&mut state, &mut event, &mut out);
//! assert_eq!(pattern.next_deadline(&state), Some(86_400_000));
//!
//! pattern.advance(&mut state, 86_400_000, &mut out);
//! assert!(matches!(&out[..], [Outcome::Matched(found)] if found.captures[0].event == "order 7"));
//! # Ok::<(), elate_patterns::CompileError>(())
//! ```

mod advance;
mod automaton;
mod build;
mod capture;
mod check;
mod codec;
mod error;
mod graph;
mod guard;
mod occurrence;
mod output;
mod pattern;
mod queue;
mod set;
mod set_state;
mod spec;
mod state;
mod step;
mod store;
mod varint;

pub use capture::Captures;
pub use error::{Cause, CompileError};
pub use occurrence::{Conditions, NoConditions, Occurrence, Overdue, Scratch, Times};
pub use output::{Capture, FiredBy, Match, Outcome, Sink, TimedOut};
pub use pattern::Pattern;
pub use set::{PatternKey, PatternSet, SetOutcomes};
pub use set_state::SetState;
pub use spec::{
    AfterMatch, ClassId, ConditionId, Contiguity, EventTest, Limits, PatternSpec, Repeat, StepKind, StepSpec,
};
pub use state::PatternState;
