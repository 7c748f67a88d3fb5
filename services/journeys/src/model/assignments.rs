//! Who would be held out of which play, for those who ask before anything happens.

use serde_json::Value as Json;

use super::definitions::{Definitions, compile};
use super::plays;

/// The holdouts of one version of the definitions.
#[derive(Debug)]
pub struct Assignments(Definitions);

impl Assignments {
    /// The holdouts that manifests describe.
    pub fn new(version: u64, manifests: &[Json]) -> Self {
        Self(compile(version, manifests))
    }

    /// Whether there is such a play.
    pub fn has_play(&self, play: &str) -> bool {
        self.0.play(play).is_some()
    }

    /// By which rule an id is held out of a play: `global`, `play`, or by none.
    pub fn held_out(&self, play: &str, id: &str) -> Option<&'static str> {
        plays::holdout_rule(&self.0, self.0.play(play)?, id)
    }
}
