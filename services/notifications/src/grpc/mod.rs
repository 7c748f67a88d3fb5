//! The gRPC face of notifications: decode, one call, encode.

mod convert;

use std::sync::Arc;

use elate_domain::system::SuppressionSet;
use elate_domain::{Clock, WorkspaceId};
use elate_proto::notifications::v1 as pb;
use elate_proto::notifications::v1::notifications_service_server::NotificationsService;
use elate_rpc::customers::Directory;
use elate_rpc::{Role, auth, identity, validate};
use tonic::{Request, Response, Status};

use crate::app::{App, TestSend};
use crate::model::template;

/// The longest name or id that is looked up.
const MAX_TEXT: usize = 320;

/// The service as tonic calls it.
#[derive(Debug, Clone)]
pub struct Grpc {
    app: App,
    customers: Directory,
    clock: Arc<dyn Clock>,
}

impl Grpc {
    /// The service over its use-cases.
    pub fn new(app: App, customers: Directory, clock: Arc<dyn Clock>) -> Self {
        Self { app, customers, clock }
    }
}

fn allowed<T>(request: &Request<T>, role: Role) -> Result<WorkspaceId, auth::Error> {
    Ok(identity(request)?.require(role)?.workspace()?.clone())
}

fn invalid(error: elate_domain::FieldError) -> Status {
    validate::Invalid::from(error).into()
}

#[tonic::async_trait]
impl NotificationsService for Grpc {
    async fn list_notifications(
        &self,
        request: Request<pb::ListNotificationsRequest>,
    ) -> Result<Response<pb::ListNotificationsResponse>, Status> {
        let workspace = allowed(&request, Role::Reader)?;
        let request = request.into_inner();
        let customer = match request.customer {
            Some(named) => Some(self.customers.resolve(&workspace, "customer", Some(named)).await?),
            None => None,
        };
        let filter =
            convert::filter(customer, request.play, request.channel, request.state).map_err(invalid)?;
        let list = format!("notifications/{filter:?}");
        let page = validate::page::<(i64, String)>(&list, request.page)?;
        let found = self.app.list(&workspace, &filter, page.after, u64::from(page.size)).await?;
        let last = found.last().filter(|_| found.len() == page.size as usize);
        let last = last.map(|last| (last.requested_at.0, last.notification_id.clone()));
        Ok(Response::new(pb::ListNotificationsResponse {
            page: Some(validate::next_page(&list, last.as_ref())),
            notifications: found.into_iter().map(Into::into).collect(),
        }))
    }

    async fn get_notification(
        &self,
        request: Request<pb::GetNotificationRequest>,
    ) -> Result<Response<pb::GetNotificationResponse>, Status> {
        let workspace = allowed(&request, Role::Reader)?;
        let id = request.into_inner().notification_id;
        let id = validate::text("notification_id", id, MAX_TEXT).map_err(invalid)?;
        let (found, attempts) = self.app.get(&workspace, &id).await?;
        Ok(Response::new(pb::GetNotificationResponse {
            notification: Some(found.into()),
            attempts: attempts.into_iter().map(Into::into).collect(),
        }))
    }

    async fn check_reach(
        &self,
        request: Request<pb::CheckReachRequest>,
    ) -> Result<Response<pb::CheckReachResponse>, Status> {
        let workspace = allowed(&request, Role::Reader)?;
        let request = request.into_inner();
        let now = self.clock.now();
        let message = convert::message(&request, now).map_err(invalid)?;
        let customer = self.customers.resolve(&workspace, "customer", request.customer).await?;
        Ok(Response::new(self.app.check(&workspace, customer, &message, now).await?.into()))
    }

