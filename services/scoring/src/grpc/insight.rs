//! Company figures in full, the course of delight, watched scores, and exports.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use elate_domain::{Clock, CustomerId, FieldError, Timestamp, WorkspaceId};
use elate_proto::scoring::v1 as pb;
use elate_proto::scoring::v1::insight_service_server::InsightService;
use elate_rpc::customers::Directory;
use elate_rpc::validate::{Invalid, proto_timestamp};
use futures::stream::{self, BoxStream, StreamExt as _};
use tonic::{Request, Response, Status};

use super::convert::{self, estimate};
use super::reader;
use crate::app::{
    ACTIVE_ERROR, App, Bucket, GroupBy, GroupFigures, HOURS_ERROR, Question, Saturation, Scored, Stand,
};
use crate::model::segments::Segment;
use crate::store::{ExportPlace, ExportedMoment};

/// Customers that one call may watch.
const MAX_WATCHED: usize = 100;
/// How often watched scores are looked at.
const WATCH_EVERY: Duration = Duration::from_secs(1);
/// Moments in one message of an export.
const EXPORT_PAGE: u64 = 500;
/// Characters of names in a request.
const MAX_NAME: usize = 200;

/// The service as tonic calls it.
#[derive(Debug, Clone)]
pub struct InsightGrpc {
    app: App,
    customers: Directory,
    clock: Arc<dyn Clock>,
}

impl InsightGrpc {
    /// The service over its use-cases.
    pub fn new(app: App, customers: Directory, clock: Arc<dyn Clock>) -> Self {
        Self { app, customers, clock }
    }
}

#[tonic::async_trait]
impl InsightService for InsightGrpc {
    async fn get_figures(
        &self,
        request: Request<pb::GetFiguresRequest>,
    ) -> Result<Response<pb::GetFiguresResponse>, Status> {
        let workspace = reader(&request)?.clone();
        let question = question(request.into_inner())?;
        let rows = self.app.figures(&workspace, &question).await?;
        let saturation = self.app.saturation(&workspace, &question).await?;
        let mut standing = match question.by {
            GroupBy::Company | GroupBy::Segment => {
                self.app.standing(&workspace, &question.trait_name, self.clock.now()).await?
            }
            GroupBy::Journey | GroupBy::Stage | GroupBy::Touchpoint | GroupBy::Product | GroupBy::Channel => {
                Vec::new()
            }
        };
        standing.retain(|stand| question.value.is_empty() || stand.segment.value == question.value);
        Ok(Response::new(pb::GetFiguresResponse {
            rows: rows.into_iter().map(Into::into).collect(),
            standing: standing.into_iter().map(Into::into).collect(),
            saturation: saturation.into_iter().map(Into::into).collect(),
            active_error: ACTIVE_ERROR,
            hours_error: HOURS_ERROR,
        }))
    }

