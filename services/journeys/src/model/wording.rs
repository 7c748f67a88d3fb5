//! A play as it is worded in some version, for those who ask what would become of its instances.

use serde_json::Value as Json;

use super::definitions::compile_play;
use super::plays::{self, Play};

/// A play as it is worded in some version.
#[derive(Debug)]
pub struct Wording(Play);

impl Wording {
    /// The play of a name among manifests; `None` where there is none, or none that can be read.
    pub fn find(manifests: &[Json], play: &str) -> Option<Self> {
        let named = |manifest: &&Json| {
            manifest["kind"] == "Play" && manifest["metadata"]["name"].as_str() == Some(play)
        };
        compile_play(manifests.iter().find(named)?).ok().map(Self)
    }

    /// Whether both say the same.
    pub fn is_same(&self, other: &Self) -> bool {
        self.0.spec == other.0.spec
    }

    /// Whether an instance that waits at a step could go on there, and if not, why.
    pub fn goes_on_at(&self, step: &str) -> Result<(), String> {
        plays::goes_on(&self.0, step).map(drop)
    }
}
