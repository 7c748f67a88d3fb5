//! What is refused when a pattern is published: where, and why.
#![allow(clippy::unwrap_used, reason = "tests may unwrap, their helpers too")]

use elate_patterns::{
    AfterMatch, Cause, ClassId, ConditionId, Contiguity, EventTest, Limits, Pattern, PatternSpec, Repeat,
    StepKind, StepSpec,
};

fn step(name: &str) -> StepSpec {
    let class = name.bytes().fold(0, |class, byte| class * 31 + u32::from(byte));
    StepSpec::event(name, EventTest::class(ClassId(class)))
}

fn absent(name: &str) -> StepSpec {
    StepSpec { absent: true, ..step(name) }
}

fn optional(name: &str) -> StepSpec {
    StepSpec { optional: true, ..step(name) }
}

fn repeated(name: &str, repeat: Repeat) -> StepSpec {
    StepSpec { repeat: Some(repeat), ..step(name) }
}

fn pattern(steps: Vec<StepSpec>) -> PatternSpec {
    PatternSpec { steps, ..PatternSpec::default() }
}

fn hour(steps: Vec<StepSpec>) -> PatternSpec {
    PatternSpec { within_ms: Some(3_600_000), ..pattern(steps) }
}

/// The pattern is refused for this and nothing else.
fn refused(spec: &PatternSpec, path: &str, cause: Cause) {
    let problems = Pattern::problems(spec);
    assert_eq!(problems.len(), 1, "{problems:?}");
    let error = Pattern::compile(spec).unwrap_err();
    assert_eq!((error.path.as_str(), &error.cause), (path, &cause));
    assert!(error.to_string().starts_with(&format!("{path}: ")) && !error.hint().is_empty());
}

#[test]
fn sensible_patterns_are_taken() {
    let loops =
        StepSpec { until: Some(EventTest::class(ClassId(7))), ..repeated("b", Repeat::one_or_more()) };
    for spec in [
        pattern(vec![step("a")]),
        pattern(vec![step("a"), absent("b"), step("c")]),
        hour(vec![step("a"), absent("b")]),
        pattern(vec![step("a"), StepSpec { within_ms: Some(1), ..absent("b") }]),
        pattern(vec![step("a"), loops]),
        hour(vec![repeated("a", Repeat::one_or_more()), step("b")]),
        pattern(vec![
            step("a"),
            StepSpec { greedy: true, ..repeated("b", Repeat::between(2, 4)) },
            step("c"),
        ]),
        pattern(vec![step("a"), optional("b"), StepSpec::group(vec![optional("c"), step("d")])]),
        PatternSpec {
            after_match: AfterMatch::SkipToLast("b".into()),
            ..pattern(vec![step("a"), step("b")])
        },
    ] {
        assert_eq!(Pattern::problems(&spec), []);
        Pattern::compile(&spec).unwrap();
    }
}

#[test]
fn names() {
    refused(&pattern(vec![]), "steps", Cause::NoSteps);
    refused(&pattern(vec![step("a"), StepSpec::group(vec![])]), "steps[1].steps", Cause::EmptyGroup);
    refused(&pattern(vec![step("")]), "steps[0].name", Cause::NoName);
    let twice = pattern(vec![step("a"), StepSpec::group(vec![step("b"), step("a")])]);
    refused(&twice, "steps[1].steps[1].name", Cause::DuplicateName("a".into()));
}

