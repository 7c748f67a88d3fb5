//! What is kept between records.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use elate_delight::DelightState;
use elate_delight::churn::History;
use elate_delight::score::Direction;
use elate_domain::system::{DefinitionsPublished, MomentJudged};
use elate_domain::{Outcome, Timestamp, Truth, WorkspaceId};
use elate_manifest::spec;
use serde::{Deserialize, Serialize};

use super::effect::{self, Design, Observed};
use super::formula::Formulas;
use super::segments::Segment;
use super::sums::{Counts, Link, MAX_ORDINAL};

/// How many revisable moments a customer may have at once; the oldest are then taken as final.
pub const MAX_REVISABLE: usize = 64;

/// A customer, as scoring knows it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CustomerState {
    /// The score.
    #[serde(default)]
    pub delight: DelightState,
    /// The formula that it is under: its key.
    #[serde(default, skip_serializing_if = "is_built_in")]
    pub formula: i64,
    /// Provisional moments, and what the daily sums counted for them.
    #[serde(default)]
    pub revisable: BTreeMap<String, Counted>,
    /// The last day (since 1970, UTC) on which the customer was counted as active.
    #[serde(default)]
    pub active_day: Option<i64>,
    /// A judgement could not be taken in exactly; scores read from the stored moments are.
    #[serde(default)]
    pub approximate: bool,
    /// The value of each trait that tells customers apart.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub segments: BTreeMap<String, String>,
    /// The newest wows, oldest first, as many as are told apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wows: Vec<Timestamp>,
    /// Thresholds (in millionths) that the score has passed upwards without rising by their hysteresis yet: they still
    /// count as not reached.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub held: BTreeSet<i64>,
    /// Purchases, where the workspace says what one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purchases: Option<History>,
    /// Plays by which the customer was observed, or is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub effects: BTreeMap<String, Observed>,
    /// The first judged moment: from here on is watched who stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<FirstMoment>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_built_in(formula: &i64) -> bool {
    *formula == super::formula::BUILT_IN
}

impl CustomerState {
    /// Keeps the customer's first moment, and how it was judged in the end.
    pub fn first_moment(&mut self, judged: &MomentJudged) {
        let miserable = judged.outcome == Outcome::Miserable;
        match &mut self.first {
            Some(first) if first.moment_id == judged.moment_id => first.miserable = miserable,
            Some(_) => {}
            None => {
                let (moment_id, at) = (judged.moment_id.clone(), judged.occurred_at);
                self.first = Some(FirstMoment { moment_id, at, miserable, recovered_at: None });
            }
        }
    }

    /// Takes over what is known of a customer who was merged into this one, who is right where both know something. The
    /// score is joined by itself.
    pub fn join(&mut self, lost: Self) {
        self.revisable.extend(lost.revisable);
        self.active_day = self.active_day.max(lost.active_day);
        for (name, value) in lost.segments {
            self.segments.entry(name).or_insert(value);
        }
        self.wows.extend(lost.wows);
        self.wows.sort_unstable();
        let surplus = self.wows.len().saturating_sub(MAX_ORDINAL);
        self.wows.drain(..surplus);
        self.purchases = match (self.purchases.take(), lost.purchases) {
            (Some(one), Some(other)) => Some(one.merged(&other)),
            (one, other) => one.or(other),
        };
        self.first = match (self.first.take(), lost.first) {
            (Some(one), Some(other)) => Some(if one.at <= other.at { one } else { other }),
            (one, other) => one.or(other),
        };
    }
}

/// The first judged moment of a customer, and whether it was made good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FirstMoment {
    /// The moment.
    pub moment_id: String,
    /// When it was.
    pub at: Timestamp,
    /// Whether it was miserable, as last judged.
    pub miserable: bool,
    /// When a recovery of it began.
    pub recovered_at: Option<Timestamp>,
}

/// What the daily sums counted for a moment that may be revised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Counted {
    /// Day and link.
    pub link: Link,
    /// The outcome.
    pub outcome: Outcome,
    /// The gap.
    pub gap: f64,
    /// Whether it counted as advocacy.
    #[serde(default)]
    pub advocacy: bool,
    /// The segments for which it was counted.
    #[serde(default)]
    pub segments: Vec<Segment>,
}

impl Counted {
    /// What the sums counted.
    pub fn counts(&self) -> Counts {
        let truth = if self.advocacy { Truth::Umot } else { Truth::Smot };
        Counts::of(self.outcome, truth, self.gap)
    }
}

/// What holds for all customers of a partition: the settings of each workspace.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PartitionState {
    /// Settings by workspace; the defaults where it has none.
    #[serde(default)]
    pub settings: BTreeMap<WorkspaceId, Arc<Settings>>,
}

/// How a workspace wants its customers scored.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Version of the definitions that they come from.
    pub definitions_version: u64,
    /// The formula in force, those beside it, and those before it.
    pub formulas: Formulas,
    /// Where a crossing is an event; nowhere, as long as the workspace has no Score manifest.
    pub thresholds: Vec<Threshold>,
    /// Traits that tell customers apart.
    pub segments: Vec<spec::ScoreSegment>,
    /// What counts as a purchase.
    pub purchases: Option<spec::ScorePurchases>,
    /// How the plays with a control group are observed.
    pub effects: BTreeMap<String, Design>,
}

/// Where a crossing is an event.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// Above 0 and below 100.
    pub at: f64,
    /// Falling below it counts.
    pub below: bool,
    /// Rising above it counts.
    pub above: bool,
    /// How far above it a score must rise to count as above again.
    #[serde(default)]
    pub hysteresis: f64,
}

impl Threshold {
    /// Whether a crossing in this direction is an event.
    pub fn reports(self, direction: Direction) -> bool {
        match direction {
            Direction::Below => self.below,
            Direction::Above => self.above,
        }
    }
}

impl PartitionState {
    /// The settings in force for a workspace.
    pub fn settings(&self, workspace: &WorkspaceId) -> Arc<Settings> {
        self.settings.get(workspace).map(Arc::clone).unwrap_or_default()
    }

    /// Takes over what a publication says about scores.
    pub fn publish(&mut self, workspace: &WorkspaceId, published: &DefinitionsPublished) {
        let settings = Settings::of(published, &self.settings(workspace).formulas);
        self.settings.insert(workspace.clone(), Arc::new(settings));
    }
}

impl Settings {
    /// Reads the Score manifest of a publication, after the formulas that were there before. Publication has validated it:
    /// one that can't be read is of a later version, and leaves the defaults.
    pub fn of(published: &DefinitionsPublished, before: &Formulas) -> Self {
        let mut settings = Self { definitions_version: published.version, ..Self::default() };
        settings.effects = effect::designs(published);
        let is_score = |m: &&serde_json::Value| m.get("kind").and_then(|k| k.as_str()) == Some("Score");
        let spec = published.manifests.iter().find(is_score).and_then(|m| m.get("spec"));
        let score = spec.and_then(|spec| spec::Score::deserialize(spec).ok()).unwrap_or_default();
        settings.formulas = Formulas::of(published, score.formula, before);
        settings.thresholds = score.thresholds.iter().map(threshold).collect();
        settings.segments = score.segments;
        settings.purchases = score.purchases;
        settings
    }
}

fn threshold(threshold: &spec::ScoreThreshold) -> Threshold {
    let (below, above) = match threshold.direction {
        Some(spec::Direction::Below) => (true, false),
        Some(spec::Direction::Above) => (false, true),
        None => (true, true),
    };
    Threshold { at: threshold.at, below, above, hysteresis: threshold.hysteresis }
}
