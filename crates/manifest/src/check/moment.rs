//! Moments.

use elate_domain::Better;

use super::Problems;
use super::names::Visible;
use crate::pattern::{Vocabulary, compile};
use crate::spec::{EventMatch, LearnedRisk, Moment, Promise, PromiseSource, Step, Tolerance};

pub(super) fn check(moment: &Moment, problems: &mut Problems) {
    check_source(moment, problems);
    check_judgement(moment, problems);
    check_expressions(moment, problems);
    if moment.journey.is_none() && (moment.product.is_none() || moment.channel.is_none()) {
        problems.add("spec.journey", "is required", "or say `product` and `channel` of the touchpoint");
    }
}

/// What makes the moment: exactly one of a pattern, an event, a promise with events of its own.
fn check_source(moment: &Moment, problems: &mut Problems) {
    let own_events = match &moment.expect.promise {
        Some(PromiseSource::Full(promise)) => promise.made.is_some() && promise.fulfilled.is_some(),
        Some(PromiseSource::Stated(_)) | None => false,
    };
    match (&moment.pattern, &moment.on, own_events) {
        (None, None, false) => {
            problems.add(
                "spec",
                "nothing says what makes the moment",
                "say `pattern`, or `on`, or the promise's events",
            );
        }
        (Some(_), Some(_), _) => problems.add("spec.on", "cannot stand beside a pattern", "make it a step"),
        (Some(_), None, true) => {
            problems.add(
                "spec.pattern",
                "cannot stand beside a promise with events of its own",
                "leave one out",
            );
        }
        (None, Some(_), true) => {
            problems.add("spec.on", "cannot stand beside a promise with events of its own", "leave one out");
        }
        _ => {}
    }
    if let Some(pattern) = &moment.pattern {
        if moment.key.is_some() {
            problems.add("spec.key", "cannot stand beside a pattern", "say it as spec.pattern.key");
        }
        if let Some(key) = &pattern.key {
            problems.value("spec.pattern.key", key, &Visible::of(&["event", "customer"]));
        }
        problems.count("spec.pattern.steps", pattern.steps.len(), 1);
        if let Err(found) = compile(pattern, &mut Vocabulary::new()) {
            for problem in found {
                let path = if problem.path.is_empty() { String::new() } else { format!(".{}", problem.path) };
                problems.add(format!("spec.pattern{path}"), problem.reason, problem.hint);
            }
        }
    }
    check_promise(moment, own_events, problems);
}

fn check_promise(moment: &Moment, own_events: bool, problems: &mut Problems) {
    let path = "spec.expect.promise";
    let is_time = matches!(moment.better, Better::Earlier | Better::Later);
    match &moment.expect.promise {
        None => return,
        Some(PromiseSource::Full(_)) if moment.better != Better::Earlier => {
            problems.add(
                path,
                "a promise with a due time is kept by being early",
                "`better` must be `earlier`",
            );
            return;
        }
        Some(PromiseSource::Stated(_)) if moment.better == Better::Later => {
            problems.add(path, "a promised time is kept by being early", "`better` must be `earlier`");
            return;
        }
        Some(PromiseSource::Stated(_)) if !is_time => return,
        Some(_) => {}
    }
    let two_steps = matches!(moment.pattern.as_ref().map(|pattern| pattern.steps.as_slice()),
        Some([first, second]) if first.is_single() && second.is_single());
    if !own_events && !two_steps {
        problems.add(
            path,
            "nothing says what makes the promise and what fulfils it",
            "give a pattern of two single steps, or `made` and `fulfilled`",
        );
    }
}