#[test]
fn times() {
    let within = |time, step| StepSpec { within_ms: Some(time), ..step };
    refused(&PatternSpec { within_ms: Some(0), ..pattern(vec![step("a")]) }, "within", Cause::NoTime(0));
    refused(&pattern(vec![step("a"), within(-5, step("b"))]), "steps[1].within", Cause::NoTime(-5));
    let long = hour(vec![step("a"), within(3_600_001, step("b"))]);
    refused(&long, "steps[1].within", Cause::LongerThanWhole { step: 3_600_001, whole: 3_600_000 });
    refused(&pattern(vec![within(1, step("a"))]), "steps[0].within", Cause::WithinOnFirst);
    refused(&pattern(vec![step("a"), within(1, optional("b"))]), "steps[1].within", Cause::WithinOnOptional);
    let group = within(1, StepSpec::group(vec![step("b")]));
    refused(&pattern(vec![step("a"), group]), "steps[1].within", Cause::WithinOnGroup);
}

#[test]
fn repetitions() {
    let one = |repeat| pattern(vec![step("a"), repeated("b", repeat)]);
    refused(&one(Repeat::between(0, 3)), "steps[1].times.min", Cause::ZeroTimes);
    refused(&one(Repeat::between(3, 2)), "steps[1].times", Cause::MinAboveMax { min: 3, max: 2 });
    refused(&one(Repeat::times(201)), "steps[1].times", Cause::TooManyTimes(201));
    refused(&one(Repeat::one_or_more()), "steps[1].times", Cause::EndlessLoop);
    let greedy = |step: StepSpec| hour(vec![StepSpec { greedy: true, ..step }, self::step("z")]);
    refused(&greedy(step("a")), "steps[0].greedy", Cause::GreedyWithoutRepeat);
    let any = repeated("a", Repeat::one_or_more().contiguity(Contiguity::Any));
    refused(&greedy(any), "steps[0].greedy", Cause::GreedyAny);
    let group = StepSpec { repeat: Some(Repeat::times(2)), ..StepSpec::group(vec![step("a")]) };
    refused(&greedy(group), "steps[0].greedy", Cause::GreedyGroup);
    let until = |until: &str, repeat| {
        let StepKind::Event(until) = step(until).kind else { unreachable!() };
        pattern(vec![step("a"), StepSpec { until: Some(until), ..repeated("b", repeat) }])
    };
    refused(&until("c", Repeat::times(3)), "steps[1].until", Cause::UntilWithoutLoop);
    refused(&until("b", Repeat::one_or_more()), "steps[1].until", Cause::UntilTakesAll);
    let endless = StepSpec {
        repeat: Some(Repeat::one_or_more()),
        ..StepSpec::group(vec![optional("b"), optional("c")])
    };
    refused(&hour(vec![step("a"), endless]), "steps[1].steps", Cause::AllOptional);
    let nested = |inner| StepSpec { repeat: Some(Repeat::times(100)), ..StepSpec::group(vec![inner]) };
    let large = hour(vec![nested(nested(step("a")))]);
    assert_eq!(Pattern::compile(&large).unwrap_err().cause, Cause::TooLarge);
}

#[test]
fn absences() {
    refused(&pattern(vec![absent("a"), step("b")]), "steps[0].absent", Cause::AbsenceFirst);
    refused(&pattern(vec![step("a"), absent("b")]), "steps[1].absent", Cause::AbsenceWithoutTime);
    let beside = Cause::AbsenceBesideOptional;
    refused(
        &pattern(vec![step("a"), optional("b"), absent("c"), step("d")]),
        "steps[2].absent",
        beside.clone(),
    );
    refused(&pattern(vec![step("a"), absent("b"), optional("c"), step("d")]), "steps[1].absent", beside);
    let two = pattern(vec![step("a"), absent("b"), absent("c"), step("d")]);
    refused(&two, "steps[2].absent", Cause::AbsenceBesideAbsence);
    let strict = StepSpec { contiguity: Contiguity::Strict, ..absent("b") };
    refused(&hour(vec![step("a"), strict]), "steps[1].absent", Cause::StrictAbsenceLast);
    let any = StepSpec { contiguity: Contiguity::Any, ..absent("b") };
    refused(&pattern(vec![step("a"), any, step("c")]), "steps[1].contiguity", Cause::AbsenceAny);
    let often = StepSpec { repeat: Some(Repeat::times(2)), ..absent("b") };
    refused(&pattern(vec![step("a"), often, step("c")]), "steps[1].absent", Cause::AbsenceWith("repeated"));
    let last = StepSpec::group(vec![step("b"), absent("c")]);
    refused(&pattern(vec![step("a"), last, step("d")]), "steps[1].steps[1].absent", Cause::AbsenceEndsGroup);
}

