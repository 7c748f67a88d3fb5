//! Comments that the configured model has not read, and what reading them may cost.

use elate_domain::{CustomerId, Timestamp, WorkspaceId};
use elate_storage::{Error, Row, Transaction, execute, query_all};

use crate::store::Store;

/// A comment that waits for the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Workspace.
    pub workspace: WorkspaceId,
    /// Which answer it is.
    pub answer: String,
    /// Which state of it.
    pub fingerprint: String,
    /// Whose it is.
    pub customer: CustomerId,
    /// The sender's id of the submission.
    pub submission: String,
    /// Which survey.
    pub survey: String,
    /// What it is about.
    pub touchpoint: String,
    /// The comment.
    pub text: String,
}

/// What a workspace may use of the model in a day (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Calls.
    pub calls: u64,
    /// Tokens of comments and answers together.
    pub tokens: u64,
}

/// What is true of comments that wait, in the words of the index on them: tried less than three times.
const WAITS: &str = "kind = 'comment' AND scorer = 'lexicon' AND tries < 3";

/// The number of tries of a comment that is done with.
const DONE: i64 = 3;

impl Store {
    /// Comments that wait, of all workspaces that have something left of their budget for `day`; the oldest first.
    pub async fn comments_waiting(
        &self,
        since: Timestamp,
        day: i64,
        limit: u64,
    ) -> Result<Vec<Waiting>, Error> {
        let sql = format!(
            "SELECT workspace, answer, fingerprint, customer, submission, survey, touchpoint, said FROM feedback
            WHERE {WAITS} AND submitted_at >= $1 AND NOT EXISTS (SELECT 1 FROM sentiment_budget b
                WHERE b.workspace = feedback.workspace AND b.day = $2 AND b.spent)
            ORDER BY submitted_at LIMIT $3"
        );
        let values = [since.0.into(), day.into(), limit.cast_signed().into()];
        query_all(self.database.read(), &sql, values).await?.iter().map(waiting).collect()
    }

    /// Takes a call and so many tokens out of a workspace's budget for a day; `false`, and the budget is closed for that
    /// day, where there is not as much left.
    pub async fn reserve(
        &self,
        workspace: &WorkspaceId,
        day: i64,
        tokens: u64,
        allowance: Allowance,
    ) -> Result<bool, Error> {
        let bound = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let tx = self.database.begin().await?;
        let sql = "INSERT INTO sentiment_budget (workspace, day, calls, tokens, spent)
            VALUES ($1, $2, 0, 0, FALSE) ON CONFLICT (workspace, day) DO NOTHING";
        execute(&tx, sql, [workspace.as_str().into(), day.into()]).await?;
        let sql = "UPDATE sentiment_budget SET calls = calls + 1, tokens = tokens + $3
            WHERE workspace = $1 AND day = $2 AND NOT spent AND calls < $4 AND tokens + $3 <= $5";
        let values = [
            workspace.as_str().into(),
            day.into(),
            bound(tokens).into(),
            bound(allowance.calls).into(),
            bound(allowance.tokens).into(),
        ];
        let is_there = execute(&tx, sql, values).await? == 1;
        if !is_there {
            let sql = "UPDATE sentiment_budget SET spent = TRUE WHERE workspace = $1 AND day = $2";
            execute(&tx, sql, [workspace.as_str().into(), day.into()]).await?;
        }
        // Budgets of days gone by are of no use any more.
        let sql = "DELETE FROM sentiment_budget WHERE workspace = $1 AND day < $2";
        execute(&tx, sql, [workspace.as_str().into(), day.into()]).await?;
        tx.commit().await?;
        Ok(is_there)
    }

    /// Puts what a call has really used in the place of what was reserved for it.
    pub async fn settle(
        &self,
        workspace: &WorkspaceId,
        day: i64,
        reserved: u64,
        used: u64,
    ) -> Result<(), Error> {
        let difference = i128::from(used) - i128::from(reserved);
        let difference = i64::try_from(difference).unwrap_or(i64::MAX / 2);
        if difference == 0 {
            return Ok(());
        }
        let tx = self.database.begin().await?;
        let sql = "UPDATE sentiment_budget SET tokens = tokens + $3 WHERE workspace = $1 AND day = $2";
        execute(&tx, sql, [workspace.as_str().into(), day.into(), difference.into()]).await?;
        Ok(tx.commit().await?)
    }

    /// Notes that the model's word on these comments is on its way to the log.
    pub async fn handed_over(&self, tx: &Transaction, comments: &[Waiting]) -> Result<(), Error> {
        for comment in comments {
            let sql =
                "UPDATE feedback SET tries = $4 WHERE workspace = $1 AND answer = $2 AND fingerprint = $3";
            execute(tx, sql, state(comment).into_iter().chain([DONE.into()])).await?;
        }
        Ok(())
    }

    /// Notes that these comments were tried in vain. After the third time the lexicon's word stands.
    pub async fn tried(&self, comments: &[Waiting]) -> Result<(), Error> {
        if comments.is_empty() {
            return Ok(());
        }
        let tx = self.database.begin().await?;
        for comment in comments {
            let sql = "UPDATE feedback SET tries = tries + 1
                WHERE workspace = $1 AND answer = $2 AND fingerprint = $3";
            execute(&tx, sql, state(comment)).await?;
        }
        Ok(tx.commit().await?)
    }
}

/// What names a state of a comment.
fn state(comment: &Waiting) -> [elate_storage::Value; 3] {
    [comment.workspace.as_str().into(), comment.answer.clone().into(), comment.fingerprint.clone().into()]
}

fn waiting(row: &Row) -> Result<Waiting, Error> {
    let workspace: String = row.try_get("", "workspace")?;
    Ok(Waiting {
        workspace: WorkspaceId::try_new(&workspace)
            .map_err(|e| Error::corrupt("feedback", "workspace", e))?,
        answer: row.try_get("", "answer")?,
        fingerprint: row.try_get("", "fingerprint")?,
        customer: CustomerId(row.try_get("", "customer")?),
        submission: row.try_get("", "submission")?,
        survey: row.try_get("", "survey")?,
        touchpoint: row.try_get("", "touchpoint")?,
        text: row.try_get("", "said")?,
    })
}
