//! What comes out of stepping a pattern.

use serde::{Deserialize, Serialize};

/// One captured event of a match or of a partial match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capture<E> {
    /// The step that took it; see [`crate::Pattern::step_name`].
    pub step: u16,
    /// When it occurred, in milliseconds.
    pub at: i64,
    /// What the caller captured of it.
    pub event: E,
}

/// What completed a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FiredBy {
    /// An event.
    Event,
    /// Time that ran out: an absence, or an earlier partial match that ended and let this one go.
    Time,
}

/// A completed match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match<E> {
    /// The captured events in the order in which they were taken.
    pub captures: Vec<Capture<E>>,
    /// When the first event occurred.
    pub first_at: i64,
    /// When the last event occurred.
    pub last_at: i64,
    /// When it was complete: the time of the completing event, or the deadline that passed.
    pub complete_at: i64,
    /// What reported it.
    pub fired_by: FiredBy,
}

impl<E> Match<E> {
    /// The events that a step took, in order.
    pub fn of(&self, step: u16) -> impl Iterator<Item = &Capture<E>> {
        self.captures.iter().filter(move |capture| capture.step == step)
    }
}

/// A partial match that ran out of time: started, never finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimedOut<E> {
    /// The captured events in the order in which they were taken.
    pub captures: Vec<Capture<E>>,
    /// The instant at which its time was out.
    pub deadline: i64,
}

/// One thing that came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome<E> {
    /// A match.
    Matched(Match<E>),
    /// A partial match whose time ran out.
    TimedOut(TimedOut<E>),
    /// So many of the oldest partial matches were dropped because the state was full.
    Dropped(u64),
}

/// Takes what comes out; a `Vec` of outcomes is one.
pub trait Sink<E> {
    /// Takes one outcome.
    fn put(&mut self, outcome: Outcome<E>);
}

impl<E> Sink<E> for Vec<Outcome<E>> {
    fn put(&mut self, outcome: Outcome<E>) {
        self.push(outcome);
    }
}
