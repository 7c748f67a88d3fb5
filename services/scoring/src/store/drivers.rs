//! What drivers are looked for in: who had which moments, and what became of them.

use elate_domain::{CustomerId, Timestamp, WorkspaceId};
use elate_storage::bulk::Rows;
use elate_storage::{Error, Row, query_all};

use super::Store;
use crate::app::Period;

/// A moment of a customer, as last judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Felt {
    /// The customer.
    pub customer: CustomerId,
    /// The Moment manifest.
    pub moment: String,
    /// Its outcome, as its word.
    pub outcome: String,
    /// When it was.
    pub at: Timestamp,
}

impl Store {
    /// The newest NPS answers of a period, the newest first: who gave it, when, and the answer. Answers of which nobody
    /// knows who gave them are left out.
    pub async fn nps_answers(
        &self,
        workspace: &WorkspaceId,
        period: Period,
        limit: u64,
    ) -> Result<Vec<(CustomerId, Timestamp, f64)>, Error> {
        let sql = "SELECT customer, submitted_at, score FROM feedback WHERE workspace = $1 AND kind = 'nps'
                AND submitted_at >= $2 AND submitted_at < $3 AND score IS NOT NULL AND customer <> $4
            ORDER BY submitted_at DESC, answer LIMIT $5";
        let values = [
            workspace.as_str().into(),
            period.from.0.into(),
            period.to.0.into(),
            CustomerId::NONE.0.into(),
            limit.cast_signed().into(),
        ];
        let answer = |row: &Row| {
            let score: i64 = row.try_get("", "score")?;
            let at = Timestamp(row.try_get("", "submitted_at")?);
            Ok((CustomerId(row.try_get("", "customer")?), at, score as f64))
        };
        query_all(self.database.read(), sql, values).await?.iter().map(answer).collect()
    }

    /// The moments of some customers in a period, the newest judgement of each.
    pub async fn felt(
        &self,
        workspace: &WorkspaceId,
        customers: &[CustomerId],
        period: Period,
    ) -> Result<Vec<Felt>, Error> {
        // Asked for a stretch of customers at a time, so that the order is that of the key within each.
        let sql = "SELECT m.customer, m.moment_id, m.revision, m.moment, m.outcome, m.occurred_at
            FROM v CROSS JOIN moment m WHERE m.workspace = v.workspace AND m.customer = v.customer
            ORDER BY m.customer, m.moment_id, m.revision";
        let rows = Rows::new()
            .text("workspace", customers.iter().map(|_| workspace.as_str().to_owned()))
            .uuid("customer", customers.iter().map(|customer| customer.0));
        let mut found: Vec<(String, Felt)> = Vec::new();
        for row in rows.query(self.database.read(), sql).await? {
            let felt = Felt {
                customer: CustomerId(row.try_get("", "customer")?),
                moment: row.try_get("", "moment")?,
                outcome: row.try_get("", "outcome")?,
                at: Timestamp(row.try_get("", "occurred_at")?),
            };
            let id: String = row.try_get("", "moment_id")?;
            match found.last_mut() {
                Some((known, last)) if *known == id && last.customer == felt.customer => *last = felt,
                _ => found.push((id, felt)),
            }
        }
        let within = |felt: &Felt| felt.at >= period.from && felt.at < period.to;
        Ok(found.into_iter().map(|(_, felt)| felt).filter(within).collect())
    }
}
