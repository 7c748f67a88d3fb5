//! From the lines of instances to journeys as they are: what of them is a step, when an instance ends, and what the
//! design says about it. The mathematics is that of `elate-discovery`.

use std::collections::BTreeMap;

use elate_discovery::conformance::{Design, DesignedStep};
use elate_discovery::{Ending, Error, Funnel, Limits, Profile, Recorder, Settings, Step, Summary, Unusual};
use elate_domain::Timestamp;
use elate_manifest::spec;
use serde_json::Value as Json;
use uuid::Uuid;

use super::rows::{JourneyMoveRow, MoveKind};

/// The step of an entry that is no visit of a touchpoint.
pub const ENTRY: &str = "(entry)";

/// Instances are read one after the other, so that one at a time is open, under this name.
const OPEN: &str = "open";

/// What counts as a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Each visit of a touchpoint.
    Touchpoints,
    /// Each change of stage.
    Stages,
}

impl By {
    /// The step that a line is, if it is one.
    pub fn step(self, row: &JourneyMoveRow) -> Option<&str> {
        match (self, row.kind) {
            (_, MoveKind::Completed | MoveKind::Abandoned) => None,
            (Self::Touchpoints, _) if row.touchpoint.is_empty() => Some(ENTRY),
            (Self::Touchpoints, _) => Some(&row.touchpoint),
            (Self::Stages, MoveKind::Entered | MoveKind::Forward | MoveKind::Backward) => Some(&row.stage),
            (Self::Stages, MoveKind::Within | MoveKind::Repeated) => None,
        }
    }
}

/// The bounds of what one look keeps. A look is one of several in a process that has other work to do, so they are
/// tighter than the library's own.
pub fn limits() -> Limits {
    Limits {
        step_names: 256,
        pairs: 8_192,
        variants: 8_192,
        segment_variants: 512,
        segments: 64,
        segment_sets: 2_048,
        open_instances: 2,
        instance_steps: 250,
        series_cells: 131_072,
    }
}

/// What is counted: see [`Settings`].
pub fn settings(funnels: Vec<Funnel>, bucket_millis: u64, horizon_millis: u64) -> Settings {
    Settings { limits: limits(), bucket_millis, horizon_millis, funnels }
}

/// Takes lines in, instance after instance.
#[derive(Debug)]
pub struct Look {
    recorder: Recorder,
    by: By,
    segment_by: Vec<String>,
    current: Option<Uuid>,
}

impl Look {
    /// A look at nothing yet; fails where the settings are wrong.
    pub fn try_new(settings: Settings, by: By, segment_by: Vec<String>) -> Result<Self, Error> {
        Ok(Self { recorder: Recorder::try_new(settings)?, by, segment_by, current: None })
    }

    /// Takes one line in. All lines of an instance come one after the other, in their order.
    pub fn take(&mut self, row: &JourneyMoveRow) {
        if self.current != Some(row.instance_id) {
            self.recorder.end(OPEN, Ending::Ongoing);
            self.current = Some(row.instance_id);
        }
        match row.kind {
            MoveKind::Completed => drop(self.recorder.end(OPEN, Ending::Completed)),
            MoveKind::Abandoned => drop(self.recorder.end(OPEN, Ending::Abandoned)),
            MoveKind::Entered
            | MoveKind::Forward
            | MoveKind::Within
            | MoveKind::Backward
            | MoveKind::Repeated => {
                let Some(name) = self.by.step(row) else { return };
                let segments: Vec<(&str, &str)> = self
                    .segment_by
                    .iter()
                    .filter_map(|key| Some((key.as_str(), row.carried.get(key)?.as_str())))
                    .collect();
                self.recorder.record(&Step {
                    instance: OPEN,
                    name,
                    at: row.occurred_at,
                    segments: &segments,
                });
            }
        }
    }

    /// What was seen. The instance that was open last counts as it stands.
    pub fn finish(mut self) -> Summary {
        self.recorder.end(OPEN, Ending::Ongoing);
        self.recorder.ended().clone()
    }
}

/// An instance with times that are unusual for their pairs of steps.
#[derive(Debug, Clone, PartialEq)]
pub struct UnusualInstance {
    /// The instance.
    pub instance: Uuid,
    /// The most unusual pair.
    pub worst: Unusual,
    /// How many pairs are unusual.
    pub pairs: usize,
}

/// Looks for the instances that deviate most from what is usual.
#[derive(Debug)]
pub struct Unusuals {
    profile: Profile,
    by: By,
    bound: f64,
    most: usize,
    current: Option<Uuid>,
    /// Steps of the current instance.
    steps: Vec<(String, Timestamp)>,
    found: Vec<UnusualInstance>,
}

impl Unusuals {
    /// A look for the `most` instances with the largest deviations beyond `bound` standard deviations.
    pub fn new(profile: Profile, by: By, bound: f64, most: usize) -> Self {
        Self { profile, by, bound, most, current: None, steps: Vec::new(), found: Vec::new() }
    }

    /// Takes one line in; see [`Look::take`].
    pub fn take(&mut self, row: &JourneyMoveRow) {
        if self.current != Some(row.instance_id) {
            self.check();
            self.current = Some(row.instance_id);
        }
        let Some(name) = self.by.step(row) else { return };
        // As many as the summary was made of.
        if self.steps.len() < limits().instance_steps {
            self.steps.push((name.to_owned(), row.occurred_at));
        }
    }

