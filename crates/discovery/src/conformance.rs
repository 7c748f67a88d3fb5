//! How far the ways taken are from the way that was designed. Deviations have names, and as few are named as explain
//! the way.

use std::collections::BTreeMap;

use elate_delight::Interval;
use elate_delight::survey::proportion;
use serde::{Deserialize, Serialize};

use crate::names::Segment;
use crate::summary::Summary;

/// A step of the designed path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DesignedStep {
    /// Its name.
    pub name: String,
    /// When it is to come: after all steps of lower places. Steps of one place, such as the touchpoints of one
    /// stage, may come in any order.
    pub place: u32,
    /// Whether it may be left out.
    #[serde(default)]
    pub optional: bool,
    /// Whether it may come more than once.
    #[serde(default)]
    pub may_repeat: bool,
}

/// The designed path.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Design {
    /// Its steps, in any order; of two with one name the first counts.
    pub steps: Vec<DesignedStep>,
}

/// How a way differs from the design.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviationKind {
    /// A step that is not optional did not come, although one of a later place did.
    Skipped,
    /// A step came again that was to come once.
    Repeated,
    /// A step came after one of a later place, or before one of an earlier place.
    OutOfOrder,
    /// A step came that is not in the design.
    Unexpected,
}

impl DeviationKind {
    /// Its name, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Repeated => "repeated",
            Self::OutOfOrder => "out_of_order",
            Self::Unexpected => "unexpected",
        }
    }
}

/// One deviation of one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deviation {
    /// How it differs.
    pub kind: DeviationKind,
    /// Which step.
    pub step: String,
    /// At which place of the way, from 0; none for a step that was skipped.
    pub place: Option<usize>,
}

/// How often a step deviates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deviations {
    /// How it differs.
    pub kind: DeviationKind,
    /// Which step.
    pub step: String,
    /// In how many instances.
    pub instances: u64,
    /// How often in all.
    pub times: u64,
}

/// How far all instances are from the design.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conformance {
    /// Instances that were compared.
    pub instances: u64,
    /// Those without deviation.
    pub conforming: u64,
    /// Their share, 0 to 1; absent without instances.
    pub share: Option<f64>,
    /// Wilson's interval of the share, at 95 %.
    pub interval: Option<Interval>,
    /// Instances of variants that the summary does not list: not compared.
    pub not_compared: u64,
    /// Deviations, the one in most instances first.
    pub deviations: Vec<Deviations>,
}

impl Design {
    /// Steps that are to come one after the other, each once.
    pub fn sequence<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut steps = Vec::new();
        for (place, name) in names.into_iter().enumerate() {
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            steps.push(DesignedStep { name: name.to_owned(), place, optional: false, may_repeat: false });
        }
        Self { steps }
    }

    /// What deviates in one way, in order of place, with what was skipped at the end.
    pub fn check(&self, way: &[&str]) -> Vec<Deviation> {
        let mut found = Vec::new();
        let mut firsts: Vec<(usize, u32)> = Vec::new();
        for (place, name) in way.iter().enumerate() {
            let deviation = |kind| Deviation { kind, step: (*name).to_owned(), place: Some(place) };
            let Some(designed) = self.step(name) else {
                found.push(deviation(DeviationKind::Unexpected));
                continue;
            };
            if !way[..place].contains(name) {
                firsts.push((place, designed.place));
            } else if !designed.may_repeat {
                found.push(deviation(DeviationKind::Repeated));
            }
        }
        let in_order = longest_in_order(&firsts);
        for (place, _) in firsts.iter().filter(|first| !in_order.contains(first)) {
            let step = way[*place].to_owned();
            found.push(Deviation { kind: DeviationKind::OutOfOrder, step, place: Some(*place) });
        }
        found.sort_by_key(|deviation| deviation.place);
        let furthest = firsts.iter().map(|(_, place)| *place).max();
        for (place, designed) in self.steps.iter().enumerate() {
            let is_first = !self.steps[..place].iter().any(|other| other.name == designed.name);
            let is_due = is_first && !designed.optional && furthest > Some(designed.place);
            if is_due && !way.contains(&designed.name.as_str()) {
                let step = designed.name.clone();
                found.push(Deviation { kind: DeviationKind::Skipped, step, place: None });
            }
        }
        found
    }

    fn step(&self, name: &str) -> Option<&DesignedStep> {
        self.steps.iter().find(|step| step.name == name)
    }
}

