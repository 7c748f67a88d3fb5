//! What holds for every pattern and every sequence of events.
#![allow(clippy::unwrap_used, reason = "tests may unwrap, their helpers too")]

mod arbitrary;
mod brute_force;
mod strategies;

use brute_force::{Found, SimplePattern};
use elate_patterns::{
    Capture, ClassId, NoConditions, Occurrence, Outcome, Pattern, PatternKey, PatternSet, PatternSpec,
    PatternState, Scratch, SetState, Times,
};
use proptest::prelude::*;

type Events = Vec<(u32, i64)>;

fn step(
    pattern: &Pattern,
    state: &mut PatternState<usize>,
    index: usize,
    event: (u32, i64),
) -> Vec<Outcome<usize>> {
    let (mut scratch, mut out, mut conditions) = (Scratch::default(), Vec::new(), NoConditions);
    let class = Some(ClassId(event.0));
    let mut occurrence = Occurrence::new(&index, class, Times::same(event.1), &mut conditions, &mut scratch);
    pattern.step(state, &mut occurrence, &mut out);
    out
}

fn run(pattern: &Pattern, events: &Events, end: i64) -> Vec<Outcome<usize>> {
    let mut state = PatternState::default();
    let mut out: Vec<Outcome<usize>> = events
        .iter()
        .enumerate()
        .flat_map(|(index, event)| step(pattern, &mut state, index, *event))
        .collect();
    pattern.advance(&mut state, end, &mut out);
    out
}

fn indices(captures: &[Capture<usize>]) -> Vec<usize> {
    captures.iter().map(|capture| capture.event).collect()
}

/// What came out, in the words of the brute-force search.
fn found(pattern: &SimplePattern, out: Vec<Outcome<usize>>) -> Found {
    let mut found = Found::default();
    for outcome in out {
        match outcome {
            Outcome::Matched(complete) => {
                let deadline = pattern.last_absence.map(|_| complete.complete_at);
                found.matches.push((indices(&complete.captures), deadline));
            }
            Outcome::TimedOut(lost) => found.timeouts.push((indices(&lost.captures), lost.deadline)),
            Outcome::Dropped(count) => panic!("{count} dropped"),
        }
    }
    found.sort();
    found
}

