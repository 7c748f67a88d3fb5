//! From the contract to our types.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use elate_domain::FieldError;
use elate_feedback::record::{Draft, DraftValue, FeedbackKind};
use elate_feedback::stats::{Margin, Period};
use elate_proto::common::v1::customer_ref;
use elate_proto::scoring::v1 as pb;
use elate_rpc::validate::{self, Invalid};
use tonic::Status;

pub(super) use super::super::convert::measure;
use super::super::convert::period as span;
use crate::app::feedback::{About, By};
use crate::store::FeedbackSelection;

/// Traits of one filter.
const MAX_TRAITS: usize = 10;
/// Margins of one weighted figure, and categories of one margin.
const MAX_MARGINS: usize = 10;
const MAX_CATEGORIES: usize = 200;
/// The longest text of a filter, in characters.
const MAX_TEXT: usize = 256;
/// Themes of a report that does not say how many, and the most.
const THEMES: usize = 12;
const MAX_THEMES: usize = 50;

fn unknown(field: &str, value: i32) -> Invalid {
    FieldError::new(field, format!("{value} is unknown")).into()
}

/// Reads a kind; unspecified is any.
pub(super) fn any_kind(value: i32) -> Result<Option<FeedbackKind>, Invalid> {
    match pb::FeedbackKind::try_from(value) {
        Ok(pb::FeedbackKind::Unspecified) => Ok(None),
        Ok(pb::FeedbackKind::Nps) => Ok(Some(FeedbackKind::Nps)),
        Ok(pb::FeedbackKind::Csat) => Ok(Some(FeedbackKind::Csat)),
        Ok(pb::FeedbackKind::Ces) => Ok(Some(FeedbackKind::Ces)),
        Ok(pb::FeedbackKind::Comment) => Ok(Some(FeedbackKind::Comment)),
        Ok(pb::FeedbackKind::Choice) => Ok(Some(FeedbackKind::Choice)),
        Err(_) => Err(unknown("kind", value)),
    }
}

/// Reads a filter; all of it may be missing.
pub(super) fn filter(field: &str, filter: pb::FeedbackFilter) -> Result<FeedbackSelection, Invalid> {
    let path = |name: &str| format!("{field}.{name}");
    let text = |name: &str, text: String| {
        validate::optional_text(&path(name), text, MAX_TEXT).map(Option::unwrap_or_default)
    };
    let time = |name: &str, time: Option<prost_types::Timestamp>| {
        time.map(|time| validate::timestamp(&path(name), time)).transpose()
    };
    if filter.traits.len() > MAX_TRAITS {
        return Err(FieldError::new(path("traits"), format!("has more than {MAX_TRAITS} entries")).into());
    }
    Ok(FeedbackSelection {
        from: time("from_time", filter.from_time)?,
        to: time("to_time", filter.to_time)?,
        kind: None,
        survey: text("survey", filter.survey)?,
        touchpoint: text("touchpoint", filter.touchpoint)?,
        source: text("source", filter.source)?,
        traits: filter.traits.into_iter().collect(),
    })
}

/// Reads the filter of a figure: its period must be there, and is at most three years.
pub(super) fn period_filter(
    field: &str,
    given: Option<pb::FeedbackFilter>,
) -> Result<FeedbackSelection, Status> {
    let given = validate::required(field, given).map_err(Invalid::from)?;
    span(given.from_time, given.to_time)?;
    Ok(filter(field, given)?)
}

/// Reads the length of a trend's periods.
pub(super) fn period(value: i32) -> Result<Period, Invalid> {
    use pb::get_feedback_trend_request::Period as Given;
    match Given::try_from(value) {
        Ok(Given::Unspecified | Given::Month) => Ok(Period::Month),
        Ok(Given::Day) => Ok(Period::Day),
        Ok(Given::Week) => Ok(Period::Week),
        Ok(Given::Quarter) => Ok(Period::Quarter),
        Err(_) => Err(unknown("period", value)),
    }
}

/// Reads a zone; empty is UTC.
pub(super) fn zone(text: &str) -> Result<Tz, Invalid> {
    if text.is_empty() {
        return Ok(Tz::UTC);
    }
    let refused = || FieldError::new("time_zone", "is no IANA time zone such as Europe/Berlin");
    text.parse::<Tz>().map_err(|_| refused().into())
}

