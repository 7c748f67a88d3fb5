//! Who would be held out of which play, for those who ask before anything happens.

use serde_json::Value as Json;

use super::definitions::{Definitions, compile};
use super::plays;

/// The holdouts of one version of the definitions.
#[derive(Debug)]
pub struct Assignments(Definitions);

/// Where an id stands towards the holdouts. Groups are `held_out`, `measured` (the sample of the same size that the
/// held-out are compared with) or `treated`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assigned {
    /// By which rule it is held out: `global`, `play`, or by none.
    pub rule: Option<&'static str>,
    /// The group in the workspace's holdout; `None` for a service play, which it leaves alone.
    pub global: Option<&'static str>,
    /// The group in the play's own; `None` where no play was asked about.
    pub own: Option<&'static str>,
}

impl Assignments {
    /// The holdouts that manifests describe.
    pub fn new(version: u64, manifests: &[Json]) -> Self {
        Self(compile(version, manifests))
    }

    /// Whether there is such a play.
    pub fn has_play(&self, play: &str) -> bool {
        self.0.play(play).is_some()
    }

    /// Where an id stands towards a play; `None` where there is no such play.
    pub fn of_play(&self, play: &str, id: &str) -> Option<Assigned> {
        let groups = plays::Groups::of(&self.0, self.0.play(play)?, id);
        let global = groups.global.map(|group| group.word());
        Some(Assigned { rule: groups.rule(), global, own: Some(groups.own.word()) })
    }

    /// Where an id stands in the workspace's holdout.
    pub fn of_workspace(&self, id: &str) -> Assigned {
        let group = plays::global_group(&self.0, id);
        Assigned { rule: group.held_out().then_some("global"), global: Some(group.word()), own: None }
    }
}
