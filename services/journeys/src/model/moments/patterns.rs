//! Moments that patterns of events make.

use std::collections::BTreeMap;

use elate_domain::Timestamp;
use elate_domain::system::{PatternTimedOut, name};
use elate_manifest::expression::{EventView, Scope, StepCaptures, Value};
use elate_manifest::pattern::{CompiledPattern, PatternConditions};
use elate_manifest::spec::EventMatch;
use elate_patterns::{Capture, Match, Occurrence, Outcome, Overdue, PatternState, TimedOut, Times};

use super::{Experience, MomentDefinition, same_unit};
use crate::metrics;
use crate::model::ids::Of;
use crate::model::state::{CustomerState, PatternSlot, limits};
use crate::model::turn::Turn;

/// A moment that a pattern makes.
#[derive(Debug, Clone)]
pub(crate) struct PatternMoment {
    pub(crate) compiled: CompiledPattern,
    /// Tells it from other wordings.
    pub(crate) fingerprint: u64,
    pub(crate) experience: Value,
    /// What was promised, where the events themselves say so.
    pub(crate) promise: Option<Value>,
    /// All events that its steps look at.
    pub(crate) meant: Vec<EventMatch>,
}

/// An event on its way through the patterns.
pub(crate) struct Seen<'a, 'o> {
    /// The event.
    pub(crate) event: &'a EventView,
    /// What of it is kept, with the conditions of all patterns: evaluated once an event.
    pub(crate) occurrence: Occurrence<'o, EventView, PatternConditions<'a>>,
    /// Deadlines wait for the end of an import.
    pub(crate) historical: bool,
}

/// The timer of the earliest deadline of a moment's pattern.
pub(crate) fn timer(moment: &str) -> String {
    format!("pattern:{moment}")
}

/// Lets an event happen to the pattern of a moment.
pub(crate) fn step(
    state: &mut CustomerState,
    turn: &mut Turn<'_>,
    moment: &MomentDefinition,
    pattern: &PatternMoment,
    seen: &mut Seen<'_, '_>,
    listens: bool,
) {
    let Some(key) = key(state, pattern, turn, seen.event) else { return };
    let mut slot = take(state, moment, pattern);
    let was_there = slot.keys.contains_key(&key);
    let mut held = slot.keys.remove(&key).unwrap_or_default();
    let mut out: Vec<Outcome<EventView>> = Vec::new();
    pattern.compiled.pattern.step(&mut held, &mut seen.occurrence, &mut out);
    if !held.is_empty() {
        if !was_there && slot.keys.len() >= limits::PATTERN_KEYS {
            dropped(state, forget_oldest(&mut slot));
        }
        slot.keys.insert(key.clone(), held);
    }
    settle(state, turn, moment, pattern, slot, seen.historical);
    for outcome in out {
        take_outcome(state, turn, moment, pattern, &key, outcome, listens);
    }
}

/// A deadline of the pattern of a moment has passed.
pub(crate) fn advance(
    state: &mut CustomerState,
    turn: &mut Turn<'_>,
    moment: &MomentDefinition,
    pattern: &PatternMoment,
    listens: bool,
) {
    let mut slot = take(state, moment, pattern);
    slot.timer = None;
    let mut found: Vec<(String, Outcome<EventView>)> = Vec::new();
    for (key, held) in &mut slot.keys {
        let mut out: Vec<Outcome<EventView>> = Vec::new();
        // Deadlines that an import had put off are real ones from now on.
        pattern.compiled.pattern.release_held(held);
        pattern.compiled.pattern.advance(held, turn.now.0, &mut out);
        found.extend(out.into_iter().map(|outcome| (key.clone(), outcome)));
    }
    slot.keys.retain(|_, held| !held.is_empty());
    // In order of deadline over all keys; keys decide between equal ones.
    found.sort_by_key(|(_, outcome)| match outcome {
        Outcome::Matched(found) => found.complete_at,
        Outcome::TimedOut(ended) => ended.deadline,
        Outcome::Dropped(_) => i64::MAX,
    });
    settle(state, turn, moment, pattern, slot, false);
    for (key, outcome) in found {
        take_outcome(state, turn, moment, pattern, &key, outcome, listens);
    }
}

/// How an occurrence treats deadlines that are overdue as they are armed.
pub(crate) fn overdue(historical: bool) -> Overdue {
    if historical { Overdue::Hold } else { Overdue::Wait(crate::model::ALLOWED_LATENESS_MILLIS) }
}

/// The times of an event as patterns compare them.
pub(crate) fn times(event: &EventView) -> Times {
    Times { occurred: event.occurred_at.0, now: event.received_at.0 }
}

fn key(state: &CustomerState, pattern: &PatternMoment, turn: &Turn<'_>, event: &EventView) -> Option<String> {
    let Some(key) = &pattern.compiled.key else { return Some(String::new()) };
    let scope = Scope::of_event(event).customer(state.profile.traits()).now(turn.now);
    key.text_of(&scope).ok()
}

fn take(state: &mut CustomerState, moment: &MomentDefinition, pattern: &PatternMoment) -> PatternSlot {
    let slot = state.patterns.remove(&moment.facts.moment).unwrap_or_default();
    if slot.fingerprint == pattern.fingerprint {
        return slot;
    }
    // Another wording: what it had begun is of no use to this one.
    PatternSlot { fingerprint: pattern.fingerprint, keys: BTreeMap::new(), timer: slot.timer }
}

