//! The score's settings.

use super::Problems;
use crate::spec::{Score, ScorePurchases, ScoreSegment, ScoreThreshold};

/// Each trait multiplies the sums that are kept.
const MAX_SEGMENTS: usize = 4;
/// Values of a trait that have figures of their own.
const MAX_VALUES: usize = 32;
/// Event names that count as a purchase.
const MAX_PURCHASES: usize = 20;
/// Characters of a trait, a value, an event name or a property.
const MAX_WORD: usize = 200;

pub(super) fn check(score: &Score, problems: &mut Problems) {
    problems.count("spec.thresholds", score.thresholds.len(), 0);
    let names = score.thresholds.iter().map(|threshold| threshold.name.as_str());
    problems.unique(names, |index| format!("spec.thresholds[{index}].name"));
    for (index, one) in score.thresholds.iter().enumerate() {
        threshold(index, one, problems);
    }
    if score.segments.len() > MAX_SEGMENTS {
        let reason = format!("has {} traits; at most {MAX_SEGMENTS} are allowed", score.segments.len());
        problems.add("spec.segments", reason, "");
    }
    let traits = score.segments.iter().map(|segment| segment.trait_name.as_str());
    problems.unique(traits, |index| format!("spec.segments[{index}].trait"));
    for (index, one) in score.segments.iter().enumerate() {
        segment(index, one, problems);
    }
    if let Some(one) = &score.purchases {
        purchases(one, problems);
    }
}

fn threshold(index: usize, threshold: &ScoreThreshold, problems: &mut Problems) {
    if !(threshold.at > 0.0 && threshold.at < 100.0) {
        let path = format!("spec.thresholds[{index}].at");
        problems.add(
            path,
            format!("{} is not between 0 and 100", threshold.at),
            "0 and 100 are never reached",
        );
    }
    let back = threshold.at + threshold.hysteresis;
    let sound = (0.0..=50.0).contains(&threshold.hysteresis) && back < 100.0;
    if threshold.hysteresis != 0.0 && !sound {
        let path = format!("spec.thresholds[{index}].hysteresis");
        let reason = format!("{} is not between 0 and 50, or reaches 100", threshold.hysteresis);
        problems.add(path, reason, "a score could never be above again");
    }
}

fn segment(index: usize, segment: &ScoreSegment, problems: &mut Problems) {
    word(&format!("spec.segments[{index}].trait"), &segment.trait_name, problems);
    if !(1..=MAX_VALUES).contains(&segment.values.len()) {
        let reason = format!("has {} values; 1 to {MAX_VALUES} are allowed", segment.values.len());
        problems.add(format!("spec.segments[{index}].values"), reason, "all others count as `(other)`");
    }
    let path = |place: usize| format!("spec.segments[{index}].values[{place}]");
    problems.unique(segment.values.iter().map(String::as_str), path);
    for (place, value) in segment.values.iter().enumerate() {
        word(&path(place), value, problems);
    }
}

fn purchases(purchases: &ScorePurchases, problems: &mut Problems) {
    if !(1..=MAX_PURCHASES).contains(&purchases.on.len()) {
        let reason = format!("has {} events; 1 to {MAX_PURCHASES} are allowed", purchases.on.len());
        problems.add("spec.purchases.on", reason, "");
    }
    for (index, name) in purchases.on.iter().enumerate() {
        word(&format!("spec.purchases.on[{index}]"), name, problems);
    }
    if let Some(value) = &purchases.value {
        word("spec.purchases.value", value, problems);
    }
}

fn word(path: &str, text: &str, problems: &mut Problems) {
    let length = text.chars().count();
    if length == 0 || length > MAX_WORD || text.contains(['\n', '=']) {
        let reason = "is empty, too long, or holds a line break or an equals sign";
        problems.add(path, reason, format!("give 1 to {MAX_WORD} characters"));
    }
}
