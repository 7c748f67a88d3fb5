//! The instances of a play that are under way, by the version that they run.

use elate_domain::WorkspaceId;
use elate_storage::Error;
use serde_json::Value as Json;

use super::Store;
use super::query::Select;
use super::read::read;
use super::words::Word as _;
use crate::model::rows::PlayPhase;

/// Instances of a play that wait at one step in one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The version that they run.
    pub version: u64,
    /// Path of the step.
    pub step: String,
    /// How many there are.
    pub instances: u64,
}

impl Store {
    /// The instances of a play that are under way, counted by version and step.
    pub async fn waiting(&self, workspace: &WorkspaceId, play: &str) -> Result<Vec<Waiting>, Error> {
        let columns = "definitions_version, step, COUNT(*) AS instances";
        let select = Select::of(columns, "play_instances", workspace)
            .and("play", "=", play)
            .and("state", "=", PlayPhase::Active.word())
            .grouped_by("definitions_version, step")
            .order_by("definitions_version, step", MAX_GROUPS);
        let rows = select.all(&self.database).await?;
        read(&rows, "play_instances", |r| {
            Ok(Waiting {
                version: r.i64("definitions_version")? as u64,
                step: r.text("step")?,
                instances: r.i64("instances")? as u64,
            })
        })
    }

    /// All manifests of one version; `None` where it is not known.
    pub async fn documents(&self, workspace: &WorkspaceId, version: u64) -> Result<Option<Vec<Json>>, Error> {
        let select = Select::of("manifests", TABLE, workspace).and("version", "=", version as i64);
        let rows = select.order_by("version", 1).all(&self.database).await?;
        let found = read(&rows, TABLE, |r| {
            serde_json::from_str(&r.text("manifests")?)
                .map_err(|error| Error::corrupt(TABLE, "manifests", error))
        })?;
        Ok(found.into_iter().next())
    }
}

const TABLE: &str = "definition_documents";
/// A play has 200 steps at most, and few versions are under way at a time.
const MAX_GROUPS: u64 = 10_000;
