//! The gRPC face of scoring: decode, one call, encode.

mod churn;
mod convert;
mod drivers;
mod effect;
mod feedback;
mod formula;
mod insight;

use std::sync::Arc;

use elate_domain::{Clock, CustomerId, FieldError, Timestamp};
use elate_proto::scoring::v1 as pb;
use elate_proto::scoring::v1::scoring_service_server::ScoringService;
use elate_rpc::customers::Directory;
use elate_rpc::{Role, auth, identity, validate};
use tonic::{Request, Response, Status};

pub use churn::ChurnGrpc;
pub use drivers::DriverGrpc;
pub use effect::EffectGrpc;
pub use feedback::FeedbackGrpc;
pub use formula::FormulaGrpc;
pub use insight::InsightGrpc;

use crate::app::{App, Period};
use crate::store::FeedbackSelection;

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

    /// The times that a question about a score is about: `at` (default: now), with what was known at `as_known`
    /// (default: `at`).
    fn times(
        &self,
        at: Option<prost_types::Timestamp>,
        as_known: Option<prost_types::Timestamp>,
    ) -> Result<(Timestamp, Timestamp), validate::Invalid> {
        let at = match at {
            Some(at) => validate::timestamp("at_time", at)?,
            None => self.clock.now(),
        };
        let as_known = match as_known {
            Some(as_known) => validate::timestamp("as_known_time", as_known)?,
            None => at,
        };
        Ok((at, as_known))
    }
}

fn reader<T>(request: &Request<T>) -> Result<&elate_domain::WorkspaceId, auth::Error> {
    identity(request)?.require(Role::Reader)?.workspace()
}

#[tonic::async_trait]
impl ScoringService for Grpc {
    async fn get_score(
        &self,
        request: Request<pb::GetScoreRequest>,
    ) -> Result<Response<pb::GetScoreResponse>, Status> {
        let workspace = reader(&request)?.clone();
        let request = request.into_inner();
        let (at, as_known) = self.times(request.at_time, request.as_known_time)?;
        let customer = self.customers.resolve(&workspace, "customer", request.customer).await?;
        let score = self.app.score(&workspace, customer, at, as_known).await?;
        Ok(Response::new(pb::GetScoreResponse { score: Some(score.into()) }))
    }

    async fn explain_score(
        &self,
        request: Request<pb::ExplainScoreRequest>,
    ) -> Result<Response<pb::ExplainScoreResponse>, Status> {
        let workspace = reader(&request)?.clone();
        let request = request.into_inner();
        let (at, as_known) = self.times(request.at_time, request.as_known_time)?;
        let customer = self.customers.resolve(&workspace, "customer", request.customer).await?;
        Ok(Response::new(self.app.explain(&workspace, customer, at, as_known).await?.into()))
    }

    async fn list_scores(
        &self,
        request: Request<pb::ListScoresRequest>,
    ) -> Result<Response<pb::ListScoresResponse>, Status> {
        let workspace = reader(&request)?.clone();
        let request = request.into_inner();
        if request.at_most.is_some_and(|most| !most.is_finite()) {
            let error = FieldError::new("at_most", "is no finite number");
            return Err(validate::Invalid::from(error).into());
        }
        let list = format!("scores/{:?}", request.at_most);
        let page = validate::page::<(f64, CustomerId)>(&list, request.page)?;
        let scores = self.app.list(&workspace, request.at_most, page.after, u64::from(page.size)).await?;
        let last = scores.last().filter(|_| scores.len() == page.len()).map(|s| (s.delight, s.customer));
        Ok(Response::new(pb::ListScoresResponse {
            page: Some(validate::next_page(&list, last.as_ref())),
            scores: scores.into_iter().map(Into::into).collect(),
        }))
    }

    async fn get_report(
        &self,
        request: Request<pb::GetReportRequest>,
    ) -> Result<Response<pb::GetReportResponse>, Status> {
        let workspace = reader(&request)?.clone();
        let request = request.into_inner();
        let period = convert::period(request.from_time, request.to_time)?;
        let by = convert::group_by(request.group_by)?;
        let report = self.app.report(&workspace, period, by, self.clock.now()).await?;
        Ok(Response::new(report.into()))
    }

    async fn get_feedback(
        &self,
        request: Request<pb::GetFeedbackRequest>,
    ) -> Result<Response<pb::GetFeedbackResponse>, Status> {
        let workspace = reader(&request)?.clone();
        let request = request.into_inner();
        let measure = convert::measure(request.kind)?;
        let period: Period = convert::period(request.from_time, request.to_time)?;
        let selection = FeedbackSelection {
            from: Some(Timestamp(period.from_millis())),
            to: Some(Timestamp(period.to_millis())),
            survey: request.survey,
            ..FeedbackSelection::default()
        };
        let (tally, figure) = self.app.feedback().figure(&workspace, measure, &selection).await?;
        Ok(Response::new(convert::feedback(&tally, figure)))
    }
}
