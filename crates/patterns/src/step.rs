//! What one event does.

use crate::automaton::{Arc, ClassFacts, Move};
use crate::capture::Captures;
use crate::guard::{Clause, Guard};
use crate::occurrence::{Conditions, Occurrence, Overdue};
use crate::output::{FiredBy, Sink};
use crate::pattern::Pattern;
use crate::queue;
use crate::state::{NEVER, Partial, PatternState, UNSTARTED};
use crate::store::NONE;

impl Pattern {
    /// Lets one event happen: first every deadline up to its log time passes, then the event is tried.
    ///
    /// Events are to come in log order, log time never falling. Whether an event that occurred before others
    /// already seen is still given to patterns is the caller's decision; if it is, it counts at its place in
    /// the log, with its own time for windows.
    pub fn step<E: Clone, C: Conditions<E>>(
        &self,
        state: &mut PatternState<E>,
        occurrence: &mut Occurrence<'_, E, C>,
        out: &mut impl Sink<E>,
    ) {
        let class = self.automaton.class_index(occurrence.class);
        self.step_class(state, occurrence, class, out);
    }

    /// The same, with the class already looked up.
    pub(crate) fn step_class<E: Clone, C: Conditions<E>>(
        &self,
        state: &mut PatternState<E>,
        occurrence: &mut Occurrence<'_, E, C>,
        class: usize,
        out: &mut impl Sink<E>,
    ) {
        if occurrence.times.now >= state.wake_hint {
            self.advance(state, occurrence.times.now, out);
        }
        let facts = &self.automaton.facts[class];
        if !facts.may_begin && (state.partials.is_empty() || !facts.any_active) {
            return;
        }
        let mut complete = std::mem::take(&mut occurrence.scratch.complete);
        let mut run = Run {
            pattern: self,
            facts,
            known: facts.holds | facts.fails,
            value: facts.holds,
            kept: None,
            state,
            occurrence,
            complete: &mut complete,
        };
        run.event();
        if let Some((event, _)) = run.kept {
            state.store.release_event(event);
        }
        self.hand_over(state, &mut complete, FiredBy::Event, out);
        self.enforce_limits(state, FiredBy::Event, out);
        state.tidy();
        occurrence.scratch.complete = complete;
    }
}

/// One event being tried on one state.
struct Run<'r, 'o, E, C> {
    pattern: &'r Pattern,
    facts: &'r ClassFacts,
    /// Tests whose outcome is known for this event, and which of them hold.
    known: u64,
    value: u64,
    /// The event as it was kept, and its place in the order, once a step has taken it.
    kept: Option<(u32, u64)>,
    state: &'r mut PatternState<E>,
    occurrence: &'r mut Occurrence<'o, E, C>,
    complete: &'r mut Vec<Partial>,
}

impl<E: Clone, C: Conditions<E>> Run<'_, '_, E, C> {
    fn event(&mut self) {
        let begin = Partial {
            state: self.pattern.automaton.start,
            node: NONE,
            start: UNSTARTED,
            start_at: 0,
            wake: NEVER,
        };
        let skips = self.pattern.skips();
        if skips && self.state.partials.is_empty() {
            self.state.partials.push(begin);
        }
        // what stands before the first partial match that may change stays where it is
        let active = &self.facts.active;
        let untouched = self.state.partials.iter().position(|partial| active[usize::from(partial.state)]);
        let from = if skips { 0 } else { untouched.unwrap_or(self.state.partials.len()) };
        let mut before = std::mem::take(&mut self.occurrence.scratch.before);
        before.extend(self.state.partials.drain(from..));
        for partial in before.drain(..) {
            if partial.start == UNSTARTED {
                self.begin(partial);
                self.keep(partial);
            } else if self.is_untouched(&partial) {
                self.keep(partial);
            } else {
                self.expand(partial);
            }
        }
        self.occurrence.scratch.before = before;
        if !skips {
            self.begin(begin);
        } else if self.state.partials.len() == 1 {
            // only the mark of the beginning is left
            self.state.partials.clear();
        }
    }

    fn is_untouched(&self, partial: &Partial) -> bool {
        // its time was out when the event occurred: it only waits for its (late) deadline to be noticed
        !self.facts.active[usize::from(partial.state)]
            || self.occurrence.times.occurred >= self.pattern.deadline_of(self.state, partial)
    }

    fn begin(&mut self, begin: Partial) {
        if self.facts.may_begin {
            self.expand(begin);
        }
    }

