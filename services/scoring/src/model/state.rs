//! What is kept between records.

use std::collections::BTreeMap;
use std::sync::Arc;

use elate_delight::score::Direction;
use elate_delight::{DelightParams, DelightState};
use elate_domain::system::DefinitionsPublished;
use elate_domain::{Outcome, WorkspaceId};
use elate_manifest::spec;
use serde::{Deserialize, Serialize};

use super::rows::Link;

/// How many revisable moments a customer may have at once; the oldest are then taken as final.
pub const MAX_REVISABLE: usize = 64;

/// A customer, as scoring knows it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CustomerState {
    /// The score.
    #[serde(default)]
    pub delight: DelightState,
    /// Provisional moments, and what the daily sums counted for them.
    #[serde(default)]
    pub revisable: BTreeMap<String, Counted>,
    /// The last day (since 1970, UTC) on which the customer was counted as active.
    #[serde(default)]
    pub active_day: Option<i64>,
    /// A judgement could not be taken in exactly; scores read from the stored moments are.
    #[serde(default)]
    pub approximate: bool,
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
pub struct Settings {
    /// Version of the definitions that they come from.
    pub definitions_version: u64,
    /// The formula's constants.
    pub params: DelightParams,
    /// Where a crossing is an event; nowhere, as long as the workspace has no Score manifest.
    pub thresholds: Vec<Threshold>,
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
        let settings = Settings::of(published);
        self.settings.insert(workspace.clone(), Arc::new(settings));
    }
}

impl Settings {
    /// Reads the Score manifest of a publication. Publication has validated it: one that can't be read is of a later
    /// version, and leaves the defaults.
    pub fn of(published: &DefinitionsPublished) -> Self {
        let mut settings = Self { definitions_version: published.version, ..Self::default() };
        let is_score = |m: &&serde_json::Value| m.get("kind").and_then(|k| k.as_str()) == Some("Score");
        let spec = published.manifests.iter().find(is_score).and_then(|m| m.get("spec"));
        let Some(Ok(score)) = spec.map(spec::Score::deserialize) else { return settings };
        settings.thresholds = score.thresholds.iter().map(threshold).collect();
        settings
    }
}

fn threshold(threshold: &spec::ScoreThreshold) -> Threshold {
    let (below, above) = match threshold.direction {
        Some(spec::Direction::Below) => (true, false),
        Some(spec::Direction::Above) => (false, true),
        None => (true, true),
    };
    Threshold { at: threshold.at, below, above }
}
