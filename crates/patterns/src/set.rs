//! Many patterns at once: an event is tried only on those that it may concern.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::occurrence::{Conditions, Occurrence};
use crate::output::{Outcome, Sink};
use crate::pattern::Pattern;
use crate::spec::ClassId;
use crate::state::{NEVER, PatternState};

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
    pattern: u32,
    class: u32,
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
    pub fn step<E: Clone, C: Conditions<E>>(
        &self,
        state: &mut SetState<E>,
        occurrence: &mut Occurrence<'_, E, C>,
        out: &mut SetOutcomes<E>,
    ) {
        if occurrence.times.now >= state.wake_hint {
            self.advance(state, occurrence.times.now, out);
        }
        for concern in self.concerned(occurrence.class) {
            let (key, pattern) = &self.patterns[concern.pattern as usize];
            let mut out = Tagged { key: *key, out };
            let class = concern.class as usize;
            match state.position(*key) {
                Ok(found) => {
                    pattern.step_class(&mut state.states[found], occurrence, class, &mut out);
                    state.note_wake(found);
                }
                Err(place) if pattern.automaton.facts[class].may_begin => {
                    let mut state_of = PatternState::default();
                    pattern.step_class(&mut state_of, occurrence, class, &mut out);
                    if !state_of.is_empty() {
                        state.heads.insert(place, Head { key: *key, wake_hint: NEVER });
                        state.states.insert(place, state_of);
                        state.note_wake(place);
                    }
                }
                Err(_) => {}
            }
        }
    }

    /// Fires everything whose deadline is at or before `time`, in order of deadline over all patterns; see
    /// [`Pattern::advance`].
    pub fn advance<E: Clone>(&self, state: &mut SetState<E>, time: i64, out: &mut SetOutcomes<E>) {
        while state.wake_hint <= time {
            let (due, mut next) = (state.wake_hint, NEVER);
            for (head, state_of) in state.heads.iter_mut().zip(&mut state.states) {
                if head.wake_hint <= due {
                    // a withdrawn pattern has no deadlines any more
                    head.wake_hint = NEVER;
                    if let Some(pattern) = self.get(head.key) {
                        pattern.advance(state_of, due, &mut Tagged { key: head.key, out });
                        head.wake_hint = state_of.wake_hint;
                    }
                }
                next = next.min(head.wake_hint);
            }
            state.wake_hint = next;
            if next == NEVER {
                return;
            }
        }
    }

    /// See [`Pattern::release_held`].
    pub fn release_held<E>(&self, state: &mut SetState<E>) {
        for place in 0..state.heads.len() {
            if let Some(pattern) = self.get(state.heads[place].key) {
                pattern.release_held(&mut state.states[place]);
                state.note_wake(place);
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
    for (index, (_, pattern)) in patterns.iter().enumerate() {
        let class = pattern.automaton.class_index(class);
        let facts = &pattern.automaton.facts[class];
        if facts.may_begin || facts.any_active {
            concerns.push(Concern { pattern: index as u32, class: class as u32 });
        }
    }
    concerns
}

/// What one key carries for all patterns of a set. Sparse: a pattern of which nothing has begun takes no room,
/// and one of which nothing is open any more is not stored.
#[derive(Debug, Clone)]
pub struct SetState<E> {
    /// By key, ascending; apart from the states because they are looked through at every event.
    heads: Vec<Head>,
    states: Vec<PatternState<E>>,
    /// Not later than the earliest deadline.
    wake_hint: i64,
}

#[derive(Debug, Clone, Copy)]
struct Head {
    key: PatternKey,
    wake_hint: i64,
}

impl<E> Default for SetState<E> {
    fn default() -> Self {
        Self { heads: Vec::new(), states: Vec::new(), wake_hint: NEVER }
    }
}

impl<E> SetState<E> {
    /// Whether nothing has begun for any pattern.
    pub fn is_empty(&self) -> bool {
        self.states.iter().all(PatternState::is_empty)
    }

    /// The log time of the next deadline of any pattern, if there is one.
    pub fn next_deadline(&self) -> Option<i64> {
        self.states.iter().filter_map(PatternState::next_deadline).min()
    }

    /// The state of one pattern, if something has begun.
    pub fn get(&self, key: PatternKey) -> Option<&PatternState<E>> {
        self.position(key).ok().map(|found| &self.states[found])
    }

    /// Forgets a pattern, for one that was withdrawn.
    pub fn remove(&mut self, key: PatternKey) -> Option<PatternState<E>> {
        let found = self.position(key).ok()?;
        self.heads.remove(found);
        Some(self.states.remove(found))
    }

    /// Frees the room of patterns of which nothing is open any more; worth calling before keeping the state
    /// in memory for long. Their counts of what was dropped go with them.
    pub fn compact(&mut self) {
        let heads = std::mem::take(&mut self.heads);
        let states = std::mem::take(&mut self.states);
        let open = heads.into_iter().zip(states).filter(|(_, state)| !state.is_empty());
        (self.heads, self.states) = open.unzip();
    }

    fn open(&self) -> impl Iterator<Item = (PatternKey, &PatternState<E>)> {
        let entries = self.heads.iter().map(|head| head.key).zip(&self.states);
        entries.filter(|(_, state)| !state.is_empty())
    }

    fn position(&self, key: PatternKey) -> Result<usize, usize> {
        self.heads.binary_search_by_key(&key, |head| head.key)
    }

    fn note_wake(&mut self, place: usize) {
        let wake_hint = self.states[place].wake_hint;
        self.heads[place].wake_hint = wake_hint;
        self.wake_hint = self.wake_hint.min(wake_hint);
    }
}

/// Equal if the same is open.
impl<E: PartialEq> PartialEq for SetState<E> {
    fn eq(&self, other: &Self) -> bool {
        self.open().eq(other.open())
    }
}

impl<E: Eq> Eq for SetState<E> {}

impl<E: Serialize> Serialize for SetState<E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.open())
    }
}

impl<'de, E: Deserialize<'de>> Deserialize<'de> for SetState<E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut entries: Vec<(PatternKey, PatternState<E>)> = Vec::deserialize(deserializer)?;
        entries.sort_by_key(|(key, _)| *key);
        entries.dedup_by_key(|(key, _)| *key);
        let mut state = Self::default();
        for (place, (key, state_of)) in entries.into_iter().enumerate() {
            state.heads.push(Head { key, wake_hint: NEVER });
            state.states.push(state_of);
            state.note_wake(place);
        }
        Ok(state)
    }
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