    async fn get_course(
        &self,
        request: Request<pb::GetCourseRequest>,
    ) -> Result<Response<pb::GetCourseResponse>, Status> {
        let workspace = reader(&request)?.clone();
        let request = request.into_inner();
        let period = convert::period(request.from_time, request.to_time)?;
        let segment =
            Segment { trait_name: name("trait", request.r#trait)?, value: name("value", request.value)? };
        let points = self.app.course(&workspace, &segment, period.from, period.to).await?;
        Ok(Response::new(pb::GetCourseResponse { points: points.into_iter().map(Into::into).collect() }))
    }

    type WatchScoresStream = BoxStream<'static, Result<pb::WatchScoresResponse, Status>>;

    async fn watch_scores(
        &self,
        request: Request<pb::WatchScoresRequest>,
    ) -> Result<Response<Self::WatchScoresStream>, Status> {
        let workspace = reader(&request)?.clone();
        let named = request.into_inner().customers;
        if !(1..=MAX_WATCHED).contains(&named.len()) {
            let error = FieldError::new("customers", format!("must be 1 to {MAX_WATCHED}"));
            return Err(Invalid::from(error).into());
        }
        let mut customers = Vec::with_capacity(named.len());
        for (index, customer) in named.into_iter().enumerate() {
            let field = format!("customers[{index}]");
            customers.push(self.customers.resolve(&workspace, &field, Some(customer)).await?);
        }
        let watch = Watch { app: self.app.clone(), workspace, customers, told: HashMap::new(), first: true };
        let stream = stream::unfold(watch, |mut watch| async move {
            let changed = watch.changed().await;
            Some((stream::iter(changed), watch))
        });
        Ok(Response::new(stream.flatten().boxed()))
    }

    type ExportMomentsStream = BoxStream<'static, Result<pb::ExportMomentsResponse, Status>>;

    async fn export_moments(
        &self,
        request: Request<pb::ExportMomentsRequest>,
    ) -> Result<Response<Self::ExportMomentsStream>, Status> {
        let workspace = reader(&request)?.clone();
        let request = request.into_inner();
        let period = convert::period(request.from_time, request.to_time)?;
        let app = self.app.clone();
        let begin = Some(ExportPlace::begin());
        let stream = stream::try_unfold(begin, move |place| {
            let (app, workspace) = (app.clone(), workspace.clone());
            async move {
                let Some(place) = place else { return Ok(None) };
                let page = app.export(&workspace, period, &place, EXPORT_PAGE).await?;
                let Some(last) = page.last() else { return Ok::<_, Status>(None) };
                let next = (page.len() as u64 == EXPORT_PAGE).then(|| last.place());
                let moments = page.into_iter().map(Into::into).collect();
                Ok(Some((pb::ExportMomentsResponse { moments }, next)))
            }
        });
        Ok(Response::new(stream.boxed()))
    }
}

/// Scores that somebody watches, and what was told of them.
struct Watch {
    app: App,
    workspace: WorkspaceId,
    customers: Vec<CustomerId>,
    told: HashMap<CustomerId, (Timestamp, u64, u64)>,
    first: bool,
}

impl Watch {
    /// Waits until scores have changed; the first time it answers with what there is.
    async fn changed(&mut self) -> Vec<Result<pb::WatchScoresResponse, Status>> {
        if !self.first {
            tokio::time::sleep(WATCH_EVERY).await;
        }
        self.first = false;
        let scores = match self.app.scores_of(&self.workspace, &self.customers).await {
            Ok(scores) => scores,
            Err(error) => return vec![Err(error.into())],
        };
        let mut changed = Vec::new();
        for score in scores {
            let seen = (score.at, score.moments, score.delight.to_bits());
            if self.told.insert(score.customer, seen) != Some(seen) {
                changed.push(Ok(response(score)));
            }
        }
        changed
    }
}

fn response(score: Scored) -> pb::WatchScoresResponse {
    pb::WatchScoresResponse { score: Some(score.into()) }
}

fn question(request: pb::GetFiguresRequest) -> Result<Question, Status> {
    Ok(Question {
        period: convert::period(request.from_time, request.to_time)?,
        by: group(request.group_by)?,
        bucket: bucket(request.bucket)?,
        trait_name: name("trait", request.r#trait)?,
        value: name("value", request.value)?,
        journey: name("journey", request.journey)?,
        touchpoint: name("touchpoint", request.touchpoint)?,
    })
}

fn name(field: &str, text: String) -> Result<String, Invalid> {
    if text.chars().count() > MAX_NAME {
        return Err(FieldError::new(field, format!("has more than {MAX_NAME} characters")).into());
    }
    Ok(text)
}

fn group(value: i32) -> Result<GroupBy, Invalid> {
    match pb::FigureGroup::try_from(value) {
        Ok(pb::FigureGroup::Unspecified) => Ok(GroupBy::Company),
        Ok(pb::FigureGroup::Segment) => Ok(GroupBy::Segment),
        Ok(pb::FigureGroup::Journey) => Ok(GroupBy::Journey),
        Ok(pb::FigureGroup::Stage) => Ok(GroupBy::Stage),
        Ok(pb::FigureGroup::Touchpoint) => Ok(GroupBy::Touchpoint),
        Ok(pb::FigureGroup::Product) => Ok(GroupBy::Product),
        Ok(pb::FigureGroup::Channel) => Ok(GroupBy::Channel),
        Err(_) => Err(FieldError::new("group_by", format!("{value} is unknown")).into()),
    }
}

fn bucket(value: i32) -> Result<Bucket, Invalid> {
    match pb::FigureBucket::try_from(value) {
        Ok(pb::FigureBucket::Unspecified) => Ok(Bucket::Whole),
        Ok(pb::FigureBucket::Day) => Ok(Bucket::Day),
        Ok(pb::FigureBucket::Week) => Ok(Bucket::Week),
        Ok(pb::FigureBucket::Month) => Ok(Bucket::Month),
        Err(_) => Err(FieldError::new("bucket", format!("{value} is unknown")).into()),
    }
}

impl From<GroupFigures> for pb::FigureRow {
    fn from(figures: GroupFigures) -> Self {
        Self {
            group: figures.group,
            bucket_time: Some(proto_timestamp(Timestamp(figures.day * 86_400_000))),
            active_customers: figures.active,
            moments: figures.outcomes.total(),
            magical: figures.outcomes.magical,
            miserable: figures.outcomes.miserable,
            advocacy: figures.advocacy,
            wow_rate: figures.wow_rate.map(estimate),
            miserable_rate: figures.miserable_rate.map(estimate),
            mean_gap: figures.mean_gap.map(estimate),
            recovery_rate: figures.recovery_rate.map(estimate),
            relapse_rate: figures.relapse_rate.map(estimate),
            hours_to_recovery: figures.hours_to_recovery.map(estimate),
            promise_keeping: figures.promise_keeping.map(estimate),
        }
    }
}

impl From<Stand> for pb::StandingRow {
    fn from(stand: Stand) -> Self {
        let [low_decile, median, high_decile] = stand.deciles;
        Self {
            group: stand.segment.value,
            at_time: Some(proto_timestamp(stand.at)),
            customers: stand.customers,
            delight: stand.delight.map(estimate),
            low_decile,
            median,
            high_decile,
            recent_wow: stand.recent_wow.map(estimate),
            days_since_wow: stand.days_since_wow.map(estimate),
        }
    }
}

impl From<Saturation> for pb::SaturationRow {
    fn from(row: Saturation) -> Self {
        Self { group: row.group, ordinal: row.ordinal, wows: row.wows, rise: row.rise.map(estimate) }
    }
}

impl From<ExportedMoment> for pb::ExportedMoment {
    fn from(moment: ExportedMoment) -> Self {
        Self {
            customer_id: moment.customer.to_string(),
            moment_id: moment.moment_id,
            revision: moment.revision,
            moment: moment.name,
            touchpoint: moment.touchpoint,
            occurred_time: Some(proto_timestamp(moment.occurred_at)),
            known_time: Some(proto_timestamp(moment.known_at)),
            gap: moment.gap,
            weight: moment.weight,
            outcome: moment.outcome,
        }
    }
}
