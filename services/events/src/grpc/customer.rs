//! Customers and their timelines.

use std::sync::Arc;

use elate_domain::system::PreferencesChanged;
use elate_proto::events::v1 as pb;
use elate_proto::events::v1::customer_service_server::CustomerService;
use elate_rpc::validate::{self, Invalid};
use elate_rpc::{Role, identity};
use futures::stream::{BoxStream, StreamExt as _};
use tonic::{Request, Response, Status};

use super::{convert, request_id};
use crate::model::customer::TimelineQuery;
use crate::model::follow::WorkspaceFollow;
use crate::ports::Customers;

/// Names in a filter at the most.
const MAX_NAMES: usize = 100;

pub(super) struct Service {
    customers: Arc<dyn Customers>,
}

impl Service {
    pub(super) fn new(customers: Arc<dyn Customers>) -> Self {
        Self { customers }
    }
}

fn names(names: Vec<String>) -> Result<Vec<String>, Invalid> {
    if names.len() > MAX_NAMES {
        return Err(elate_domain::FieldError::new("names", format!("has more than {MAX_NAMES} names")).into());
    }
    Ok(names)
}

fn preferences(request: &mut pb::SetPreferencesRequest) -> Result<PreferencesChanged, Invalid> {
    let time_zone = validate::optional_text("time_zone", std::mem::take(&mut request.time_zone), 64)?;
    let locale = validate::optional_text("locale", std::mem::take(&mut request.locale), 35)?;
    let via = validate::optional_text("via", std::mem::take(&mut request.via), 100)?;
    Ok(PreferencesChanged {
        channels: std::mem::take(&mut request.channels).into_iter().collect(),
        topics: std::mem::take(&mut request.topics).into_iter().collect(),
        time_zone,
        locale,
        via: via.unwrap_or_default(),
    })
}

#[tonic::async_trait]
impl CustomerService for Service {
    async fn get_customer(
        &self,
        request: Request<pb::GetCustomerRequest>,
    ) -> Result<Response<pb::GetCustomerResponse>, Status> {
        let workspace = identity(&request)?.require(Role::Reader)?.workspace()?.clone();
        let customer =
            convert::customer_ref("customer", request.into_inner().customer).map_err(Invalid::from)?;
        let customer = self.customers.get(&workspace, &customer).await?;
        Ok(Response::new(pb::GetCustomerResponse { customer: Some(convert::customer(customer)) }))
    }

    async fn list_timeline(
        &self,
        request: Request<pb::ListTimelineRequest>,
    ) -> Result<Response<pb::ListTimelineResponse>, Status> {
        let workspace = identity(&request)?.require(Role::Reader)?.workspace()?.clone();
        let request = request.into_inner();
        let query = TimelineQuery {
            customer: convert::customer_ref("customer", request.customer).map_err(Invalid::from)?,
            names: names(request.names)?,
            oldest_first: request.oldest_first,
            page: convert::page_request(request.page).map_err(Invalid::from)?,
        };
        let page = self.customers.timeline(&workspace, &query).await?;
        Ok(Response::new(pb::ListTimelineResponse {
            entries: page.items.into_iter().map(convert::timeline_entry).collect(),
            page: convert::page_info(page.next),
        }))
    }

    async fn set_preferences(
        &self,
        request: Request<pb::SetPreferencesRequest>,
    ) -> Result<Response<pb::SetPreferencesResponse>, Status> {
        let workspace = identity(&request)?.require(Role::Editor)?.workspace()?.clone();
        let mut request = request.into_inner();
        let change = preferences(&mut request)?;
        let customer = convert::customer_ref("customer", request.customer).map_err(Invalid::from)?;
        let id = request_id(request.request_id)?;
        self.customers.set_preferences(&workspace, &id, &customer, change).await?;
        Ok(Response::new(pb::SetPreferencesResponse {}))
    }

    async fn erase_customer(
        &self,
        request: Request<pb::EraseCustomerRequest>,
    ) -> Result<Response<pb::EraseCustomerResponse>, Status> {
        let workspace = identity(&request)?.require(Role::Operator)?.workspace()?.clone();
        let request = request.into_inner();
        let customer = convert::customer_ref("customer", request.customer).map_err(Invalid::from)?;
        let id = request_id(request.request_id)?;
        let erasure_id = self.customers.erase(&workspace, &id, &customer).await?;
        Ok(Response::new(pb::EraseCustomerResponse { erasure_id }))
    }

    async fn get_erasure(
        &self,
        request: Request<pb::GetErasureRequest>,
    ) -> Result<Response<pb::GetErasureResponse>, Status> {
        let workspace = identity(&request)?.require(Role::Reader)?.workspace()?.clone();
        let id = validate::text("erasure_id", request.into_inner().erasure_id, 100).map_err(Invalid::from)?;
        let erasure = self.customers.erasure(&workspace, &id).await?;
        Ok(Response::new(pb::GetErasureResponse {
            receipts: erasure.receipts.into_iter().map(convert::receipt).collect(),
            complete: erasure.complete,
        }))
    }

    type FollowWorkspaceStream = BoxStream<'static, Result<pb::FollowWorkspaceResponse, Status>>;

    async fn follow_workspace(
        &self,
        request: Request<pb::FollowWorkspaceRequest>,
    ) -> Result<Response<Self::FollowWorkspaceStream>, Status> {
        let workspace = identity(&request)?.require(Role::Reader)?.workspace()?.clone();
        let request = request.into_inner();
        let customer = match request.customer {
            None => None,
            some => Some(convert::customer_ref("customer", some).map_err(Invalid::from)?),
        };
        let until_present = request.until_present;
        let follow =
            WorkspaceFollow { cursor: request.cursor, names: names(request.names)?, customer, until_present };
        let entries = self.customers.follow(&workspace, follow).await?;
        let answers = entries.map(|entry| {
            let entry = entry?;
            Ok(pb::FollowWorkspaceResponse {
                entry: entry.entry.map(convert::timeline_entry),
                cursor: entry.cursor,
            })
        });
        Ok(Response::new(answers.boxed()))
    }

    async fn list_catalog(
        &self,
        request: Request<pb::ListCatalogRequest>,
    ) -> Result<Response<pb::ListCatalogResponse>, Status> {
        let workspace = identity(&request)?.require(Role::Reader)?.workspace()?.clone();
        let page = convert::page_request(request.into_inner().page).map_err(Invalid::from)?;
        let page = self.customers.catalog(&workspace, &page).await?;
        Ok(Response::new(pb::ListCatalogResponse {
            events: page.items.into_iter().map(convert::catalog_event).collect(),
            page: convert::page_info(page.next),
        }))
    }
}
