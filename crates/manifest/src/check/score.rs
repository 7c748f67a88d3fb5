//! The score's settings.

use super::Problems;
use crate::spec::Score;

pub(super) fn check(score: &Score, problems: &mut Problems) {
    if score.formula != 1 {
        problems.add(
            "spec.formula",
            format!("there is no formula {}", score.formula),
            "the only one so far is 1",
        );
    }
    problems.count("spec.thresholds", score.thresholds.len(), 0);
    let names = score.thresholds.iter().map(|threshold| threshold.name.as_str());
    problems.unique(names, |index| format!("spec.thresholds[{index}].name"));
    for (index, threshold) in score.thresholds.iter().enumerate() {
        if !(threshold.at > 0.0 && threshold.at < 100.0) {
            let path = format!("spec.thresholds[{index}].at");
            problems.add(
                path,
                format!("{} is not between 0 and 100", threshold.at),
                "0 and 100 are never reached",
            );
        }
    }
}
