//! That what documents name exists in the set, and is what it is taken for.

use std::collections::BTreeMap;

use elate_domain::Stage;

use super::Problems;
use crate::problem::{Problem, nearest};
use crate::set::Draft;
use crate::spec::{
    Channel, ChannelKind, DelightFormula, Journey, MessageClass, Moment, Play, PlayStep, Policy, Score, Send,
    Spec, Survey, Task, Template, Trigger,
};
use crate::{Id, Kind, Name};

/// Everything that is wrong between documents.
pub(crate) fn references(drafts: &[Draft]) -> Vec<Problem> {
    let world = World { drafts: drafts.iter().map(|draft| (&draft.id, draft)).collect() };
    let mut all = Vec::new();
    for draft in drafts {
        let mut problems = Problems::default();
        match &draft.spec {
            Some(Spec::Moment(moment)) => world.moment(moment, &mut problems),
            Some(Spec::Play(play)) => {
                world.play(play, &mut problems);
                world.rollout(&draft.id, play, &mut problems);
            }
            Some(Spec::Policy(policy)) => world.policy(policy, &mut problems),
            Some(Spec::Survey(survey)) => world.survey(survey, &mut problems),
            Some(Spec::Score(score)) => world.score(score, &mut problems),
            Some(Spec::DelightFormula(formula)) => world.formula(&draft.id, formula, &mut problems),
            Some(Spec::Journey(_) | Spec::Template(_) | Spec::Channel(_)) | None => {}
        }
        let label = draft.id.to_string();
        let judged = problems.0.into_iter().filter(|at| !draft.own.iter().any(|known| known.overlaps(at)));
        all.extend(judged.map(|at| match draft.index {
            Some(index) => Problem::of_document(index, &label, at),
            None => Problem::of_stored(&draft.id, at),
        }));
    }
    all
}

struct World<'a> {
    drafts: BTreeMap<&'a Id, &'a Draft>,
}

/// A document that is named: there and readable, there but broken itself, or not there.
enum Found<'a> {
    Sound(&'a Spec),
    Broken,
    Missing,
}

macro_rules! find {
    ($($name:ident: $kind:ident -> $type:ty),+ $(,)?) => {$(
        fn $name(&self, path: &str, name: &Name, problems: &mut Problems) -> Option<&'a $type> {
            match self.find(Kind::$kind, name) {
                Found::Sound(Spec::$kind(spec)) => Some(spec),
                Found::Missing => {
                    self.missing(Kind::$kind, path, name, problems);
                    None
                }
                Found::Sound(_) | Found::Broken => None,
            }
        }
    )+};
}

