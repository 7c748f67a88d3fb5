//! Stages and touchpoints with their visits, in the order of the design.

use crate::model::discovery::Designed;
use crate::store::VisitCounts;

/// A stage or touchpoint with its visits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visits {
    /// How often it was visited.
    pub counts: VisitCounts,
    /// Instances under way that stand here now, whenever they began.
    pub standing: u64,
}

/// Stages in the order of the design, those of older designs behind them; each with its touchpoints.
pub(super) fn arrange(
    designed: Option<&Designed>,
    stages: Vec<VisitCounts>,
    touchpoints: Vec<VisitCounts>,
    standing: &[(String, String, u64)],
) -> Vec<Visits> {
    let mut names: Vec<&str> =
        designed.iter().flat_map(|designed| designed.stages.iter().map(String::as_str)).collect();
    let mut places: Vec<(&str, &str)> = Vec::new();
    for (touchpoint, stage) in designed.iter().flat_map(|designed| &designed.touchpoints) {
        places.push((stage, touchpoint));
    }
    let seen = touchpoints.iter().map(|counts| (counts.stage.as_str(), counts.touchpoint.as_str()));
    let stand = standing.iter().map(|(stage, touchpoint, _)| (stage.as_str(), touchpoint.as_str()));
    for (stage, touchpoint) in seen.chain(stand) {
        if !names.contains(&stage) {
            names.push(stage);
        }
        if !touchpoint.is_empty() && !places.contains(&(stage, touchpoint)) {
            places.push((stage, touchpoint));
        }
    }
    let find = |all: &[VisitCounts], stage: &str, touchpoint: &str| {
        let found = all.iter().find(|counts| counts.stage == stage && counts.touchpoint == touchpoint);
        found.cloned().unwrap_or_else(|| VisitCounts {
            stage: stage.to_owned(),
            touchpoint: touchpoint.to_owned(),
            ..VisitCounts::default()
        })
    };
    let count = |stage: &str, touchpoint: Option<&str>| {
        let here = standing.iter().filter(|(s, t, _)| s == stage && touchpoint.is_none_or(|name| t == name));
        here.map(|(.., instances)| instances).sum()
    };
    let mut visits = Vec::new();
    for stage in names {
        visits.push(Visits { counts: find(&stages, stage, ""), standing: count(stage, None) });
        for (_, touchpoint) in places.iter().filter(|(of, _)| *of == stage) {
            let counts = find(&touchpoints, stage, touchpoint);
            visits.push(Visits { counts, standing: count(stage, Some(touchpoint)) });
        }
    }
    visits
}
