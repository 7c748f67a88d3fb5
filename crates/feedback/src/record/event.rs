//! Records from events of the timeline.

use elate_domain::{Event, EventType, FieldError};
use serde_json::{Map, Value as Json};

use super::Feedback;
use super::draft::{Draft, DraftValue};

/// The event name that marks an answer.
const ANSWERED: &str = "Survey Answered";

/// Reads the answers of a track event `Survey Answered`: its score, and its comment if there is one. Empty for other
/// events.
///
/// Properties: `kind` (`nps`, `csat` or `ces`) with `score`, `comment`; if known `survey`, `question`, `submission_id`
/// (the message id stands in for it), `touchpoint`, `language`, `source`, `scale_lowest`, `scale_highest`.
pub fn from_event(event: &Event) -> Result<Vec<Feedback>, Vec<FieldError>> {
    if event.event_type != EventType::Track || event.name.as_ref() != ANSWERED {
        return Ok(Vec::new());
    }
    let Json::Object(properties) = event.properties.value() else { return Ok(Vec::new()) };
    let mut records = Vec::new();
    if properties.contains_key("score") || properties.contains_key("kind") {
        let mut draft = draft(event, &properties);
        draft.kind = text(&properties, "kind");
        draft.value = text(&properties, "score").map(DraftValue::Text);
        draft.scale_lowest = text(&properties, "scale_lowest");
        draft.scale_highest = text(&properties, "scale_highest");
        draft.question = text(&properties, "question");
        records.push(Feedback::try_from(draft).map_err(renamed)?);
    }
    if let Some(comment) = text(&properties, "comment").filter(|text| !text.trim().is_empty()) {
        let mut draft = draft(event, &properties);
        draft.kind = Some("comment".to_owned());
        draft.value = Some(DraftValue::Text(comment));
        records.push(Feedback::try_from(draft)?);
    }
    if records.is_empty() {
        return Err(vec![FieldError::new("properties.score", "is missing, and so is a comment")]);
    }
    Ok(records)
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
        ..Draft::default()
    }
}

fn text(properties: &Map<String, Json>, name: &str) -> Option<String> {
    match properties.get(name)? {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
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