/// Reads what makes a segment.
pub(super) fn by(text: &str) -> Result<By, Invalid> {
    let reason = "must be survey, touchpoint, source, language, or traits.NAME";
    By::parse(text).ok_or_else(|| FieldError::new("by", reason).into())
}

/// Reads margins. Whether their shares fit is said where they are used.
pub(super) fn margins(margins: Vec<pb::FeedbackMargin>) -> Result<Vec<Margin>, Invalid> {
    if margins.is_empty() || margins.len() > MAX_MARGINS {
        return Err(FieldError::new("margins", format!("must be 1 to {MAX_MARGINS}")).into());
    }
    let read = |(index, margin): (usize, pb::FeedbackMargin)| {
        let field = format!("margins[{index}]");
        let trait_name = validate::text(&format!("{field}.trait"), margin.r#trait, MAX_TEXT)?;
        if margin.shares.is_empty() || margin.shares.len() > MAX_CATEGORIES {
            let reason = format!("must have 1 to {MAX_CATEGORIES} categories");
            return Err(FieldError::new(format!("{field}.shares"), reason).into());
        }
        Ok(Margin { trait_name, shares: margin.shares.into_iter().collect::<BTreeMap<_, _>>() })
    };
    margins.into_iter().enumerate().map(read).collect()
}

/// Reads which comments a report is about.
pub(super) fn about(value: i32) -> Result<About, Invalid> {
    use pb::list_themes_request::About as Given;
    match Given::try_from(value) {
        Ok(Given::Unspecified) => Ok(About::All),
        Ok(Given::Detractors) => Ok(About::Detractors),
        Ok(Given::Promoters) => Ok(About::Promoters),
        Ok(Given::Negative) => Ok(About::Negative),
        Ok(Given::Recent) => Ok(About::Recent),
        Err(_) => Err(unknown("about", value)),
    }
}

/// Reads how many themes.
pub(super) fn themes(limit: u32) -> Result<usize, Invalid> {
    match limit as usize {
        0 => Ok(THEMES),
        limit if limit <= MAX_THEMES => Ok(limit),
        _ => Err(FieldError::new("limit", format!("is more than {MAX_THEMES}")).into()),
    }
}

/// A record as the checks of all records take it.
pub(super) fn draft(record: pb::FeedbackRecord) -> Result<Draft, FieldError> {
    let kind = any_kind(record.kind).map_err(|_| FieldError::new("type", "is unknown"))?;
    let text = |text: String| (!text.is_empty()).then_some(text);
    let mut draft = Draft {
        submission_id: text(record.submission_id),
        survey: text(record.survey),
        question: text(record.question),
        kind: kind.map(|kind| kind.as_str().to_owned()),
        value: record.value.map(value),
        scale_lowest: record.scale.map(|scale| scale.lowest.to_string()),
        scale_highest: record.scale.map(|scale| scale.highest.to_string()),
        language: text(record.language),
        source: text(record.source),
        touchpoint: text(record.touchpoint),
        traits: record.traits.into_iter().collect(),
        ..Draft::default()
    };
    if let Some(time) = record.submitted_time {
        draft.submitted_at = Some(validate::timestamp("submitted_at", time)?.to_string());
    }
    match record.customer.and_then(|customer| customer.r#ref) {
        Some(customer_ref::Ref::CustomerId(id)) => draft.customer_id = text(id),
        Some(customer_ref::Ref::UserId(id)) => draft.user_id = text(id),
        Some(customer_ref::Ref::AnonymousId(id)) => draft.anonymous_id = text(id),
        None => {}
    }
    Ok(draft)
}

fn value(value: pb::feedback_record::Value) -> DraftValue {
    match value {
        pb::feedback_record::Value::Score(score) => DraftValue::Text(score.to_string()),
        pb::feedback_record::Value::Comment(text) => DraftValue::Text(text),
        pb::feedback_record::Value::Choices(given) => DraftValue::Choices(given.choices),
    }
}

/// The field of the contract that a column stands for.
pub(super) fn field(column: &str) -> String {
    match column {
        "type" => "kind".to_owned(),
        "submitted_at" => "submitted_time".to_owned(),
        "scale_lowest" => "scale.lowest".to_owned(),
        "scale_highest" => "scale.highest".to_owned(),
        "customer_id" | "user_id" | "anonymous_id" => format!("customer.{column}"),
        other => other.to_owned(),
    }
}
