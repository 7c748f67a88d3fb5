//! Reading whole tables a page at a time, and single scores.

use elate_domain::{CustomerId, Timestamp, WorkspaceId};
use elate_storage::bulk::Rows;
use elate_storage::{Error, Row, query_all};

use super::Store;
use super::read::{ScoreEntry, score_entry};
use crate::app::Period;

/// Where an export has got to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportPlace {
    /// The customer of the last moment.
    pub customer: CustomerId,
    /// Its id.
    pub moment_id: String,
}

/// A judged moment, as last judged.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportedMoment {
    /// The customer.
    pub customer: CustomerId,
    /// Its id.
    pub moment_id: String,
    /// Its revision.
    pub revision: u32,
    /// The Moment manifest.
    pub name: String,
    /// Touchpoint.
    pub touchpoint: String,
    /// When it was experienced.
    pub occurred_at: Timestamp,
    /// When it was known.
    pub known_at: Timestamp,
    /// Its gap.
    pub gap: f64,
    /// Its weight.
    pub weight: f64,
    /// Its outcome.
    pub outcome: String,
}

impl ExportPlace {
    /// Before the first moment.
    pub fn begin() -> Self {
        Self { customer: CustomerId::NONE, moment_id: String::new() }
    }
}

impl ExportedMoment {
    /// Where an export goes on after it.
    pub fn place(&self) -> ExportPlace {
        ExportPlace { customer: self.customer, moment_id: self.moment_id.clone() }
    }
}

impl Store {
    /// Moments of a period after a place, in order of customer and id; the newest judgement of each.
    pub async fn export_moments(
        &self,
        workspace: &WorkspaceId,
        period: Period,
        after: &ExportPlace,
        limit: u64,
    ) -> Result<Vec<ExportedMoment>, Error> {
        let sql =
            "SELECT customer, moment_id, revision, moment, touchpoint, occurred_at, known_at, gap, weight,
                outcome
            FROM moment m WHERE workspace = $1 AND (customer, moment_id) > ($2, $3)
              AND occurred_at >= $4 AND occurred_at < $5
              AND NOT EXISTS (SELECT 1 FROM moment n WHERE n.workspace = m.workspace
                AND n.customer = m.customer AND n.moment_id = m.moment_id AND n.revision > m.revision)
            ORDER BY customer, moment_id LIMIT $6";
        let values = [
            workspace.as_str().into(),
            after.customer.0.into(),
            after.moment_id.as_str().into(),
            period.from.0.into(),
            period.to.0.into(),
            limit.cast_signed().into(),
        ];
        query_all(self.database.read(), sql, values).await?.iter().map(exported).collect()
    }

    /// The scores of some customers, as of their newest moments; those without any are left out.
    pub async fn scores_of(
        &self,
        workspace: &WorkspaceId,
        customers: &[CustomerId],
    ) -> Result<Vec<ScoreEntry>, Error> {
        let sql = "SELECT s.customer, s.as_of, s.numerator, s.mass, s.weight, s.weight_squared, s.delight, s.moments,
                s.formula
            FROM v CROSS JOIN score s WHERE s.workspace = v.workspace AND s.customer = v.customer";
        let rows = Rows::new()
            .text("workspace", customers.iter().map(|_| workspace.as_str().to_owned()))
            .uuid("customer", customers.iter().map(|customer| customer.0));
        rows.query(self.database.read(), sql).await?.iter().map(score_entry).collect()
    }
}

fn exported(row: &Row) -> Result<ExportedMoment, Error> {
    let revision: i64 = row.try_get("", "revision")?;
    Ok(ExportedMoment {
        customer: CustomerId(row.try_get("", "customer")?),
        moment_id: row.try_get("", "moment_id")?,
        revision: u32::try_from(revision).map_err(|e| Error::corrupt("moment", "revision", e))?,
        name: row.try_get("", "moment")?,
        touchpoint: row.try_get("", "touchpoint")?,
        occurred_at: Timestamp(row.try_get("", "occurred_at")?),
        known_at: Timestamp(row.try_get("", "known_at")?),
        gap: row.try_get("", "gap")?,
        weight: row.try_get("", "weight")?,
        outcome: row.try_get("", "outcome")?,
    })
}
