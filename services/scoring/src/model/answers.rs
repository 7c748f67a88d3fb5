//! Survey answers on the timeline.
//!
//! A track event named `Survey Answered` is an answer. Its properties: `kind` (`nps`, `csat` or `ces`), `score` (a
//! number on the kind's scale, or a text that is one), and if known `survey`, `submission_id`, `touchpoint`,
//! `comment`. An answer off its scale is not taken, and counted.

use elate_domain::{Event, EventType};
use serde::{Deserialize, Serialize};

/// The event name that marks an answer.
pub const EVENT_NAME: &str = "Survey Answered";

/// The kind of a survey, and with it its scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SurveyKind {
    /// Net Promoter Score, 0 to 10.
    Nps,
    /// Customer satisfaction, 1 to 5.
    Csat,
    /// Customer effort, 1 to 7.
    Ces,
}

impl SurveyKind {
    /// The word as it stands in events and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nps => "nps",
            Self::Csat => "csat",
            Self::Ces => "ces",
        }
    }

    /// Lowest and highest answer.
    pub fn scale(self) -> (f64, f64) {
        match self {
            Self::Nps => (0.0, 10.0),
            Self::Csat => (1.0, 5.0),
            Self::Ces => (1.0, 7.0),
        }
    }
}

/// One answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The kind.
    pub kind: SurveyKind,
    /// On the kind's scale.
    pub score: f64,
    /// Which survey; empty where it was not said.
    pub survey: String,
    /// The touchpoint that it is about; empty where it was not said.
    pub touchpoint: String,
    /// The sender's id for the submission; a repeat of it is the same answer.
    pub submission_id: Option<String>,
}

#[derive(Deserialize)]
struct Properties {
    kind: SurveyKind,
    score: serde_json::Value,
    #[serde(default)]
    survey: String,
    #[serde(default)]
    touchpoint: String,
    #[serde(default)]
    submission_id: Option<String>,
}

/// Whether the event calls itself an answer.
pub fn is_answer(event: &Event) -> bool {
    event.event_type == EventType::Track && event.name.as_ref() == EVENT_NAME
}

/// Reads an answer; `None` where it lacks its kind or lies off the scale.
pub fn read(event: &Event) -> Option<Answer> {
    let properties: Properties = event.properties.read().ok()?;
    let score = match &properties.score {
        serde_json::Value::Number(number) => number.as_f64()?,
        serde_json::Value::String(text) => text.trim().parse().ok()?,
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Array(_)
        | serde_json::Value::Object(_) => return None,
    };
    let (low, high) = properties.kind.scale();
    if !(low..=high).contains(&score) {
        return None;
    }
    Some(Answer {
        kind: properties.kind,
        score,
        survey: properties.survey,
        touchpoint: properties.touchpoint,
        submission_id: properties.submission_id,
    })
}
