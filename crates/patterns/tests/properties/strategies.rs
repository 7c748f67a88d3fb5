//! Patterns and events at random.

use elate_patterns::{AfterMatch, ClassId, Contiguity, EventTest, PatternSpec, Repeat, StepKind, StepSpec};
use proptest::prelude::*;

use crate::brute_force::{Absence, Simple, SimplePattern};

const CLASSES: u32 = 4;

/// Events of a few classes at times that do not fall, some at the same instant.
pub(crate) fn events(most: usize) -> impl Strategy<Value = Vec<(u32, i64)>> {
    prop::collection::vec((0..CLASSES, 0_i64..8), 0..most).prop_map(|gaps| {
        let mut at = 0;
        let event = |(class, gap)| {
            at += gap;
            (class, at)
        };
        gaps.into_iter().map(event).collect()
    })
}

fn contiguity() -> impl Strategy<Value = Contiguity> {
    prop_oneof![Just(Contiguity::Strict), Just(Contiguity::Relaxed), Just(Contiguity::Any)]
}

/// Up to four steps without repetitions, with absences between them and at the end.
pub(crate) fn simple_pattern() -> impl Strategy<Value = SimplePattern> {
    let absence = prop::option::weighted(0.3, (1..CLASSES, any::<bool>()));
    let step = (0..CLASSES, contiguity(), absence).prop_map(|(class, contiguity, absence)| Simple {
        class,
        contiguity,
        // never of the class that the step itself takes
        absence: absence.map(|(off, strict)| Absence { class: (class + off) % CLASSES, strict }),
    });
    let steps = prop::collection::vec(step, 1..=4);
    let end = (prop::option::of(0..CLASSES), 1_i64..40, any::<bool>());
    (steps, end).prop_map(|(mut steps, (last_absence, within, bounded))| {
        steps[0].absence = None;
        let within = (bounded || last_absence.is_some()).then_some(within);
        SimplePattern { steps, last_absence, within }
    })
}

fn repeat() -> impl Strategy<Value = Repeat> {
    (1_u32..3, prop::option::of(0_u32..3), contiguity(), prop::option::weighted(0.2, 2_i64..15)).prop_map(
        |(min, more, contiguity, within_ms)| Repeat {
            min,
            max: more.map(|more| min + more),
            contiguity,
            within_ms,
        },
    )
}

/// A step that takes one event, repeated, optional, greedy and ended by chance.
fn step() -> impl Strategy<Value = StepSpec> {
    let test = prop_oneof![
        8 => (0..CLASSES).prop_map(|class| EventTest::class(ClassId(class))),
        1 => Just(EventTest::ANY),
    ];
    let quantity =
        (prop::option::weighted(0.5, repeat()), any::<bool>(), prop::option::weighted(0.3, 0..CLASSES));
    let rest = (contiguity(), prop::bool::weighted(0.2), prop::option::weighted(0.2, 2_i64..15));
    (test, quantity, rest).prop_map(|(test, (repeat, greedy, until), (contiguity, optional, within_ms))| {
        let loops = repeat.is_some_and(|repeat| repeat.max.is_none());
        StepSpec {
            contiguity,
            optional,
            greedy: greedy && repeat.is_some(),
            until: until.filter(|_| loops).map(|class| EventTest::class(ClassId(class))),
            within_ms,
            repeat,
            ..StepSpec::event("", test)
        }
    })
}

fn group() -> impl Strategy<Value = StepSpec> {
    let inner = prop::collection::vec(step(), 1..3);
    (inner, prop::option::of(repeat()), contiguity()).prop_map(|(mut inner, repeat, contiguity)| {
        inner[0].optional = false;
        StepSpec { contiguity, repeat, ..StepSpec::group(inner) }
    })
}

fn absence() -> impl Strategy<Value = StepSpec> {
    (0..CLASSES, any::<bool>()).prop_map(|(class, strict)| StepSpec {
        contiguity: if strict { Contiguity::Strict } else { Contiguity::Relaxed },
        ..StepSpec::absent("", EventTest::class(ClassId(class)))
    })
}

/// Anything that can be run, sensible or not.
pub(crate) fn pattern() -> impl Strategy<Value = PatternSpec> {
    let step = prop_oneof![6 => step(), 1 => group(), 2 => absence()];
    let skip = prop_oneof![
        2 => Just(AfterMatch::NoSkip),
        1 => Just(AfterMatch::SkipToNext),
        1 => Just(AfterMatch::SkipPastLast),
        1 => Just(AfterMatch::SkipToFirst(String::new())),
        1 => Just(AfterMatch::SkipToLast(String::new())),
    ];
    (prop::collection::vec(step, 1..5), prop::option::weighted(0.8, 1_i64..40), skip).prop_map(
        |(mut steps, within_ms, skip)| {
            steps[0].absent = false;
            let last = steps.len() - 1;
            if within_ms.is_none() && steps[last].absent && steps[last].within_ms.is_none() {
                steps[last].absent = false;
            }
            let mut names = Vec::new();
            name(&mut steps, &mut names);
            names.retain(|name| steps.iter().all(|step| step.name != *name || !step.absent));
            let some_step = names[names.len() / 2].clone();
            let after_match = match skip {
                AfterMatch::SkipToFirst(_) => AfterMatch::SkipToFirst(some_step),
                AfterMatch::SkipToLast(_) => AfterMatch::SkipToLast(some_step),
                other => other,
            };
            PatternSpec { steps, within_ms, after_match, ..PatternSpec::default() }
        },
    )
}

/// Gives every step its own name; collects those of steps that take events.
fn name(steps: &mut [StepSpec], names: &mut Vec<String>) {
    for step in steps {
        if let StepKind::Group(inner) = &mut step.kind {
            name(inner, names);
        } else {
            step.name = format!("s{}", names.len());
            names.push(step.name.clone());
        }
    }
}
