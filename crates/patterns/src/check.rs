//! What is refused, and where. Refusing early is kinder than a pattern that silently never matches.

use crate::error::{Cause, CompileError};
use crate::spec::{AfterMatch, Contiguity, EventTest, PatternSpec, Repeat, StepKind, StepSpec};

/// The highest number of repetitions that can be asked for.
pub(crate) const MAX_REPEAT: u32 = 200;

/// The largest automaton, in states.
pub(crate) const MAX_STATES: usize = 4_096;

/// How deep groups may stand within each other.
pub(crate) const MAX_DEPTH: usize = 16;

/// Everything that is wrong, in the order of the specification.
pub(crate) fn problems(spec: &PatternSpec) -> Vec<CompileError> {
    Checker::run(spec, true)
}

/// Only what cannot be run at all.
pub(crate) fn impossibilities(spec: &PatternSpec) -> Vec<CompileError> {
    Checker::run(spec, false)
}

struct Checker<'a> {
    spec: &'a PatternSpec,
    strict: bool,
    names: Vec<&'a str>,
    depth: usize,
    problems: Vec<CompileError>,
}

/// A step among its siblings.
struct At<'a> {
    path: String,
    step: &'a StepSpec,
    before: Option<&'a StepSpec>,
    after: Option<&'a StepSpec>,
    in_group: bool,
}

impl<'a> Checker<'a> {
    fn run(spec: &'a PatternSpec, strict: bool) -> Vec<CompileError> {
        let mut checker = Self { spec, strict, names: Vec::new(), depth: 0, problems: Vec::new() };
        checker.duration("within", spec.within_ms);
        checker.steps("steps", &spec.steps, false);
        checker.after_match();
        if spec.limits.max_partial_matches == 0 || spec.limits.max_captures == 0 {
            checker.fatal("limits", Cause::NoRoom);
        }
        checker.problems
    }

    /// A problem that makes the pattern impossible to run.
    fn fatal(&mut self, path: impl Into<String>, cause: Cause) {
        self.problems.push(CompileError { path: path.into(), cause });
    }

    /// A problem that makes the pattern senseless or unclear.
    fn unclear(&mut self, path: impl Into<String>, cause: Cause) {
        if self.strict {
            self.fatal(path, cause);
        }
    }

    fn duration(&mut self, path: &str, duration: Option<i64>) {
        if let Some(time) = duration.filter(|time| *time <= 0) {
            self.fatal(path, Cause::NoTime(time));
        }
    }

    fn steps(&mut self, path: &str, steps: &'a [StepSpec], in_group: bool) {
        if steps.is_empty() {
            let cause = if in_group { Cause::EmptyGroup } else { Cause::NoSteps };
            self.fatal(path, cause);
        }
        for (index, step) in steps.iter().enumerate() {
            let before = index.checked_sub(1).and_then(|before| steps.get(before));
            let after = steps.get(index + 1);
            self.step(&At { path: format!("{path}[{index}]"), step, before, after, in_group });
        }
        if !steps.is_empty() && steps.iter().all(may_take_nothing) && !in_group {
            self.unclear(path, Cause::AllOptional);
        }
    }

    fn step(&mut self, at: &At<'a>) {
        self.name(at);
        self.step_time(at);
        if at.step.absent {
            self.absence(at);
        } else {
            self.repetition(at);
        }
        if let StepKind::Group(steps) = &at.step.kind {
            if self.depth == MAX_DEPTH {
                self.fatal(format!("{}.steps", at.path), Cause::TooDeep);
                return;
            }
            self.depth += 1;
            self.steps(&format!("{}.steps", at.path), steps, true);
            self.depth -= 1;
            // it could be repeated for ever without an event
            if at.step.repeat.is_some() && steps.iter().all(may_take_nothing) && !steps.is_empty() {
                self.fatal(format!("{}.steps", at.path), Cause::AllOptional);
            }
        }
    }

    fn name(&mut self, at: &At<'a>) {
        let name = at.step.name.as_str();
        let path = format!("{}.name", at.path);
        if name.is_empty() {
            if matches!(at.step.kind, StepKind::Event(_)) {
                self.fatal(path, Cause::NoName);
            }
        } else if self.names.contains(&name) {
            self.fatal(path, Cause::DuplicateName(name.to_owned()));
        } else {
            self.names.push(name);
        }
    }

    fn step_time(&mut self, at: &At<'a>) {
        let Some(time) = at.step.within_ms else { return };
        let path = format!("{}.within", at.path);
        self.duration(&path, Some(time));
        if let Some(whole) = self.spec.within_ms.filter(|whole| time > *whole) {
            self.unclear(path.as_str(), Cause::LongerThanWhole { step: time, whole });
        }
        if matches!(at.step.kind, StepKind::Group(_)) {
            self.unclear(path, Cause::WithinOnGroup);
        } else if at.step.optional {
            self.unclear(path, Cause::WithinOnOptional);
        } else if at.before.is_none() && !at.in_group && at.step.repeat.is_none() {
            self.unclear(path, Cause::WithinOnFirst);
        }
    }