    /// Replaces a partial match by all that the event can make of it.
    fn expand(&mut self, partial: Partial) {
        let pattern = self.pattern;
        let begins = partial.start == UNSTARTED;
        let mut born = std::mem::take(&mut self.occurrence.scratch.born);
        let mut stopped = false;
        // outcomes of tests that look at captures hold for one partial match only
        let reading = pattern.automaton.reading_captures;
        self.known &= !reading | self.facts.fails | self.facts.holds;
        self.value &= self.known;
        for arc in &pattern.automaton.states[usize::from(partial.state)].arcs {
            let is_take = matches!(arc.action, Move::Take(_));
            if (begins && !is_take) || !self.holds(&arc.guard, partial.node) || !self.in_time(arc, &partial) {
                continue;
            }
            match arc.action {
                Move::Take(step) => self.take(step, arc, &partial, &mut born),
                Move::Ignore => self.pass(arc, &partial, &mut born),
                Move::Stop => stopped = true,
            }
        }
        for child in born.drain(..) {
            if stopped {
                self.state.store.release(child.node);
            } else {
                self.keep(child);
            }
        }
        self.occurrence.scratch.born = born;
        self.state.store.release(partial.node);
    }

    fn in_time(&self, arc: &Arc, partial: &Partial) -> bool {
        let Some(gap) = arc.gap.filter(|_| partial.node != NONE) else { return true };
        self.occurrence.times.occurred < self.state.store.last_at(partial.node).saturating_add(gap)
    }

    fn take(&mut self, step: u16, arc: &Arc, partial: &Partial, born: &mut Vec<Partial>) {
        let occurred = self.occurrence.times.occurred;
        let (event, sequence) = self.kept();
        let node = self.state.store.link(step, event, partial.node);
        let begins = partial.start == UNSTARTED;
        let (start, start_at) = if begins { (sequence, occurred) } else { (partial.start, partial.start_at) };
        let wake = self.wake(arc.target, start_at, occurred, partial);
        let child = Partial { state: arc.target, node, start, start_at, wake };
        if self.holds(&arc.completes, partial.node) {
            self.state.store.hold(node);
            self.complete(child);
        }
        self.arrive(child, born);
    }

    fn pass(&mut self, arc: &Arc, partial: &Partial, born: &mut Vec<Partial>) {
        self.state.store.hold(partial.node);
        let mut child = Partial { state: arc.target, ..*partial };
        if child.state != partial.state {
            let previous_at = self.state.store.last_at(partial.node);
            child.wake = self.wake(arc.target, partial.start_at, previous_at, partial);
        }
        self.arrive(child, born);
    }

    fn arrive(&mut self, child: Partial, born: &mut Vec<Partial>) {
        if self.pattern.automaton.states[usize::from(child.state)].is_final {
            self.complete(child);
        } else {
            born.push(child);
        }
    }

    fn complete(&mut self, child: Partial) {
        let complete = Partial { wake: self.occurrence.times.occurred, ..child };
        if self.pattern.skips() {
            queue::push(self.complete, complete);
        } else {
            self.complete.push(complete);
        }
    }

    fn keep(&mut self, partial: Partial) {
        self.state.wake_hint = self.state.wake_hint.min(partial.wake);
        if self.pattern.skips() {
            queue::push(&mut self.state.partials, partial);
        } else {
            self.state.partials.push(partial);
        }
    }

    /// The event's place in the store; it is put there when the first step takes it.
    fn kept(&mut self) -> (u32, u64) {
        if let Some(kept) = self.kept {
            return kept;
        }
        self.state.sequence += 1;
        let sequence = self.state.sequence;
        let event = self.occurrence.event.clone();
        let kept = (self.state.store.keep(event, self.occurrence.times.occurred, sequence), sequence);
        self.kept = Some(kept);
        kept
    }

    /// When a partial match that came out of `parent` is to be looked at again.
    fn wake(&self, target: u16, start_at: i64, previous_at: i64, parent: &Partial) -> i64 {
        let now = self.occurrence.times.now;
        let deadline = self.pattern.deadline(target, start_at, || previous_at);
        if deadline > now {
            return deadline;
        }
        // overdue as it is armed; one that was armed before keeps its time
        if parent.start != UNSTARTED && self.pattern.deadline_of(self.state, parent) == deadline {
            return parent.wake;
        }
        match self.occurrence.overdue {
            Overdue::Wait(time) => now.saturating_add(time.max(1)),
            Overdue::Hold => NEVER,
        }
    }

    fn holds(&mut self, guard: &Guard, node: u32) -> bool {
        guard.clauses().iter().any(|clause| self.clause_holds(*clause, node))
    }

    fn clause_holds(&mut self, clause: Clause, node: u32) -> bool {
        loop {
            let value = self.value;
            if self.known & ((clause.need & !value) | (clause.forbid & value)) != 0 {
                return false;
            }
            let open = (clause.need | clause.forbid) & !self.known;
            if open == 0 {
                return true;
            }
            self.ask(open.trailing_zeros(), node);
        }
    }

    fn ask(&mut self, number: u32, node: u32) {
        let test = self.pattern.automaton.tests[number as usize];
        let captures = Captures::new(&self.state.store, node, &self.pattern.names);
        let holds = test.condition.is_none_or(|id| self.occurrence.holds(id, test.reads_captures, &captures));
        self.known |= 1 << number;
        self.value |= u64::from(holds) << number;
    }
}
