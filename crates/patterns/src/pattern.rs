//! A compiled pattern.

use crate::automaton::Automaton;
use crate::build::build;
use crate::check;
use crate::error::{Cause, CompileError};
use crate::output::{Capture, FiredBy, Match, Outcome, Sink};
use crate::spec::{AfterMatch, ClassId, Limits, PatternSpec};
use crate::state::{NEVER, Partial, PatternState};

/// Which partial matches a match rules out: those that began before a certain event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Skip {
    Nothing,
    ToNext,
    PastLast,
    ToFirst(u16),
    ToLast(u16),
}

/// A pattern that is ready to be run. Immutable and free of state: one serves all keys and threads.
#[derive(Debug, Clone)]
pub struct Pattern {
    pub(crate) automaton: Automaton,
    pub(crate) names: Vec<String>,
    pub(crate) within: Option<i64>,
    pub(crate) skip: Skip,
    pub(crate) reports_timeouts: bool,
    silent: bool,
    pub(crate) limits: Limits,
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    ///
    /// The first of [`Pattern::problems`].
    pub fn compile(spec: &PatternSpec) -> Result<Self, CompileError> {
        match check::problems(spec).into_iter().next() {
            Some(problem) => Err(problem),
            None => Self::compile_lenient(spec),
        }
    }

    /// All that is wrong with a pattern, in the order of its parts; empty if it can be compiled, but for its
    /// size.
    pub fn problems(spec: &PatternSpec) -> Vec<CompileError> {
        check::problems(spec)
    }

    /// Compiles a pattern although its author should be told that it is unclear: an endless loop that only
    /// the limits bound, an absence beside an optional step. For conformance suites and the like.
    ///
    /// # Errors
    ///
    /// What cannot be run at all.
    pub fn compile_lenient(spec: &PatternSpec) -> Result<Self, CompileError> {
        if let Some(problem) = check::impossibilities(spec).into_iter().next() {
            return Err(problem);
        }
        let too_large = |_| CompileError { path: "steps".to_owned(), cause: Cause::TooLarge };
        let built = build(spec).map_err(too_large)?;
        let automaton = Automaton::flatten(&built).map_err(too_large)?;
        let number = |name: &String| {
            let found = built.names.iter().position(|known| known == name);
            found.map(|number| number as u16).ok_or_else(|| CompileError {
                path: "after_match".to_owned(),
                cause: Cause::NoSuchStep(name.clone()),
            })
        };
        let skip = match &spec.after_match {
            AfterMatch::NoSkip => Skip::Nothing,
            AfterMatch::SkipToNext => Skip::ToNext,
            AfterMatch::SkipPastLast => Skip::PastLast,
            AfterMatch::SkipToFirst(step) => Skip::ToFirst(number(step)?),
            AfterMatch::SkipToLast(step) => Skip::ToLast(number(step)?),
        };
        Ok(Self {
            automaton,
            names: built.names,
            within: spec.within_ms,
            skip,
            reports_timeouts: true,
            silent: false,
            limits: spec.limits,
        })
    }

    /// The same pattern, whose partial matches are let go without a word when they run out of time; it saves
    /// work where nobody asks for them.
    #[must_use]
    pub fn without_timeouts(mut self) -> Self {
        self.reports_timeouts = false;
        // an absence comes true by time, and under a skip strategy what ends may let others go
        self.silent = !self.skips() && !self.automaton.states.iter().any(|state| state.is_pending);
        self
    }

    /// The name of a step that takes events, by its number in a [`Capture`].
    pub fn step_name(&self, step: u16) -> Option<&str> {
        self.names.get(usize::from(step)).map(String::as_str)
    }

    /// The number of a step that takes events.
    pub fn step_index(&self, name: &str) -> Option<u16> {
        self.names.iter().position(|known| known == name).map(|number| number as u16)
    }

    /// The classes that the pattern's steps name, ascending.
    pub fn classes(&self) -> &[ClassId] {
        &self.automaton.classes
    }

    /// Whether events of classes that no step names can matter (a step of any class, or strict contiguity).
    pub fn concerns_any_class(&self) -> bool {
        self.automaton.facts.last().is_some_and(|facts| facts.may_begin || facts.any_active)
    }

    /// The log time of the state's next deadline: [`Pattern::advance`] should be called then.
    ///
    /// There is none where nobody would be told of it; partial matches whose time is out then go when the next
    /// event comes.
    pub fn next_deadline<E>(&self, state: &PatternState<E>) -> Option<i64> {
        state.next_deadline().filter(|_| !self.ends_silently())
    }

    /// Whether nothing ever comes out because time passes, so that nobody has to watch the clock.
    pub fn ends_silently(&self) -> bool {
        self.silent
    }

    pub(crate) fn skips(&self) -> bool {
        self.skip != Skip::Nothing
    }

    /// The instant from which on a partial match takes no more events.
    pub(crate) fn deadline(&self, state: u16, start_at: i64, previous_at: impl FnOnce() -> i64) -> i64 {
        let whole = self.within.map_or(NEVER, |within| start_at.saturating_add(within));
        match self.automaton.states[usize::from(state)].window {
            Some(window) => whole.min(previous_at().saturating_add(window)),
            None => whole,
        }
    }

    pub(crate) fn deadline_of<E>(&self, state: &PatternState<E>, partial: &Partial) -> i64 {
        self.deadline(partial.state, partial.start_at, || state.store.last_at(partial.node))
    }

    /// Reports a match and lets go of it.
    pub(crate) fn report<E: Clone>(
        state: &mut PatternState<E>,
        complete: Partial,
        fired_by: FiredBy,
        out: &mut impl Sink<E>,
    ) {
        let captures: Vec<Capture<E>> = state.store.captures(complete.node);
        state.store.release(complete.node);
        let last_at = captures.last().map_or(complete.start_at, |capture| capture.at);
        out.put(Outcome::Matched(Match {
            captures,
            first_at: complete.start_at,
            last_at,
            complete_at: complete.wake,
            fired_by,
        }));
    }
}