/// The longest part that never goes back: what is not in it is the least that must be moved. Of several as long, the
/// one whose steps came first.
fn longest_in_order(firsts: &[(usize, u32)]) -> Vec<(usize, u32)> {
    // For each step, how long the best part is that ends there, and the step before it.
    let mut best: Vec<(usize, Option<usize>)> = Vec::with_capacity(firsts.len());
    for (at, (_, place)) in firsts.iter().enumerate() {
        let mut longest = (1, None);
        for before in 0..at {
            if firsts[before].1 <= *place && best[before].0 + 1 > longest.0 {
                longest = (best[before].0 + 1, Some(before));
            }
        }
        best.push(longest);
    }
    let longest = best.iter().map(|(length, _)| *length).max().unwrap_or_default();
    let mut next = best.iter().position(|(length, _)| *length == longest);
    let mut part = Vec::with_capacity(longest);
    while let Some(at) = next {
        part.push(firsts[at]);
        next = best[at].1;
    }
    part.reverse();
    part
}

/// Compares the listed variants of a segment, or of everybody, with a design. `None` for a segment that nobody was in.
///
/// Deviations do not depend on times, so that comparing each variant once is exact.
pub fn compare(summary: &Summary, segment: Option<&Segment>, design: &Design) -> Option<Conformance> {
    let aggregate = summary.aggregate(segment)?;
    let mut conforming = 0;
    let mut instances = 0;
    let mut counts: BTreeMap<(DeviationKind, String), (u64, u64)> = BTreeMap::new();
    for (variant, count) in &aggregate.variants {
        let way: Vec<&str> = variant.iter().map(|step| summary.names.name(*step)).collect();
        let mut of_way: BTreeMap<(DeviationKind, String), u64> = BTreeMap::new();
        for deviation in design.check(&way) {
            *of_way.entry((deviation.kind, deviation.step)).or_default() += 1;
        }
        instances += count;
        if of_way.is_empty() {
            conforming += count;
        }
        for (deviation, times) in of_way {
            let held = counts.entry(deviation).or_default();
            held.0 += count;
            held.1 += count * times;
        }
    }
    let mut deviations: Vec<Deviations> = counts
        .into_iter()
        .map(|((kind, step), (instances, times))| Deviations { kind, step, instances, times })
        .collect();
    // Stable: ties stay in order of kind and name.
    deviations.sort_by_key(|deviation| std::cmp::Reverse(deviation.instances));
    Some(Conformance {
        instances,
        conforming,
        share: (instances > 0).then(|| conforming as f64 / instances as f64),
        interval: proportion::wilson(conforming, instances, 0.95),
        not_compared: aggregate.unlisted_variants,
        deviations,
    })
}

#[cfg(test)]
mod tests {
    use super::{Design, DesignedStep, DeviationKind};

    fn named(design: &Design, way: &[&str]) -> Vec<(DeviationKind, String)> {
        design.check(way).into_iter().map(|deviation| (deviation.kind, deviation.step)).collect()
    }

    #[test]
    fn each_deviation_has_its_name() {
        use DeviationKind::{OutOfOrder, Repeated, Skipped, Unexpected};
        let design = Design::sequence(["a", "b", "c", "d"]);
        let of = |way: &[&str]| named(&design, way);
        assert_eq!(of(&["a", "b", "c", "d"]), []);
        assert_eq!(of(&["a", "b"]), [], "what may still come was not skipped");
        assert_eq!(of(&["a", "c", "d"]), [(Skipped, "b".into())]);
        assert_eq!(of(&["a", "b", "b", "c"]), [(Repeated, "b".into())]);
        assert_eq!(of(&["a", "x", "b"]), [(Unexpected, "x".into())]);
        assert_eq!(of(&["a", "c", "b", "d"]), [(OutOfOrder, "b".into())]);
        assert_eq!(of(&["d", "a", "b", "c"]), [(OutOfOrder, "d".into())], "one move explains it");
        assert_eq!(of(&[]), []);
    }

    #[test]
    fn steps_of_one_place_come_in_any_order_and_some_may_repeat_or_be_missing() {
        let step = |name: &str, place, optional, may_repeat| DesignedStep {
            name: name.to_owned(),
            place,
            optional,
            may_repeat,
        };
        let design = Design {
            steps: vec![
                step("ad", 0, true, true),
                step("search", 1, false, true),
                step("visit", 1, false, false),
                step("buy", 2, false, false),
            ],
        };
        assert_eq!(named(&design, &["visit", "search", "search", "buy"]), []);
        assert_eq!(named(&design, &["search", "visit", "ad", "buy"]).len(), 1);
        assert_eq!(named(&design, &["ad", "visit", "buy"]), [(DeviationKind::Skipped, "search".into())]);
    }
}