/// Puts the states back and sets the timer to their earliest deadline.
fn settle(
    state: &mut CustomerState,
    turn: &mut Turn<'_>,
    moment: &MomentDefinition,
    pattern: &PatternMoment,
    mut slot: PatternSlot,
    historical: bool,
) {
    let name = &moment.facts.moment;
    let deadlines = slot.keys.values().filter_map(|held| pattern.compiled.pattern.next_deadline(held));
    let mut earliest = deadlines.min().map(Timestamp);
    if historical && !slot.keys.is_empty() {
        // The loop holds the timer until the import has ended; then the deadlines that were put off are looked at.
        earliest = Some(earliest.map_or(turn.now, |at| at.min(turn.now)));
    }
    if earliest != slot.timer {
        match earliest {
            Some(deadline) => turn.set_timer(timer(name), deadline),
            None => turn.effects.cancel_timer(timer(name)),
        }
        slot.timer = earliest;
    }
    if !slot.keys.is_empty() {
        state.patterns.insert(name.clone(), slot);
    }
}

/// Makes room for one more key; answers how many partial matches went.
fn forget_oldest(slot: &mut PatternSlot) -> u64 {
    let deadline = |held: &PatternState<EventView>| held.next_deadline().unwrap_or(i64::MAX);
    let oldest = slot.keys.iter().min_by_key(|(_, held)| deadline(held)).map(|(key, _)| key.clone());
    oldest.and_then(|key| slot.keys.remove(&key)).map_or(0, |held| held.open() as u64)
}

fn take_outcome(
    state: &mut CustomerState,
    turn: &mut Turn<'_>,
    moment: &MomentDefinition,
    pattern: &PatternMoment,
    key: &str,
    outcome: Outcome<EventView>,
    listens: bool,
) {
    match outcome {
        Outcome::Matched(found) => matched(state, turn, moment, pattern, key, &found),
        // Most partial matches end like this, so it is said only where somebody wants to know.
        Outcome::TimedOut(ended) if listens => timed_out(turn, moment, pattern, key, &ended),
        Outcome::TimedOut(_) => {}
        Outcome::Dropped(count) => dropped(state, count),
    }
}

/// Partial matches went because there was no room for them: the customer's state and the metrics say how many.
fn dropped(state: &mut CustomerState, count: u64) {
    state.dropped += count;
    metrics::PARTIAL_MATCHES_DROPPED.counter(metrics::NO_LABELS).increment(count);
}

fn matched(
    state: &mut CustomerState,
    turn: &mut Turn<'_>,
    moment: &MomentDefinition,
    pattern: &PatternMoment,
    key: &str,
    found: &Match<EventView>,
) {
    let captures = captures(pattern, &found.captures);
    let traits = state.profile.shared();
    let mut scope = Scope::new().customer(&traits).captures(&captures).now(turn.now);
    if let Some(last) = found.captures.last() {
        scope = scope.event(&last.event);
    }
    let Ok(quantity) = pattern.experience.quantity(&scope) else { return };
    let promise = pattern.promise.as_ref().and_then(|promise| promise.quantity(&scope).ok());
    let because: Vec<String> =
        found.captures.iter().map(|taken| taken.event.message_id.to_string()).collect();
    let mut parts = vec![moment.facts.moment.as_str(), key];
    parts.extend(because.iter().map(String::as_str));
    let experience = Experience {
        moment_id: turn.id(Of::Moment, &parts),
        revision: 0,
        key: key.to_owned(),
        quantity,
        occurred_at: Timestamp(found.complete_at),
        promise: promise.filter(|promise| same_unit(*promise, quantity)).map(|promise| promise.as_f64()),
        promise_id: None,
        provisional: false,
        because,
    };
    moment.facts.judge(state, turn, &scope, experience);
}

/// The captured events by the names of their steps.
fn captures(pattern: &PatternMoment, taken: &[Capture<EventView>]) -> StepCaptures {
    let mut captures = StepCaptures::new();
    let automaton = &pattern.compiled.pattern;
    for step in pattern.compiled.steps.names() {
        let number = automaton.step_index(step);
        let events = taken.iter().filter(|capture| Some(capture.step) == number);
        let events = events.map(|capture| capture.event.clone()).collect();
        captures.push(step, pattern.compiled.steps.is_repeated(step), events);
    }
    captures
}

fn timed_out(
    turn: &mut Turn<'_>,
    moment: &MomentDefinition,
    pattern: &PatternMoment,
    key: &str,
    ended: &TimedOut<EventView>,
) {
    let mut steps: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for capture in &ended.captures {
        let step = pattern.compiled.pattern.step_name(capture.step).unwrap_or_default();
        steps.entry(step.to_owned()).or_default().push(capture.event.message_id.to_string());
    }
    let deadline = Timestamp(ended.deadline);
    let said = PatternTimedOut {
        definition: format!("Moment/{}", moment.facts.moment),
        key: key.to_owned(),
        steps,
        deadline,
    };
    turn.emit(name::PATTERN_TIMED_OUT, deadline, &said);
}
