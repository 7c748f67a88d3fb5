//! Moments: experiences that are compared with what was expected.
//!
//! A moment is made by a single event, by a pattern, or by a promise (see [`super::promises`]). What all of them
//! share is in [`Facts`].

mod facts;
mod patterns;
mod single;

use elate_manifest::expression::Value;

pub(crate) use facts::{Experience, Facts, same_unit};
pub(crate) use patterns::{PatternMoment, Seen, advance, overdue, step, timer, times};
pub(crate) use single::{SingleMoment, judge};

use super::promises::Rules;

/// A Moment manifest, compiled.
#[derive(Debug, Clone)]
pub(crate) struct MomentDefinition {
    pub(crate) facts: Facts,
    /// What tells moments of one customer apart.
    pub(crate) key: Option<Value>,
    pub(crate) kind: Kind,
}

/// What makes a moment.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// One event.
    Single(SingleMoment),
    /// A pattern of events.
    Pattern(PatternMoment),
    /// A promise: made, and fulfilled or not.
    Promise(Box<Rules>),
}
