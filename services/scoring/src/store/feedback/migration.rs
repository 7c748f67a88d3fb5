//! The tables of feedback.

use sea_orm_migration::prelude::*;

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
