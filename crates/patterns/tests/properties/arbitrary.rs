//! Specifications without any sense: whatever they say, compiling neither panics nor takes long, and what compiles
//! stays within its limits.

use elate_patterns::{
    AfterMatch, Captures, ClassId, ConditionId, Contiguity, EventTest, Limits, Occurrence, Outcome, Pattern,
    PatternKey, PatternSet, PatternSpec, PatternState, Repeat, Scratch, SetState, StepKind, StepSpec, Times,
};
use proptest::prelude::*;

fn contiguity() -> impl Strategy<Value = Contiguity> {
    prop_oneof![Just(Contiguity::Strict), Just(Contiguity::Relaxed), Just(Contiguity::Any)]
}

fn test() -> impl Strategy<Value = EventTest> {
    let (class, condition) = (prop::option::of(0_u32..6), prop::option::of(0_u16..80));
    (class, condition, any::<bool>()).prop_map(|(class, condition, reads_captures)| EventTest {
        class: class.map(ClassId),
        condition: condition.map(ConditionId),
        reads_captures: reads_captures && condition.is_some(),
    })
}

/// Mostly small, sometimes at the ends of what fits.
fn duration() -> impl Strategy<Value = i64> {
    prop_oneof![8 => 1_i64..50, 1 => Just(0), 1 => Just(i64::MIN), 1 => Just(i64::MAX), 1 => Just(-5)]
}

fn count() -> impl Strategy<Value = u32> {
    prop_oneof![8 => 1_u32..5, 2 => 5_u32..300, 1 => Just(0), 1 => Just(u32::MAX)]
}

fn repeat() -> impl Strategy<Value = Repeat> {
    let gap = prop::option::weighted(0.2, duration());
    (count(), prop::option::weighted(0.6, count()), contiguity(), gap)
        .prop_map(|(min, max, contiguity, within_ms)| Repeat { min, max, contiguity, within_ms })
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![20 => "[a-z]{1,3}", 1 => Just(String::new()), 1 => Just("a".to_owned())]
}

/// A step around what it takes.
fn dress(kind: impl Strategy<Value = StepKind>) -> impl Strategy<Value = StepSpec> {
    let flags = (prop::bool::weighted(0.2), prop::bool::weighted(0.2), prop::bool::weighted(0.3));
    let rest = (
        prop::option::weighted(0.4, repeat()),
        prop::option::weighted(0.2, test()),
        prop::option::weighted(0.2, duration()),
    );
    (name(), kind, contiguity(), flags, rest).prop_map(
        |(name, kind, contiguity, (absent, optional, greedy), (repeat, until, within_ms))| StepSpec {
            name,
            kind,
            contiguity,
            absent,
            optional,
            repeat,
            greedy,
            until,
            within_ms,
        },
    )
}

fn step() -> impl Strategy<Value = StepSpec> {
    let leaf = dress(test().prop_map(StepKind::Event)).boxed();
    leaf.prop_recursive(5, 24, 4, |inner| dress(prop::collection::vec(inner, 0..4).prop_map(StepKind::Group)))
}

fn spec() -> impl Strategy<Value = PatternSpec> {
    let after_match = prop_oneof![
        Just(AfterMatch::NoSkip),
        Just(AfterMatch::SkipToNext),
        Just(AfterMatch::SkipPastLast),
        name().prop_map(AfterMatch::SkipToFirst),
        name().prop_map(AfterMatch::SkipToLast),
    ];
    let limits = (0_u32..6, 0_u32..12)
        .prop_map(|(max_partial_matches, max_captures)| Limits { max_partial_matches, max_captures });
    let within = prop::option::weighted(0.7, duration());
    (prop::collection::vec(step(), 0..6), within, after_match, limits).prop_map(
        |(steps, within_ms, after_match, limits)| PatternSpec { steps, within_ms, after_match, limits },
    )
}

