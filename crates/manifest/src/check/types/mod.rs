//! Whether expressions fit what is known of the events that they look at.
//!
//! The catalogue says which properties events have had, and of which types. From it, and from what operators and
//! functions take, follows what each part of an expression may come to. A part for which no value could ever fit is
//! a problem: the condition would never hold. A property that was never seen is a warning only, since it may come
//! tomorrow; that is what is told of slips of the pen.
//!
//! What is not known may be anything, so with an empty catalogue only what is wrong in any case is found.

mod catalog;
mod infer;
mod kinds;
mod rules;

use std::collections::BTreeSet;

use elate_domain::Better;

pub use catalog::Catalog;
use infer::{Inference, Typed, Variables};
use kinds::Kinds;

use crate::expression::{Condition, Value};
use crate::problem::{At, Problem};
use crate::spec::{EventMatch, Journey, Moment, Pattern, Play, Promise, PromiseSource, Spec, Step, Trigger};
use crate::{Document, Set};

/// What comes of comparing a set with a catalogue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// What can never be right.
    pub problems: Vec<Problem>,
    /// What may be a slip, and may be right tomorrow.
    pub warnings: Vec<Problem>,
}

impl Set {
    /// Compares all expressions of journeys, moments and plays with what is known of events. It says of each finding
    /// in which document it is; which of the documents were just given is for the caller to know.
    pub fn fit(&self, catalog: &Catalog) -> Findings {
        let mut findings = Findings::default();
        for document in self.iter() {
            let (problems, warnings) = fit(document, catalog);
            let label = |at| Problem::of_stored(&document.id, at);
            findings.problems.extend(problems.into_iter().map(label));
            findings.warnings.extend(warnings.into_iter().map(label));
        }
        findings
    }
}

/// Problems and warnings of one document.
fn fit(document: &Document, catalog: &Catalog) -> (Vec<At>, Vec<At>) {
    let mut fitting = Fitting { catalog, problems: Vec::new(), warnings: Vec::new() };
    match &document.spec {
        Spec::Journey(journey) => fitting.journey(journey),
        Spec::Moment(moment) => fitting.moment(moment),
        Spec::Play(play) => fitting.play(play),
        Spec::Template(_)
        | Spec::Channel(_)
        | Spec::Policy(_)
        | Spec::Score(_)
        | Spec::DelightFormula(_)
        | Spec::Survey(_) => {}
    }
    (fitting.problems, fitting.warnings)
}

/// What a correlation key may be.
const KEY: Kinds = Kinds::TEXT.or(Kinds::NUMBER).or(Kinds::BOOL).or(Kinds::TIME);
/// A time, also written as a text.
const INSTANT: Kinds = Kinds::TIME.or(Kinds::TEXT);
/// Something with a distance.
const QUANTITY: Kinds = Kinds::NUMBER.or(Kinds::DURATION).or(INSTANT);

struct Fitting<'a> {
    catalog: &'a Catalog,
    problems: Vec<At>,
    warnings: Vec<At>,
}

