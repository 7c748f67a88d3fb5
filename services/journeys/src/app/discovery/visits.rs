//! Stages and touchpoints with their visits, in the order of the design.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::model::discovery::Designed;
use crate::model::rows::{JourneyMoveRow, MoveKind};

/// A journey has far fewer stages and touchpoints, those of older versions included; further ones are not counted.
const MAX_PLACES: usize = 10_000;

/// The visits of a stage or touchpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VisitCounts {
    /// The stage.
    pub stage: String,
    /// The touchpoint; empty for the stage as a whole, or a visit that was none.
    pub touchpoint: String,
    /// Visits.
    pub visits: u64,
    /// Instances that came here.
    pub instances: u64,
    /// Visits that began an instance.
    pub entered: u64,
    /// Visits from an earlier stage.
    pub forward: u64,
    /// Visits from a later stage.
    pub backward: u64,
    /// Visits where the instance stood already.
    pub repeated: u64,
    /// Instances that were completed here.
    pub completed: u64,
    /// Instances that were abandoned here.
    pub abandoned: u64,
}

impl VisitCounts {
    fn count(&mut self, kind: MoveKind, is_first_of_instance: bool) {
        let counted = match kind {
            MoveKind::Entered => Some(&mut self.entered),
            MoveKind::Forward => Some(&mut self.forward),
            MoveKind::Within => None,
            MoveKind::Backward => Some(&mut self.backward),
            MoveKind::Repeated => Some(&mut self.repeated),
            MoveKind::Completed => Some(&mut self.completed),
            MoveKind::Abandoned => Some(&mut self.abandoned),
        };
        if let Some(counted) = counted {
            *counted += 1;
        }
        if !kind.is_end() {
            self.visits += 1;
            self.instances += u64::from(is_first_of_instance);
        }
    }
}

/// Counts visits, instance after instance.
#[derive(Debug, Default)]
pub(super) struct Tally {
    stages: BTreeMap<String, VisitCounts>,
    touchpoints: BTreeMap<(String, String), VisitCounts>,
    current: Option<Uuid>,
    /// Where the current instance was: stages, and touchpoints of stages.
    been: BTreeSet<(String, Option<String>)>,
}

impl Tally {
    /// Whether nothing was counted.
    pub(super) fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// Takes one line in. All lines of an instance come one after the other.
    pub(super) fn take(&mut self, row: &JourneyMoveRow) {
        if self.current != Some(row.instance_id) {
            self.current = Some(row.instance_id);
            self.been.clear();
        }
        let is_visit = !row.kind.is_end();
        let (stage, touchpoint) = (&row.stage, &row.touchpoint);
        if self.stages.contains_key(stage) || self.stages.len() < MAX_PLACES {
            let is_first = is_visit && self.been.insert((stage.clone(), None));
            let counts = self.stages.entry(stage.clone());
            let counts = counts.or_insert_with(|| VisitCounts { stage: stage.clone(), ..Default::default() });
            counts.count(row.kind, is_first);
        }
        let place = (stage.clone(), touchpoint.clone());
        if self.touchpoints.contains_key(&place) || self.touchpoints.len() < MAX_PLACES {
            let is_first = is_visit && self.been.insert((stage.clone(), Some(touchpoint.clone())));
            let counts = self.touchpoints.entry(place).or_insert_with(|| VisitCounts {
                stage: stage.clone(),
                touchpoint: touchpoint.clone(),
                ..Default::default()
            });
            counts.count(row.kind, is_first);
        }
    }
}

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
    tally: &Tally,
    standing: &[(String, String, u64)],
) -> Vec<Visits> {
    let mut names: Vec<&str> =
        designed.iter().flat_map(|designed| designed.stages.iter().map(String::as_str)).collect();
    let mut places: Vec<(&str, &str)> = Vec::new();
    for (touchpoint, stage) in designed.iter().flat_map(|designed| &designed.touchpoints) {
        places.push((stage, touchpoint));
    }
    let seen = tally.touchpoints.keys().map(|(stage, touchpoint)| (stage.as_str(), touchpoint.as_str()));
    let stand = standing.iter().map(|(stage, touchpoint, _)| (stage.as_str(), touchpoint.as_str()));
    for (stage, touchpoint) in seen.chain(stand) {
        if !names.contains(&stage) {
            names.push(stage);
        }
        if !touchpoint.is_empty() && !places.contains(&(stage, touchpoint)) {
            places.push((stage, touchpoint));
        }
    }
    let none = |stage: &str, touchpoint: &str| VisitCounts {
        stage: stage.to_owned(),
        touchpoint: touchpoint.to_owned(),
        ..VisitCounts::default()
    };
    let count = |stage: &str, touchpoint: Option<&str>| {
        let here = standing.iter().filter(|(s, t, _)| s == stage && touchpoint.is_none_or(|name| t == name));
        here.map(|(.., instances)| instances).sum()
    };
    let mut visits = Vec::new();
    for stage in names {
        let counts = tally.stages.get(stage).cloned().unwrap_or_else(|| none(stage, ""));
        visits.push(Visits { counts, standing: count(stage, None) });
        for (_, touchpoint) in places.iter().filter(|(of, _)| *of == stage) {
            let found = tally.touchpoints.get(&(stage.to_owned(), (*touchpoint).to_owned()));
            let counts = found.cloned().unwrap_or_else(|| none(stage, touchpoint));
            visits.push(Visits { counts, standing: count(stage, Some(touchpoint)) });
        }
    }
    visits
}
