//! Churn and value: the model in force, outlooks, customers at risk, what misery costs.

use std::sync::Arc;

use elate_delight::churn::fit::Quality;
use elate_delight::survival::misery::{self, Group};
use elate_domain::{Clock, CustomerId, FieldError};
use elate_proto::common::v1::Estimate;
use elate_proto::scoring::v1 as pb;
use elate_proto::scoring::v1::churn_service_server::ChurnService;
use elate_rpc::customers::Directory;
use elate_rpc::validate::{self, Invalid, proto_timestamp};
use tonic::{Request, Response, Status};

use super::convert::estimate;
use super::reader;
use crate::app::{App, CONFIDENCE, CustomerOutlook, Error};
use crate::model::study;
use crate::store::AtRisk;

/// Who is at most this likely alive is at risk, unless the request says otherwise.
const AT_RISK: f64 = 0.5;

/// The service as tonic calls it.
#[derive(Debug, Clone)]
pub struct ChurnGrpc {
    app: App,
    customers: Directory,
    clock: Arc<dyn Clock>,
}

impl ChurnGrpc {
    /// The service over its use-cases.
    pub fn new(app: App, customers: Directory, clock: Arc<dyn Clock>) -> Self {
        Self { app, customers, clock }
    }
}

#[tonic::async_trait]
impl ChurnService for ChurnGrpc {
    async fn get_churn_model(
        &self,
        request: Request<pb::GetChurnModelRequest>,
    ) -> Result<Response<pb::GetChurnModelResponse>, Status> {
        let (_, found) = self.app.churn_model(reader(&request)?).await?;
        let fit = found.purchases.ok_or(Error::NoModel)?;
        let params = fit.model.params();
        let spend = found.spend.as_ref();
        Ok(Response::new(pb::GetChurnModelResponse {
            family: "mbg_nbd".to_owned(),
            parameters: vec![params.r, params.alpha, params.a, params.b],
            quality: Some(quality(&fit.quality)),
            spend_parameters: spend.map_or_else(Vec::new, |s| vec![s.model.p(), s.model.q(), s.model.v()]),
            spend_quality: spend.map(|s| quality(&s.quality)),
            spend_correlation: spend.and_then(|s| s.correlation),
            buyers: found.buyers,
            alive: found.alive,
            purchases: found.expected,
            value: found.value,
            horizon_weeks: study::horizon().length(),
        }))
    }

    async fn get_outlook(
        &self,
        request: Request<pb::GetOutlookRequest>,
    ) -> Result<Response<pb::GetOutlookResponse>, Status> {
        let workspace = reader(&request)?.clone();
        let named = request.into_inner().customer;
        let customer = self.customers.resolve(&workspace, "customer", named).await?;
        let found = self.app.outlook(&workspace, customer, self.clock.now()).await?;
        Ok(Response::new(pb::GetOutlookResponse {
            fitted_time: Some(proto_timestamp(found.fitted_at)),
            outlook: Some(of_customer(customer, &found)),
        }))
    }

    async fn list_at_risk(
        &self,
        request: Request<pb::ListAtRiskRequest>,
    ) -> Result<Response<pb::ListAtRiskResponse>, Status> {
        let workspace = reader(&request)?.clone();
        let request = request.into_inner();
        let at_most = request.alive_at_most.unwrap_or(AT_RISK);
        if !(0.0..=1.0).contains(&at_most) {
            let error = FieldError::new("alive_at_most", "is not between 0 and 1");
            return Err(Invalid::from(error).into());
        }
        let list = format!("at_risk/{at_most}");
        let page = validate::page::<i64>(&list, request.page)?;
        let after = page.after.unwrap_or(-1);
        let (at, found) = self.app.at_risk(&workspace, at_most, after, u64::from(page.size)).await?;
        let last = found.last().filter(|_| found.len() == page.len()).map(|(place, _)| *place);
        Ok(Response::new(pb::ListAtRiskResponse {
            page: Some(validate::next_page(&list, last.as_ref())),
            customers: found.into_iter().map(|(_, customer)| customer.into()).collect(),
            fitted_time: Some(proto_timestamp(at)),
        }))
    }

    async fn get_misery_cost(
        &self,
        request: Request<pb::GetMiseryCostRequest>,
    ) -> Result<Response<pb::GetMiseryCostResponse>, Status> {
        let newest = self.app.newest_study(reader(&request)?).await?;
        let (at, found) = newest.ok_or(Error::NoModel)?;
        let report = found.misery;
        let toll = |toll: Option<misery::Toll>| toll.map(|t| self::toll(&t, found.value.is_some()));
        Ok(Response::new(pb::GetMiseryCostResponse {
            at_time: Some(proto_timestamp(at)),
            landmark_days: report.question.landmark_days,
            horizon_days: report.question.horizon_days,
            silence_days: found.silence_days,
            unharmed: Some(group(&report.unharmed)),
            recovered: Some(group(&report.recovered)),
            unrecovered: Some(group(&report.unrecovered)),
            left_before_landmark: report.left_before_landmark,
            misery_p_value: report.misery_test.map(|test| test.p_value),
            recovery_p_value: report.recovery_test.map(|test| test.p_value),
            lost: toll(report.lost),
            saved: toll(report.saved),
            could_be_saved: toll(report.could_be_saved),
        }))
    }
}

fn quality(quality: &Quality) -> pb::FitQuality {
    pb::FitQuality {
        fitted_time: Some(proto_timestamp(quality.fitted_at)),
        log_likelihood: quality.log_likelihood,
        customers: quality.customers,
        repeaters: quality.repeaters,
        converged: quality.converged,
        at_bound: quality.at_bound,
    }
}

fn of_customer(customer: CustomerId, found: &CustomerOutlook) -> pb::Outlook {
    pb::Outlook {
        customer_id: customer.to_string(),
        alive: found.outlook.alive,
        purchases: found.outlook.purchases,
        spend: found.outlook.spend,
        value: found.outlook.value,
        at_stake: found.outlook.at_stake(),
        repeats: found.summary.repeats,
        recency_weeks: found.summary.recency,
        age_weeks: found.summary.age,
    }
}

impl From<AtRisk> for pb::Outlook {
    fn from(found: AtRisk) -> Self {
        Self {
            customer_id: found.customer.to_string(),
            alive: found.alive,
            purchases: found.purchases,
            spend: found.spend,
            value: found.value,
            at_stake: found.at_stake,
            repeats: found.repeats,
            recency_weeks: found.recency,
            age_weeks: found.age,
        }
    }
}

fn group(group: &Group) -> pb::FollowedGroup {
    let staying = group.staying.map(|point| {
        let figure = elate_delight::rates::Figure::new(point.survival, point.interval, group.customers);
        estimate(figure)
    });
    pb::FollowedGroup {
        customers: group.customers,
        left: group.left,
        hazard: group.hazard.map(estimate),
        staying,
    }
}

/// Money is left out where nothing is known of what a customer is worth.
fn toll(toll: &misery::Toll, has_money: bool) -> pb::Toll {
    let bare = |value: f64, interval: elate_delight::Interval| Estimate {
        value,
        lower: interval.low,
        upper: interval.high,
        level: CONFIDENCE,
        sample_size: 0,
        small_sample: false,
    };
    pb::Toll {
        customers: Some(bare(toll.customers, toll.interval)),
        money: has_money.then(|| bare(toll.money, toll.money_interval)),
    }
}