/// A pattern as it can be compiled; what the author would be told off for is of no interest here.
fn compile(spec: &PatternSpec) -> Pattern {
    Pattern::compile_lenient(spec).unwrap_or_else(|error| panic!("{error}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_trying_everything(
        pattern in strategies::simple_pattern(),
        events in strategies::events(14),
        after in 0_i64..60,
    ) {
        let end = events.last().map_or(0, |event| event.1) + after;
        let compiled = compile(&pattern.spec());
        let actual = found(&pattern, run(&compiled, &events, end));
        prop_assert_eq!(actual, pattern.search(&events, end));
    }

    #[test]
    fn storing_the_state_changes_nothing(
        spec in strategies::pattern(),
        events in strategies::events(16),
        at in 0_usize..16,
    ) {
        let pattern = compile(&spec);
        let mut state = PatternState::default();
        let mut out = Vec::new();
        for (index, event) in events.iter().enumerate() {
            if index == at {
                let stored = serde_json::to_string(&state).unwrap();
                state = serde_json::from_str(&stored).unwrap();
            }
            out.extend(step(&pattern, &mut state, index, *event));
        }
        pattern.advance(&mut state, 1_000, &mut out);
        prop_assert_eq!(out, run(&pattern, &events, 1_000));
    }

    #[test]
    fn time_may_pass_in_any_steps(
        spec in strategies::pattern(),
        events in strategies::events(16),
        stride in 1_i64..12,
    ) {
        let pattern = compile(&spec);
        let mut state = PatternState::default();
        let (mut out, mut now) = (Vec::new(), 0);
        for (index, event) in events.iter().enumerate() {
            while now + stride < event.1 {
                now += stride;
                pattern.advance(&mut state, now, &mut out);
            }
            out.extend(step(&pattern, &mut state, index, *event));
        }
        while now < 500 {
            now += stride;
            pattern.advance(&mut state, now, &mut out);
        }
        prop_assert_eq!(out, run(&pattern, &events, now));
    }

    #[test]
    fn calling_at_each_deadline_misses_nothing(spec in strategies::pattern(), events in strategies::events(16)) {
        let pattern = compile(&spec);
        let mut state = PatternState::default();
        let mut out = Vec::new();
        for (index, event) in events.iter().enumerate() {
            while let Some(deadline) = pattern.next_deadline(&state).filter(|deadline| *deadline <= event.1) {
                pattern.advance(&mut state, deadline, &mut out);
            }
            out.extend(step(&pattern, &mut state, index, *event));
        }
        while let Some(deadline) = pattern.next_deadline(&state) {
            pattern.advance(&mut state, deadline, &mut out);
        }
        prop_assert_eq!(out, run(&pattern, &events, i64::MAX - 1));
    }

    #[test]
    fn a_set_is_its_patterns(
        specs in prop::collection::vec(strategies::pattern(), 1..5),
        events in strategies::events(16),
    ) {
        let patterns: Vec<Pattern> = specs.iter().map(compile).collect();
        let keyed = patterns.iter().cloned().enumerate().map(|(key, pattern)| (PatternKey(key as u64), pattern));
        let set = PatternSet::new(keyed);
        let (mut state, mut out) = (SetState::default(), Vec::new());
        let (mut scratch, mut conditions) = (Scratch::default(), NoConditions);
        for (index, event) in events.iter().enumerate() {
            let (class, times) = (Some(ClassId(event.0)), Times::same(event.1));
            let mut occurrence = Occurrence::new(&index, class, times, &mut conditions, &mut scratch);
            set.step(&mut state, &mut occurrence, &mut out);
            state.compact();
            if index == 5 {
                let stored = serde_json::to_string(&state).unwrap();
                let restored: SetState<usize> = serde_json::from_str(&stored).unwrap();
                prop_assert_eq!(&restored, &state);
                state = restored;
            }
        }
        set.advance(&mut state, 1_000, &mut out);
        for (key, pattern) in patterns.iter().enumerate() {
            let own: Vec<Outcome<usize>> =
                out.iter().filter(|(from, _)| from.0 == key as u64).map(|(_, outcome)| outcome.clone()).collect();
            prop_assert_eq!(own, run(pattern, &events, 1_000));
        }
    }

    #[test]
    fn state_stays_within_its_limits(
        spec in strategies::pattern(),
        events in strategies::events(24),
        partial_matches in 1_u32..5,
        captures in 1_u32..8,
    ) {
        let mut spec = spec;
        spec.limits.max_partial_matches = partial_matches;
        spec.limits.max_captures = captures;
        let pattern = compile(&spec);
        let mut state = PatternState::default();
        let mut dropped = 0;
        for (index, event) in events.iter().enumerate() {
            for outcome in step(&pattern, &mut state, index, *event) {
                if let Outcome::Dropped(count) = outcome {
                    dropped += count;
                }
            }
            prop_assert!(state.open() <= partial_matches as usize);
            prop_assert_eq!(state.dropped(), dropped);
        }
    }

    #[test]
    fn classes_that_no_step_names_do_not_matter(spec in strategies::pattern(), events in strategies::events(16)) {
        let pattern = compile(&spec);
        if pattern.concerns_any_class() {
            return Ok(());
        }
        let named: Vec<u32> = pattern.classes().iter().map(|class| class.0).collect();
        let mut fewer = events.clone();
        fewer.retain(|event| named.contains(&event.0));
        let times = |out: Vec<Outcome<usize>>, events: &Events| -> Vec<Vec<i64>> {
            let at = |captures: &[Capture<usize>]| captures.iter().map(|c| events[c.event].1).collect();
            let mut times: Vec<Vec<i64>> = out
                .iter()
                .map(|outcome| match outcome {
                    Outcome::Matched(complete) => at(&complete.captures),
                    Outcome::TimedOut(lost) => at(&lost.captures),
                    Outcome::Dropped(_) => Vec::new(),
                })
                .collect();
            times.sort();
            times
        };
        let all = times(run(&pattern, &events, 1_000), &events);
        prop_assert_eq!(all, times(run(&pattern, &fewer, 1_000), &fewer));
    }
}
