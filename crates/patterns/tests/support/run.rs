//! Runs one case and compares.

use std::collections::BTreeMap;

use elate_patterns::{
    AfterMatch, Capture, Captures, ClassId, ConditionId, Contiguity, EventTest, FiredBy, Limits, Occurrence,
    Outcome, Pattern, PatternSpec, PatternState, Repeat, Scratch, StepKind, StepSpec, Times,
};
use serde_json::Value;

use super::case::{Case, Predicate, Stage};

/// How the predicates of a case are put to the engine; the result must not depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Each is a condition.
    Conditions,
    /// A comparison of the name is a class, the rest a condition.
    Classes,
    /// Each is a condition that is said to look at captures, so that nothing is remembered.
    Unremembered,
}

impl Reading {
    pub(crate) const ALL: [Self; 3] = [Self::Conditions, Self::Classes, Self::Unremembered];
}

/// How time passes between events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    /// Every deadline in its turn, as the engine runs.
    Steady,
    /// From event to event, everything due at once: how the reference ran.
    Jumping,
}

/// A stage's predicates by number, and event names by class.
struct Loader {
    reading: Reading,
    predicates: Vec<Predicate>,
    names: Vec<String>,
}

/// A match or a timeout in a form that can be sorted and shown.
type Line = (String, i64, String);

pub(crate) fn run(case: &Case, reading: Reading, clock: Clock) -> Result<(), String> {
    let mut loader = Loader { reading, predicates: Vec::new(), names: Vec::new() };
    let spec = loader.pattern(case);
    let pattern = Pattern::compile_lenient(&spec).map_err(|error| error.to_string())?;
    let mut state: PatternState<usize> = PatternState::default();
    let mut scratch = Scratch::default();
    let (mut matches, mut timeouts) = (Vec::new(), Vec::new());
    let mut note = |at: i64, out: Vec<Outcome<usize>>| {
        for outcome in out {
            match outcome {
                Outcome::Matched(found) => {
                    let by = if found.fired_by == FiredBy::Event { "event" } else { "time" };
                    matches.push((stages(case, &pattern, &found.captures), at, by.to_owned()));
                }
                Outcome::TimedOut(lost) => {
                    timeouts.push((stages(case, &pattern, &lost.captures), at, lost.deadline.to_string()));
                }
                Outcome::Dropped(count) => panic!("{count} dropped"),
            }
        }
    };
    for (index, event) in case.events.iter().enumerate() {
        let mut conditions = |id: ConditionId, _: &usize, _: &Captures<'_, usize>| {
            loader.predicates[usize::from(id.0)].holds(event)
        };
        let name = event.fields.get("name").and_then(Value::as_str);
        let class = loader.names.iter().position(|known| Some(known.as_str()) == name);
        let class = class.map(|class| ClassId(class as u32));
        let mut out = Vec::new();
        if clock == Clock::Jumping {
            pattern.advance_at_once(&mut state, event.ts, &mut out);
        }
        let mut occurrence =
            Occurrence::new(&index, class, Times::same(event.ts), &mut conditions, &mut scratch);
        pattern.step(&mut state, &mut occurrence, &mut out);
        note(event.ts, out);
    }
    if let Some(end) = case.advance_to {
        let mut out = Vec::new();
        match clock {
            Clock::Steady => pattern.advance(&mut state, end, &mut out),
            Clock::Jumping => pattern.advance_at_once(&mut state, end, &mut out),
        }
        note(end, out);
    }
    let show = |stages: &BTreeMap<String, Vec<String>>| format!("{stages:?}");
    let expected = case.expected.matches.iter().map(|m| (show(&m.stages), m.at_ts, m.by.clone())).collect();
    compare("matches", matches, expected)?;
    let Some(expected) = &case.expected.timeouts else { return Ok(()) };
    let expected = expected.iter().map(|t| (show(&t.stages), t.at_ts, t.deadline.to_string())).collect();
    compare("timeouts", timeouts, expected)
}

fn compare(what: &str, mut actual: Vec<Line>, mut expected: Vec<Line>) -> Result<(), String> {
    actual.sort();
    expected.sort();
    if actual == expected {
        Ok(())
    } else {
        Err(format!("{what}\n   are      {actual:?}\n   expected {expected:?}"))
    }
}

fn stages(case: &Case, pattern: &Pattern, captures: &[Capture<usize>]) -> String {
    let mut stages: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for capture in captures {
        let name = pattern.step_name(capture.step).unwrap().to_owned();
        stages.entry(name).or_default().push(case.events[capture.event].key.clone());
    }
    format!("{stages:?}")
}

