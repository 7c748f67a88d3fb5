//! The use-cases of moving instances of a play to its newest wording: a preview, and the command.
//!
//! The command is one event on the timeline of each customer concerned, written by a lane of its own. Under which of
//! the partitions that this process holds it is numbered does not matter: the log takes it to its customer's. A repeat
//! does no harm, because an instance that runs the wording already is left alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use elate_consumer::{Held, Lane, LaneEvent, Ownership};
use elate_domain::system::{PlayMigrationCommanded, name};
use elate_domain::{Clock, RawJson, Timestamp, WorkspaceId};
use serde_json::Value as Json;

use super::App;
use crate::error::Error;
use crate::model::Wording;
use crate::model::rows::{PlayPhase, PlayRow};
use crate::page::{After, PageOf};
use crate::store::{InstanceFilter, Store, Waiting};

/// The lane of commands.
pub const COMMAND_LANE: &str = "journeys-commands";

/// What would become of the instances that wait at one step in one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The version, the step, and how many there are.
    pub waiting: Waiting,
    /// Why they would stay as they are; `None` where they would move.
    pub stays: Option<String>,
}

/// Who would move, and who would not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// The newest version, to which they would move.
    pub version: u64,
    /// By version and step, in order. Instances that run the newest wording already are left out.
    pub groups: Vec<Group>,
}

/// What a command came to, for one page of instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commanded {
    /// Instances that were told to move.
    pub moving: u64,
    /// Instances that stay as they are.
    pub staying: u64,
    /// Where the next page begins; `None` where this was the last.
    pub next: Option<After>,
}

/// Writes commands to the log, under a partition that this process holds.
#[derive(Clone)]
pub struct Commands {
    pub(super) lane: Lane,
    pub(super) ownership: Ownership,
    pub(super) clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Commands {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Commands").field("lane", &self.lane).finish_non_exhaustive()
    }
}

impl Commands {
    /// Over the consumer's lane of commands.
    pub fn new(lane: Lane, ownership: Ownership, clock: Arc<dyn Clock>) -> Self {
        Self { lane, ownership, clock }
    }

    async fn append(&self, store: &Store, commands: Vec<LaneEvent>) -> Result<(), Error> {
        let held: Held = *self.ownership.all().first().ok_or(Error::NoPartition)?;
        let tx = store.database().begin().await?;
        let appended = self.lane.append(&tx, vec![(held, commands)]).await?;
        tx.commit().await.map_err(elate_storage::Error::from)?;
        self.lane.committed(appended);
        Ok(())
    }
}

/// The newest wording of a play beside those that are still run.
struct Wordings {
    version: u64,
    newest: Wording,
    /// By version: whether it says the same as the newest.
    same: BTreeMap<u64, bool>,
}

impl Wordings {
    /// Why an instance stays; `Ok(None)` where it moves, `Err(())` where there is nothing to do.
    fn stays(&self, version: u64, step: &str) -> Result<Option<String>, ()> {
        if version >= self.version || self.same.get(&version).copied().unwrap_or(false) {
            return Err(());
        }
        Ok(self.newest.goes_on_at(step).err())
    }
}

impl App {
    /// Who would move to the newest wording of a play, and who would not. Changes nothing.
    pub async fn preview_migration(&self, workspace: &WorkspaceId, play: &str) -> Result<Preview, Error> {
        let waiting = self.store.waiting(workspace, play).await?;
        let wordings = self.wordings(workspace, play, waiting.iter().map(|group| group.version)).await?;
        let group = |waiting: Waiting| {
            let stays = wordings.stays(waiting.version, &waiting.step).ok()?;
            Some(Group { waiting, stays })
        };
        let groups = waiting.into_iter().filter_map(group).collect();
        Ok(Preview { version: wordings.version, groups })
    }

    /// Tells a page of a play's instances to move to `version`, which must be the newest.
    pub async fn migrate(
        &self,
        workspace: &WorkspaceId,
        play: &str,
        version: u64,
        page: PageOf,
    ) -> Result<Commanded, Error> {
        let commands = self.commands.as_ref().ok_or(Error::NoPartition)?;
        let now = commands.clock.now();
        let filter = InstanceFilter {
            name: Some(play.to_owned()),
            phases: vec![PlayPhase::Active],
            ..InstanceFilter::default()
        };
        let found = self.store.play_instances(workspace, &filter, page).await?;
        let versions = found.items.iter().map(|row| row.definitions_version);
        let wordings = self.wordings(workspace, play, versions).await?;
        if wordings.version != version {
            return Err(Error::DefinitionsChanged { asked: version, newest: wordings.version });
        }
        let mut commanded = Commanded { moving: 0, staying: 0, next: found.next };
        let mut told = Vec::new();
        for row in &found.items {
            match wordings.stays(row.definitions_version, &row.step) {
                Ok(None) => told.push(command(row, version, now)),
                Ok(Some(_)) => commanded.staying += 1,
                Err(()) => {}
            }
        }
        commanded.moving = told.len() as u64;
        if !told.is_empty() {
            commands.append(&self.store, told).await?;
        }
        Ok(commanded)
    }

    async fn wordings(
        &self,
        workspace: &WorkspaceId,
        play: &str,
        versions: impl Iterator<Item = u64>,
    ) -> Result<Wordings, Error> {
        let unknown = || Error::PlayUnknown(play.to_owned());
        let (version, manifests) = self.store.newest_documents(workspace).await?.ok_or_else(unknown)?;
        let manifests: Vec<Json> = serde_json::from_str(&manifests)?;
        let newest = Wording::find(&manifests, play).ok_or_else(unknown)?;
        let mut same = BTreeMap::new();
        for run in versions {
            if same.contains_key(&run) {
                continue;
            }
            let documents = self.store.documents(workspace, run).await?;
            let wording = documents.and_then(|manifests| Wording::find(&manifests, play));
            same.insert(run, wording.is_some_and(|wording| wording.is_same(&newest)));
        }
        Ok(Wordings { version, newest, same })
    }
}

fn command(row: &PlayRow, version: u64, now: Timestamp) -> LaneEvent {
    let payload =
        PlayMigrationCommanded { play: row.play.clone(), instance_id: row.instance_id.to_string(), version };
    LaneEvent {
        workspace: row.owner.workspace.clone(),
        customer: row.owner.customer,
        name: Arc::from(name::PLAY_MIGRATION_COMMANDED),
        occurred_at: now,
        properties: RawJson::of(&payload),
        id: format!("migrate/{}/{version}/{}", row.instance_id, row.moved_at.0),
        cause: None,
        historical: false,
        trace_parent: None,
    }
}
