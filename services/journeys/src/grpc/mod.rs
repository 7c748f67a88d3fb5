//! The gRPC face of journeys: decode, one call, encode.

mod convert;
mod discovery;
mod rollout;

use elate_domain::{CustomerId, FieldError, WorkspaceId};
use elate_proto::common::v1::{CustomerRef, PageInfo, PageRequest};
use elate_proto::journeys::v1 as pb;
use elate_proto::journeys::v1::journeys_service_server::JourneysService;
use elate_rpc::customers::Directory;
use elate_rpc::validate::{self, Invalid};
use elate_rpc::{Role, auth, identity};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::app::{App, HoldoutQuestion, Subject};
use crate::page::{After, PageOf};
use crate::store::{CaseFilter, InstanceFilter, PromiseFilter};

pub use discovery::DiscoveryGrpc;
pub use rollout::RolloutGrpc;

/// Characters of a manifest's name.
const MAX_NAME: usize = 63;

/// The service as tonic calls it.
#[derive(Debug, Clone)]
pub struct Grpc {
    app: App,
    customers: Directory,
}

impl Grpc {
    /// The service over its use-cases.
    pub fn new(app: App, customers: Directory) -> Self {
        Self { app, customers }
    }

    async fn customer(
        &self,
        workspace: &WorkspaceId,
        named: Option<CustomerRef>,
    ) -> Result<CustomerId, Status> {
        Ok(self.customers.resolve(workspace, "customer", named).await?)
    }

    /// A customer that a list may be narrowed to.
    async fn filter(
        &self,
        workspace: &WorkspaceId,
        named: Option<CustomerRef>,
    ) -> Result<Option<CustomerId>, Status> {
        match named {
            Some(named) => self.customer(workspace, Some(named)).await.map(Some),
            None => Ok(None),
        }
    }
}

fn reader<T>(request: &Request<T>) -> Result<&WorkspaceId, auth::Error> {
    identity(request)?.require(Role::Reader)?.workspace()
}

fn page(list: &str, request: Option<PageRequest>) -> Result<PageOf, Invalid> {
    let page = validate::page::<(i64, Uuid)>(list, request)?;
    let after = page.after.map(|(at, id)| After { at, id });
    Ok(PageOf { after, limit: u64::from(page.size) })
}

fn next(list: &str, next: Option<After>) -> Option<PageInfo> {
    let place = next.map(|After { at, id }| (at, id));
    Some(validate::next_page(list, place.as_ref()))
}

fn play_name(text: String) -> Result<String, Invalid> {
    Ok(validate::text("play", text, MAX_NAME)?)
}