impl Loader {
    fn pattern(&mut self, case: &Case) -> PatternSpec {
        let skip = &case.pattern.skip;
        let stage = skip.stage.clone().unwrap_or_default();
        let after_match = match skip.strategy.as_str() {
            "NO_SKIP" => AfterMatch::NoSkip,
            "SKIP_TO_NEXT" => AfterMatch::SkipToNext,
            "SKIP_PAST_LAST_EVENT" => AfterMatch::SkipPastLast,
            "SKIP_TO_FIRST" => AfterMatch::SkipToFirst(stage),
            "SKIP_TO_LAST" => AfterMatch::SkipToLast(stage),
            other => panic!("unknown strategy {other}"),
        };
        let within_ms = shortest_window(&case.pattern.stages);
        let limits = Limits { max_partial_matches: 100_000, max_captures: 1_000_000 };
        let steps = self.steps(&case.pattern.stages);
        PatternSpec { steps, within_ms, after_match, limits }
    }

    fn steps(&mut self, stages: &[Stage]) -> Vec<StepSpec> {
        stages.iter().map(|stage| self.step(stage)).collect()
    }

    fn step(&mut self, stage: &Stage) -> StepSpec {
        let kind = match &stage.group {
            Some(inner) => StepKind::Group(self.steps(inner)),
            None => StepKind::Event(self.test(stage.filter.as_ref())),
        };
        let (contiguity, absent) = match stage.link.as_str() {
            "next" => (Contiguity::Strict, false),
            // `begin` says nothing about the contiguity; the reference takes the strict one
            "begin" => (Contiguity::Strict, false),
            "followedBy" => (Contiguity::Relaxed, false),
            "followedByAny" => (Contiguity::Any, false),
            "notNext" => (Contiguity::Strict, true),
            "notFollowedBy" => (Contiguity::Relaxed, true),
            other => panic!("unknown link {other}"),
        };
        let repeat = stage.repeat.as_ref().map(|repeat| Repeat {
            min: repeat.min,
            max: repeat.max,
            contiguity: match repeat.inner.as_str() {
                "strict" => Contiguity::Strict,
                "relaxed" => Contiguity::Relaxed,
                "any" => Contiguity::Any,
                other => panic!("unknown contiguity {other}"),
            },
            within_ms: repeat.within_ms,
        });
        StepSpec {
            name: stage.name.clone(),
            kind,
            contiguity,
            absent,
            optional: stage.optional,
            greedy: stage.greedy,
            until: stage.until.as_ref().map(|until| self.test(Some(until))),
            // the reference drops a gap from the previous event where the stage is repeated
            within_ms: stage.within_prev_ms.filter(|_| repeat.is_none()),
            repeat,
        }
    }

    fn test(&mut self, predicate: Option<&Predicate>) -> EventTest {
        let Some(predicate) = predicate else { return EventTest::ANY };
        let (name, rest) =
            if self.reading == Reading::Classes { split(predicate) } else { (None, vec![predicate]) };
        let mut test = EventTest::ANY;
        test.class = name.map(|name| ClassId(number(&mut self.names, name) as u32));
        if !rest.is_empty() {
            let whole = Predicate::All { all: rest.into_iter().cloned().collect() };
            test = test.and(ConditionId(number(&mut self.predicates, whole) as u16));
        }
        test.reads_captures = self.reading == Reading::Unremembered && test.condition.is_some();
        test
    }
}

/// The window of the whole pattern, on whichever stage it stands.
fn shortest_window(stages: &[Stage]) -> Option<i64> {
    let inner = |stage: &Stage| stage.group.as_deref().and_then(shortest_window);
    stages.iter().flat_map(|stage| stage.within_ms.into_iter().chain(inner(stage))).min()
}

/// The name that a predicate wants, if it wants one, and the rest of it.
fn split(predicate: &Predicate) -> (Option<String>, Vec<&Predicate>) {
    let parts: Vec<&Predicate> = match predicate {
        Predicate::All { all } => all.iter().collect(),
        other => vec![other],
    };
    let name = |part: &&Predicate| match part {
        Predicate::Field { field, op, value: Value::String(name) } if field == "name" && op == "eq" => {
            Some(name.clone())
        }
        _ => None,
    };
    let Some(found) = parts.iter().position(|part| name(part).is_some()) else { return (None, parts) };
    let class = name(&parts[found]);
    (
        class,
        parts.into_iter().enumerate().filter(|(index, _)| *index != found).map(|(_, part)| part).collect(),
    )
}

fn number<T: PartialEq>(known: &mut Vec<T>, item: T) -> usize {
    known.iter().position(|other| *other == item).unwrap_or_else(|| {
        known.push(item);
        known.len() - 1
    })
}
