//! Rollouts and cohorts.

use super::Problems;
use super::names::Visible;
use crate::spec::{Cohort, Rollout};

/// Guardrails of a rollout: with more, each could say little.
const MAX_GUARDRAILS: usize = 8;
/// Customers that may be invited by name.
const MAX_INVITED: usize = 1_000;

pub(super) fn rollout(rollout: &Rollout, problems: &mut Problems) {
    let path = "spec.rollout";
    problems.count(&format!("{path}.guardrails"), rollout.guardrails.len(), 1);
    if rollout.guardrails.len() > MAX_GUARDRAILS {
        let reason = format!("are {}; at most {MAX_GUARDRAILS} are allowed", rollout.guardrails.len());
        problems.add(format!("{path}.guardrails"), reason, "keep those that would make you stop");
    }
    let names = rollout.guardrails.iter().map(|guardrail| guardrail.metric.as_str());
    problems.unique(names, |index| format!("{path}.guardrails[{index}].metric"));
    let seen = Visible::of(&["event", "customer"]);
    for (index, guardrail) in rollout.guardrails.iter().enumerate() {
        let path = format!("{path}.guardrails[{index}]");
        problems.event_match(&path, &guardrail.event_match(), &seen);
        problems.in_range(&format!("{path}.tolerated_harm"), guardrail.tolerated_harm, 0.0..=1.0);
    }
    problems.positive(&format!("{path}.watch"), rollout.watch);
    problems.positive(&format!("{path}.least_time"), rollout.least_time);
    problems.in_range(&format!("{path}.least_customers"), f64::from(rollout.least_customers), 10.0..=1e6);
    problems.in_range(&format!("{path}.false_alarm"), rollout.false_alarm, 0.0001..=0.49);
}

pub(super) fn cohorts(cohorts: &[Cohort], problems: &mut Problems) {
    problems.count("spec.cohorts", cohorts.len(), 0);
    problems.unique(cohorts.iter().map(|cohort| cohort.name.as_str()), |index| {
        format!("spec.cohorts[{index}].name")
    });
    for (index, cohort) in cohorts.iter().enumerate() {
        let path = format!("spec.cohorts[{index}]");
        problems.condition(&format!("{path}.who"), cohort.who.as_ref(), &Visible::of(&["customer"]));
        if cohort.who.is_none() && cohort.invited.is_empty() {
            problems.add(path.as_str(), "has nobody in it", "say `who`, or `invited`");
        }
        if cohort.invited.len() > MAX_INVITED {
            let reason = format!("are {}; at most {MAX_INVITED} are allowed", cohort.invited.len());
            problems.add(format!("{path}.invited"), reason, "say `who` by a trait");
        }
        let unread = cohort.invited.iter().position(|id| id.parse::<elate_domain::CustomerId>().is_err());
        if let Some(place) = unread {
            problems.add(
                format!("{path}.invited[{place}]"),
                "is no customer's id",
                "`elate customer show` tells it",
            );
        }
    }
}