    async fn preview_template(
        &self,
        request: Request<pb::PreviewTemplateRequest>,
    ) -> Result<Response<pb::PreviewTemplateResponse>, Status> {
        let workspace = allowed(&request, Role::Reader)?;
        let request = request.into_inner();
        let given = convert::template(&request.document).map_err(invalid)?;
        if given.is_none() {
            validate::text("template", request.template.clone(), MAX_TEXT).map_err(invalid)?;
        }
        let data = validate::json_object("data", request.data).map_err(invalid)?;
        let traits = match request.customer {
            Some(named) => convert::traits(&self.customers.get(&workspace, "customer", Some(named)).await?),
            None => serde_json::Value::Null,
        };
        let data = data.value();
        // Given data may bring a customer of its own.
        let traits = data.get("customer").cloned().unwrap_or(traits);
        let context = template::context(&data, &traits, Some(convert::PREVIEW_LINK));
        let own = traits.get("locale").and_then(serde_json::Value::as_str).map(str::to_owned);
        let locale = Some(request.locale).filter(|locale| !locale.is_empty()).or(own);
        let rendered =
            self.app.preview(&workspace, &request.template, given, locale.as_deref(), &context).await?;
        Ok(Response::new(rendered.into()))
    }

    async fn send_test(
        &self,
        request: Request<pb::SendTestRequest>,
    ) -> Result<Response<pb::SendTestResponse>, Status> {
        let workspace = allowed(&request, Role::Operator)?;
        let request = request.into_inner();
        let text = |field, value| validate::text(field, value, MAX_TEXT).map_err(invalid);
        let (channel, template, to) =
            (text("channel", request.channel)?, text("template", request.template)?, text("to", request.to)?);
        let request_id = validate::request_id("request_id", request.request_id).map_err(invalid)?;
        let data = validate::json_object("data", request.data).map_err(invalid)?.value();
        let customer = self.customers.get(&workspace, "customer", request.customer).await?;
        let test = TestSend {
            request_id,
            channel,
            template,
            to,
            customer: validate::customer_id("customer", &customer.customer_id).map_err(invalid)?,
            traits: convert::traits(&customer),
            data,
        };
        let notification_id = self.app.send_test(&workspace, test, self.clock.now()).await?;
        Ok(Response::new(pb::SendTestResponse { notification_id }))
    }

    async fn redrive_notification(
        &self,
        request: Request<pb::RedriveNotificationRequest>,
    ) -> Result<Response<pb::RedriveNotificationResponse>, Status> {
        let workspace = allowed(&request, Role::Operator)?;
        let request = request.into_inner();
        validate::request_id("request_id", request.request_id).map_err(invalid)?;
        let id = validate::text("notification_id", request.notification_id, MAX_TEXT).map_err(invalid)?;
        self.app.redrive(&workspace, &id, self.clock.now()).await?;
        Ok(Response::new(pb::RedriveNotificationResponse {}))
    }

    async fn set_suppression(
        &self,
        request: Request<pb::SetSuppressionRequest>,
    ) -> Result<Response<pb::SetSuppressionResponse>, Status> {
        let workspace = allowed(&request, Role::Operator)?;
        let request = request.into_inner();
        let request_id = validate::request_id("request_id", request.request_id).map_err(invalid)?;
        let text = |field, value| validate::optional_text(field, value, MAX_TEXT).map_err(invalid);
        let set = SuppressionSet {
            channel: text("channel", request.channel)?.unwrap_or_default(),
            suppressed: request.suppressed,
            reason: text("reason", request.reason)?.unwrap_or_default(),
        };
        let customer = self.customers.resolve(&workspace, "customer", request.customer).await?;
        self.app.set_suppression(&workspace, request_id, customer, &set, self.clock.now()).await?;
        Ok(Response::new(pb::SetSuppressionResponse {}))
    }

    async fn list_channels(
        &self,
        request: Request<pb::ListChannelsRequest>,
    ) -> Result<Response<pb::ListChannelsResponse>, Status> {
        let workspace = allowed(&request, Role::Reader)?;
        let channels = self.app.channels(&workspace, self.clock.now()).await?;
        Ok(Response::new(pb::ListChannelsResponse {
            channels: channels.into_iter().map(Into::into).collect(),
        }))
    }
}
