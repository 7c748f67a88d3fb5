//! From our types to the contract.

use elate_delight::Interval;
use elate_delight::rates::Figure;
use elate_feedback::record::{FeedbackKind, Value};
use elate_feedback::stats::{Comparison, Point, ResponseRate, Slope, Test};
use elate_feedback::themes::{Example, Report, Term, Theme};
use elate_proto::common::v1::{CustomerRef, Estimate, customer_ref};
use elate_proto::scoring::v1 as pb;
use elate_rpc::validate::proto_timestamp;

use crate::app::CONFIDENCE;
use crate::app::feedback::{Compared, Segment, Trend, Weighted};
use crate::store::StoredFeedback;

fn estimate(figure: Figure) -> Estimate {
    interval(figure.value, figure.interval, figure.observations, figure.small_sample)
}

fn interval(value: f64, interval: Interval, sample_size: u64, small_sample: bool) -> Estimate {
    Estimate {
        value,
        lower: interval.low,
        upper: interval.high,
        level: interval.confidence,
        sample_size,
        small_sample,
    }
}

fn kind(kind: FeedbackKind) -> pb::FeedbackKind {
    match kind {
        FeedbackKind::Nps => pb::FeedbackKind::Nps,
        FeedbackKind::Csat => pb::FeedbackKind::Csat,
        FeedbackKind::Ces => pb::FeedbackKind::Ces,
        FeedbackKind::Comment => pb::FeedbackKind::Comment,
        FeedbackKind::Choice => pb::FeedbackKind::Choice,
    }
}

impl From<StoredFeedback> for pb::StoredFeedback {
    fn from(stored: StoredFeedback) -> Self {
        let record = stored.record;
        let named = match (record.by.user, record.by.anonymous) {
            (Some(user), _) => customer_ref::Ref::UserId(user),
            (None, Some(anonymous)) => customer_ref::Ref::AnonymousId(anonymous),
            (None, None) => customer_ref::Ref::CustomerId(stored.customer.to_string()),
        };
        let is_comment = record.value.kind() == FeedbackKind::Comment;
        let scale = match record.value {
            Value::Csat { scale, .. } => {
                Some(pb::FeedbackScale { lowest: i32::from(scale.lowest), highest: i32::from(scale.highest) })
            }
            Value::Nps(_) | Value::Ces(_) | Value::Comment(_) | Value::Choice(_) => None,
        };
        Self {
            customer_id: stored.customer.to_string(),
            sentiment: is_comment.then_some(pb::Sentiment {
                compound: stored.compound,
                scorer: stored.scorer,
                not_scored: stored.not_scored,
            }),
            record: Some(pb::FeedbackRecord {
                submission_id: record.submission_id,
                survey: record.survey,
                question: record.question,
                kind: kind(record.value.kind()).into(),
                value: Some(value(record.value)),
                scale,
                language: record.language.map(|tag| tag.to_string()).unwrap_or_default(),
                source: record.source,
                touchpoint: record.touchpoint,
                submitted_time: Some(proto_timestamp(record.submitted_at)),
                customer: Some(CustomerRef { r#ref: Some(named) }),
                traits: record.traits.into_iter().collect(),
            }),
        }
    }
}

fn value(value: Value) -> pb::feedback_record::Value {
    match value {
        Value::Nps(score) | Value::Ces(score) => pb::feedback_record::Value::Score(i32::from(score)),
        Value::Csat { score, .. } => pb::feedback_record::Value::Score(i32::from(score)),
        Value::Comment(text) => pb::feedback_record::Value::Comment(text),
        Value::Choice(choices) => pb::feedback_record::Value::Choices(pb::FeedbackChoices { choices }),
    }
}

fn comparison(compared: Comparison) -> pb::FeedbackComparison {
    let (first_answers, second_answers) = compared.answers;
    let test = match compared.test {
        Test::NpsDifference => "nps_difference",
        Test::Newcombe => "newcombe",
        Test::Welch { .. } => "welch",
    };
    pb::FeedbackComparison {
        first: compared.first,
        second: compared.second,
        difference: Some(interval(
            compared.difference,
            compared.interval,
            first_answers + second_answers,
            compared.small_sample,
        )),
        p_value: compared.p_value,
        test: test.to_owned(),
        first_answers,
        second_answers,
    }
}

fn point(point: Point) -> pb::FeedbackPoint {
    pb::FeedbackPoint {
        from_date: point.from.to_string(),
        to_date: point.to.to_string(),
        answers: point.tally.answers(),
        estimate: point.figure.map(estimate),
        change: point.change.map(comparison),
    }
}

impl From<Trend> for pb::GetFeedbackTrendResponse {
    fn from(trend: Trend) -> Self {
        let slope = |slope: &Slope| interval(slope.per_period, slope.interval, slope.periods as u64, false);
        Self {
            slope: trend.slope.as_ref().map(slope),
            slope_p_value: trend.slope.map(|slope| slope.p_value),
            points: trend.points.into_iter().map(point).collect(),
        }
    }
}

impl From<Compared> for pb::CompareFeedbackResponse {
    fn from(compared: Compared) -> Self {
        let (found, not_compared) = match compared.comparison {
            Ok(found) => (Some(comparison(found)), String::new()),
            Err(reason) => (None, reason.to_string()),
        };
        Self {
            comparison: found,
            first: compared.first.map(estimate),
            second: compared.second.map(estimate),
            not_compared,
        }
    }
}

impl From<Segment> for pb::FeedbackSegment {
    fn from(segment: Segment) -> Self {
        Self {
            segment: segment.name,
            estimate: segment.figure.map(estimate),
            corrected_p_value: segment.comparison.map(|(_, corrected)| corrected),
            comparison: segment.comparison.map(|(found, _)| comparison(found)),
        }
    }
}

impl From<Weighted> for pb::GetWeightedFeedbackResponse {
    fn from(weighted: Weighted) -> Self {
        Self {
            estimate: Some(estimate(weighted.figure.figure)),
            unweighted: weighted.figure.unweighted,
            effective_answers: weighted.weights.effective,
            design_effect: weighted.weights.design_effect,
            largest_miss: weighted.weights.off,
            capped: weighted.weights.capped as u64,
        }
    }
}

/// Who answered. The level is that of all intervals, so the figure can't fail for it.
pub(super) fn response_rate(rate: ResponseRate) -> pb::GetResponseRateResponse {
    let figure = rate.figure(CONFIDENCE).ok().flatten();
    pb::GetResponseRateResponse { asked: rate.asked, answered: rate.answered, rate: figure.map(estimate) }
}

fn theme(theme: Theme) -> pb::FeedbackTheme {
    let term = |term: Term| pb::FeedbackTerm {
        text: term.text,
        comments: term.comments as u64,
        others: term.others as u64,
    };
    let example =
        |example: Example| pb::FeedbackExample { submission_id: example.id, excerpt: example.excerpt };
    pb::FeedbackTheme {
        name: theme.name,
        terms: theme.terms.into_iter().map(term).collect(),
        comments: theme.comments as u64,
        share: Some(estimate(theme.share)),
        sentiment: theme.sentiment.map(estimate),
        not_scored: theme.not_scored as u64,
        examples: theme.examples.into_iter().map(example).collect(),
    }
}

/// The themes of comments.
pub(super) fn themes(report: Report) -> pb::ListThemesResponse {
    pb::ListThemesResponse {
        themes: report.themes.into_iter().map(theme).collect(),
        comments: report.comments as u64,
        others: report.others as u64,
    }
}
