//! Many patterns at once: an event is tried only on those that it may concern.

use serde::{Deserialize, Serialize};

use crate::occurrence::{Conditions, Occurrence};
use crate::output::{Outcome, Sink};
use crate::pattern::Pattern;
use crate::set_state::SetState;
use crate::spec::ClassId;
use crate::state::NEVER;

/// The caller's name for a pattern in a set; states are kept by it, so it must outlive a restart and change
/// when the pattern changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PatternKey(pub u64);

/// What came out of a set, in order, each with the pattern it came from.
pub type SetOutcomes<E> = Vec<(PatternKey, Outcome<E>)>;

/// A pattern that a class of events may concern, and where the pattern knows that class.
#[derive(Debug, Clone, Copy)]
struct Concern {
    key: PatternKey,
    pattern: u32,
    class: u32,
    /// The automaton's states in which an event of the class may change something.
    active_bits: u64,
    may_begin: bool,
}

/// Patterns, indexed by the classes of events that concern them.
#[derive(Debug, Clone, Default)]
pub struct PatternSet {
    /// By key, ascending.
    patterns: Vec<(PatternKey, Pattern)>,
    /// Classes that any pattern names, ascending, with the patterns that they concern.
    classes: Vec<(ClassId, Vec<Concern>)>,
    /// The patterns that events of every other class concern.
    others: Vec<Concern>,
}

impl PatternSet {
    /// A set of patterns. Of two with the same key the later one counts.
    pub fn new(patterns: impl IntoIterator<Item = (PatternKey, Pattern)>) -> Self {
        let mut patterns: Vec<(PatternKey, Pattern)> = patterns.into_iter().collect();
        patterns.reverse();
        patterns.sort_by_key(|(key, _)| *key);
        patterns.dedup_by_key(|(key, _)| *key);
        let mut named: Vec<ClassId> =
            patterns.iter().flat_map(|(_, pattern)| pattern.classes().iter().copied()).collect();
        named.sort_unstable();
        named.dedup();
        let classes = named.into_iter().map(|class| (class, concerns(&patterns, Some(class)))).collect();
        let others = concerns(&patterns, None);
        Self { patterns, classes, others }
    }

    /// How many patterns there are.
    pub fn len(&self) -> usize {
        self.patterns.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// The pattern of a key.
    pub fn get(&self, key: PatternKey) -> Option<&Pattern> {
        let found = self.patterns.binary_search_by_key(&key, |(known, _)| *known).ok()?;
        Some(&self.patterns[found].1)
    }

    /// All patterns, by key.
    pub fn iter(&self) -> impl Iterator<Item = (PatternKey, &Pattern)> {
        self.patterns.iter().map(|(key, pattern)| (*key, pattern))
    }

    /// Whether events of a class can concern any pattern at all, however things stand.
    pub fn concerns(&self, class: Option<ClassId>) -> bool {
        !self.concerned(class).is_empty()
    }

    /// Lets one event happen to all patterns; see [`Pattern::step`]. States of patterns that are not in the
    /// set are left as they are.
    ///
    /// Patterns that the event does not concern cost nothing, not even the reading of their stored states; of
    /// those that it does concern, one in whose state it could change nothing costs one comparison.
    pub fn step<E: Clone, C: Conditions<E>>(
        &self,
        state: &mut SetState<E>,
        occurrence: &mut Occurrence<'_, E, C>,
        out: &mut SetOutcomes<E>,
    ) {
        if occurrence.times.now >= state.wake {
            self.advance(state, occurrence.times.now, out);
        }
        let mut from = 0;
        for concern in self.concerned(occurrence.class) {
            let key = concern.key;
            let place = state.position_from(from, key);
            from = place;
            let found = state.heads.get(place).filter(|head| head.key == key);
            let may_change = found.is_some_and(|head| head.occupied & concern.active_bits != 0);
            if !concern.may_begin && !may_change {
                continue;
            }
            if found.is_none() {
                state.insert(place, key);
            }
            let pattern = &self.patterns[concern.pattern as usize].1;
            let mut out = Tagged { key, out };
            if let Some(state_of) = state.wake_up(place, &mut out) {
                pattern.step_class(state_of, occurrence, concern.class as usize, &mut out);
            }
            state.note(place, pattern);
        }
    }

    /// Fires everything whose deadline is at or before `time`, in order of deadline over all patterns; see
    /// [`Pattern::advance`].
    pub fn advance<E: Clone>(&self, state: &mut SetState<E>, time: i64, out: &mut SetOutcomes<E>) {
        while state.wake <= time {
            let (place, first, others) = state.first_to_wake();
            state.wake = first;
            if first > time || first == NEVER {
                return;
            }
            let key = state.heads[place].key;
            // a withdrawn pattern has no deadlines any more
            state.heads[place].wake = NEVER;
            if let Some(pattern) = self.get(key) {
                let mut out = Tagged { key, out };
                if let Some(state_of) = state.wake_up(place, &mut out) {
                    pattern.advance(state_of, time.min(others), &mut out);
                }
                state.note(place, pattern);
            }
        }
    }

    /// See [`Pattern::release_held`].
    pub fn release_held<E: Clone>(&self, state: &mut SetState<E>, out: &mut SetOutcomes<E>) {
        for place in 0..state.heads.len() {
            let key = state.heads[place].key;
            if let Some(pattern) = self.get(key) {
                if let Some(state_of) = state.wake_up(place, &mut Tagged { key, out }) {
                    pattern.release_held(state_of);
                }
                state.note(place, pattern);
            }
        }
    }

    fn concerned(&self, class: Option<ClassId>) -> &[Concern] {
        let found =
            class.and_then(|class| self.classes.binary_search_by_key(&class, |(known, _)| *known).ok());
        found.map_or(&self.others, |found| &self.classes[found].1)
    }
}

fn concerns(patterns: &[(PatternKey, Pattern)], class: Option<ClassId>) -> Vec<Concern> {
    let mut concerns = Vec::new();
    for (index, (key, pattern)) in patterns.iter().enumerate() {
        let class = pattern.automaton.class_index(class);
        let facts = &pattern.automaton.facts[class];
        if facts.may_begin || facts.any_active {
            concerns.push(Concern {
                key: *key,
                pattern: index as u32,
                class: class as u32,
                active_bits: facts.active_bits,
                may_begin: facts.may_begin,
            });
        }
    }
    concerns
}

/// Adds the pattern's key to what comes out.
struct Tagged<'a, E> {
    key: PatternKey,
    out: &'a mut SetOutcomes<E>,
}

impl<E> Sink<E> for Tagged<'_, E> {
    fn put(&mut self, outcome: Outcome<E>) {
        self.out.push((self.key, outcome));
    }
}