/// Mends what is most often wrong, so that much of what is tried compiles.
fn mend(spec: &mut PatternSpec) {
    fn mend_steps(steps: &mut [StepSpec], number: &mut u32, depth: u32) {
        for (index, step) in steps.iter_mut().enumerate() {
            *number += 1;
            step.name = format!("s{number}");
            step.absent &= index > 0 && matches!(step.kind, StepKind::Event(_));
            if step.absent {
                (step.optional, step.greedy, step.repeat, step.until) = (false, false, None, None);
            }
            if let Some(repeat) = &mut step.repeat {
                repeat.min = repeat.min.clamp(1, 200 >> (3 * depth).min(7));
                repeat.max = repeat.max.map(|max| max.clamp(repeat.min, 200));
                repeat.within_ms = repeat.within_ms.filter(|gap| *gap > 0);
            }
            step.within_ms = step.within_ms.filter(|within| *within > 0);
            if let StepKind::Group(inner) = &mut step.kind {
                step.greedy = false;
                if inner.is_empty() {
                    inner.push(StepSpec::event("", EventTest::class(ClassId(1))));
                }
                mend_steps(inner, number, depth + 1);
            }
        }
    }
    mend_steps(&mut spec.steps, &mut 0, 0);
    spec.within_ms = Some(spec.within_ms.filter(|within| *within > 0).unwrap_or(30));
    spec.limits.max_partial_matches += 1;
    spec.limits.max_captures += 1;
    if matches!(spec.after_match, AfterMatch::SkipToFirst(_) | AfterMatch::SkipToLast(_)) {
        spec.after_match = AfterMatch::SkipPastLast;
    }
}

/// Some events, in and out of order, late ones among them.
fn events() -> impl Strategy<Value = Vec<(u32, i64, i64)>> {
    prop::collection::vec((0_u32..7, 0_i64..20, -30_i64..1), 0..20).prop_map(|events| {
        let mut now = 0;
        let event = |(class, gap, late)| {
            now += gap;
            (class, now + late, now)
        };
        events.into_iter().map(event).collect()
    })
}

/// A condition that is neither always true nor the same for every match.
fn holds(id: ConditionId, event: &u32, captures: &Captures<'_, u32>) -> bool {
    (u32::from(id.0) + event + captures.newest_first().count() as u32).is_multiple_of(3)
}

/// Runs a pattern alone and in a set whose state is stored after every event; both say the same, and neither grows.
fn run(spec: &PatternSpec, pattern: &Pattern, events: &[(u32, i64, i64)]) {
    let set = PatternSet::new([(PatternKey(7), pattern.clone())]);
    let mut scratch = Scratch::default();
    let (mut alone, mut together) = (PatternState::default(), SetState::default());
    let (mut out, mut set_out) = (Vec::new(), Vec::new());
    for (number, (class, occurred, now)) in events.iter().enumerate() {
        let event = number as u32;
        let times = Times { occurred: *occurred, now: *now };
        let mut conditions = holds;
        let mut occurrence =
            Occurrence::new(&event, Some(ClassId(*class)), times, &mut conditions, &mut scratch);
        pattern.step(&mut alone, &mut occurrence, &mut out);
        set.step(&mut together, &mut occurrence, &mut set_out);
        assert!(alone.open() <= spec.limits.max_partial_matches as usize);
        // what ends without a word may stay until the next event that concerns the pattern
        assert!(together.open() == alone.open() || pattern.ends_silently());
        assert!(together.open() <= spec.limits.max_partial_matches as usize);
        let stored = rmp_serde::to_vec_named(&together).unwrap();
        // a partial match, a link and an event take less than 64 bytes each
        assert!(
            stored.len()
                < 128 + 64 * (spec.limits.max_partial_matches + 2 * spec.limits.max_captures) as usize
        );
        together = rmp_serde::from_slice(&stored).unwrap();
        let bytes = rmp_serde::to_vec(&alone).unwrap();
        assert_eq!(rmp_serde::from_slice::<PatternState<u32>>(&bytes).unwrap(), alone);
    }
    pattern.advance(&mut alone, i64::MAX, &mut out);
    set.advance(&mut together, i64::MAX, &mut set_out);
    let set_out: Vec<Outcome<u32>> = set_out.into_iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(out, set_out);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn nonsense_is_refused_and_never_panics(spec in spec(), events in events()) {
        let problems = Pattern::problems(&spec);
        let strict = Pattern::compile(&spec);
        prop_assert!(problems.is_empty() || strict.is_err());
        for problem in &problems {
            prop_assert!(!problem.to_string().is_empty() && !problem.hint().is_empty());
        }
        if let Ok(pattern) = Pattern::compile_lenient(&spec) {
            run(&spec, &pattern, &events);
        }
    }

    #[test]
    fn what_compiles_stays_bounded_however_odd(spec in spec(), events in events()) {
        let mut spec = spec;
        mend(&mut spec);
        if let Ok(pattern) = Pattern::compile_lenient(&spec) {
            run(&spec, &pattern, &events);
            run(&spec, &pattern.without_timeouts(), &events);
        }
    }

    #[test]
    fn bytes_that_are_no_state_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = rmp_serde::from_slice::<PatternState<u32>>(&bytes);
        let set = PatternSet::default();
        if let Ok(mut state) = rmp_serde::from_slice::<SetState<u32>>(&bytes) {
            set.advance(&mut state, i64::MAX, &mut Vec::new());
        }
    }
}
