//! Customers and keys in memory, with nothing behind them: what a service asks of events, for tests that host one
//! service alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use elate_domain::{SourceId, WorkspaceId};
use elate_proto::common::v1::customer_ref;
use elate_proto::events::v1 as pb;
use elate_proto::events::v1::customer_service_server::{CustomerService, CustomerServiceServer};
use futures::stream::BoxStream;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use crate::auth::{Authenticator, Error, Identity, NoKeys, Role, WithServiceToken};
use crate::{Channel, Secret, Stack, client, identity};

const TOKEN: &str = "the token of services";

/// Customers of all workspaces. Only looking one up works; all else that events does is unimplemented.
#[derive(Debug, Clone, Default)]
pub struct People {
    known: Arc<Mutex<HashMap<(String, String), pb::Customer>>>,
}

impl People {
    /// Lets a customer be found by Elate's id, and as a user of the same name.
    pub fn add(&self, workspace: &str, customer_id: &str, traits: &serde_json::Value) {
        let customer = pb::Customer {
            customer_id: customer_id.to_owned(),
            traits: traits.to_string().into(),
            ..pb::Customer::default()
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert((workspace.to_owned(), customer_id.to_owned()), customer);
    }

    /// A channel to them with the credential of services.
    pub fn channel(&self) -> Channel {
        let authenticator = WithServiceToken::new(Secret::new(TOKEN), Arc::new(NoKeys));
        let routes = Routes::new(CustomerServiceServer::new(self.clone()));
        client::in_process(Stack::new(Arc::new(authenticator)).apply(routes), Some(Secret::new(TOKEN)))
    }
}

/// Keys that say in their name who holds them: `<workspace>-<role>`, e.g. `shop-reader`.
#[derive(Debug, Clone, Copy, Default)]
pub struct NamedKeys;

#[async_trait::async_trait]
impl Authenticator for NamedKeys {
    async fn resolve(&self, secret: &str) -> Result<Identity, Error> {
        let (workspace, role) = secret.split_once('-').ok_or(Error::Unknown)?;
        let role = match role {
            "writer" => Role::Writer,
            "reader" => Role::Reader,
            "editor" => Role::Editor,
            "operator" => Role::Operator,
            "admin" => Role::Admin,
            _ => return Err(Error::Unknown),
        };
        let workspace = WorkspaceId::try_new(workspace).map_err(|_| Error::Unknown)?;
        let source = SourceId::try_new("site").map_err(|_| Error::Unknown)?;
        Ok(Identity::key(workspace, role, secret, source))
    }
}

fn not_here<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("in memory there is nothing but customers"))
}

#[tonic::async_trait]
impl CustomerService for People {
    async fn get_customer(
        &self,
        request: Request<pb::GetCustomerRequest>,
    ) -> Result<Response<pb::GetCustomerResponse>, Status> {
        let workspace = identity(&request)?.require(Role::Service)?.workspace()?.to_string();
        let named = request.into_inner().customer.and_then(|customer| customer.r#ref);
        let id = match named {
            Some(customer_ref::Ref::CustomerId(id) | customer_ref::Ref::UserId(id)) => id,
            Some(customer_ref::Ref::AnonymousId(_)) | None => String::new(),
        };
        let found = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&(workspace, id)).cloned();
        let customer = found.ok_or_else(|| Status::not_found("no such customer"))?;
        Ok(Response::new(pb::GetCustomerResponse { customer: Some(customer) }))
    }

    async fn list_timeline(
        &self,
        _: Request<pb::ListTimelineRequest>,
    ) -> Result<Response<pb::ListTimelineResponse>, Status> {
        not_here()
    }

    async fn set_preferences(
        &self,
        _: Request<pb::SetPreferencesRequest>,
    ) -> Result<Response<pb::SetPreferencesResponse>, Status> {
        not_here()
    }

    async fn erase_customer(
        &self,
        _: Request<pb::EraseCustomerRequest>,
    ) -> Result<Response<pb::EraseCustomerResponse>, Status> {
        not_here()
    }

    async fn get_erasure(
        &self,
        _: Request<pb::GetErasureRequest>,
    ) -> Result<Response<pb::GetErasureResponse>, Status> {
        not_here()
    }

    type FollowWorkspaceStream = BoxStream<'static, Result<pb::FollowWorkspaceResponse, Status>>;

    async fn follow_workspace(
        &self,
        _: Request<pb::FollowWorkspaceRequest>,
    ) -> Result<Response<Self::FollowWorkspaceStream>, Status> {
        not_here()
    }

    async fn list_catalog(
        &self,
        _: Request<pb::ListCatalogRequest>,
    ) -> Result<Response<pb::ListCatalogResponse>, Status> {
        not_here()
    }
}
