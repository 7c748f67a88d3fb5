//! Between the contract and our types.

use elate_delight::Interval;
use elate_delight::rates::Figure;
use elate_domain::FieldError;
use elate_feedback::stats::{Measure, Tally};
use elate_proto::common::v1::Estimate;
use elate_proto::scoring::v1 as pb;
use elate_rpc::validate::{self, Invalid, proto_timestamp};
use tonic::Status;

use crate::app::{Explained, ExplainedMoment, Group, GroupBy, Period, Report, Scored};

/// Reads a period.
pub(super) fn period(
    from: Option<prost_types::Timestamp>,
    to: Option<prost_types::Timestamp>,
) -> Result<Period, Status> {
    let read = |field, value| {
        let value = validate::required(field, value).and_then(|t| validate::timestamp(field, t));
        value.map_err(Invalid::from)
    };
    Ok(Period::try_new(read("from_time", from)?, read("to_time", to)?)?)
}

/// Reads a grouping; unspecified is the whole company.
pub(super) fn group_by(value: i32) -> Result<GroupBy, Invalid> {
    match pb::get_report_request::GroupBy::try_from(value) {
        Ok(pb::get_report_request::GroupBy::Unspecified) => Ok(GroupBy::Company),
        Ok(pb::get_report_request::GroupBy::Journey) => Ok(GroupBy::Journey),
        Ok(pb::get_report_request::GroupBy::Stage) => Ok(GroupBy::Stage),
        Ok(pb::get_report_request::GroupBy::Touchpoint) => Ok(GroupBy::Touchpoint),
        Ok(pb::get_report_request::GroupBy::Product) => Ok(GroupBy::Product),
        Ok(pb::get_report_request::GroupBy::Channel) => Ok(GroupBy::Channel),
        Err(_) => Err(FieldError::new("group_by", format!("{value} is unknown")).into()),
    }
}

/// Reads what is measured.
pub(super) fn measure(value: i32) -> Result<Measure, Invalid> {
    match pb::SurveyKind::try_from(value) {
        Ok(pb::SurveyKind::Nps) => Ok(Measure::Nps),
        Ok(pb::SurveyKind::Csat) => Ok(Measure::Csat),
        Ok(pb::SurveyKind::Ces) => Ok(Measure::Ces),
        Ok(pb::SurveyKind::Unspecified) => Err(FieldError::new("kind", "is required").into()),
        Err(_) => Err(FieldError::new("kind", format!("{value} is unknown")).into()),
    }
}

pub(super) fn estimate(figure: Figure) -> Estimate {
    Estimate {
        value: figure.value,
        lower: figure.interval.low,
        upper: figure.interval.high,
        level: figure.interval.confidence,
        sample_size: figure.observations,
        small_sample: figure.small_sample,
    }
}

fn level(delight: f64, interval: Interval, moments: u64) -> Estimate {
    estimate(Figure::new(delight, interval, moments))
}

impl From<Scored> for pb::Score {
    fn from(scored: Scored) -> Self {
        Self {
            customer_id: scored.customer.to_string(),
            delight: scored.delight,
            level: scored.interval.map(|interval| level(scored.delight, interval, scored.moments)),
            at_time: Some(proto_timestamp(scored.at)),
            moments: scored.moments,
            formula_version: scored.formula,
        }
    }
}

impl From<ExplainedMoment> for pb::Contribution {
    fn from(explained: ExplainedMoment) -> Self {
        let stored = explained.stored;
        Self {
            moment_id: stored.moment.id,
            moment: stored.name,
            touchpoint: stored.touchpoint,
            occurred_time: Some(proto_timestamp(stored.moment.at)),
            gap: stored.moment.gap,
            outcome: stored.outcome,
            points: explained.points,
            without: explained.without,
            if_neutral: explained.if_neutral,
            because: stored.because,
        }
    }
}

impl From<Explained> for pb::ExplainScoreResponse {
    fn from(explained: Explained) -> Self {
        Self {
            score: Some(explained.score.into()),
            contributions: explained.contributions.into_iter().map(Into::into).collect(),
            levers: explained.levers.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Group> for pb::ReportRow {
    fn from(group: Group) -> Self {
        Self {
            moments: group.outcomes.total(),
            magical: group.outcomes.magical,
            miserable: group.outcomes.miserable,
            group: group.name,
            wow_rate: group.wow_rate.map(estimate),
            miserable_rate: group.miserable_rate.map(estimate),
            mean_gap: group.mean_gap.map(estimate),
            recovery_rate: group.recovery_rate.map(estimate),
            hours_to_recovery: group.hours_to_recovery.map(estimate),
            probability_worst: group.probability_worst,
        }
    }
}

impl From<Report> for pb::GetReportResponse {
    fn from(report: Report) -> Self {
        Self {
            active_customers: report.active_customers,
            mean_delight: report.mean_delight.map(estimate),
            rows: report.groups.into_iter().map(Into::into).collect(),
            weakest: report.weakest.unwrap_or_default(),
            harmony: report.harmony,
        }
    }
}

/// A figure with what it was counted from.
pub(super) fn feedback(tally: &Tally, figure: Option<Figure>) -> pb::GetFeedbackResponse {
    let (promoters, detractors) = match tally {
        Tally::Nps(nps) => (nps.promoters, nps.detractors),
        Tally::Csat(csat) => (csat.satisfied, 0),
        Tally::Ces(_) => (0, 0),
    };
    pb::GetFeedbackResponse {
        estimate: figure.map(estimate),
        answers: tally.answers(),
        promoters,
        detractors,
    }
}
