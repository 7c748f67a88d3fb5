//! Plays.

use std::collections::BTreeMap;

use super::Problems;
use super::names::Visible;
use super::rollout;
use crate::expression::Value;
use crate::spec::{
    Branch, Emit, EventMatch, MessageClass, Play, PlayCaps, PlayStep, SplitArm, Task, Trigger, Wait,
};

/// Steps of one play, nested ones included.
const MAX_STEPS: usize = 200;
/// How deep branches and splits may nest.
const MAX_NESTING: usize = 8;
/// The highest limit of a customer's entries or instances: so many are remembered.
const MAX_CAP: u32 = 64;
/// Characters of a task's title.
const MAX_TITLE: usize = 200;

pub(super) fn check(play: &Play, problems: &mut Problems) {
    check_trigger(play, problems);
    let entering = entering(&play.trigger);
    problems.condition("spec.audience", play.audience.as_ref(), &entering);
    if let Some(key) = &play.key {
        problems.value("spec.key", key, &entering);
    }
    let inside = entering.and("instance");
    problems.count("spec.exit_on", play.exit_on.len(), 0);
    for (index, event) in play.exit_on.iter().enumerate() {
        problems.event_match(&format!("spec.exit_on[{index}]"), event, &inside);
    }
    if let Some(caps) = play.caps {
        play_caps(caps, "spec.caps", problems);
    }
    if let Some(effect) = &play.effect {
        problems.positive("spec.effect.observe", effect.observe);
        problems.in_range("spec.effect.cost", effect.cost, 0.0..=1e9);
        problems.count("spec.effect.complaints", effect.complaints.len(), 0);
    }
    if let Some(rollout) = &play.rollout {
        rollout::rollout(rollout, problems);
    }
    let mut walk = Walk { problems, visible: inside, steps: 0, service: play.service };
    walk.steps(&play.steps, "spec.steps", 0);
    let steps = walk.steps;
    if play.steps.is_empty() {
        problems.add("spec.steps", "is empty", "");
    }
    if steps > MAX_STEPS {
        problems.add("spec.steps", format!("has {steps} steps; at most {MAX_STEPS} are allowed"), "");
    }
}

/// What a customer's entries and instances are limited to; what is not remembered can't be counted.
pub(super) fn play_caps(caps: PlayCaps, path: &str, problems: &mut Problems) {
    let within = |problems: &mut Problems, path: String, limit: u32| {
        if !(1..=MAX_CAP).contains(&limit) {
            problems.add(path, format!("{limit} is not between 1 and {MAX_CAP}"), "pause a play to stop it");
        }
    };
    if let Some(running) = caps.running {
        within(problems, format!("{path}.running"), running);
    }
    if let Some(entries) = caps.entries {
        within(problems, format!("{path}.entries.limit"), entries.limit);
        problems.positive(&format!("{path}.entries.per"), entries.per);
    }
    if caps.running.is_none() && caps.entries.is_none() {
        problems.add(path, "limits nothing", "say `entries` or `running`");
    }
}

fn check_trigger(play: &Play, problems: &mut Problems) {
    let visible = entering(&play.trigger);
    match &play.trigger {
        Trigger::Moment(on) => {
            problems.condition("spec.trigger.moment.where", on.condition.as_ref(), &visible)
        }
        Trigger::Promise(on) => {
            problems.condition("spec.trigger.promise.where", on.condition.as_ref(), &visible)
        }
        Trigger::Event(event) => problems.event_match("spec.trigger.event", event, &visible),
        Trigger::Score(score) if !(score.threshold > 0.0 && score.threshold < 100.0) => {
            problems.add(
                "spec.trigger.score.threshold",
                format!("{} is not between 0 and 100", score.threshold),
                "",
            );
        }
        Trigger::Schedule(schedule) => {
            let start = schedule.start.0;
            if schedule.rule.days(start, start).next().is_none() {
                problems.add(
                    "spec.trigger.schedule.rule",
                    "names no day at all",
                    "look at its parts together",
                );
            }
        }
        Trigger::Score(_) | Trigger::Stage(_) | Trigger::Case(_) => {}
    }
}

/// What can be seen when a play is entered.
fn entering(trigger: &Trigger) -> Visible<'static> {
    match trigger {
        Trigger::Moment(_) => Visible::of(&["event", "customer", "moment"]),
        _ => Visible::of(&["event", "customer"]),
    }
}

struct Walk<'a, 'v> {
    problems: &'a mut Problems,
    visible: Visible<'v>,
    steps: usize,
    /// Whether it is a service play.
    service: bool,
}

impl Walk<'_, '_> {
    fn steps(&mut self, steps: &[PlayStep], path: &str, depth: usize) {
        self.steps += steps.len();
        if depth > MAX_NESTING {
            self.problems.add(
                path,
                format!("branches nest deeper than {MAX_NESTING} levels"),
                "make it another play",
            );
            return;
        }
        for (index, step) in steps.iter().enumerate() {
            self.step(step, &format!("{path}[{index}]"), depth);
        }
        let exit = steps.iter().position(|step| matches!(step, PlayStep::Exit(_)));
        if let Some(exit) = exit.filter(|exit| exit + 1 < steps.len()) {
            self.problems.add(
                format!("{path}[{}]", exit + 1),
                "comes after an exit and is never reached",
                "",
            );
        }
    }