impl Fitting<'_> {
    fn condition(&mut self, path: &str, condition: Option<&Condition>, variables: &Variables) {
        if let Some(condition) = condition {
            let mut inference = Inference::new(self.catalog, variables, path);
            let typed = inference.of(condition.tree());
            self.take(inference);
            self.result(path, typed.kinds, Kinds::BOOL);
        }
    }

    fn value(&mut self, path: &str, value: &Value, variables: &Variables, wanted: Kinds) {
        let mut inference = Inference::new(self.catalog, variables, path);
        let typed = inference.of(value.tree());
        self.take(inference);
        self.result(path, typed.kinds, wanted);
    }

    fn take(&mut self, inference: Inference<'_>) {
        self.problems.extend(inference.problems);
        for warning in inference.warnings {
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
    }

    fn result(&mut self, path: &str, is: Kinds, wanted: Kinds) {
        // one that is wrong inside is not judged by what comes out of it
        if !is.meets(wanted) && !self.problems.iter().any(|at| at.path == path) {
            let hint = match is {
                Kinds::TEXT if wanted == Kinds::DURATION => "write duration(…) around it".to_owned(),
                _ => format!("it must come to {wanted}"),
            };
            self.problems.push(At::new(path, format!("the expression comes to {is}")).hint(hint));
        }
    }

    fn event_match(&mut self, path: &str, event: &EventMatch, variables: &Variables) {
        let variables = with(variables, "event", Typed::event(&names(Some(event))));
        self.condition(&format!("{path}.where"), event.condition.as_ref(), &variables);
    }

    fn journey(&mut self, journey: &Journey) {
        let none = Variables::new();
        let own = journey.touchpoints.iter().enumerate().filter_map(|(index, touchpoint)| {
            touchpoint.on.as_ref().map(|on| (format!("spec.touchpoints[{index}].on"), on))
        });
        let entry = journey.entry.as_ref().map(|entry| ("spec.entry".to_owned(), entry));
        let completion = journey.completion.as_ref().map(|event| ("spec.completion".to_owned(), event));
        let all: Vec<(String, &EventMatch)> = own.chain(entry).chain(completion).collect();
        for (path, event) in &all {
            self.event_match(path, event, &none);
        }
        if let Some(key) = &journey.key {
            self.key("spec.key", key, all.iter().map(|(_, event)| names(Some(event))));
        }
    }

    /// A key is told of every event by itself.
    fn key(&mut self, path: &str, key: &Value, events: impl Iterator<Item = Vec<String>>) {
        let each: BTreeSet<String> = events.flatten().collect();
        for name in each {
            let variables = vec![("event".to_owned(), Typed::event(&[name]))];
            self.value(path, key, &variables, KEY);
        }
    }

    fn moment(&mut self, moment: &Moment) {
        let mut variables = vec![("event".to_owned(), Typed::event(&names(moment.on.as_ref())))];
        let mut meant = vec![names(moment.on.as_ref())];
        if let Some(on) = &moment.on {
            self.event_match("spec.on", on, &Variables::new());
        }
        if let Some(pattern) = &moment.pattern {
            variables = Variables::new();
            see_steps(&pattern.steps, false, &mut variables);
            self.pattern(pattern, &variables);
            meant = events_of(&pattern.steps);
        }
        if let Some(PromiseSource::Full(promise)) = &moment.expect.promise {
            meant.extend(self.promise(moment, promise, &mut variables));
        }
        if let Some(key) = &moment.key {
            self.key("spec.key", key, meant.into_iter());
        }
        let experience = match moment.better {
            Better::Earlier | Better::Later => INSTANT,
            Better::Higher | Better::Lower => Kinds::NUMBER.or(Kinds::DURATION),
        };
        self.value("spec.experience", &moment.experience, &variables, experience);
        if let Some(since) = &moment.since {
            self.value("spec.since", since, &variables, INSTANT);
        }
        if let Some(standard) = &moment.expect.standard {
            self.value("spec.expect.standard", standard, &variables, QUANTITY);
        }
        if let Some(PromiseSource::Stated(due)) = &moment.expect.promise {
            self.value("spec.expect.promise", due, &variables, QUANTITY);
        }
    }

    fn pattern(&mut self, pattern: &Pattern, steps: &Variables) {
        self.pattern_steps(&pattern.steps, "spec.pattern.steps", steps);
        if let Some(key) = &pattern.key {
            self.key("spec.pattern.key", key, events_of(&pattern.steps).into_iter());
        }
    }

    fn pattern_steps(&mut self, steps: &[Step], path: &str, variables: &Variables) {
        for (index, step) in steps.iter().enumerate() {
            let path = format!("{path}[{index}]");
            match &step.group {
                Some(group) => self.pattern_steps(group, &format!("{path}.group"), variables),
                None => self.event_match(&path, &step.event_match(), variables),
            }
            if let Some(until) = &step.until {
                self.event_match(&format!("{path}.until"), until, variables);
            }
        }
    }

    /// Checks a promise; lets its events be seen by their names, and answers which events these are.
    fn promise(&mut self, moment: &Moment, promise: &Promise, variables: &mut Variables) -> Vec<Vec<String>> {
        let path = "spec.expect.promise";
        let mut events = Vec::new();
        for (field, named) in [("made", &promise.made), ("fulfilled", &promise.fulfilled)] {
            let Some(named) = named else { continue };
            let event = named.event_match();
            self.event_match(&format!("{path}.{field}"), &event, variables);
            variables.push((named.name.to_string(), Typed::event(&names(Some(&event)))));
            events.push(names(Some(&event)));
        }
        self.value(&format!("{path}.due"), &promise.due, variables, INSTANT);
        if let Some(withdrawn) = &promise.withdrawn {
            self.event_match(&format!("{path}.withdrawn"), withdrawn, variables);
            events.push(names(Some(withdrawn)));
        }
        if let Some(moved) = &promise.moved {
            let event = moved.event_match();
            self.event_match(&format!("{path}.moved"), &event, variables);
            let seen = with(variables, "event", Typed::event(&names(Some(&event))));
            self.value(&format!("{path}.moved.due"), &moved.due, &seen, INSTANT);
            events.push(names(Some(&event)));
        }
        let seen = with(variables, "due", Typed::plain(Kinds::TIME));
        for (index, rule) in promise.at_risk.iter().enumerate() {
            let path = format!("{path}.at_risk[{index}]");
            self.event_match(&format!("{path}.unless"), &rule.unless, variables);
            self.value(&format!("{path}.by"), &rule.by, &seen, INSTANT);
            self.condition(&format!("{path}.where"), rule.condition.as_ref(), &seen);
            events.push(names(Some(&rule.unless)));
        }
        for (index, milestone) in promise.learned.iter().flat_map(|learned| &learned.milestones).enumerate() {
            self.event_match(&format!("{path}.learned.milestones[{index}]"), milestone, variables);
            events.push(names(Some(milestone)));
        }
        // a promise without a key is of the customer alone, and its events need nothing in common
        if moment.key.is_some() { events } else { Vec::new() }
    }

    fn play(&mut self, play: &Play) {
        let none = Variables::new();
        let mut entering = None;
        if let Trigger::Event(event) = &play.trigger {
            self.event_match("spec.trigger.event", event, &none);
            entering = Some(event);
        }
        let seen = vec![("event".to_owned(), Typed::event(&names(entering)))];
        self.condition("spec.audience", play.audience.as_ref(), &seen);
        if let Some(key) = &play.key {
            self.value("spec.key", key, &seen, KEY);
        }
        for (index, event) in play.exit_on.iter().enumerate() {
            self.event_match(&format!("spec.exit_on[{index}]"), event, &none);
        }
    }
}

