//! What one event does.

use crate::automaton::{Arc, ClassFacts, Move};
use crate::capture::Captures;
use crate::guard::{Clause, Guard};
use crate::occurrence::{Conditions, Occurrence, Overdue};
use crate::output::{FiredBy, Sink};
use crate::pattern::Pattern;
use crate::queue;
use crate::state::{NEVER, Partial, PatternState, UNSTARTED, state_bit};
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
        if !facts.may_begin && state.occupied & facts.active_bits == 0 {
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
        if self.pattern.skips() {
            self.event_in_heap();
        } else {
            self.event_in_order();
        }
    }

    /// Without a skip strategy: those that came to be first stand first, and what comes out of one takes its
    /// place.
    fn event_in_order(&mut self) {
        let mut born = std::mem::take(&mut self.occurrence.scratch.born);
        let count = self.state.partials.len();
        let (mut write, mut occupied) = (0, 0);
        for read in 0..count {
            let partial = self.state.partials[read];
            if self.is_untouched(&partial) {
                occupied |= state_bit(partial.state);
                // what stands before the first change is not even written
                if write != read {
                    self.state.partials[write] = partial;
                }
                write += 1;
                continue;
            }
            self.expand(partial, &mut born);
            if write + born.len() > read + 1 {
                self.state.occupied = occupied;
                self.make_room(write, read + 1, &mut born);
                (write, occupied) = (self.state.partials.len(), self.state.occupied);
                break;
            }
            for child in born.drain(..) {
                occupied |= state_bit(child.state);
                self.state.wake_hint = self.state.wake_hint.min(child.wake);
                self.state.partials[write] = child;
                write += 1;
            }
        }
        self.state.partials.truncate(write);
        self.state.occupied = occupied;
        if self.facts.may_begin {
            self.expand(self.beginning(), &mut born);
            self.keep_all(&mut born);
        }
        self.occurrence.scratch.born = born;
    }

    /// Goes on where more came out than there is room for before what is still to be tried.
    fn make_room(&mut self, write: usize, read: usize, born: &mut Vec<Partial>) {
        let mut rest = std::mem::take(&mut self.occurrence.scratch.before);
        rest.extend(self.state.partials.drain(read..));
        self.state.partials.truncate(write);
        self.keep_all(born);
        for partial in rest.drain(..) {
            if self.is_untouched(&partial) {
                self.keep(partial);
            } else {
                self.expand(partial, born);
                self.keep_all(born);
            }
        }
        self.occurrence.scratch.before = rest;
    }

    /// With a skip strategy: all are put in anew one by one, as the reference does.
    fn event_in_heap(&mut self) {
        let mut born = std::mem::take(&mut self.occurrence.scratch.born);
        let mut before = std::mem::take(&mut self.occurrence.scratch.before);
        if self.state.partials.is_empty() {
            before.push(self.beginning());
        }
        before.append(&mut self.state.partials);
        self.state.occupied = 0;
        for partial in before.drain(..) {
            if partial.start == UNSTARTED {
                if self.facts.may_begin {
                    self.expand(partial, &mut born);
                    self.keep_all(&mut born);
                }
                self.keep(partial);
            } else if self.is_untouched(&partial) {
                self.keep(partial);
            } else {
                self.expand(partial, &mut born);
                self.keep_all(&mut born);
            }
        }
        self.occurrence.scratch.before = before;
        self.occurrence.scratch.born = born;
        self.state.forget_mark();
    }

    fn beginning(&self) -> Partial {
        let state = self.pattern.automaton.start;
        Partial { state, node: NONE, start: UNSTARTED, start_at: 0, wake: NEVER }
    }

    fn is_untouched(&self, partial: &Partial) -> bool {
        // its time was out when the event occurred: it only waits for its (late) deadline to be noticed
        !self.facts.active[usize::from(partial.state)]
            || self.occurrence.times.occurred >= self.pattern.deadline_of(self.state, partial)
    }

    /// All that the event can make of a partial match goes to `born`; the partial match itself is let go.
    fn expand(&mut self, partial: Partial, born: &mut Vec<Partial>) {
        let pattern = self.pattern;
        let begins = partial.start == UNSTARTED;
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
                Move::Take(step) => self.take(step, arc, &partial, born),
                Move::Ignore => self.pass(arc, &partial, born),
                Move::Stop => stopped = true,
            }
        }
        if stopped {
            for child in born.drain(..) {
                self.state.store.release(child.node);
            }
        }
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

    fn keep_all(&mut self, born: &mut Vec<Partial>) {
        for child in born.drain(..) {
            self.keep(child);
        }
    }

    fn keep(&mut self, partial: Partial) {
        self.state.occupied |= state_bit(partial.state);
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