fn check_judgement(moment: &Moment, problems: &mut Problems) {
    let expect = &moment.expect;
    if expect.promise.is_none() && expect.standard.is_none() && expect.habit.is_none() {
        problems.add("spec.expect", "is empty", "say at least one of `promise`, `standard`, `habit`");
    }
    if let Some(habit) = expect.habit {
        problems.in_range("spec.expect.habit.half_life", habit.half_life, 0.1..=1_000.0);
    }
    let is_time = matches!(moment.better, Better::Earlier | Better::Later);
    if is_time && moment.since.is_none() {
        problems.add(
            "spec.since",
            "is required",
            "an experience that is a time is counted from another time",
        );
    }
    if !is_time && moment.since.is_some() {
        problems.add(
            "spec.since",
            "is for experiences that are times",
            "`better` must be `earlier` or `later`",
        );
    }
    match (moment.tolerance, moment.min_tolerance) {
        (Tolerance::Learned, None) => {
            problems.add("spec.min_tolerance", "is required", "what holds until a tolerance was learned");
        }
        (Tolerance::Learned, Some(_)) => {}
        (stated, _) => tolerance("spec.tolerance", stated, is_time, problems),
    }
    if let Some(least) = moment.min_tolerance {
        tolerance("spec.min_tolerance", least, is_time, problems);
    }
    problems.in_range("spec.thresholds.magical", moment.thresholds.magical, 0.01..=5.0);
    problems.in_range("spec.thresholds.miserable", moment.thresholds.miserable, -5.0..=-0.01);
    problems.in_range("spec.weight", moment.weight, 0.0..=100.0);
    match moment.give_up {
        Some(_) if moment.promise_rules().is_none() => {
            problems.add("spec.give_up", "is for moments with a promise", "leave it out");
        }
        Some(after) => problems.positive("spec.give_up", after),
        None => {}
    }
}

fn tolerance(path: &str, tolerance: Tolerance, is_time: bool, problems: &mut Problems) {
    match tolerance {
        Tolerance::Learned => {
            problems.add(path, "cannot be learned itself", "give a duration such as 12h, or a number");
        }
        Tolerance::Duration(span) => problems.positive(path, span),
        Tolerance::Number(_) if is_time => {
            problems.add(path, "times differ by durations", "give a duration such as 12h");
        }
        Tolerance::Number(number) if !(number > 0.0 && number.is_finite()) => {
            problems.add(path, format!("{number} is not above 0"), "");
        }
        Tolerance::Number(_) => {}
    }
}

fn check_expressions(moment: &Moment, problems: &mut Problems) {
    let visible = visible(moment);
    problems.value("spec.experience", &moment.experience, &visible);
    if let Some(since) = &moment.since {
        problems.value("spec.since", since, &visible);
    }
    if let Some(standard) = &moment.expect.standard {
        problems.value("spec.expect.standard", standard, &visible);
    }
    let of_event = Visible::of(&["event", "customer"]);
    if let Some(key) = &moment.key {
        problems.value("spec.key", key, &of_event);
    }
    if let Some(on) = &moment.on {
        problems.event_match("spec.on", on, &of_event);
    }
    match &moment.expect.promise {
        Some(PromiseSource::Stated(due)) => {
            let visible = match moment.promise_rules() {
                Some(_) => made_by(moment, None),
                None => visible,
            };
            problems.value("spec.expect.promise", due, &visible);
        }
        Some(PromiseSource::Full(promise)) => check_full_promise(moment, promise, problems),
        None => {}
    }
}

/// What the moment's own expressions see.
fn visible(moment: &Moment) -> Visible<'_> {
    let mut visible = Visible::of(&["event", "customer"]);
    if let Some(pattern) = &moment.pattern {
        visible = Visible::of(&["customer"]);
        visible = steps(&pattern.steps, false, visible);
    }
    if let Some(PromiseSource::Full(promise)) = &moment.expect.promise {
        let own = [&promise.made, &promise.fulfilled];
        let own: Vec<&str> = own.into_iter().flatten().map(|named| named.name.as_str()).collect();
        if !own.is_empty() && moment.pattern.is_none() {
            visible = Visible::of(&["customer"]);
        }
        visible = own.into_iter().fold(visible, Visible::and_event);
    }
    visible
}