/// The names that an event may have; none where it may have any.
fn names(event: Option<&EventMatch>) -> Vec<String> {
    let names = event.and_then(|event| event.on.as_ref());
    names.map(|names| names.iter().map(str::to_owned).collect()).unwrap_or_default()
}

fn with(variables: &Variables, name: &str, typed: Typed) -> Variables {
    let mut variables = variables.clone();
    variables.push((name.to_owned(), typed));
    variables
}

/// The names of the events of steps that take some, step by step.
fn events_of(steps: &[Step]) -> Vec<Vec<String>> {
    let of = |step: &Step| match &step.group {
        Some(group) => events_of(group),
        None => vec![names(Some(&step.event_match()))],
    };
    steps.iter().flat_map(of).collect()
}

/// Lets later expressions see the steps by their names.
fn see_steps(steps: &[Step], repeated: bool, variables: &mut Variables) {
    for step in steps {
        let repeated = repeated || step.times.is_some();
        match (&step.group, &step.name) {
            (Some(group), _) => see_steps(group, repeated, variables),
            (None, Some(name)) if !step.absent => {
                let names = names(Some(&step.event_match()));
                let typed = match (repeated, step.optional) {
                    (true, _) => Typed::events(&names),
                    (false, true) => Typed::event(&names).or_null(),
                    (false, false) => Typed::event(&names),
                };
                variables.push((name.to_string(), typed));
            }
            (None, _) => {}
        }
    }
}
