//! What time does: absences come true, partial matches run out.

use crate::output::{FiredBy, Outcome, Sink, TimedOut};
use crate::pattern::{Pattern, Skip};
use crate::queue;
use crate::state::{NEVER, Partial, PatternState, UNSTARTED, state_bit};
use crate::store::Store;

impl Pattern {
    /// Fires everything whose deadline is at or before `time` (log time), in order of deadline. One call for
    /// a long time does the same as many for its parts, so it does not matter how often it is called.
    pub fn advance<E: Clone>(&self, state: &mut PatternState<E>, time: i64, out: &mut impl Sink<E>) {
        // what has no deadline is not due at the end of time either
        let time = time.min(NEVER - 1);
        while state.wake_hint <= time {
            if !self.skips() {
                // matches do not concern each other, and all can go at once
                self.expire(state, time, out);
                return;
            }
            let Some(due) = due(state).filter(|due| *due <= time) else { return };
            self.expire(state, due, out);
        }
    }

    /// Fires everything whose deadline is at or before `time` as if it all were due at that instant, which is
    /// what Flink does when a watermark jumps. It differs from [`Pattern::advance`] only under a skip
    /// strategy: a partial match whose time was out is reported although a match that came true by time
    /// earlier in the jump rules it out. For comparison with Flink; what comes out depends on the jumps.
    pub fn advance_at_once<E: Clone>(&self, state: &mut PatternState<E>, time: i64, out: &mut impl Sink<E>) {
        if due(state).is_some_and(|due| due <= time) {
            self.expire(state, time.min(NEVER - 1), out);
        }
    }

    /// Lets deadlines that were held (see [`crate::Overdue::Hold`]) fire with the next `advance`.
    pub fn release_held<E>(&self, state: &mut PatternState<E>) {
        let mut partials = std::mem::take(&mut state.partials);
        for partial in &mut partials {
            if partial.wake == NEVER && partial.start != UNSTARTED {
                partial.wake = self.deadline_of(state, partial);
                state.wake_hint = state.wake_hint.min(partial.wake);
            }
        }
        state.partials = partials;
    }

    fn expire<E: Clone>(&self, state: &mut PatternState<E>, until: i64, out: &mut impl Sink<E>) {
        let mut expired = Vec::new();
        let PatternState { partials, store, .. } = state;
        let (mut next, mut occupied) = (NEVER, 0);
        let mut stays = |partial: &Partial| {
            if partial.wake > until {
                next = next.min(partial.wake);
                occupied |= state_bit(partial.state);
                return true;
            }
            if self.reports_timeouts || self.is_pending(partial) {
                expired.push(*partial);
            } else {
                store.release(partial.node);
            }
            false
        };
        if self.skips() {
            // put in anew one by one, as the reference does
            for partial in std::mem::take(partials).into_iter().filter(stays) {
                queue::push(partials, partial);
            }
        } else {
            partials.retain(|partial| stays(partial));
        }
        (state.wake_hint, state.occupied) = (next, occupied);
        // the order in which they stood decides between equal deadlines
        expired.sort_by_key(|partial| partial.wake);
        let mut complete = Vec::new();
        for partial in expired {
            let deadline = self.deadline_of(state, &partial);
            if !self.is_pending(&partial) {
                let captures = state.store.captures(partial.node);
                state.store.release(partial.node);
                out.put(Outcome::TimedOut(TimedOut { captures, deadline }));
            } else if self.skips() {
                queue::push(&mut complete, Partial { wake: deadline, ..partial });
            } else {
                Self::report(state, Partial { wake: deadline, ..partial }, FiredBy::Time, out);
            }
        }
        if self.skips() {
            self.hand_over(state, &mut complete, FiredBy::Time, out);
            state.forget_mark();
        }
        state.tidy();
    }

    fn is_pending(&self, partial: &Partial) -> bool {
        self.automaton.states[usize::from(partial.state)].is_pending
    }

    /// Reports matches, as far as no earlier beginning can still rule them out.
    pub(crate) fn hand_over<E: Clone>(
        &self,
        state: &mut PatternState<E>,
        complete: &mut Vec<Partial>,
        fired_by: FiredBy,
        out: &mut impl Sink<E>,
    ) {
        if !self.skips() {
            for complete in complete.drain(..) {
                Self::report(state, complete, fired_by, out);
            }
            return;
        }
        for complete in complete.drain(..) {
            queue::push(&mut state.completed, complete);
        }
        while let Some(first) = state.completed.first() {
            if state.partials.first().is_some_and(|partial| partial.start < first.start) {
                return;
            }
            let Some(complete) = queue::pop(&mut state.completed) else { return };
            if let Some(limit) = self.ruled_out(&state.store, &complete) {
                rule_out(state, limit);
            }
            Self::report(state, complete, fired_by, out);
        }
    }

    /// A match rules out what began before this place in the order of events.
    fn ruled_out<E>(&self, store: &Store<E>, complete: &Partial) -> Option<u64> {
        let of = |step: u16| store.chain(complete.node).filter(move |(taken_by, _)| *taken_by == step);
        match self.skip {
            Skip::Nothing => None,
            Skip::ToNext => Some(complete.start + 1),
            Skip::PastLast => store.chain(complete.node).next().map(|(_, kept)| kept.sequence + 1),
            Skip::ToFirst(step) => of(step).last().map(|(_, kept)| kept.sequence),
            Skip::ToLast(step) => of(step).next().map(|(_, kept)| kept.sequence),
        }
    }

    /// Drops the oldest where the state holds more than it may.
    pub(crate) fn enforce_limits<E: Clone>(
        &self,
        state: &mut PatternState<E>,
        fired_by: FiredBy,
        out: &mut impl Sink<E>,
    ) {
        let mut dropped = 0;
        while self.is_over(state) {
            let oldest = if self.skips() { queue::pop(&mut state.partials) } else { self.pop_front(state) };
            let Some(oldest) = oldest.filter(|oldest| oldest.start != UNSTARTED) else { break };
            state.store.release(oldest.node);
            dropped += 1;
            if self.skips() {
                self.hand_over(state, &mut Vec::new(), fired_by, out);
            }
        }
        if dropped > 0 {
            state.dropped += dropped;
            out.put(Outcome::Dropped(dropped));
        }
    }

    fn is_over<E>(&self, state: &PatternState<E>) -> bool {
        state.partials.len() + state.completed.len() > self.limits.max_partial_matches as usize
            || state.store.live() > self.limits.max_captures
    }

    fn pop_front<E>(&self, state: &mut PatternState<E>) -> Option<Partial> {
        (!state.partials.is_empty()).then(|| state.partials.remove(0))
    }
}

/// The earliest deadline, which is also noted.
fn due<E>(state: &mut PatternState<E>) -> Option<i64> {
    let due = state.next_deadline();
    state.wake_hint = due.unwrap_or(NEVER);
    due
}

fn rule_out<E>(state: &mut PatternState<E>, limit: u64) {
    let PatternState { partials, completed, store, .. } = state;
    for queue in [partials, completed] {
        queue::retain(queue, |partial| {
            let stays = partial.start >= limit;
            if !stays {
                store.release(partial.node);
            }
            stays
        });
    }
}
