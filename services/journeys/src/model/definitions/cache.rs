//! Compiled definitions, shared by all partitions and customers of a process.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use elate_domain::WorkspaceId;
use tracing::warn;

use super::{Definitions, compile};
use crate::model::partition::WorkspaceState;
use crate::model::plays::Play;

/// Sets that are kept at most; far more than there are versions in use at one time.
const MAX_SETS: usize = 256;
/// Earlier wordings of plays that are kept at most.
const MAX_PLAYS: usize = 1_024;

/// Plays by workspace, name, and the version that worded them so; `None` where that can't be read.
type Wordings = HashMap<(WorkspaceId, String, u64), Option<Arc<Play>>>;

/// What was compiled so far. It holds nothing that can't be made again from a partition's state, so it is no state:
/// when it is full, it is emptied.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    sets: RwLock<HashMap<WorkspaceId, Vec<Arc<Definitions>>>>,
    plays: RwLock<Wordings>,
}

impl Cache {
    /// The definitions in force.
    pub(crate) fn definitions(&self, workspace: &WorkspaceId, kept: &WorkspaceState) -> Arc<Definitions> {
        let find = |sets: &HashMap<WorkspaceId, Vec<Arc<Definitions>>>| {
            sets.get(workspace)?.iter().find(|set| set.version == kept.version).cloned()
        };
        if let Some(found) = find(&self.sets.read().unwrap_or_else(PoisonError::into_inner)) {
            return found;
        }
        let compiled = Arc::new(compile::definitions(kept.version, &kept.manifests));
        for reason in &compiled.unreadable {
            warn!(%workspace, version = kept.version, %reason, "manifest of a later version of the software left out");
        }
        let mut sets = self.sets.write().unwrap_or_else(PoisonError::into_inner);
        if sets.values().map(Vec::len).sum::<usize>() >= MAX_SETS {
            sets.clear();
        }
        sets.entry(workspace.clone()).or_default().push(Arc::clone(&compiled));
        compiled
    }

    /// The play as an instance of `version` runs it; `None` where that wording is not kept any more.
    pub(crate) fn play(
        &self,
        workspace: &WorkspaceId,
        kept: &WorkspaceState,
        name: &str,
        version: u64,
    ) -> Option<Arc<Play>> {
        let document = kept.play(name, version)?;
        let key = (workspace.clone(), name.to_owned(), document.since);
        if let Some(found) = self.plays.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return found.clone();
        }
        let compiled = compile::play(&document.manifest).ok().map(Arc::new);
        let mut plays = self.plays.write().unwrap_or_else(PoisonError::into_inner);
        if plays.len() >= MAX_PLAYS {
            plays.clear();
        }
        plays.insert(key, compiled.clone());
        compiled
    }
}
