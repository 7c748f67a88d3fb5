//! Feedback on the timeline: answers and comments as they are kept, and who was asked.
//!
//! An answer is a track event `Survey Answered` (see [`elate_feedback::record::from_event`]). Who was asked is told by
//! notifications (`elate.survey.asked`), or by a track event `Survey Asked` with `submission_id` and `survey` where the
//! survey lives in another system.

use elate_domain::system::{FeedbackScored, SurveyAsked};
use elate_domain::{CustomerId, Event, EventType, Timestamp, WorkspaceId};
use elate_feedback::record::{self, Feedback, Value};
use elate_feedback::sentiment::{Analyser, NotScored, Sentiment};
use serde::Deserialize;

/// The track event that says who was asked by a survey of another system.
pub const ASKED: &str = "Survey Asked";

/// What scores comments where no other scorer is configured.
pub const LEXICON: &str = "lexicon";

/// Why a comment has no score that a model has read.
pub const UNSURE: &str = "unsure";

/// The longest id of a question that is kept, in characters.
const MAX_ID_CHARS: usize = 256;

/// An answer or a comment as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedbackRow {
    /// Workspace.
    pub workspace: WorkspaceId,
    /// Customer.
    pub customer: CustomerId,
    /// What was said.
    pub record: Feedback,
    /// How it sounds, for comments.
    pub sentiment: Option<Sentiment>,
}

/// Somebody was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedRow {
    /// Workspace.
    pub workspace: WorkspaceId,
    /// Customer.
    pub customer: CustomerId,
    /// The question's id: the `submission_id` of its answer.
    pub submission: String,
    /// Which survey; empty where it was not said.
    pub survey: String,
    /// When.
    pub asked_at: Timestamp,
}

/// What a model has read.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredRow {
    /// Workspace.
    pub workspace: WorkspaceId,
    /// What it said.
    pub scored: FeedbackScored,
}

/// Reads the answers of an event, and scores its comment; none of an event that is no answer. `None` where it is one that
/// can't be taken.
pub fn answers(event: &Event, customer: CustomerId) -> Option<Vec<FeedbackRow>> {
    let records = record::from_event(event).ok()?;
    let row = |record: Feedback| FeedbackRow {
        workspace: event.workspace.clone(),
        customer,
        sentiment: sentiment(&record),
        record,
    };
    Some(records.into_iter().map(row).collect())
}

fn sentiment(record: &Feedback) -> Option<Sentiment> {
    match &record.value {
        Value::Comment(text) => Some(Analyser::new().read(text, record.language.as_ref())),
        Value::Nps(_) | Value::Csat { .. } | Value::Ces(_) | Value::Choice(_) => None,
    }
}

/// The reason for which a comment has no score, as one word.
pub fn not_scored(reason: &NotScored) -> &'static str {
    match reason {
        NotScored::NoWords => "no_words",
        NotScored::TooLong { .. } => "too_long",
        NotScored::Language(_) => "language",
        NotScored::UnknownLanguage => "unknown_language",
    }
}

#[derive(Deserialize)]
struct AskedProperties {
    submission_id: String,
    #[serde(default)]
    survey: String,
}

/// Reads an event from outside that says that somebody was asked; `None` for other events, and where it names no
/// question.
pub fn asked(event: &Event, customer: CustomerId) -> Option<AskedRow> {
    if event.event_type != EventType::Track || event.name.as_ref() != ASKED {
        return None;
    }
    let properties: AskedProperties = event.properties.read().ok()?;
    row(event, customer, properties.submission_id, properties.survey)
}

/// What notifications says about a question that it handed over.
pub fn handed_over(event: &Event, customer: CustomerId, asked: SurveyAsked) -> Option<AskedRow> {
    row(event, customer, asked.survey_id, asked.survey)
}

fn row(event: &Event, customer: CustomerId, submission: String, survey: String) -> Option<AskedRow> {
    let fits = |text: &str| text.chars().nth(MAX_ID_CHARS).is_none() && !text.contains('\0');
    if submission.trim().is_empty() || !fits(&submission) || !fits(&survey) {
        return None;
    }
    Some(AskedRow {
        workspace: event.workspace.clone(),
        customer,
        submission: submission.trim().to_owned(),
        survey: survey.trim().to_owned(),
        asked_at: event.occurred_at,
    })
}
