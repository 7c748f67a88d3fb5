//! Records from events of the timeline, and events from records.

use elate_domain::{Event, EventType, FieldError};
use serde_json::{Map, Value as Json, json};

use super::draft::{Draft, DraftValue};
use super::{Feedback, FeedbackKind, Value};

/// The name of the track event that holds an answer.
pub const ANSWERED: &str = "Survey Answered";

/// Reads the answers of a track event [`ANSWERED`]: its score or choices, and its comment if there is one. Empty for
/// other events.
///
/// Properties: `kind` (`nps`, `csat` or `ces`) with `score`, or `choice` with `choices`; `comment`; if known `survey`,
/// `question`, `submission_id` (the message id stands in for it), `touchpoint`, `language`, `source`, `scale_lowest`,
/// `scale_highest`, and `traits`, an object. A `question` beside a score is the score's; the comment's own is then
/// `comment`.
pub fn from_event(event: &Event) -> Result<Vec<Feedback>, Vec<FieldError>> {
    if event.event_type != EventType::Track || event.name.as_ref() != ANSWERED {
        return Ok(Vec::new());
    }
    let Json::Object(properties) = event.properties.value() else { return Ok(Vec::new()) };
    let kind = text(&properties, "kind");
    let is_comment = kind.as_deref() == Some(FeedbackKind::Comment.as_str())
        || (kind.is_none() && !properties.contains_key("score"));
    let mut records = Vec::new();
    if !is_comment {
        let mut draft = draft(event, &properties);
        draft.value = choices(&properties).or_else(|| text(&properties, "score").map(DraftValue::Text));
        draft.kind = kind;
        draft.scale_lowest = text(&properties, "scale_lowest");
        draft.scale_highest = text(&properties, "scale_highest");
        draft.question = text(&properties, "question");
        records.push(Feedback::try_from(draft).map_err(renamed)?);
    }
    if let Some(comment) = text(&properties, "comment").filter(|text| !text.trim().is_empty()) {
        let mut draft = draft(event, &properties);
        draft.kind = Some(FeedbackKind::Comment.as_str().to_owned());
        draft.value = Some(DraftValue::Text(comment));
        draft.question = text(&properties, "question").filter(|_| is_comment);
        records.push(Feedback::try_from(draft)?);
    }
    if records.is_empty() {
        return Err(vec![FieldError::new("properties.score", "is missing, and so is a comment")]);
    }
    Ok(records)
}

/// The properties of an event [`ANSWERED`] that holds this record and no other. Who answered and when stand on the event
/// itself.
pub fn event_properties(record: &Feedback) -> Json {
    let mut properties = json!({
        "submission_id": record.submission_id,
        "kind": record.value.kind(),
        "question": record.question,
    });
    match &record.value {
        Value::Nps(score) | Value::Ces(score) => properties["score"] = json!(score),
        Value::Csat { score, scale } => {
            properties["score"] = json!(score);
            properties["scale_lowest"] = json!(scale.lowest);
            properties["scale_highest"] = json!(scale.highest);
        }
        Value::Comment(text) => properties["comment"] = json!(text),
        Value::Choice(choices) => properties["choices"] = json!(choices),
    }
    for (name, text) in
        [("survey", &record.survey), ("source", &record.source), ("touchpoint", &record.touchpoint)]
    {
        if !text.is_empty() {
            properties[name] = json!(text);
        }
    }
    if let Some(language) = &record.language {
        properties["language"] = json!(language);
    }
    if !record.traits.is_empty() {
        properties["traits"] = json!(record.traits);
    }
    properties
}

fn draft(event: &Event, properties: &Map<String, Json>) -> Draft {
    let known = |name: &str| text(properties, name).filter(|text| !text.trim().is_empty());
    Draft {
        submission_id: known("submission_id").or_else(|| Some(event.message_id.clone())),
        survey: known("survey"),
        touchpoint: known("touchpoint"),
        language: known("language"),
        source: known("source"),
        submitted_at: Some(event.occurred_at.to_string()),
        customer_id: (!event.customer.is_none()).then(|| event.customer.to_string()),
        user_id: event.user_id.clone(),
        anonymous_id: event.anonymous_id.clone(),
        traits: traits(properties),
        ..Draft::default()
    }
}

fn choices(properties: &Map<String, Json>) -> Option<DraftValue> {
    let Some(Json::Array(items)) = properties.get("choices") else { return None };
    Some(DraftValue::Choices(items.iter().filter_map(plain).collect()))
}

fn traits(properties: &Map<String, Json>) -> Vec<(String, String)> {
    let Some(Json::Object(traits)) = properties.get("traits") else { return Vec::new() };
    traits.iter().filter_map(|(name, value)| Some((name.clone(), plain(value)?))).collect()
}

fn text(properties: &Map<String, Json>, name: &str) -> Option<String> {
    match properties.get(name)? {
        Json::Bool(_) => None,
        value => plain(value),
    }
}

fn plain(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(truth) => Some(truth.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// The fields by the names that they have in events.
fn renamed(fields: Vec<FieldError>) -> Vec<FieldError> {
    let name = |field: &str| match field {
        "type" => "properties.kind".to_owned(),
        "value" => "properties.score".to_owned(),
        other => format!("properties.{other}"),
    };
    fields.into_iter().map(|wrong| FieldError { field: name(&wrong.field), ..wrong }).collect()
}