#[test]
fn an_absence_of_what_comes_next_never_matches() {
    let narrow = |name: &str, condition| {
        let StepKind::Event(test) = step("b").kind else { unreachable!() };
        StepSpec::event(name, test.and(ConditionId(condition)))
    };
    let forbid = |absence: StepSpec, next: StepSpec| {
        pattern(vec![step("a"), StepSpec { absent: true, ..absence }, next])
    };
    refused(&forbid(step("b"), narrow("c", 1)), "steps[1].absent", Cause::ForbidsNext("c".into()));
    let anything = StepSpec::event("any", EventTest::ANY);
    refused(&forbid(anything, step("c")), "steps[1].absent", Cause::ForbidsNext("c".into()));
    // the condition may tell them apart
    assert_eq!(Pattern::problems(&forbid(narrow("x", 1), narrow("c", 2))), []);
    // not as the very next, but later
    let strict = StepSpec { contiguity: Contiguity::Strict, ..step("b") };
    assert_eq!(Pattern::problems(&forbid(strict, narrow("c", 1))), []);
}

#[test]
fn whole_pattern() {
    refused(&pattern(vec![optional("a"), optional("b")]), "steps", Cause::AllOptional);
    let skip = |after_match| PatternSpec { after_match, ..hour(vec![step("a"), step("b"), absent("c")]) };
    let to = |name: &str| AfterMatch::SkipToFirst(name.into());
    refused(&skip(to("nothing")), "after_match", Cause::NoSuchStep("nothing".into()));
    refused(&skip(to("c")), "after_match", Cause::NoSuchStep("c".into()));
    refused(&skip(to("a")), "after_match", Cause::SkipToStart("a".into()));
    let limits = Limits { max_partial_matches: 0, ..Limits::default() };
    refused(&PatternSpec { limits, ..pattern(vec![step("a")]) }, "limits", Cause::NoRoom);
}

#[test]
fn all_problems_are_listed_and_the_first_is_the_error() {
    let spec = pattern(vec![step("a"), step("a"), repeated("b", Repeat::one_or_more()), absent("c")]);
    let paths: Vec<String> = Pattern::problems(&spec).into_iter().map(|problem| problem.path).collect();
    assert_eq!(paths, ["steps[1].name", "steps[2].times", "steps[3].absent"]);
    assert_eq!(Pattern::compile(&spec).unwrap_err().path, "steps[1].name");
}

#[test]
fn what_is_only_unclear_can_be_compiled_leniently() {
    let endless = pattern(vec![step("a"), repeated("b", Repeat::one_or_more())]);
    let beside = pattern(vec![step("a"), absent("b"), optional("c"), step("d")]);
    for spec in [endless, beside] {
        assert!(Pattern::compile(&spec).is_err() && Pattern::compile_lenient(&spec).is_ok());
    }
}

#[test]
fn the_model_survives_storage() {
    let spec = PatternSpec {
        after_match: AfterMatch::SkipToLast("b".into()),
        ..hour(vec![
            step("a"),
            StepSpec { greedy: true, ..repeated("b", Repeat::between(2, 3)) },
            absent("c"),
        ])
    };
    let stored = serde_json::to_string(&spec).unwrap();
    assert_eq!(serde_json::from_str::<PatternSpec>(&stored).unwrap(), spec);
    let unknown = r#"{"steps": [], "wthin_ms": 5}"#;
    assert!(serde_json::from_str::<PatternSpec>(unknown).is_err());
}