impl<'a> World<'a> {
    fn find(&self, kind: Kind, name: &Name) -> Found<'a> {
        match self.drafts.get(&Id::new(kind, name.clone())) {
            None => Found::Missing,
            Some(Draft { spec: Some(spec), own, .. }) if own.is_empty() => Found::Sound(spec),
            Some(_) => Found::Broken,
        }
    }

    find!(
        journey: Journey -> Journey,
        find_moment: Moment -> Moment,
        template: Template -> Template,
        channel: Channel -> Channel,
    );

    fn missing(&self, kind: Kind, path: &str, name: &Name, problems: &mut Problems) {
        let known: Vec<&str> =
            self.drafts.keys().filter(|id| id.kind == kind).map(|id| id.name.as_str()).take(20).collect();
        let hint = match nearest(name.as_str(), known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if known.is_empty() => format!("there is no {kind} at all"),
            None => format!("there are: {}", known.join(", ")),
        };
        problems.add(path, format!("there is no {kind} `{name}`"), hint);
    }

    fn the_policy(&self) -> Found<'a> {
        Name::try_new("default").map_or(Found::Missing, |name| self.find(Kind::Policy, &name))
    }

    fn moment(&self, moment: &Moment, problems: &mut Problems) {
        let Some(name) = &moment.journey else { return };
        let Some(journey) = self.journey("spec.journey", name, problems) else { return };
        stage(journey, name, moment.stage, "spec.stage", problems);
        let Some(touchpoint) = journey.touchpoint(moment.touchpoint.as_str()) else {
            touchpoint_missing(journey, name, &moment.touchpoint, "spec.touchpoint", problems);
            return;
        };
        if touchpoint.stage != moment.stage && journey.stages.contains(&moment.stage) {
            let reason =
                format!("the touchpoint `{}` is of the stage `{}`", touchpoint.name, touchpoint.stage);
            problems.add("spec.stage", reason, "");
        }
    }

    fn play(&self, play: &Play, problems: &mut Problems) {
        match &play.trigger {
            Trigger::Moment(trigger) => {
                self.find_moment("spec.trigger.moment.name", &trigger.name, problems);
            }
            Trigger::Promise(trigger) => {
                let path = "spec.trigger.promise.moment";
                let moment = self.find_moment(path, &trigger.moment, problems);
                if moment.is_some_and(|moment| moment.promise_rules().is_none()) {
                    problems.add(path, format!("the moment `{}` has no promise", trigger.moment), "");
                }
            }
            Trigger::Stage(trigger) => {
                if let Some(journey) = self.journey("spec.trigger.stage.journey", &trigger.journey, problems)
                {
                    stage(journey, &trigger.journey, trigger.stage, "spec.trigger.stage.stage", problems);
                }
            }
            Trigger::Case(trigger) => {
                let name = trigger.journey.as_ref();
                let journey = name.and_then(|name| self.journey("spec.trigger.case.journey", name, problems));
                if let (Some(name), Some(journey), Some(touchpoint)) = (name, journey, &trigger.touchpoint)
                    && journey.touchpoint(touchpoint.as_str()).is_none()
                {
                    touchpoint_missing(journey, name, touchpoint, "spec.trigger.case.touchpoint", problems);
                }
            }
            Trigger::Score(trigger) => self.threshold(trigger.threshold, problems),
            Trigger::Event(_) | Trigger::Schedule(_) => {}
        }
        self.steps(&play.steps, "spec.steps", problems);
    }

    fn rollout(&self, own: &Id, play: &Play, problems: &mut Problems) {
        let Some(rollout) = &play.rollout else { return };
        if let Some(replaces) = &rollout.replaces {
            let path = "spec.rollout.replaces";
            if *own == Id::new(Kind::Play, replaces.clone()) {
                problems.add(path, "is the play itself", "name another play, or leave it out");
            } else if matches!(self.find(Kind::Play, replaces), Found::Missing) {
                problems.add(path, format!("there is no play `{replaces}`"), "");
            }
        }
        let cohorts = match self.the_policy() {
            Found::Sound(Spec::Policy(Policy { cohorts, .. })) => cohorts.as_slice(),
            Found::Sound(_) | Found::Broken => return,
            Found::Missing => &[],
        };
        for (index, name) in rollout.first.iter().enumerate() {
            if !cohorts.iter().any(|cohort| cohort.name == *name) {
                let reason = format!("there is no cohort `{name}`");
                problems.add(
                    format!("spec.rollout.first[{index}]"),
                    reason,
                    "add it to the Policy's cohorts",
                );
            }
        }
    }

    fn threshold(&self, threshold: f64, problems: &mut Problems) {
        let found = Name::try_new("default").map_or(Found::Missing, |name| self.find(Kind::Score, &name));
        let thresholds = match found {
            Found::Sound(Spec::Score(Score { thresholds, .. })) => thresholds.as_slice(),
            Found::Sound(_) | Found::Broken => return,
            Found::Missing => &[],
        };
        if !thresholds.iter().any(|known| known.at == threshold) {
            let reason = format!("no crossing of {threshold} is ever reported");
            problems.add("spec.trigger.score.threshold", reason, "list it in the Score manifest `default`");
        }
    }

    fn steps(&self, steps: &[PlayStep], path: &str, problems: &mut Problems) {
        for (index, step) in steps.iter().enumerate() {
            let path = format!("{path}[{index}].{}", step.kind());
            match step {
                PlayStep::Send(send) => self.send(send, &path, problems),
                PlayStep::Branch(branch) => {
                    self.steps(&branch.then, &format!("{path}.then"), problems);
                    self.steps(&branch.otherwise, &format!("{path}.else"), problems);
                }
                PlayStep::Split(arms) => {
                    for (arm, way) in arms.iter().enumerate() {
                        self.steps(&way.steps, &format!("{path}[{arm}].steps"), problems);
                    }
                }
                PlayStep::Wait(_)
                | PlayStep::Emit(_)
                | PlayStep::Exit(_)
                | PlayStep::Ask(_)
                | PlayStep::Grant(_) => {}
                PlayStep::Task(task) => self.task(task, &path, problems),
            }
        }
    }

    fn send(&self, send: &Send, path: &str, problems: &mut Problems) {
        let channel: Option<&Channel> = self.channel(&format!("{path}.channel"), &send.channel, problems);
        let template: Option<&Template> =
            self.template(&format!("{path}.template"), &send.template, problems);
        if let (Some(kind), Some(template)) = (channel.and_then(Channel::kind), template)
            && kind != template.channel
        {
            let reason =
                format!("is made for `{}`, the channel is `{}`", template.channel.as_str(), kind.as_str());
            problems.add(format!("{path}.template"), reason, "");
        }
        let email = channel.and_then(|channel| channel.email.as_ref());
        if send.class == MessageClass::Marketing && email.is_some_and(|email| email.unsubscribe.is_none()) {
            let hint = format!("give Channel/{} an `unsubscribe`, or say another class", send.channel);
            problems.add(
                format!("{path}.channel"),
                "has no unsubscribe, which marketing messages need",
                hint,
            );
        }
        if let Some(topic) = &send.topic {
            self.topic(topic, &format!("{path}.topic"), problems);
        }
    }

    /// Whether an `ask` step names a survey that is there is not asked: another system may take its event up.
    fn survey(&self, survey: &Survey, problems: &mut Problems) {
        let channel = self.channel("spec.channel", &survey.channel, problems);
        let template = self.template("spec.template", &survey.template, problems);
        if let Some(kind) = channel.and_then(Channel::kind).filter(|kind| *kind != ChannelKind::Email) {
            let reason = format!("is `{}`; a survey is asked by e-mail", kind.as_str());
            problems.add("spec.channel", reason, "name a Channel with `email`");
        }
        if let Some(template) = template.filter(|template| template.channel != ChannelKind::Email) {
            let reason = format!("is made for `{}`, not for e-mail", template.channel.as_str());
            problems.add("spec.template", reason, "");
        }
        if let Some(topic) = &survey.topic {
            self.topic(topic, "spec.topic", problems);
        }
    }

    fn task(&self, task: &Task, path: &str, problems: &mut Problems) {
        let channel = self.channel(&format!("{path}.channel"), &task.channel, problems);
        if let Some(kind) = channel.and_then(Channel::kind).filter(|kind| *kind != ChannelKind::Webhook) {
            let reason = format!("is `{}`; a task goes over a webhook", kind.as_str());
            problems.add(format!("{path}.channel"), reason, "name a Channel with `webhook`");
        }
        let template = self.template(&format!("{path}.template"), &task.template, problems);
        if let Some(template) = template.filter(|template| template.channel != ChannelKind::Webhook) {
            let reason = format!("is made for `{}`, not for a webhook", template.channel.as_str());
            problems.add(format!("{path}.template"), reason, "");
        }
    }

    fn topic(&self, topic: &Name, path: &str, problems: &mut Problems) {
        let topics = match self.the_policy() {
            Found::Sound(Spec::Policy(Policy { topics, .. })) => topics.as_slice(),
            Found::Sound(_) | Found::Broken => return,
            Found::Missing => &[],
        };
        if !topics.iter().any(|known| known.name == *topic) {
            problems.add(
                path,
                format!("there is no topic `{topic}`"),
                "list it in the Policy manifest `default`",
            );
        }
    }

    /// The formula in force is the built-in one, or there is a manifest of its version.
    fn score(&self, score: &Score, problems: &mut Problems) {
        let formulas = self.drafts.iter().filter(|(id, _)| id.kind == Kind::DelightFormula);
        let mut versions = vec![1];
        for (_, draft) in formulas {
            match &draft.spec {
                Some(Spec::DelightFormula(formula)) => versions.push(formula.version),
                // One that can't be read may be the one that is meant.
                _ => return,
            }
        }
        if !versions.contains(&score.formula) {
            versions.sort_unstable();
            let known: Vec<String> = versions.iter().map(u32::to_string).collect();
            let reason = format!("there is no formula {}", score.formula);
            problems.add("spec.formula", reason, format!("there are: {}", known.join(", ")));
        }
    }

    /// Each version stands in one manifest.
    fn formula(&self, own: &Id, formula: &DelightFormula, problems: &mut Problems) {
        let same = |draft: &Draft| match &draft.spec {
            Some(Spec::DelightFormula(other)) => other.version == formula.version,
            _ => false,
        };
        let other = self.drafts.iter().find(|(id, draft)| **id != own && same(draft));
        if let Some((other, _)) = other {
            problems.add("spec.version", format!("{} is that of {other} too", formula.version), "count on");
        }
    }

    fn policy(&self, policy: &Policy, problems: &mut Problems) {
        for (index, cap) in policy.caps.iter().enumerate() {
            if let Some(name) = &cap.channel {
                self.channel(&format!("spec.caps[{index}].channel"), name, problems);
            }
        }
    }
}

fn stage(journey: &Journey, name: &Name, stage: Stage, path: &str, problems: &mut Problems) {
    if !journey.stages.contains(&stage) {
        let stages: Vec<&str> = journey.stages.iter().map(|stage| stage.as_str()).collect();
        let reason = format!("the journey `{name}` has no stage `{stage}`");
        problems.add(path, reason, format!("it has: {}", stages.join(", ")));
    }
}

fn touchpoint_missing(
    journey: &Journey,
    name: &Name,
    touchpoint: &Name,
    path: &str,
    problems: &mut Problems,
) {
    let known: Vec<&str> = journey.touchpoints.iter().map(|touchpoint| touchpoint.name.as_str()).collect();
    let hint = match nearest(touchpoint.as_str(), known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("it has: {}", known.join(", ")),
    };
    problems.add(path, format!("the journey `{name}` has no touchpoint `{touchpoint}`"), hint);
}
