//! The tables of feedback.

use elate_domain::Timestamp;
use elate_feedback::record::{Draft, DraftValue, Feedback as Record};
use elate_storage::{Row, execute, query_all};
use sea_orm_migration::prelude::*;

use super::write::{hex, scale, score};

/// Adds the tables of feedback.
pub(in crate::store) struct Feedback;

impl MigrationName for Feedback {
    fn name(&self) -> &str {
        "m20261122_feedback"
    }
}

const TABLES: &[&str] = &[
    "CREATE TABLE feedback (
        workspace TEXT NOT NULL, answer TEXT NOT NULL, customer uuid NOT NULL, submission TEXT NOT NULL,
        survey TEXT NOT NULL, question TEXT NOT NULL, kind TEXT NOT NULL, score BIGINT, scale_lowest BIGINT,
        scale_highest BIGINT, said TEXT NOT NULL, language TEXT NOT NULL, source TEXT NOT NULL,
        touchpoint TEXT NOT NULL, submitted_at BIGINT NOT NULL, fingerprint TEXT NOT NULL, user_id TEXT NOT NULL,
        anonymous_id TEXT NOT NULL, traits TEXT NOT NULL, sentiment DOUBLE PRECISION, scorer TEXT NOT NULL,
        not_scored TEXT NOT NULL, PRIMARY KEY (workspace, answer))",
    "CREATE INDEX feedback_by_kind ON feedback (workspace, kind, submitted_at, answer)",
    "CREATE INDEX feedback_by_time ON feedback (workspace, submitted_at, answer)",
    "CREATE INDEX feedback_by_submission ON feedback (workspace, submission)",
    "CREATE INDEX feedback_by_customer ON feedback (workspace, customer)",
    "CREATE TABLE survey_asked (
        workspace TEXT NOT NULL, submission TEXT NOT NULL, customer uuid NOT NULL, survey TEXT NOT NULL,
        asked_at BIGINT NOT NULL, PRIMARY KEY (workspace, submission))",
    "CREATE INDEX survey_asked_by_time ON survey_asked (workspace, asked_at)",
    "CREATE INDEX survey_asked_by_customer ON survey_asked (workspace, customer)",
];

#[async_trait::async_trait]
impl MigrationTrait for Feedback {
    #[allow(elided_lifetimes_in_paths, reason = "spelled as the trait spells it")]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            manager.get_connection().execute_unprepared(table).await?;
        }
        Ok(())
    }
}

/// What was kept of answers before there was a table of feedback becomes feedback; the older table goes.
pub(in crate::store) struct OneTable;

impl MigrationName for OneTable {
    fn name(&self) -> &str {
        "m20261123_one_table_of_answers"
    }
}

/// Answers that are moved at a time.
const MOVED: usize = 1000;

/// Most answers are in both tables; an answer without a submission id has different ones there, and is known by its
/// customer, survey and time.
const MISSING: &str =
    "SELECT workspace, submission, customer, kind, survey, touchpoint, score, occurred_at FROM answer a
    WHERE (workspace > $1 OR (workspace = $1 AND submission > $2)) AND NOT EXISTS (SELECT 1 FROM feedback f
        WHERE f.workspace = a.workspace AND f.kind = a.kind AND (f.submission = a.submission
            OR (f.customer = a.customer AND f.survey = a.survey AND f.submitted_at = a.occurred_at)))
    ORDER BY workspace, submission LIMIT $3";

const MOVE: &str =
    "INSERT INTO feedback (workspace, answer, customer, submission, survey, question, kind, score,
        scale_lowest, scale_highest, said, language, source, touchpoint, submitted_at, fingerprint, user_id,
        anonymous_id, traits, scorer, not_scored)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '', '', '', $11, $12, $13, '', '', '{}', '', '')
    ON CONFLICT (workspace, answer) DO NOTHING";

#[async_trait::async_trait]
impl MigrationTrait for OneTable {
    #[allow(elided_lifetimes_in_paths, reason = "spelled as the trait spells it")]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let told = |error: elate_storage::Error| DbErr::Migration(error.to_string());
        let (mut workspace, mut submission) = (String::new(), String::new());
        loop {
            let after = [workspace.into(), submission.into(), (MOVED as i64).into()];
            let rows = query_all(connection, MISSING, after).await.map_err(told)?;
            for row in &rows {
                move_answer(connection, row).await.map_err(told)?;
            }
            let Some(last) = rows.last().filter(|_| rows.len() == MOVED) else { break };
            (workspace, submission) = (last.try_get("", "workspace")?, last.try_get("", "submission")?);
        }
        connection.execute_unprepared("DROP TABLE answer").await.map(|_| ())
    }
}

/// Moves one answer. Half points, which are none on any scale, are left behind.
async fn move_answer(
    connection: &SchemaManagerConnection<'_>,
    row: &Row,
) -> Result<(), elate_storage::Error> {
    let customer: uuid::Uuid = row.try_get("", "customer")?;
    let draft = Draft {
        submission_id: Some(row.try_get("", "submission")?),
        survey: Some(row.try_get("", "survey")?),
        kind: Some(row.try_get("", "kind")?),
        value: Some(DraftValue::Text(row.try_get::<f64>("", "score")?.to_string())),
        touchpoint: Some(row.try_get("", "touchpoint")?),
        submitted_at: Some(Timestamp(row.try_get("", "occurred_at")?).to_string()),
        ..Draft::default()
    };
    let Ok(record) = Record::try_from(draft) else { return Ok(()) };
    let scale = scale(&record.value);
    let values = [
        row.try_get::<String>("", "workspace")?.into(),
        hex(&record.key().0).into(),
        customer.into(),
        record.submission_id.clone().into(),
        record.survey.clone().into(),
        record.question.clone().into(),
        record.value.kind().as_str().into(),
        score(&record.value).into(),
        scale.map(|(lowest, _)| lowest).into(),
        scale.map(|(_, highest)| highest).into(),
        record.touchpoint.clone().into(),
        record.submitted_at.0.into(),
        hex(&record.fingerprint().0).into(),
    ];
    execute(connection, MOVE, values).await.map(|_| ())
}

/// What the worker needs that has comments read by a model.
pub(in crate::store) struct Model;

impl MigrationName for Model {
    fn name(&self) -> &str {
        "m20261124_model_of_sentiment"
    }
}

const MODEL: &[&str] = &[
    "ALTER TABLE feedback ADD COLUMN tries BIGINT NOT NULL DEFAULT 0",
    "CREATE INDEX feedback_that_waits ON feedback (submitted_at)
        WHERE kind = 'comment' AND scorer = 'lexicon' AND tries < 3",
    "CREATE TABLE sentiment_budget (
        workspace TEXT NOT NULL, day BIGINT NOT NULL, calls BIGINT NOT NULL, tokens BIGINT NOT NULL,
        spent BOOLEAN NOT NULL, PRIMARY KEY (workspace, day))",
];

#[async_trait::async_trait]
impl MigrationTrait for Model {
    #[allow(elided_lifetimes_in_paths, reason = "spelled as the trait spells it")]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for statement in MODEL {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        Ok(())
    }
}
