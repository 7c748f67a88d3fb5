//! Publishing definitions through the log.

use std::collections::BTreeMap;

use async_trait::async_trait;
use elate_domain::system::{DefinitionsPublished, name};
use elate_domain::{Partition, RawJson, WorkspaceId};
use elate_log::Change;
use elate_proto::record;

use super::append::own_event;
use super::{App, Core, Error};
use crate::model::definitions::{Applied, Apply, Change as ManifestChange, InForce, Plan};
use crate::ports::Definitions;
use crate::store::{catalog, definitions, requests};

const MAX_BYTES: usize = 1024 * 1024;
const ATTEMPTS: u32 = 10;

#[async_trait]
impl Definitions for App {
    async fn apply(&self, workspace: &WorkspaceId, applied_by: &str, apply: Apply) -> Result<Applied, Error> {
        if apply.documents.iter().map(String::len).sum::<usize>() > MAX_BYTES {
            return Err(Error::TooLarge { what: "the documents", limit: "1 MiB together".to_owned() });
        }
        for attempt in 1.. {
            let (version, in_force) = definitions::in_force(self.core.database.read(), workspace).await?;
            let plan =
                self.manifests.plan(&in_force, &apply.documents, &apply.delete).map_err(Error::Invalid)?;
            let mut applied =
                Applied { version, changes: plan.changes.clone(), warnings: plan.warnings.clone() };
            let seen = catalog::seen(self.core.database.read(), workspace, &plan.event_names).await?;
            let fit = self.manifests.fit(&plan, &seen);
            if !fit.errors.is_empty() {
                return Err(Error::Invalid(fit.errors));
            }
            applied.warnings.extend(fit.warnings);
            let unseen = catalog::unseen(self.core.database.read(), workspace, &plan.event_names).await?;
            applied
                .warnings
                .extend(unseen.into_iter().map(|name| format!("no event named {name:?} was seen yet")));
            let unchanged = plan.changes.iter().all(|change| change.change == ManifestChange::Unchanged);
            if apply.dry_run || unchanged {
                return Ok(applied);
            }
            applied.version = version + 1;
            match publish(&self.core, workspace, applied_by, &apply, &plan, applied).await {
                // Somebody else published the version; the plan is made again on top of it.
                Err(Error::Storage(error))
                    if attempt < ATTEMPTS && (error.is_unique_violation() || error.is_conflict()) => {}
                done => return done,
            }
        }
        Err(Error::Overloaded { retry_after: std::time::Duration::from_secs(1) })
    }

    async fn list(&self, workspace: &WorkspaceId, kind: &str, name: &str) -> Result<InForce, Error> {
        let (version, manifests) = definitions::in_force(self.core.database.read(), workspace).await?;
        let wanted = |manifest: &&serde_json::Value| {
            let is =
                |value: &serde_json::Value, wanted: &str| wanted.is_empty() || value.as_str() == Some(wanted);
            is(&manifest["kind"], kind) && is(&manifest["metadata"]["name"], name)
        };
        let documents =
            manifests.iter().filter(wanted).map(|manifest| self.manifests.render(manifest)).collect();
        Ok(InForce { version, documents })
    }
}

/// Registers the version and appends its record to every partition, in one transaction.
async fn publish(
    core: &Core,
    workspace: &WorkspaceId,
    applied_by: &str,
    apply: &Apply,
    plan: &Plan,
    applied: Applied,
) -> Result<Applied, Error> {
    let now = core.clock().now();
    let answer = serde_json::to_string(&applied).unwrap_or_default();
    let tx = core.database.begin().await?;
    if let Some(done) = requests::claim(&tx, workspace, "apply", &apply.request_id, &answer, now.0).await? {
        return serde_json::from_str(&done)
            .map_err(|error| elate_storage::Error::corrupt("request", "answer", error).into());
    }
    definitions::publish(&tx, workspace, applied.version, &plan.manifests, applied_by, now.0).await?;
    let payload = DefinitionsPublished {
        version: applied.version,
        manifests: plan.manifests.clone(),
        replay_millis: apply.replay_millis,
        applied_by: applied_by.to_owned(),
    };
    let message_id = format!("definitions:{}", applied.version);
    let mut event = own_event(workspace.clone(), name::DEFINITIONS_PUBLISHED, message_id)?;
    event.occurred_at = now;
    event.properties = RawJson::of(&payload);
    let bytes = record::encode(&event);
    let partitions = || (0..core.log.partitions()).map(Partition);
    let locked = core.log.lock(&tx, partitions()).await?;
    let change = |partition| (partition, Change { records: vec![bytes.clone()], ..Change::default() });
    let changes: BTreeMap<Partition, Change> = partitions().map(change).collect();
    let written = core.log.write(&tx, locked, changes).await?;
    tx.commit().await.map_err(elate_storage::Error::from)?;
    core.log.publish(written);
    Ok(applied)
}
