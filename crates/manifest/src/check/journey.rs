//! Journeys.

use super::Problems;
use super::names::Visible;
use crate::spec::Journey;

pub(super) fn check(journey: &Journey, problems: &mut Problems) {
    let visible = Visible::of(&["event", "customer"]);
    if let Some(key) = &journey.key {
        problems.value("spec.key", key, &visible);
    }
    problems.count("spec.stages", journey.stages.len(), 1);
    problems
        .unique(journey.stages.iter().map(|stage| stage.as_str()), |index| format!("spec.stages[{index}]"));
    problems.count("spec.touchpoints", journey.touchpoints.len(), 1);
    let names = journey.touchpoints.iter().map(|touchpoint| touchpoint.name.as_str());
    problems.unique(names, |index| format!("spec.touchpoints[{index}].name"));
    for (index, touchpoint) in journey.touchpoints.iter().enumerate() {
        let path = format!("spec.touchpoints[{index}]");
        if !journey.stages.contains(&touchpoint.stage) {
            let reason = format!("the journey has no stage `{}`", touchpoint.stage);
            problems.add(format!("{path}.stage"), reason, "add it to spec.stages, or take another");
        }
        if let Some(on) = &touchpoint.on {
            problems.event_match(&format!("{path}.on"), on, &visible);
        }
    }
    for (path, event) in [("spec.entry", &journey.entry), ("spec.completion", &journey.completion)] {
        if let Some(event) = event {
            problems.event_match(path, event, &visible);
        }
    }
    if let Some(abandon) = &journey.abandon {
        problems.positive("spec.abandon.after", abandon.after);
    }
    problems.positive("spec.recovery.window", journey.recovery.window);
    if journey.entry.is_none() && journey.touchpoints.iter().all(|touchpoint| touchpoint.on.is_none()) {
        problems.add(
            "spec.entry",
            "nothing could ever begin this journey",
            "say `entry`, or `on` for a touchpoint",
        );
    }
}