fn steps<'a>(steps: &'a [Step], repeated: bool, mut visible: Visible<'a>) -> Visible<'a> {
    for step in steps {
        let repeated = repeated || step.times.is_some();
        visible = match (&step.group, &step.name) {
            (Some(group), _) => self::steps(group, repeated, visible),
            (None, Some(name)) if !step.absent && repeated => visible.and(name.as_str()),
            (None, Some(name)) if !step.absent => visible.and_event(name.as_str()),
            (None, _) => visible,
        };
    }
    visible
}

/// What can be seen when a promise is made: the event that makes it, by its name.
fn made_by<'a>(moment: &'a Moment, promise: Option<&'a Promise>) -> Visible<'a> {
    let own = promise.and_then(|promise| promise.made.as_ref()).map(|made| made.name.as_str());
    let first = moment.pattern.as_ref().and_then(|pattern| pattern.steps.first());
    let first = first.and_then(|step| step.name.as_ref()).map(|name| name.as_str());
    let visible = Visible::of(&["customer"]);
    match own.or(first) {
        Some(name) => visible.and_event(name),
        None => visible,
    }
}

fn check_full_promise(moment: &Moment, promise: &Promise, problems: &mut Problems) {
    let path = "spec.expect.promise";
    let made = made_by(moment, Some(promise));
    let of_event = Visible::of(&["event", "customer"]);
    let both = made.clone().and_event("event");
    problems.value(&format!("{path}.due"), &promise.due, &made);
    if let Some(named) = &promise.made {
        problems.event_match(&format!("{path}.made"), &named.event_match(), &of_event);
    }
    if let Some(named) = &promise.fulfilled {
        problems.event_match(&format!("{path}.fulfilled"), &named.event_match(), &both);
    }
    if let (Some(made), Some(fulfilled)) = (&promise.made, &promise.fulfilled)
        && made.name == fulfilled.name
    {
        problems.add(format!("{path}.fulfilled.name"), format!("`{}` is there already", made.name), "");
    }
    if let Some(withdrawn) = &promise.withdrawn {
        problems.event_match(&format!("{path}.withdrawn"), withdrawn, &both);
    }
    if let Some(moved) = &promise.moved {
        problems.event_match(&format!("{path}.moved"), &moved.event_match(), &both);
        problems.value(&format!("{path}.moved.due"), &moved.due, &both);
        problems.in_range(&format!("{path}.moved.keep_first"), moved.keep_first, 0.0..=1.0);
    }
    problems.count(&format!("{path}.at_risk"), promise.at_risk.len(), 0);
    for (index, rule) in promise.at_risk.iter().enumerate() {
        let path = format!("{path}.at_risk[{index}]");
        problems.event_match(&format!("{path}.unless"), &rule.unless, &both);
        problems.value(&format!("{path}.by"), &rule.by, &made.clone().and("due"));
        problems.condition(&format!("{path}.where"), rule.condition.as_ref(), &made);
    }
    if let Some(learned) = &promise.learned {
        check_learned(learned, &format!("{path}.learned"), &both, problems);
    }
}

fn check_learned(learned: &LearnedRisk, path: &str, both: &Visible<'_>, problems: &mut Problems) {
    problems.in_range(&format!("{path}.chance"), learned.chance, 0.01..=0.99);
    problems.in_range(&format!("{path}.least"), f64::from(learned.least), 10.0..=2_000.0);
    problems.count(&format!("{path}.milestones"), learned.milestones.len(), 0);
    for (index, milestone) in learned.milestones.iter().enumerate() {
        problems.event_match(&format!("{path}.milestones[{index}]"), milestone, both);
    }
    let names = learned.milestones.iter().map(EventMatch::described).collect::<Vec<_>>();
    problems.unique(names.iter().map(String::as_str), |index| format!("{path}.milestones[{index}]"));
}
