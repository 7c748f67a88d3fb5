//! What the types cannot say: bounds, combinations, and that what is named exists.

mod channel;
mod formula;
mod journey;
mod moment;
mod names;
mod play;
mod policy;
mod references;
mod rollout;
mod score;
mod survey;
mod template;
mod types;

use crate::problem::At;
use crate::spec::{Metadata, Spec};

pub(crate) use references::references;
pub use types::{Catalog, Findings};

/// Things of one sort in one document: touchpoints, steps, locales, providers, topics.
const MAX_ITEMS: usize = 200;

/// Characters of a title or description.
const MAX_TEXT: usize = 2_000;

/// Everything that is wrong with one document by itself.
pub(crate) fn document(metadata: &Metadata, spec: &Spec) -> Vec<At> {
    let mut problems = Problems::default();
    problems.metadata(metadata);
    match spec {
        Spec::Journey(journey) => journey::check(journey, &mut problems),
        Spec::Moment(moment) => moment::check(moment, &mut problems),
        Spec::Play(play) => play::check(play, &mut problems),
        Spec::Template(template) => template::check(template, &mut problems),
        Spec::Channel(channel) => channel::check(channel, &mut problems),
        Spec::Policy(policy) => {
            problems.default_name(metadata);
            policy::check(policy, &mut problems);
        }
        Spec::Score(score) => {
            problems.default_name(metadata);
            score::check(score, &mut problems);
        }
        Spec::DelightFormula(formula) => formula::check(formula, &mut problems),
        Spec::Survey(survey) => survey::check(survey, &mut problems),
    }
    problems.0
}

/// What was found so far.
#[derive(Default)]
struct Problems(Vec<At>);

impl Problems {
    fn add(&mut self, path: impl Into<String>, reason: impl Into<String>, hint: impl Into<String>) {
        self.0.push(At::new(path, reason).hint(hint));
    }

    fn metadata(&mut self, metadata: &Metadata) {
        let texts = [("metadata.title", &metadata.title), ("metadata.description", &metadata.description)];
        for (path, text) in texts {
            if text.as_ref().is_some_and(|text| text.chars().count() > MAX_TEXT) {
                self.add(path, format!("has more than {MAX_TEXT} characters"), "");
            }
        }
    }

    /// There is one policy, and one score, in a workspace.
    fn default_name(&mut self, metadata: &Metadata) {
        if metadata.name != "default" {
            self.add("metadata.name", "there is only one of this kind", "name it `default`");
        }
    }

    fn count(&mut self, path: &str, count: usize, least: usize) {
        if count < least {
            let what =
                if least == 1 { "is empty".to_owned() } else { format!("has fewer than {least} entries") };
            self.add(path, what, "");
        }
        if count > MAX_ITEMS {
            self.add(path, format!("has {count} entries; at most {MAX_ITEMS} are allowed"), "");
        }
    }

    /// Refuses what stands in a list twice; `path` gives the place of an index.
    fn unique<'a>(&mut self, names: impl Iterator<Item = &'a str>, path: impl Fn(usize) -> String) {
        let mut seen: Vec<&str> = Vec::new();
        for (index, name) in names.enumerate() {
            if seen.contains(&name) {
                self.add(path(index), format!("`{name}` is there already"), "");
            }
            seen.push(name);
        }
    }

    fn positive(&mut self, path: &str, span: elate_domain::HumanDuration) {
        if span.as_millis() == 0 {
            self.add(path, "must be longer than nothing", "");
        }
    }

    fn in_range(&mut self, path: &str, number: f64, range: std::ops::RangeInclusive<f64>) {
        if !range.contains(&number) {
            self.add(path, format!("{number} is not between {} and {}", range.start(), range.end()), "");
        }
    }
}
