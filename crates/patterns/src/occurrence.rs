//! One event as it happens: its times, its class, the caller's conditions, and what is known of them.

use crate::capture::Captures;
use crate::spec::{ClassId, ConditionId};
use crate::state::Partial;

/// The caller's conditions.
pub trait Conditions<E> {
    /// Whether a condition holds for the event at hand.
    ///
    /// `captures` are the earlier events of the partial match that asks; they are empty for a condition
    /// that was declared not to read them. An implementation usually holds the whole event itself, of which
    /// `event` is the part worth keeping. It must be a pure function of its arguments and of that event.
    fn holds(&mut self, id: ConditionId, event: &E, captures: &Captures<'_, E>) -> bool;
}

/// For patterns whose steps are classes only.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoConditions;

impl<E> Conditions<E> for NoConditions {
    fn holds(&mut self, _: ConditionId, _: &E, _: &Captures<'_, E>) -> bool {
        false
    }
}

impl<E, F: FnMut(ConditionId, &E, &Captures<'_, E>) -> bool> Conditions<E> for F {
    fn holds(&mut self, id: ConditionId, event: &E, captures: &Captures<'_, E>) -> bool {
        self(id, event, captures)
    }
}

/// The times of an event, in milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// When it occurred: windows and gaps compare this.
    pub occurred: i64,
    /// The log's time: deadlines fire by this.
    pub now: i64,
}

impl Times {
    /// An event whose own time is the only time.
    pub const fn same(at: i64) -> Self {
        Self { occurred: at, now: at }
    }
}

/// When a deadline fires that was already overdue as it was armed (its first event came late).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overdue {
    /// After so many milliseconds of log time, so that what is still on its way may cancel it.
    Wait(i64),
    /// Not before [`crate::Pattern::release_held`]; for imports of history.
    Hold,
}

impl Default for Overdue {
    /// One hour.
    fn default() -> Self {
        Self::Wait(3_600_000)
    }
}

/// Working memory: what is known of the conditions for the event at hand, and buffers. Kept by the caller
/// from event to event, one a thread, so that nothing is allocated for each.
#[derive(Debug, Default)]
pub struct Scratch {
    generation: u32,
    // generation << 1 | value, by condition
    known: Vec<u64>,
    pub(crate) before: Vec<Partial>,
    pub(crate) born: Vec<Partial>,
    pub(crate) complete: Vec<Partial>,
}

impl Scratch {
    fn begin(&mut self) {
        self.generation = self.generation.wrapping_add(1);
        if self.generation == 0 {
            self.known.clear();
            self.generation = 1;
        }
    }

    fn get(&self, id: ConditionId) -> Option<bool> {
        let entry = *self.known.get(usize::from(id.0))?;
        (entry >> 1 == u64::from(self.generation)).then_some(entry & 1 == 1)
    }

    fn set(&mut self, id: ConditionId, value: bool) {
        let index = usize::from(id.0);
        if index >= self.known.len() {
            self.known.resize(index + 1, 0);
        }
        self.known[index] = (u64::from(self.generation) << 1) | u64::from(value);
    }
}

/// One event, as all patterns see it. Making one starts a new event: conditions are evaluated anew.
pub struct Occurrence<'a, E, C> {
    pub(crate) event: &'a E,
    pub(crate) class: Option<ClassId>,
    pub(crate) times: Times,
    pub(crate) overdue: Overdue,
    conditions: &'a mut C,
    pub(crate) scratch: &'a mut Scratch,
}

impl<'a, E, C: Conditions<E>> Occurrence<'a, E, C> {
    /// `event` is what is captured of it, `class` its class if it has one that patterns know.
    pub fn new(
        event: &'a E,
        class: Option<ClassId>,
        times: Times,
        conditions: &'a mut C,
        scratch: &'a mut Scratch,
    ) -> Self {
        scratch.begin();
        Self { event, class, times, overdue: Overdue::default(), conditions, scratch }
    }

    /// The same, with another rule for deadlines that are overdue when armed.
    #[must_use]
    pub fn overdue(mut self, overdue: Overdue) -> Self {
        self.overdue = overdue;
        self
    }

    pub(crate) fn holds(
        &mut self,
        id: ConditionId,
        reads_captures: bool,
        captures: &Captures<'_, E>,
    ) -> bool {
        if reads_captures {
            return self.conditions.holds(id, self.event, captures);
        }
        if let Some(known) = self.scratch.get(id) {
            return known;
        }
        let value = self.conditions.holds(id, self.event, &Captures::none());
        self.scratch.set(id, value);
        value
    }
}
