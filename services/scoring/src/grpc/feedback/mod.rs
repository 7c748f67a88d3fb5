//! The gRPC face of feedback: decode, one call, encode.

mod answers;
mod convert;
mod import;

use elate_domain::WorkspaceId;
use elate_proto::scoring::v1 as pb;
use elate_proto::scoring::v1::feedback_service_server::FeedbackService;
use elate_rpc::customers::Directory;
use elate_rpc::{Channel, Role, auth, identity, validate};
use tonic::{Request, Response, Status};

use crate::app::feedback::{FeedbackApp, Place};

/// The service as tonic calls it.
#[derive(Debug, Clone)]
pub struct FeedbackGrpc {
    app: FeedbackApp,
    events: Channel,
    customers: Directory,
}

impl FeedbackGrpc {
    /// The service over its use-cases; `events` takes in what is imported.
    pub fn new(app: FeedbackApp, events: Channel) -> Self {
        Self { app, customers: Directory::new(events.clone()), events }
    }
}

fn reader<T>(request: &Request<T>) -> Result<WorkspaceId, auth::Error> {
    Ok(identity(request)?.require(Role::Reader)?.workspace()?.clone())
}

#[tonic::async_trait]
impl FeedbackService for FeedbackGrpc {
    async fn import_feedback(
        &self,
        request: Request<pb::ImportFeedbackRequest>,
    ) -> Result<Response<pb::ImportFeedbackResponse>, Status> {
        // As with events: imports of history change the past.
        let needed = if request.get_ref().import_id.is_empty() { Role::Editor } else { Role::Operator };
        let workspace = identity(&request)?.require(needed)?.workspace()?.clone();
        let results = self.import(&workspace, request.into_inner()).await?;
        Ok(Response::new(pb::ImportFeedbackResponse { results }))
    }

    async fn list_feedback(
        &self,
        request: Request<pb::ListFeedbackRequest>,
    ) -> Result<Response<pb::ListFeedbackResponse>, Status> {
        let workspace = reader(&request)?;
        let request = request.into_inner();
        let mut selection = convert::filter("filter", request.filter.unwrap_or_default())?;
        selection.kind = convert::any_kind(request.kind)?;
        let list = format!("feedback/{selection:?}");
        let page = validate::page::<Place>(&list, request.page)?;
        let (found, next) = self.app.list(&workspace, &selection, page.after, u64::from(page.size)).await?;
        Ok(Response::new(pb::ListFeedbackResponse {
            feedback: found.into_iter().map(Into::into).collect(),
            page: Some(validate::next_page(&list, next.as_ref())),
        }))
    }

    async fn get_feedback_trend(
        &self,
        request: Request<pb::GetFeedbackTrendRequest>,
    ) -> Result<Response<pb::GetFeedbackTrendResponse>, Status> {
        let workspace = reader(&request)?;
        let request = request.into_inner();
        let measure = convert::measure(request.kind)?;
        let selection = convert::period_filter("filter", request.filter)?;
        let (period, zone) = (convert::period(request.period)?, convert::zone(&request.time_zone)?);
        let trend = self.app.trend(&workspace, measure, &selection, period, zone).await?;
        Ok(Response::new(trend.into()))
    }

    async fn compare_feedback(
        &self,
        request: Request<pb::CompareFeedbackRequest>,
    ) -> Result<Response<pb::CompareFeedbackResponse>, Status> {
        let workspace = reader(&request)?;
        let request = request.into_inner();
        let measure = convert::measure(request.kind)?;
        let first = convert::period_filter("first", request.first)?;
        let second = convert::period_filter("second", request.second)?;
        Ok(Response::new(self.app.compare(&workspace, measure, &first, &second).await?.into()))
    }

    async fn compare_segments(
        &self,
        request: Request<pb::CompareSegmentsRequest>,
    ) -> Result<Response<pb::CompareSegmentsResponse>, Status> {
        let workspace = reader(&request)?;
        let request = request.into_inner();
        let measure = convert::measure(request.kind)?;
        let selection = convert::period_filter("filter", request.filter)?;
        let by = convert::by(&request.by)?;
        let segments = self.app.segments(&workspace, measure, &selection, &by).await?;
        let segments = segments.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::CompareSegmentsResponse { segments }))
    }

    async fn get_response_rate(
        &self,
        request: Request<pb::GetResponseRateRequest>,
    ) -> Result<Response<pb::GetResponseRateResponse>, Status> {
        let workspace = reader(&request)?;
        let request = request.into_inner();
        let period = super::convert::period(request.from_time, request.to_time)?;
        let rate = self.app.response_rate(&workspace, period, &request.survey).await?;
        Ok(Response::new(answers::response_rate(rate)))
    }

    async fn get_weighted_feedback(
        &self,
        request: Request<pb::GetWeightedFeedbackRequest>,
    ) -> Result<Response<pb::GetWeightedFeedbackResponse>, Status> {
        let workspace = reader(&request)?;
        let request = request.into_inner();
        let measure = convert::measure(request.kind)?;
        let selection = convert::period_filter("filter", request.filter)?;
        let margins = convert::margins(request.margins)?;
        let weighted = self.app.weighted(&workspace, measure, &selection, &margins).await?;
        Ok(Response::new(weighted.map(Into::into).unwrap_or_default()))
    }

    async fn list_themes(
        &self,
        request: Request<pb::ListThemesRequest>,
    ) -> Result<Response<pb::ListThemesResponse>, Status> {
        let workspace = reader(&request)?;
        let request = request.into_inner();
        let selection = convert::period_filter("filter", request.filter)?;
        let (about, limit) = (convert::about(request.about)?, convert::themes(request.limit)?);
        let report = self.app.themes(&workspace, &selection, about, limit).await?;
        Ok(Response::new(answers::themes(report)))
    }
}