#[tonic::async_trait]
impl JourneysService for Grpc {
    async fn list_promises(
        &self,
        request: Request<pb::ListPromisesRequest>,
    ) -> Result<Response<pb::ListPromisesResponse>, Status> {
        let workspace = reader(&request)?.clone();
        let request = request.into_inner();
        let filter = PromiseFilter {
            states: convert::promise_states(&request.states)?,
            moment: validate::optional_text("moment", request.moment, MAX_NAME).map_err(Invalid::from)?,
            due_from: convert::time("due_from_time", request.due_from_time)?,
            due_before: convert::time("due_before_time", request.due_before_time)?,
            customer: self.filter(&workspace, request.customer).await?,
        };
        let list = format!("promises/{filter:?}");
        let found = self.app.promises(&workspace, &filter, page(&list, request.page)?).await?;
        let promises = found.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListPromisesResponse { promises, page: next(&list, found.next) }))
    }

    async fn get_promise(
        &self,
        request: Request<pb::GetPromiseRequest>,
    ) -> Result<Response<pb::GetPromiseResponse>, Status> {
        let workspace = reader(&request)?.clone();
        let promise = convert::uuid("promise_id", &request.into_inner().promise_id)?;
        let (promise, changes) = self.app.promise(&workspace, promise).await?;
        let changes = changes.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::GetPromiseResponse { promise: Some(promise.into()), changes }))
    }

    async fn list_moments(
        &self,
        request: Request<pb::ListMomentsRequest>,
    ) -> Result<Response<pb::ListMomentsResponse>, Status> {
        let workspace = reader(&request)?.clone();
        let request = request.into_inner();
        let customer = self.customer(&workspace, request.customer).await?;
        let list = format!("moments/{customer}");
        let found = self.app.moments(&workspace, customer, page(&list, request.page)?).await?;
        let moments = found.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListMomentsResponse { moments, page: next(&list, found.next) }))
    }

    async fn list_cases(
        &self,
        request: Request<pb::ListCasesRequest>,
    ) -> Result<Response<pb::ListCasesResponse>, Status> {
        let workspace = reader(&request)?.clone();
        let request = request.into_inner();
        let filter = CaseFilter {
            states: convert::case_states(&request.states)?,
            customer: self.filter(&workspace, request.customer).await?,
        };
        let list = format!("cases/{filter:?}");
        let found = self.app.cases(&workspace, &filter, page(&list, request.page)?).await?;
        let cases = found.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListCasesResponse { cases, page: next(&list, found.next) }))
    }

    async fn list_journey_instances(
        &self,
        request: Request<pb::ListJourneyInstancesRequest>,
    ) -> Result<Response<pb::ListJourneyInstancesResponse>, Status> {
        let workspace = reader(&request)?.clone();
        let request = request.into_inner();
        let filter = InstanceFilter {
            name: validate::optional_text("journey", request.journey, MAX_NAME).map_err(Invalid::from)?,
            phases: convert::journey_phases(&request.states)?,
            customer: self.filter(&workspace, request.customer).await?,
            entered_from: convert::time("entered_from_time", request.entered_from_time)?,
            entered_before: convert::time("entered_before_time", request.entered_before_time)?,
        };
        let list = format!("journeys/{filter:?}");
        let found = self.app.journey_instances(&workspace, &filter, page(&list, request.page)?).await?;
        let instances = found.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListJourneyInstancesResponse { instances, page: next(&list, found.next) }))
    }

    async fn list_play_instances(
        &self,
        request: Request<pb::ListPlayInstancesRequest>,
    ) -> Result<Response<pb::ListPlayInstancesResponse>, Status> {
        let workspace = reader(&request)?.clone();
        let request = request.into_inner();
        let filter = InstanceFilter {
            name: validate::optional_text("play", request.play, MAX_NAME).map_err(Invalid::from)?,
            phases: convert::play_phases(&request.states)?,
            customer: self.filter(&workspace, request.customer).await?,
            ..InstanceFilter::default()
        };
        let list = format!("plays/{filter:?}");
        let found = self.app.play_instances(&workspace, &filter, page(&list, request.page)?).await?;
        let instances = found.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListPlayInstancesResponse { instances, page: next(&list, found.next) }))
    }

    async fn get_play_instance(
        &self,
        request: Request<pb::GetPlayInstanceRequest>,
    ) -> Result<Response<pb::GetPlayInstanceResponse>, Status> {
        let workspace = reader(&request)?.clone();
        let instance = convert::uuid("instance_id", &request.into_inner().instance_id)?;
        let (instance, steps) = self.app.play_instance(&workspace, instance).await?;
        let steps = steps.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::GetPlayInstanceResponse { instance: Some(instance.into()), steps }))
    }

    async fn explain_play(
        &self,
        request: Request<pb::ExplainPlayRequest>,
    ) -> Result<Response<pb::ExplainPlayResponse>, Status> {
        let workspace = reader(&request)?.clone();
        let request = request.into_inner();
        let play = play_name(request.play)?;
        let customer = self.customer(&workspace, request.customer).await?;
        let explained = self.app.explain_play(&workspace, customer, &play).await?;
        let evaluations = explained.evaluations.into_iter().map(Into::into).collect();
        let near_miss = explained.near_miss.map(Into::into);
        Ok(Response::new(pb::ExplainPlayResponse { evaluations, defined: explained.defined, near_miss }))
    }

    async fn is_held_out(
        &self,
        request: Request<pb::IsHeldOutRequest>,
    ) -> Result<Response<pb::IsHeldOutResponse>, Status> {
        let workspace = reader(&request)?.clone();
        let request = request.into_inner();
        let play = validate::optional_text("play", request.play, MAX_NAME).map_err(Invalid::from)?;
        let subject = match request.subject {
            Some(pb::is_held_out_request::Subject::Customer(named)) => {
                Subject::Customer(self.customer(&workspace, Some(named)).await?)
            }
            Some(pb::is_held_out_request::Subject::Id(id)) => {
                Subject::Id(validate::text("id", id, 200).map_err(Invalid::from)?)
            }
            None => return Err(Invalid::from(FieldError::new("subject", "is required")).into()),
        };
        let question = HoldoutQuestion { play, subject, service_message: request.service_message };
        let found = self.app.is_held_out(&workspace, &question).await?;
        Ok(Response::new(found.into()))
    }

    async fn preview_play_migration(
        &self,
        request: Request<pb::PreviewPlayMigrationRequest>,
    ) -> Result<Response<pb::PreviewPlayMigrationResponse>, Status> {
        let workspace = reader(&request)?.clone();
        let play = play_name(request.into_inner().play)?;
        let preview = self.app.preview_migration(&workspace, &play).await?;
        Ok(Response::new(preview.into()))
    }

    async fn migrate_play(
        &self,
        request: Request<pb::MigratePlayRequest>,
    ) -> Result<Response<pb::MigratePlayResponse>, Status> {
        let workspace = identity(&request)?.require(Role::Operator)?.workspace()?.clone();
        let request = request.into_inner();
        let play = play_name(request.play)?;
        validate::request_id("request_id", request.request_id).map_err(Invalid::from)?;
        let version = request.definitions_version;
        let list = format!("migrate/{play}/{version}");
        let page = page(&list, request.page)?;
        let done = self.app.migrate(&workspace, &play, version, page).await?;
        let page = next(&list, done.next);
        Ok(Response::new(pb::MigratePlayResponse { moving: done.moving, staying: done.staying, page }))
    }

    async fn get_definitions_status(
        &self,
        request: Request<pb::GetDefinitionsStatusRequest>,
    ) -> Result<Response<pb::GetDefinitionsStatusResponse>, Status> {
        let workspace = reader(&request)?.clone();
        let partitions = self.app.definitions_status(&workspace).await?;
        let partitions = partitions.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::GetDefinitionsStatusResponse { partitions }))
    }
}
