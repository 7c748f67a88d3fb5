//! Workspaces, keys and switches.

use std::sync::Arc;
use std::time::Duration;

use elate_domain::system::{ImportMark, PauseChanged, PauseScope};
use elate_domain::{FieldError, SourceId, WorkspaceId};
use elate_proto::events::v1 as pb;
use elate_proto::events::v1::admin_service_server::AdminService;
use elate_rpc::validate::{self, Invalid};
use elate_rpc::{Role, identity};
use tonic::{Request, Response, Status};

use super::{convert, request_id};
use crate::model::key::NewKey;
use crate::ports::{Admin, Customers};

/// Characters of a name or an id at the most.
const MAX_NAME: usize = 100;
/// Characters of a reason at the most.
const MAX_REASON: usize = 500;
/// The services that can be asked for a redrive.
const SERVICES: [&str; 3] = ["journeys", "scoring", "notifications"];

pub(super) struct Service {
    admin: Arc<dyn Admin>,
    customers: Arc<dyn Customers>,
}

impl Service {
    pub(super) fn new(admin: Arc<dyn Admin>, customers: Arc<dyn Customers>) -> Self {
        Self { admin, customers }
    }
}

fn text(field: &str, value: String, max: usize) -> Result<String, Invalid> {
    Ok(validate::text(field, value, max)?)
}

fn pause(request: &mut pb::SetPauseRequest) -> Result<PauseChanged, Invalid> {
    use pb::set_pause_request::Scope;
    let target = std::mem::take(&mut request.target);
    let (scope, target) = match Scope::try_from(request.scope) {
        Ok(Scope::All) => (PauseScope::All, String::new()),
        Ok(Scope::Channel) => (PauseScope::Channel, text("target", target, MAX_NAME)?),
        Ok(Scope::Play) => (PauseScope::Play, text("target", target, MAX_NAME)?),
        Ok(Scope::Unspecified) | Err(_) => {
            return Err(FieldError::new("scope", "is required: all, channel or play").into());
        }
    };
    let reason = validate::optional_text("reason", std::mem::take(&mut request.reason), MAX_REASON)?;
    Ok(PauseChanged { scope, target, paused: request.paused, reason: reason.unwrap_or_default() })
}

#[tonic::async_trait]
impl AdminService for Service {
    async fn create_workspace(
        &self,
        request: Request<pb::CreateWorkspaceRequest>,
    ) -> Result<Response<pb::CreateWorkspaceResponse>, Status> {
        identity(&request)?.require(Role::Admin)?;
        let request = request.into_inner();
        let workspace: WorkspaceId =
            validate::slug("workspace_id", request.workspace_id).map_err(Invalid::from)?;
        let new = self.admin.create_workspace(&workspace, &request.time_zone).await?;
        let (key, secret) = convert::new_secret(new);
        Ok(Response::new(pb::CreateWorkspaceResponse { key, secret }))
    }

    async fn create_key(
        &self,
        request: Request<pb::CreateKeyRequest>,
    ) -> Result<Response<pb::CreateKeyResponse>, Status> {
        let workspace = identity(&request)?.require(Role::Admin)?.workspace()?.clone();
        let request = request.into_inner();
        let source = match request.source_id {
            none if none.is_empty() => None,
            id => Some(validate::slug::<SourceId>("source_id", id).map_err(Invalid::from)?),
        };
        let key = NewKey {
            name: text("name", request.name, MAX_NAME)?,
            role: convert::role_from_proto("role", request.role).map_err(Invalid::from)?,
            source,
        };
        let id = request_id(request.request_id)?;
        let (key, secret) = convert::new_secret(self.admin.create_key(&workspace, &id, key).await?);
        Ok(Response::new(pb::CreateKeyResponse { key, secret }))
    }

    async fn rotate_key(
        &self,
        request: Request<pb::RotateKeyRequest>,
    ) -> Result<Response<pb::RotateKeyResponse>, Status> {
        let workspace = identity(&request)?.require(Role::Admin)?.workspace()?.clone();
        let request = request.into_inner();
        let key_id = text("key_id", request.key_id, MAX_NAME)?;
        let overlap = Duration::from_secs(request.overlap_seconds);
        let new = self.admin.rotate_key(&workspace, &key_id, overlap).await?;
        Ok(Response::new(pb::RotateKeyResponse { secret: new.secret }))
    }

    async fn revoke_key(
        &self,
        request: Request<pb::RevokeKeyRequest>,
    ) -> Result<Response<pb::RevokeKeyResponse>, Status> {
        let workspace = identity(&request)?.require(Role::Admin)?.workspace()?.clone();
        let key_id = text("key_id", request.into_inner().key_id, MAX_NAME)?;
        self.admin.revoke_key(&workspace, &key_id).await?;
        Ok(Response::new(pb::RevokeKeyResponse {}))
    }

    async fn list_keys(
        &self,
        request: Request<pb::ListKeysRequest>,
    ) -> Result<Response<pb::ListKeysResponse>, Status> {
        let workspace = identity(&request)?.require(Role::Admin)?.workspace()?.clone();
        let page = convert::page_request(request.into_inner().page).map_err(Invalid::from)?;
        let page = self.admin.keys(&workspace, &page).await?;
        Ok(Response::new(pb::ListKeysResponse {
            keys: page.items.into_iter().map(convert::key).collect(),
            page: convert::page_info(page.next),
        }))
    }

    async fn mark_import(
        &self,
        request: Request<pb::MarkImportRequest>,
    ) -> Result<Response<pb::MarkImportResponse>, Status> {
        let workspace = identity(&request)?.require(Role::Operator)?.workspace()?.clone();
        let request = request.into_inner();
        let mark = ImportMark {
            import_id: text("import_id", request.import_id, MAX_NAME)?,
            effects: request.effects,
        };
        self.admin.mark_import(&workspace, mark, request.end).await?;
        Ok(Response::new(pb::MarkImportResponse {}))
    }

    async fn set_pause(
        &self,
        request: Request<pb::SetPauseRequest>,
    ) -> Result<Response<pb::SetPauseResponse>, Status> {
        let workspace = identity(&request)?.require(Role::Operator)?.workspace()?.clone();
        let mut request = request.into_inner();
        let pause = pause(&mut request)?;
        let id = request_id(request.request_id)?;
        self.admin.set_pause(&workspace, &id, pause).await?;
        Ok(Response::new(pb::SetPauseResponse {}))
    }

    async fn redrive_customer(
        &self,
        request: Request<pb::RedriveCustomerRequest>,
    ) -> Result<Response<pb::RedriveCustomerResponse>, Status> {
        let workspace = identity(&request)?.require(Role::Operator)?.workspace()?.clone();
        let request = request.into_inner();
        if !SERVICES.contains(&request.service.as_str()) {
            let reason = format!("must be one of {}", SERVICES.join(", "));
            return Err(Invalid::from(FieldError::new("service", reason)).into());
        }
        let customer = convert::customer_ref("customer", request.customer).map_err(Invalid::from)?;
        let id = request_id(request.request_id)?;
        self.customers.redrive(&workspace, &id, &request.service, &customer).await?;
        Ok(Response::new(pb::RedriveCustomerResponse {}))
    }
}
