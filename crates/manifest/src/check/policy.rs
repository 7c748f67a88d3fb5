//! The policy.

use super::Problems;
use super::play::play_caps;
use super::rollout;
use crate::spec::{CapPeriod, Policy};

pub(super) fn check(policy: &Policy, problems: &mut Problems) {
    problems.count("spec.zones", policy.zones.len(), 0);
    if let Some(quiet) = &policy.quiet_hours
        && quiet.from == quiet.to
    {
        problems.add("spec.quiet_hours.to", "is when they begin", "nobody could ever be written to");
    }
    problems.count("spec.topics", policy.topics.len(), 0);
    problems.unique(policy.topics.iter().map(|topic| topic.name.as_str()), |index| {
        format!("spec.topics[{index}].name")
    });
    problems.count("spec.caps", policy.caps.len(), 0);
    problems
        .unique(policy.caps.iter().map(|cap| cap.name.as_str()), |index| format!("spec.caps[{index}].name"));
    for (index, cap) in policy.caps.iter().enumerate() {
        let path = format!("spec.caps[{index}]");
        if cap.limit == 0 {
            problems.add(format!("{path}.limit"), "0 would let nothing through", "pause the channel instead");
        }
        match cap.per {
            CapPeriod::CalendarDays(days) if !(1..=366).contains(&days) => {
                problems.add(
                    format!("{path}.per.calendar_days"),
                    format!("{days} is not between 1 and 366"),
                    "",
                );
            }
            CapPeriod::Rolling(span) => problems.positive(&format!("{path}.per.rolling"), span),
            CapPeriod::CalendarDays(_) => {}
        }
        if let Some(topic) = cap.topic.as_ref().filter(|topic| policy.topic(topic.as_str()).is_none()) {
            problems.add(
                format!("{path}.topic"),
                format!("there is no topic `{topic}`"),
                "add it to spec.topics",
            );
        }
    }
    if let Some(caps) = policy.plays {
        play_caps(caps, "spec.plays", problems);
    }
    rollout::cohorts(&policy.cohorts, problems);
    let surveys = policy.surveys;
    problems.in_range("spec.surveys.nps", surveys.nps, 0.0..=10.0);
    problems.in_range("spec.surveys.csat", surveys.csat, 1.0..=5.0);
    problems.in_range("spec.surveys.ces", surveys.ces, 1.0..=7.0);
}
