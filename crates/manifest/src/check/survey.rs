//! Surveys.

use super::Problems;
use super::names::Visible;
use super::template::is_language;
use crate::spec::{Survey, SurveyCadence};

/// Characters of a question.
const MAX_QUESTION: usize = 500;
/// How often a survey asks one customer until there is an answer, and reminders of a round.
const MAX_TIMES: u32 = 20;

pub(super) fn check(survey: &Survey, problems: &mut Problems) {
    problems.condition("spec.audience", survey.audience.as_ref(), &Visible::of(&["customer"]));
    if survey.sample.is_some_and(|sample| sample.0 <= 0.0) {
        problems.add("spec.sample", "0 would ask nobody", "pause the survey instead");
    }
    problems.count("spec.question", survey.question.len(), 1);
    if !survey.question.contains_key(&survey.fallback) {
        let known: Vec<&str> = survey.question.keys().map(String::as_str).collect();
        let reason = format!("there is no question in `{}`", survey.fallback);
        problems.add("spec.fallback", reason, format!("known here: {}", known.join(", ")));
    }
    for (language, question) in &survey.question {
        let path = format!("spec.question.{language}");
        if !is_language(language) {
            let reason = format!("{language:?} is no language");
            problems.add(path.as_str(), reason, "write it as `en` or `de-AT`");
        }
        if question.trim().is_empty() || question.chars().count() > MAX_QUESTION {
            problems.add(path, format!("must have 1 to {MAX_QUESTION} characters"), "");
        }
    }
    let within = |problems: &mut Problems, path: &str, times: u32, least: u32| {
        if !(least..=MAX_TIMES).contains(&times) {
            problems.add(path, format!("{times} is not between {least} and {MAX_TIMES}"), "");
        }
    };
    match survey.cadence {
        SurveyCadence::Once | SurveyCadence::Always => {}
        SurveyCadence::UntilAnswered { wait, most } => {
            problems.positive("spec.cadence.until_answered.wait", wait);
            within(problems, "spec.cadence.until_answered.most", most, 1);
        }
        SurveyCadence::Recurring { every, reminders, wait } => {
            problems.positive("spec.cadence.recurring.every", every);
            within(problems, "spec.cadence.recurring.reminders", reminders, 0);
            if reminders > 0 {
                problems.positive("spec.cadence.recurring.wait", wait);
            }
        }
    }
}