    fn step(&mut self, step: &PlayStep, path: &str, depth: usize) {
        let path = &format!("{path}.{}", step.kind());
        match step {
            PlayStep::Wait(wait) => self.wait(wait, path),
            PlayStep::Branch(branch) => self.branch(branch, path, depth),
            PlayStep::Split(arms) => self.split(arms, path, depth),
            PlayStep::Send(send) => {
                self.problems.positive(&format!("{path}.expires"), send.expires);
                if self.service && send.class == MessageClass::Marketing {
                    let hint = "say `class: service`, or leave out `service` of the play";
                    self.problems.add(format!("{path}.class"), "a service play sends no marketing", hint);
                }
                self.data(&send.data, path);
            }
            PlayStep::Emit(emit) => self.emit(emit, path),
            PlayStep::Exit(_) => {}
            PlayStep::Ask(ask) => {
                self.problems.positive(&format!("{path}.expires"), ask.expires);
                self.data(&ask.data, path);
            }
            PlayStep::Grant(grant) => {
                self.problems.positive(&format!("{path}.expires"), grant.expires);
                self.problems.value(&format!("{path}.amount"), &grant.amount, &self.visible);
                self.data(&grant.data, path);
            }
            PlayStep::Task(task) => self.task(task, path),
        }
    }

    fn task(&mut self, task: &Task, path: &str) {
        self.problems.positive(&format!("{path}.expires"), task.expires);
        if task.title.trim().is_empty() || task.title.chars().count() > MAX_TITLE {
            let reason = format!("must have 1 to {MAX_TITLE} characters");
            self.problems.add(format!("{path}.title"), reason, "say what is to be done");
        }
        if task.data.contains_key("task") {
            let reason = "is what Elate itself says of the task";
            self.problems.add(format!("{path}.data.task"), reason, "take another name");
        }
        self.data(&task.data, path);
    }

    fn data(&mut self, data: &BTreeMap<String, Value>, path: &str) {
        self.problems.count(&format!("{path}.data"), data.len(), 0);
        for (name, value) in data {
            self.problems.value(&format!("{path}.data.{name}"), value, &self.visible);
        }
    }

    fn wait(&mut self, wait: &Wait, path: &str) {
        let given = [wait.duration.is_some(), wait.until.is_some(), wait.event.is_some()];
        if given.iter().filter(|given| **given).count() != 1 {
            self.problems.add(path, "must say exactly one of `for`, `until`, `event`", "");
            return;
        }
        if let Some(span) = wait.duration {
            self.problems.positive(&format!("{path}.for"), span);
        }
        if wait.zone.is_some() && wait.until.is_none() {
            self.problems.add(format!("{path}.zone"), "is for `until`", "leave it out");
        }
        match (&wait.event, wait.timeout) {
            (Some(_), None) => {
                self.problems.add(format!("{path}.timeout"), "is required", "the event may never come");
            }
            (None, Some(_)) => self.problems.add(format!("{path}.timeout"), "is for `event`", "leave it out"),
            (Some(event), Some(timeout)) => {
                self.problems.positive(&format!("{path}.timeout"), timeout);
                self.event(event, &format!("{path}.event"));
            }
            (None, None) => {}
        }
    }

    fn event(&mut self, event: &EventMatch, path: &str) {
        self.problems.event_match(path, event, &self.visible);
    }

    fn branch(&mut self, branch: &Branch, path: &str, depth: usize) {
        self.problems.condition(&format!("{path}.if"), Some(&branch.condition), &self.visible);
        if branch.then.is_empty() && branch.otherwise.is_empty() {
            self.problems.add(path, "does the same either way", "give `then` or `else` a step");
        }
        self.steps(&branch.then, &format!("{path}.then"), depth + 1);
        self.steps(&branch.otherwise, &format!("{path}.else"), depth + 1);
    }

    fn split(&mut self, arms: &[SplitArm], path: &str, depth: usize) {
        self.problems.count(path, arms.len(), 2);
        self.problems
            .unique(arms.iter().map(|arm| arm.name.as_str()), |index| format!("{path}[{index}].name"));
        for (index, arm) in arms.iter().enumerate() {
            if !(arm.weight > 0.0 && arm.weight.is_finite()) {
                let reason = format!("{} is not above 0", arm.weight);
                self.problems.add(format!("{path}[{index}].weight"), reason, "leave the way out");
            }
            self.steps(&arm.steps, &format!("{path}[{index}].steps"), depth + 1);
        }
    }

    fn emit(&mut self, emit: &Emit, path: &str) {
        self.problems.event_names(&format!("{path}.name"), std::iter::once(emit.name.as_str()));
        if emit.name.starts_with("elate.") {
            let reason = "names that begin with `elate.` are Elate's own";
            self.problems.add(format!("{path}.name"), reason, "take another name");
        }
        self.problems.count(&format!("{path}.properties"), emit.properties.len(), 0);
        for (name, value) in &emit.properties {
            self.problems.value(&format!("{path}.properties.{name}"), value, &self.visible);
        }
    }
}
