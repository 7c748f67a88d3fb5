//! Writing: an answer has one row, whatever is sent again or in which order; its latest state stands.

use std::collections::BTreeMap;

use elate_domain::WorkspaceId;
use elate_feedback::record::{Feedback, Key, Value};
use elate_storage::bulk::{Conflict, Rows};
use elate_storage::{Error, Transaction, execute};

use crate::model::feedback::{AskedRow, FeedbackRow, LEXICON, ScoredRow, UNSURE, not_scored};
use elate_feedback::sentiment::Sentiment;

/// The feedback of a micro-batch, each answer once.
#[derive(Default)]
pub(in crate::store) struct Batch {
    answers: BTreeMap<(WorkspaceId, Key), FeedbackRow>,
    asked: BTreeMap<(WorkspaceId, String), AskedRow>,
    scored: BTreeMap<(WorkspaceId, String, String), ScoredRow>,
}

impl Batch {
    pub(in crate::store) fn answer(&mut self, row: FeedbackRow) {
        let key = (row.workspace.clone(), row.record.key());
        match self.answers.get_mut(&key) {
            Some(known) if !row.record.supersedes(&known.record) => {}
            Some(known) => *known = row,
            None => {
                self.answers.insert(key, row);
            }
        }
    }

    pub(in crate::store) fn asked(&mut self, row: AskedRow) {
        self.asked.entry((row.workspace.clone(), row.submission.clone())).or_insert(row);
    }

    pub(in crate::store) fn scored(&mut self, row: ScoredRow) {
        let scored = &row.scored;
        let key = (row.workspace.clone(), scored.answer.clone(), scored.fingerprint.clone());
        self.scored.insert(key, row);
    }

    pub(in crate::store) async fn write(self, tx: &Transaction) -> Result<(), Error> {
        write_answers(tx, self.answers.into_values().collect()).await?;
        write_scored(tx, self.scored.into_values()).await?;
        write_asked(tx, self.asked.into_values().collect()).await
    }
}

/// The later state stands, and of two at one time the one with the greater fingerprint: that of
/// [`Feedback::supersedes`].
const LATEST: &str = "(workspace, answer) DO UPDATE SET customer = excluded.customer, kind = excluded.kind,
    score = excluded.score, scale_lowest = excluded.scale_lowest, scale_highest = excluded.scale_highest,
    said = excluded.said, language = excluded.language, source = excluded.source,
    touchpoint = excluded.touchpoint, submitted_at = excluded.submitted_at,
    fingerprint = excluded.fingerprint, user_id = excluded.user_id, anonymous_id = excluded.anonymous_id,
    traits = excluded.traits, sentiment = excluded.sentiment, scorer = excluded.scorer,
    not_scored = excluded.not_scored, tries = 0
    WHERE excluded.submitted_at > feedback.submitted_at
        OR (excluded.submitted_at = feedback.submitted_at AND excluded.fingerprint > feedback.fingerprint)";

