//! What is kept for each partition: the definitions in force, earlier versions of plays that instances still run,
//! pauses, and imports. It is changed by control records alone, so every partition switches at an offset.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use elate_domain::system::{
    DefinitionsPublished, ImportMark, PauseChanged, PauseScope, PopulationLearned, RolloutDecided,
};
use elate_domain::{Offset, WorkspaceId};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::learning::Learned;
use super::rollouts::RolloutState;

/// Different documents of one play that are kept at most. Instances that run an older one leave with the reason.
const MAX_PLAY_DOCUMENTS: usize = 16;
/// Names of plays, past and present, of which documents are kept at most.
const MAX_PLAYS: usize = 500;

/// What is kept for one partition.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PartitionState {
    workspaces: BTreeMap<WorkspaceId, WorkspaceState>,
}

/// What is kept for one workspace in a partition.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkspaceState {
    /// The version in force; 0 where nothing was published.
    pub version: u64,
    /// All manifests of that version.
    pub manifests: Arc<Vec<Json>>,
    /// Offset of the record that published it.
    pub since_offset: Offset,
    /// Moments, journeys and scheduled plays that are new or changed in that version, as `Kind/name`: those that a
    /// replay is for.
    pub fresh: BTreeSet<String>,
    /// Documents of plays, by name, the oldest first.
    plays: BTreeMap<String, Vec<PlayDocument>>,
    /// Plays that are paused.
    pub paused_plays: BTreeSet<String>,
    /// Whether all sending is paused.
    pub paused: bool,
    /// What all customers have taught, by moment.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub learned: BTreeMap<String, Learned>,
    /// How far plays have gone, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub rollouts: BTreeMap<String, RolloutState>,
    /// Imports under way, and whether their effects are wanted.
    imports: BTreeMap<String, bool>,
}

/// A play as it was worded from one version on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlayDocument {
    /// The first version that had it.
    pub since: u64,
    /// The manifest.
    pub manifest: Arc<Json>,
}

impl PartitionState {
    /// What is kept for a workspace; `None` where nothing ever was published, paused or imported.
    pub fn workspace(&self, workspace: &WorkspaceId) -> Option<&WorkspaceState> {
        self.workspaces.get(workspace)
    }

    /// Switches to other definitions. Answers false where this version, or a later one, is in force already.
    pub fn publish(
        &mut self,
        workspace: &WorkspaceId,
        offset: Offset,
        published: DefinitionsPublished,
    ) -> bool {
        let kept = self.workspaces.entry(workspace.clone()).or_default();
        if published.version <= kept.version {
            return false;
        }
        kept.version = published.version;
        kept.since_offset = offset;
        kept.fresh = fresh(&kept.manifests, &published.manifests);
        for manifest in published.manifests.iter().filter(|manifest| manifest["kind"] == "Play") {
            kept.remember(published.version, manifest);
        }
        kept.manifests = Arc::new(published.manifests);
        kept.forget_plays();
        let manifests = Arc::clone(&kept.manifests);
        kept.learned.retain(|moment, _| is_moment(&manifests, moment));
        true
    }

    /// Takes over what all customers have taught about a moment that is in force.
    pub fn learn(&mut self, workspace: &WorkspaceId, said: PopulationLearned) {
        let Some(kept) = self.workspaces.get_mut(workspace) else { return };
        if is_moment(&kept.manifests, &said.moment) {
            kept.learned.insert(said.moment.clone(), Learned::of(said));
        }
    }

    /// Begins the rollouts that the version in force brings, and forgets those of plays that are gone; answers what
    /// began.
    pub fn roll_out(&mut self, workspace: &WorkspaceId) -> Vec<(String, RolloutState)> {
        let Some(kept) = self.workspaces.get_mut(workspace) else { return Vec::new() };
        let manifests = Arc::clone(&kept.manifests);
        let with = |m: &&Json| m["kind"] == "Play" && !m["spec"]["rollout"].is_null();
        let names = manifests.iter().filter(with).filter_map(|m| m["metadata"]["name"].as_str());
        let names: BTreeSet<&str> = names.collect();
        kept.rollouts.retain(|name, _| names.contains(name.as_str()));
        let mut begun = Vec::new();
        for name in names {
            // A play that is worded anew is another play: it begins with the first step.
            let Some(run) = kept.play(name, u64::MAX).map(|document| document.since) else { continue };
            if kept.rollouts.get(name).is_none_or(|known| known.run != run) {
                let state = RolloutState::begun(run);
                kept.rollouts.insert(name.to_owned(), state.clone());
                begun.push((name.to_owned(), state));
            }
        }
        begun
    }

    /// Takes a decision about a rollout over; answers false where it is about another run, or known.
    pub fn decide(&mut self, workspace: &WorkspaceId, decided: &RolloutDecided) -> bool {
        let kept = self.workspaces.get_mut(workspace);
        let known = kept.and_then(|kept| kept.rollouts.get_mut(&decided.play));
        known.is_some_and(|known| known.decided(decided))
    }

    /// Pauses or resumes.
    pub fn pause(&mut self, workspace: &WorkspaceId, change: PauseChanged) {
        let kept = self.workspaces.entry(workspace.clone()).or_default();
        match change.scope {
            PauseScope::All => kept.paused = change.paused,
            PauseScope::Play if change.paused => {
                kept.paused_plays.insert(change.target);
            }
            PauseScope::Play => {
                kept.paused_plays.remove(&change.target);
            }
            // A channel stands between a message and its customer: that is for notifications to know.
            PauseScope::Channel => {}
        }
    }

