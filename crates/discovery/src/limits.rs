//! What a summary may hold, and what did not fit.

use serde::{Deserialize, Serialize};

/// Upper bounds of what is kept. What exceeds one is counted in [`Overflow`]; totals stay right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Distinct names of steps. Further ones share the name [`OTHER`](crate::OTHER).
    pub step_names: usize,
    /// Distinct pairs of steps, for directly-follows and eventually-follows each, for everybody and each segment.
    pub pairs: usize,
    /// Distinct variants for everybody. Instances of further ones are counted together as unlisted.
    pub variants: usize,
    /// Distinct variants for each segment.
    pub segment_variants: usize,
    /// Distinct segments: pairs of a key and a value.
    pub segments: usize,
    /// Distinct combinations of segments that one step carries.
    pub segment_sets: usize,
    /// Instances that are open at once. Beyond, the sixteenth that was quiet longest is folded as it stands.
    pub open_instances: usize,
    /// Steps of one instance. Further ones are left out.
    pub instance_steps: usize,
    /// Cells of the time series that changes are looked for in: measure × segment × bucket.
    pub series_cells: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            step_names: 512,
            pairs: 16_384,
            variants: 16_384,
            segment_variants: 1_024,
            segments: 256,
            segment_sets: 4_096,
            open_instances: 100_000,
            instance_steps: 1_000,
            series_cells: 262_144,
        }
    }
}

/// What did not fit, by the limit that it met. All zero: every number is exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Overflow {
    /// Events that were kept under the name [`OTHER`](crate::OTHER).
    pub renamed_events: u64,
    /// Directly-follows transitions of pairs that are not listed.
    pub unlisted_transitions: u64,
    /// Eventually-follows pairs of steps that are not listed.
    pub unlisted_eventually: u64,
    /// Instances of variants that are not listed, over everybody and all segments.
    pub unlisted_variants: u64,
    /// Values of segments that were left out.
    pub dropped_segment_values: u64,
    /// Steps that were kept without their segments.
    pub dropped_segment_sets: u64,
    /// Instances that were folded before they ended; what they did later counts as another instance.
    pub cut_instances: u64,
    /// Steps of instances that were too long.
    pub dropped_steps: u64,
    /// Observations that the time series did not take.
    pub dropped_observations: u64,
}

impl Overflow {
    /// Whether everything fitted.
    pub fn is_empty(&self) -> bool {
        self.lines().is_empty()
    }

    /// What did not fit, one line a limit that was met.
    pub fn lines(&self) -> Vec<(&'static str, u64)> {
        let all = [
            ("events kept under another name", self.renamed_events),
            ("transitions of unlisted pairs", self.unlisted_transitions),
            ("eventual pairs that are not listed", self.unlisted_eventually),
            ("instances of unlisted variants", self.unlisted_variants),
            ("values of segments left out", self.dropped_segment_values),
            ("steps kept without their segments", self.dropped_segment_sets),
            ("instances cut before their end", self.cut_instances),
            ("steps beyond the longest instance", self.dropped_steps),
            ("observations missing in time series", self.dropped_observations),
        ];
        all.into_iter().filter(|(_, count)| *count > 0).collect()
    }

    /// Adds what did not fit elsewhere.
    pub(crate) fn add(&mut self, other: &Self) {
        self.renamed_events += other.renamed_events;
        self.unlisted_transitions += other.unlisted_transitions;
        self.unlisted_eventually += other.unlisted_eventually;
        self.unlisted_variants += other.unlisted_variants;
        self.dropped_segment_values += other.dropped_segment_values;
        self.dropped_segment_sets += other.dropped_segment_sets;
        self.cut_instances += other.cut_instances;
        self.dropped_steps += other.dropped_steps;
        self.dropped_observations += other.dropped_observations;
    }
}
