//! The manifests that a recording is replayed under.

use elate_domain::system::{DefinitionsPublished, name};
use elate_domain::{Event, RawJson, Timestamp, WorkspaceId};
use elate_events::ManifestRegistry;
use elate_events::model::own::own_event;
use elate_events::ports::Manifests as _;
use serde_json::Value as Json;

use crate::Error;

/// The version that they have: nothing was published before.
pub(crate) const VERSION: u64 = 1;

/// Valid manifests.
#[derive(Debug, Clone, PartialEq)]
pub struct Definitions {
    manifests: Vec<Json>,
}

impl Definitions {
    /// Reads manifests as a publication does: YAML or JSON, several to a text.
    ///
    /// # Errors
    /// [`Error::Invalid`] with everything that a publication would refuse.
    pub fn read(texts: &[String]) -> Result<Self, Error> {
        let plan = ManifestRegistry.plan(&[], texts, &[]).map_err(Error::Invalid)?;
        Ok(Self { manifests: plan.manifests })
    }

    /// The documents, in canonical order.
    pub fn manifests(&self) -> &[Json] {
        &self.manifests
    }

    /// The record that puts them in force, in every partition.
    pub(crate) fn event(&self, workspace: &WorkspaceId, at: Timestamp) -> Result<Event, Error> {
        let payload = DefinitionsPublished {
            version: VERSION,
            manifests: self.manifests.clone(),
            replay_millis: 0,
            applied_by: "simulation".to_owned(),
        };
        let mut event =
            own_event(workspace.clone(), name::DEFINITIONS_PUBLISHED, format!("definitions:{VERSION}"))?;
        event.occurred_at = at;
        event.properties = RawJson::of(&payload);
        Ok(event)
    }
}