    /// An import begins or ends.
    pub fn import(&mut self, workspace: &WorkspaceId, mark: ImportMark, begins: bool) {
        let kept = self.workspaces.entry(workspace.clone()).or_default();
        if begins {
            kept.imports.insert(mark.import_id, mark.effects);
        } else {
            kept.imports.remove(&mark.import_id);
        }
    }
}

impl WorkspaceState {
    /// Whether records of imports shall have their effects: an open import asks for them. (A record does not say
    /// which import it belongs to; the loop marks what follows from it by the same rule.)
    pub fn historical_effects(&self) -> bool {
        self.imports.values().any(|wanted| *wanted)
    }

    /// The play as it was worded in a version, if that is still kept.
    pub fn play(&self, name: &str, version: u64) -> Option<&PlayDocument> {
        self.plays.get(name)?.iter().rev().find(|document| document.since <= version)
    }

    fn remember(&mut self, version: u64, manifest: &Json) {
        let Some(name) = manifest["metadata"]["name"].as_str() else { return };
        let documents = self.plays.entry(name.to_owned()).or_default();
        if documents.last().is_some_and(|last| *last.manifest == *manifest) {
            return;
        }
        documents.push(PlayDocument { since: version, manifest: Arc::new(manifest.clone()) });
        if documents.len() > MAX_PLAY_DOCUMENTS {
            documents.remove(0);
        }
    }

    /// Forgets the plays that were last worded longest ago, as far as they are not in force.
    fn forget_plays(&mut self) {
        while self.plays.len() > MAX_PLAYS {
            let in_force = |name: &str| {
                self.manifests
                    .iter()
                    .any(|m| m["kind"] == "Play" && m["metadata"]["name"].as_str() == Some(name))
            };
            let past = self.plays.iter().filter(|(name, _)| !in_force(name));
            let oldest = past.min_by_key(|(_, documents)| documents.last().map_or(0, |last| last.since));
            let Some(name) = oldest.map(|(name, _)| name.clone()) else { return };
            self.plays.remove(&name);
        }
    }
}

fn is_moment(manifests: &[Json], name: &str) -> bool {
    manifests.iter().any(|m| m["kind"] == "Moment" && m["metadata"]["name"].as_str() == Some(name))
}

/// The moments, journeys and scheduled plays that are not the same before.
fn fresh(before: &[Json], after: &[Json]) -> BTreeSet<String> {
    let replayed = |manifest: &&Json| match manifest["kind"].as_str() {
        Some("Moment" | "Journey") => true,
        Some("Play") => !manifest["spec"]["trigger"]["schedule"].is_null(),
        _ => false,
    };
    let changed = after.iter().filter(replayed).filter(|manifest| !before.contains(manifest));
    let id = |manifest: &Json| {
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        format!("{}/{}", text(&manifest["kind"]), text(&manifest["metadata"]["name"]))
    };
    changed.map(id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn publish(version: u64, wait: &str) -> DefinitionsPublished {
        let play = json!({"kind": "Play", "metadata": {"name": "sorry"}, "spec": {"steps": [{"wait": {"for": wait}}]}});
        DefinitionsPublished { version, manifests: vec![play], replay_millis: 0, applied_by: String::new() }
    }

    fn shop() -> WorkspaceId {
        WorkspaceId::try_new("shop").unwrap()
    }

    #[test]
    fn a_play_is_found_as_it_was_worded_in_a_version() {
        let mut partition = PartitionState::default();
        assert!(partition.publish(&shop(), Offset(1), publish(1, "1h")));
        assert!(partition.publish(&shop(), Offset(1), publish(2, "1h")));
        assert!(partition.publish(&shop(), Offset(1), publish(5, "2h")));
        assert!(
            !partition.publish(&shop(), Offset(1), publish(5, "9h")),
            "a repeated version changes nothing"
        );
        let kept = partition.workspace(&shop()).unwrap();
        let wait = |version| {
            let play = kept.play("sorry", version)?;
            Some((play.since, play.manifest["spec"]["steps"][0]["wait"]["for"].as_str()?.to_owned()))
        };
        assert_eq!(wait(0), None);
        assert_eq!(wait(2), Some((1, "1h".to_owned())), "the second version did not touch it");
        assert_eq!(wait(5), Some((5, "2h".to_owned())));
    }

    #[test]
    fn old_wordings_are_bounded() {
        let mut partition = PartitionState::default();
        for version in 1..=40 {
            partition.publish(&shop(), Offset(1), publish(version, &format!("{version}h")));
        }
        let kept = partition.workspace(&shop()).unwrap();
        assert!(kept.play("sorry", 24).is_none());
        assert!(kept.play("sorry", 25).is_some());
    }

    #[test]
    fn history_has_effects_only_where_an_open_import_wants_them() {
        let mut partition = PartitionState::default();
        let mark = |id: &str, effects| ImportMark { import_id: id.to_owned(), effects };
        partition.import(&shop(), mark("a", false), true);
        assert!(!partition.workspace(&shop()).unwrap().historical_effects());
        partition.import(&shop(), mark("b", true), true);
        assert!(partition.workspace(&shop()).unwrap().historical_effects());
        partition.import(&shop(), mark("b", true), false);
        assert!(!partition.workspace(&shop()).unwrap().historical_effects());
    }
}
