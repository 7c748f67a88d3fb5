//! What one key (a customer, or a customer's order) carries for one pattern between events.

use crate::store::{NONE, Store};

/// No time: such a deadline never comes by itself.
pub(crate) const NEVER: i64 = i64::MAX;

/// Marks the place in the order where new matches begin: after everything that has begun.
pub(crate) const UNSTARTED: u64 = u64::MAX;

/// One way in which the events so far may become a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Partial {
    /// The automaton's state.
    pub(crate) state: u16,
    /// The last link of its captured events.
    pub(crate) node: u32,
    /// Its first event's place in the order of processing.
    pub(crate) start: u64,
    /// When its first event occurred.
    pub(crate) start_at: i64,
    /// The log time at which it fires or times out; in a completed match the time of its completion.
    pub(crate) wake: i64,
}

/// The bit of an automaton's state in a set of states; those beyond the 63rd share the last bit, so such a set may
/// say "perhaps" where "no" would be right.
pub(crate) const fn state_bit(state: u16) -> u64 {
    1 << if state < 63 { state } else { 63 }
}

/// The partial matches of one key. Serialisable; to be used only with the pattern that made it.
#[derive(Debug, Clone)]
pub struct PatternState<E> {
    pub(crate) partials: Vec<Partial>,
    /// The automaton's states in which partial matches are, or at least these.
    pub(crate) occupied: u64,
    /// Not later than the earliest `wake`.
    pub(crate) wake_hint: i64,
    pub(crate) sequence: u64,
    pub(crate) store: Store<E>,
    /// Matches that wait until nothing that began earlier can rule them out.
    pub(crate) completed: Vec<Partial>,
    pub(crate) dropped: u64,
}

impl<E> Default for PatternState<E> {
    fn default() -> Self {
        Self {
            partials: Vec::new(),
            occupied: 0,
            wake_hint: NEVER,
            sequence: 0,
            store: Store::default(),
            completed: Vec::new(),
            dropped: 0,
        }
    }
}

impl<E> PatternState<E> {
    /// Whether nothing has begun.
    pub fn is_empty(&self) -> bool {
        self.partials.is_empty() && self.completed.is_empty()
    }

    /// How many partial matches are open, completed ones that wait included.
    pub fn open(&self) -> usize {
        self.partials.iter().filter(|partial| partial.start != UNSTARTED).count() + self.completed.len()
    }

    /// How many partial matches were dropped so far because the state was full.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The log time of the next deadline, if there is one.
    pub fn next_deadline(&self) -> Option<i64> {
        self.partials.iter().map(|partial| partial.wake).min().filter(|wake| *wake != NEVER)
    }

    /// Takes the mark of the beginning away where nothing else is left.
    pub(crate) fn forget_mark(&mut self) {
        if self.partials.len() == 1 {
            self.partials.clear();
            self.occupied = 0;
        }
    }

    /// Gives up room after many partial matches are gone, so that a state is stored no larger than it is.
    pub(crate) fn tidy(&mut self) {
        if !self.store.is_sparse() {
            return;
        }
        let numbers = self.store.compact();
        for partial in self.partials.iter_mut().chain(&mut self.completed) {
            partial.node = numbers.get(partial.node as usize).copied().unwrap_or(NONE);
        }
    }
}
