//! The temporal profile: how long it usually takes from one step to a later one, and what took unusually long or
//! short (Stertz, Mangler & Rinderle-Ma, "Temporal Conformance Checking at Runtime based on Time-infused Process
//! Models", 2020).

use std::collections::BTreeMap;

use elate_domain::Timestamp;
use serde::{Deserialize, Serialize};

use crate::summary::Summary;
use crate::times::between;

/// What is usual for one pair of steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Usual {
    /// The earlier step.
    pub from: String,
    /// The later step, not necessarily the next.
    pub to: String,
    /// How often it was seen.
    pub count: u64,
    /// The mean time between them, in seconds.
    pub mean_seconds: f64,
    /// The standard deviation with n − 1, in seconds.
    pub deviation_seconds: f64,
}

/// A pair of steps of one instance that took unusually long or short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unusual {
    /// The earlier step.
    pub from: String,
    /// The later step.
    pub to: String,
    /// When the later one came.
    pub at: Timestamp,
    /// What it took, in seconds.
    pub seconds: f64,
    /// What is usual, in seconds.
    pub mean_seconds: f64,
    /// By how many standard deviations it is longer; negative: shorter.
    pub deviations: f64,
}

/// What is usual for each pair of steps.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Profile {
    /// For each earlier step, the later ones.
    pairs: BTreeMap<String, BTreeMap<String, Usual>>,
}

/// Times are kept in milliseconds, so that a smaller deviation is none.
const LEAST_DEVIATION_SECONDS: f64 = 0.001;

impl Profile {
    /// The profile of everybody: pairs that were seen at least `least` times (and twice).
    pub fn of(summary: &Summary, least: u64) -> Self {
        let mut pairs: BTreeMap<String, BTreeMap<String, Usual>> = BTreeMap::new();
        for ((from, to), moments) in &summary.everybody.eventually {
            let (Some(mean), Some(deviation)) = (moments.mean(), moments.deviation()) else { continue };
            if moments.count < least {
                continue;
            }
            let (from, to) = (summary.names.name(*from).to_owned(), summary.names.name(*to).to_owned());
            let usual = Usual {
                from: from.clone(),
                to: to.clone(),
                count: moments.count,
                mean_seconds: mean / 1e3,
                deviation_seconds: deviation / 1e3,
            };
            pairs.entry(from).or_default().insert(to, usual);
        }
        Self { pairs }
    }

    /// What is usual for a pair.
    pub fn usual(&self, from: &str, to: &str) -> Option<&Usual> {
        self.pairs.get(from)?.get(to)
    }

    /// All pairs, in order of their names.
    pub fn pairs(&self) -> impl Iterator<Item = &Usual> {
        self.pairs.values().flat_map(BTreeMap::values)
    }

    /// The pairs of steps of an instance, given in order of time, that took more than `bound` standard deviations
    /// longer or shorter than usual. Pairs that the profile does not know are not judged.
    pub fn check<'a>(
        &self,
        visits: impl IntoIterator<Item = (&'a str, Timestamp)>,
        bound: f64,
    ) -> Vec<Unusual> {
        let visits: Vec<(&str, Timestamp)> = visits.into_iter().collect();
        let mut found = Vec::new();
        for (place, (to, at)) in visits.iter().enumerate() {
            for (from, since) in &visits[..place] {
                let Some(usual) = self.usual(from, to) else { continue };
                let seconds = between(since.0, at.0) as f64 / 1e3;
                let deviation = usual.deviation_seconds.max(LEAST_DEVIATION_SECONDS);
                let deviations = (seconds - usual.mean_seconds) / deviation;
                if deviations.abs() > bound {
                    found.push(Unusual {
                        from: (*from).to_owned(),
                        to: (*to).to_owned(),
                        at: *at,
                        seconds,
                        mean_seconds: usual.mean_seconds,
                        deviations,
                    });
                }
            }
        }
        found
    }
}