    fn repetition(&mut self, at: &At<'a>) {
        let step = at.step;
        if let Some(repeat) = step.repeat {
            self.times(at, repeat);
        }
        let loops = step.repeat.is_some_and(|repeat| repeat.max.is_none());
        if step.greedy {
            let path = format!("{}.greedy", at.path);
            match step.repeat {
                None => self.unclear(path, Cause::GreedyWithoutRepeat),
                Some(_) if matches!(step.kind, StepKind::Group(_)) => self.fatal(path, Cause::GreedyGroup),
                Some(repeat) if repeat.contiguity == Contiguity::Any => self.unclear(path, Cause::GreedyAny),
                Some(_) => {}
            }
        }
        let Some(until) = step.until else {
            if loops && self.spec.within_ms.is_none() {
                self.unclear(format!("{}.times", at.path), Cause::EndlessLoop);
            }
            return;
        };
        let path = format!("{}.until", at.path);
        if !loops {
            self.unclear(path, Cause::UntilWithoutLoop);
        } else if matches!(&step.kind, StepKind::Event(own) if covers(until, *own)) {
            self.unclear(path, Cause::UntilTakesAll);
        }
    }

    fn times(&mut self, at: &At<'a>, repeat: Repeat) {
        let path = format!("{}.times", at.path);
        self.duration(&format!("{path}.within"), repeat.within_ms);
        if repeat.min == 0 {
            self.fatal(format!("{path}.min"), Cause::ZeroTimes);
        }
        if let Some(max) = repeat.max.filter(|max| *max < repeat.min) {
            self.fatal(path.as_str(), Cause::MinAboveMax { min: repeat.min, max });
        }
        let most = repeat.max.unwrap_or(repeat.min).max(repeat.min);
        if most > MAX_REPEAT {
            self.fatal(path, Cause::TooManyTimes(most));
        }
    }

    fn absence(&mut self, at: &At<'a>) {
        let (path, step) = (&at.path, at.step);
        let absent = format!("{path}.absent");
        let excess = match step {
            StepSpec { kind: StepKind::Group(_), .. } => Some("a group"),
            StepSpec { repeat: Some(_), .. } => Some("repeated"),
            StepSpec { optional: true, .. } => Some("optional"),
            StepSpec { greedy: true, .. } => Some("greedy"),
            StepSpec { until: Some(_), .. } => Some("ended by a condition"),
            StepSpec { .. } => None,
        };
        if let Some(excess) = excess {
            self.fatal(absent.as_str(), Cause::AbsenceWith(excess));
        }
        if step.contiguity == Contiguity::Any {
            self.unclear(format!("{path}.contiguity"), Cause::AbsenceAny);
        }
        let Some(before) = at.before else {
            self.fatal(absent, Cause::AbsenceFirst);
            return;
        };
        if before.absent {
            self.unclear(absent.as_str(), Cause::AbsenceBesideAbsence);
        } else if before.optional || at.after.is_some_and(|after| after.optional) {
            self.unclear(absent.as_str(), Cause::AbsenceBesideOptional);
        }
        match at.after {
            Some(after) => self.forbids(&absent, step, after),
            None if at.in_group => self.unclear(absent, Cause::AbsenceEndsGroup),
            None if step.contiguity == Contiguity::Strict => self.unclear(absent, Cause::StrictAbsenceLast),
            None if step.within_ms.is_none() && self.spec.within_ms.is_none() => {
                self.fatal(absent, Cause::AbsenceWithoutTime);
            }
            None => {}
        }
    }

    fn forbids(&mut self, path: &str, absence: &StepSpec, after: &StepSpec) {
        let (StepKind::Event(forbidden), StepKind::Event(wanted)) = (&absence.kind, &after.kind) else {
            return;
        };
        // after a strict absence the next step may still come later
        let meets = absence.contiguity != Contiguity::Strict || after.contiguity == Contiguity::Strict;
        if meets && !after.absent && covers(*forbidden, *wanted) {
            self.unclear(path, Cause::ForbidsNext(after.name.clone()));
        }
    }

    fn after_match(&mut self) {
        let (name, to_first) = match &self.spec.after_match {
            AfterMatch::NoSkip | AfterMatch::SkipToNext | AfterMatch::SkipPastLast => return,
            AfterMatch::SkipToFirst(name) => (name, true),
            AfterMatch::SkipToLast(name) => (name, false),
        };
        if !takes_events(&self.spec.steps, name) {
            self.fatal("after_match", Cause::NoSuchStep(name.clone()));
        } else if to_first && self.spec.steps.first().is_some_and(|step| begins_with(step, name)) {
            self.unclear("after_match", Cause::SkipToStart(name.clone()));
        }
    }
}

/// Whether every event that `inner` takes satisfies `outer`, as far as can be told without evaluating.
fn covers(outer: EventTest, inner: EventTest) -> bool {
    let class = outer.class.is_none() || outer.class == inner.class;
    class && (outer.condition.is_none() || outer.condition == inner.condition)
}

/// Whether a step can be passed without any event.
fn may_take_nothing(step: &StepSpec) -> bool {
    let empty = matches!(&step.kind, StepKind::Group(steps) if steps.iter().all(may_take_nothing));
    step.optional || step.absent || empty
}

fn takes_events(steps: &[StepSpec], name: &str) -> bool {
    steps.iter().any(|step| match &step.kind {
        StepKind::Event(_) => !step.absent && step.name == name,
        StepKind::Group(inner) => takes_events(inner, name),
    })
}

fn begins_with(step: &StepSpec, name: &str) -> bool {
    match &step.kind {
        StepKind::Event(_) => step.name == name && !step.optional,
        StepKind::Group(inner) => inner.first().is_some_and(|first| begins_with(first, name)),
    }
}