    fn check(&mut self) {
        let mut steps = std::mem::take(&mut self.steps);
        let Some(instance) = self.current else { return };
        // Stable: steps of one instant keep the order of the log.
        steps.sort_by_key(|(_, at)| *at);
        let visits = steps.iter().map(|(name, at)| (name.as_str(), *at));
        let unusual = self.profile.check(visits, self.bound);
        let pairs = unusual.len();
        let by_size = |a: &Unusual, b: &Unusual| a.deviations.abs().total_cmp(&b.deviations.abs());
        let Some(worst) = unusual.into_iter().max_by(by_size) else { return };
        self.found.push(UnusualInstance { instance, worst, pairs });
        if self.found.len() >= 2 * self.most.max(1) {
            self.keep_the_most();
        }
    }

    fn keep_the_most(&mut self) {
        let order = |a: &UnusualInstance, b: &UnusualInstance| {
            let by_size = b.worst.deviations.abs().total_cmp(&a.worst.deviations.abs());
            by_size.then_with(|| a.instance.cmp(&b.instance))
        };
        self.found.sort_by(order);
        self.found.truncate(self.most);
    }

    /// The most unusual instances, the most unusual first.
    pub fn finish(mut self) -> Vec<UnusualInstance> {
        self.check();
        self.keep_the_most();
        self.found
    }
}

/// A journey as it was designed.
#[derive(Debug, Clone, PartialEq)]
pub struct Designed {
    /// Its stages, in order.
    pub stages: Vec<String>,
    /// Its touchpoints with their stages, in the order of the manifest.
    pub touchpoints: Vec<(String, String)>,
    /// The entry may be an event that is no visit.
    has_entry: bool,
}

impl Designed {
    /// The journey of a name among manifests; `None` where there is none, or it can't be read.
    pub fn find(manifests: &[Json], journey: &str) -> Option<Self> {
        let of_name = |manifest: &&Json| {
            manifest["kind"] == "Journey" && manifest["metadata"]["name"].as_str() == Some(journey)
        };
        let spec: spec::Journey =
            serde_json::from_value(manifests.iter().find(of_name)?["spec"].clone()).ok()?;
        let touchpoint = |t: spec::Touchpoint| (t.name.to_string(), t.stage.as_str().to_owned());
        Some(Self {
            stages: spec.stages.iter().map(|stage| stage.as_str().to_owned()).collect(),
            touchpoints: spec.touchpoints.into_iter().map(touchpoint).collect(),
            has_entry: spec.entry.is_some(),
        })
    }

    fn place(&self, stage: &str) -> u32 {
        let place = self.stages.iter().position(|designed| designed == stage);
        place.and_then(|place| u32::try_from(place).ok()).unwrap_or(u32::MAX)
    }

    /// The design that ways are compared with: touchpoints of one stage may come in any order.
    pub fn design(&self, by: By) -> Design {
        let step = |name: &str, place: u32, optional: bool| DesignedStep {
            name: name.to_owned(),
            place,
            optional,
            may_repeat: optional,
        };
        let mut steps: Vec<DesignedStep> = match by {
            By::Touchpoints => {
                self.touchpoints.iter().map(|(name, stage)| step(name, self.place(stage), false)).collect()
            }
            By::Stages => self.stages.iter().map(|stage| step(stage, self.place(stage), false)).collect(),
        };
        if by == By::Touchpoints && self.has_entry {
            steps.push(step(ENTRY, 0, true));
        }
        Design { steps }
    }

    /// The funnel that is counted where none was asked for: all steps in order.
    pub fn funnel(&self, by: By) -> Option<Funnel> {
        let steps: Vec<String> = match by {
            By::Stages => self.stages.clone(),
            By::Touchpoints => {
                let mut touchpoints: Vec<&(String, String)> = self.touchpoints.iter().collect();
                touchpoints.sort_by_key(|(_, stage)| self.place(stage));
                touchpoints.into_iter().map(|(name, _)| name.clone()).take(MAX_FUNNEL_STEPS).collect()
            }
        };
        let name = "designed".to_owned();
        (!steps.is_empty()).then_some(Funnel { name, steps, window_millis: None, step_window_millis: None })
    }
}

/// Steps of one funnel at most.
pub const MAX_FUNNEL_STEPS: usize = 32;

/// Gaps of moments by touchpoint, each with whether the customer returned.
#[derive(Debug, Default)]
pub struct Links {
    /// All moments, for the links.
    all: BTreeMap<String, elate_delight::survey::Sample>,
    /// Those whose return window is over.
    returns: BTreeMap<String, elate_discovery::opportunity::Returns>,
}

impl Links {
    /// Takes one moment in. Whether a return came is known only when its window is over.
    pub fn take(&mut self, touchpoint: &str, gap: f64, returned: Option<bool>) {
        self.all.entry(touchpoint.to_owned()).or_default().add(gap);
        if let Some(returned) = returned {
            self.returns.entry(touchpoint.to_owned()).or_default().add(gap, returned);
        }
    }

    /// The chain of links, and where a wow would count most.
    pub fn finish(self) -> (elate_delight::links::Chain, Vec<elate_discovery::opportunity::Opportunity>) {
        let link = |(name, gaps)| elate_delight::links::Link { name, gaps };
        let links: Vec<_> = self.all.into_iter().map(link).collect();
        let touchpoints = self.returns.iter().map(|(name, returns)| (name.as_str(), returns));
        let opportunities = elate_discovery::opportunity::rank(touchpoints, &Default::default());
        (elate_delight::links::rank(&links, CONFIDENCE), opportunities)
    }
}

/// Of intervals.
const CONFIDENCE: f64 = 0.95;