async fn write_answers(tx: &Transaction, rows: Vec<FeedbackRow>) -> Result<(), Error> {
    let text = |of: fn(&Feedback) -> String| rows.iter().map(move |row| of(&row.record));
    let scales: Vec<_> = rows.iter().map(|row| scale(&row.record.value)).collect();
    let sentiments: Vec<_> = rows.iter().map(|row| sentiment(row.sentiment.as_ref())).collect();
    Rows::new()
        .text("workspace", rows.iter().map(|row| row.workspace.as_str().to_owned()))
        .text("answer", text(|r| hex(&r.key().0)))
        .uuid("customer", rows.iter().map(|row| row.customer.0))
        .text("submission", text(|r| r.submission_id.clone()))
        .text("survey", text(|r| r.survey.clone()))
        .text("question", text(|r| r.question.clone()))
        .text("kind", text(|r| r.value.kind().as_str().to_owned()))
        .i64_opt("score", rows.iter().map(|row| score(&row.record.value)))
        .i64_opt("scale_lowest", scales.iter().map(|scale| scale.map(|(low, _)| low)))
        .i64_opt("scale_highest", scales.iter().map(|scale| scale.map(|(_, high)| high)))
        .text("said", text(|r| said(&r.value)))
        .text("language", text(|r| r.language.as_ref().map(ToString::to_string).unwrap_or_default()))
        .text("source", text(|r| r.source.clone()))
        .text("touchpoint", text(|r| r.touchpoint.clone()))
        .i64("submitted_at", rows.iter().map(|row| row.record.submitted_at.0))
        .text("fingerprint", text(|r| hex(&r.fingerprint().0)))
        .text("user_id", text(|r| r.by.user.clone().unwrap_or_default()))
        .text("anonymous_id", text(|r| r.by.anonymous.clone().unwrap_or_default()))
        .text("traits", text(|r| serde_json::json!(r.traits).to_string()))
        .f64_opt("sentiment", sentiments.iter().map(|sentiment| sentiment.0))
        .text("scorer", sentiments.iter().map(|sentiment| sentiment.1.to_owned()))
        .text("not_scored", sentiments.iter().map(|sentiment| sentiment.2.to_owned()))
        .insert(tx, "feedback", Conflict::Do(LATEST))
        .await
        .map(|_| ())
}

pub(super) fn score(value: &Value) -> Option<i64> {
    match value {
        Value::Nps(score) | Value::Ces(score) => Some(i64::from(*score)),
        Value::Csat { score, .. } => Some(i64::from(*score)),
        Value::Comment(_) | Value::Choice(_) => None,
    }
}

pub(super) fn scale(value: &Value) -> Option<(i64, i64)> {
    match value {
        Value::Csat { scale, .. } => Some((i64::from(scale.lowest), i64::from(scale.highest))),
        Value::Nps(_) | Value::Ces(_) | Value::Comment(_) | Value::Choice(_) => None,
    }
}

/// The words of an answer: a comment as it is, choices as JSON.
fn said(value: &Value) -> String {
    match value {
        Value::Comment(text) => text.clone(),
        Value::Choice(choices) => serde_json::json!(choices).to_string(),
        Value::Nps(_) | Value::Csat { .. } | Value::Ces(_) => String::new(),
    }
}

/// Score, scorer and the reason for no score.
fn sentiment(sentiment: Option<&Sentiment>) -> (Option<f64>, &'static str, &'static str) {
    match sentiment {
        None => (None, "", ""),
        Some(Sentiment::Scored { score, .. }) => (Some(score.compound), LEXICON, ""),
        Some(Sentiment::NotScored(reason)) => (None, LEXICON, not_scored(reason)),
    }
}

/// The model's word takes the place of the lexicon's, on the state of the comment that it has read and no other.
async fn write_scored(tx: &Transaction, rows: impl Iterator<Item = ScoredRow>) -> Result<(), Error> {
    let sql = "UPDATE feedback SET sentiment = $4, scorer = $5, not_scored = $6
        WHERE workspace = $1 AND answer = $2 AND fingerprint = $3";
    for ScoredRow { workspace, scored } in rows {
        let not_scored = if scored.compound.is_some() { "" } else { UNSURE };
        let values = [
            workspace.as_str().into(),
            scored.answer.into(),
            scored.fingerprint.into(),
            scored.compound.into(),
            scored.scorer.into(),
            not_scored.into(),
        ];
        execute(tx, sql, values).await?;
    }
    Ok(())
}

async fn write_asked(tx: &Transaction, rows: Vec<AskedRow>) -> Result<(), Error> {
    Rows::new()
        .text("workspace", rows.iter().map(|row| row.workspace.as_str().to_owned()))
        .text("submission", rows.iter().map(|row| row.submission.clone()))
        .uuid("customer", rows.iter().map(|row| row.customer.0))
        .text("survey", rows.iter().map(|row| row.survey.clone()))
        .i64("asked_at", rows.iter().map(|row| row.asked_at.0))
        .insert(tx, "survey_asked", Conflict::Ignore)
        .await
        .map(|_| ())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
