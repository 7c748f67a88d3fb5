//! Manifests in force, and their publication.

use std::sync::Arc;

use elate_proto::events::v1 as pb;
use elate_proto::events::v1::definition_service_server::DefinitionService;
use elate_rpc::validate::{self, Invalid};
use elate_rpc::{Role, identity};
use tonic::{Request, Response, Status};

use super::convert;
use crate::app::Error;
use crate::model::definitions::Apply;
use crate::ports::Definitions;

/// Bytes of all documents together at the most.
const MAX_DOCUMENTS_BYTES: usize = 1024 * 1024;
/// Replays reach back at most this far: ten years, in seconds.
const MAX_REPLAY_SECONDS: u64 = 10 * 366 * 86_400;

pub(super) struct Service {
    definitions: Arc<dyn Definitions>,
}

impl Service {
    pub(super) fn new(definitions: Arc<dyn Definitions>) -> Self {
        Self { definitions }
    }
}

fn apply(request: pb::ApplyManifestsRequest) -> Result<Apply, Status> {
    if request.documents.iter().map(String::len).sum::<usize>() > MAX_DOCUMENTS_BYTES {
        return Err(Error::TooLarge { what: "the documents together", limit: "1 MiB".to_owned() }.into());
    }
    if request.replay_seconds > MAX_REPLAY_SECONDS {
        let reason = format!("is more than {MAX_REPLAY_SECONDS} (ten years)");
        return Err(Error::field("replay_seconds", reason).into());
    }
    let request_id =
        validate::request_id("request_id", request.request_id).map_err(Invalid::from)?.unwrap_or_default();
    Ok(Apply {
        request_id,
        documents: request.documents,
        delete: request.delete,
        dry_run: request.dry_run,
        replay_millis: request.replay_seconds * 1000,
    })
}

#[tonic::async_trait]
impl DefinitionService for Service {
    async fn apply_manifests(
        &self,
        request: Request<pb::ApplyManifestsRequest>,
    ) -> Result<Response<pb::ApplyManifestsResponse>, Status> {
        let caller = identity(&request)?.require(Role::Editor)?.clone();
        let apply = apply(request.into_inner())?;
        let applied = self.definitions.apply(caller.workspace()?, caller.key_id(), apply).await?;
        Ok(Response::new(pb::ApplyManifestsResponse {
            version: applied.version,
            changes: applied.changes.into_iter().map(convert::manifest_change).collect(),
            warnings: applied.warnings,
        }))
    }

    async fn list_manifests(
        &self,
        request: Request<pb::ListManifestsRequest>,
    ) -> Result<Response<pb::ListManifestsResponse>, Status> {
        let workspace = identity(&request)?.require(Role::Reader)?.workspace()?.clone();
        let request = request.into_inner();
        let in_force = self.definitions.list(&workspace, &request.kind, &request.name).await?;
        Ok(Response::new(pb::ListManifestsResponse {
            version: in_force.version,
            documents: in_force.documents,
        }))
    }
}
