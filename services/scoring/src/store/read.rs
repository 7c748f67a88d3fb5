//! Reading: what the use-cases ask for, always of one workspace.

use elate_delight::Moment;
use elate_delight::score::Level;
use elate_domain::{CustomerId, Timestamp, WorkspaceId};
use elate_storage::{Error, Row, query_all};

use super::Store;

/// A judgement as it was known at some time.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredMoment {
    /// What the score sees.
    pub moment: Moment,
    /// The Moment manifest.
    pub name: String,
    /// Touchpoint.
    pub touchpoint: String,
    /// Outcome, as its word.
    pub outcome: String,
    /// Message ids of the events that made it.
    pub because: Vec<String>,
}

/// A customer and its score as of its newest moment.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreEntry {
    /// The customer.
    pub customer: CustomerId,
    /// The formula that it is under: its key.
    pub formula: i64,
    /// The sums.
    pub level: Level,
    /// Delight as of `level.at`.
    pub delight: f64,
    /// Moments that it rests on.
    pub moments: u64,
}

impl Store {
    /// The latest judgement of each moment that was known at `as_known_at` and had happened at `at`.
    pub async fn moments(
        &self,
        workspace: &WorkspaceId,
        customer: CustomerId,
        at: Timestamp,
        as_known_at: Timestamp,
    ) -> Result<Vec<StoredMoment>, Error> {
        let sql =
            "SELECT moment_id, occurred_at, log_offset, gap, weight, outcome, moment, touchpoint, because
            FROM moment m
            WHERE workspace = $1 AND customer = $2 AND known_at <= $4 AND occurred_at <= $3
              AND revision = (SELECT max(revision) FROM moment n WHERE n.workspace = m.workspace
                AND n.customer = m.customer AND n.moment_id = m.moment_id AND n.known_at <= $4)
            ORDER BY occurred_at, log_offset";
        let values = [workspace.as_str().into(), customer.0.into(), at.0.into(), as_known_at.0.into()];
        let rows = query_all(self.database.read(), sql, values).await?;
        rows.iter().map(stored_moment).collect()
    }

    /// The scores, lowest first, after the given place; at most `limit`.
    pub async fn scores(
        &self,
        workspace: &WorkspaceId,
        at_most: Option<f64>,
        after: Option<(f64, CustomerId)>,
        limit: u64,
    ) -> Result<Vec<ScoreEntry>, Error> {
        let (from, customer) = after.unwrap_or((-1.0, CustomerId::NONE));
        let sql = "SELECT customer, as_of, numerator, mass, weight, weight_squared, delight, moments,
                formula FROM score
            WHERE workspace = $1 AND delight <= $2 AND (delight > $3 OR (delight = $3 AND customer > $4))
            ORDER BY delight, customer LIMIT $5";
        let values = [
            workspace.as_str().into(),
            at_most.unwrap_or(100.0).into(),
            from.into(),
            customer.0.into(),
            limit.cast_signed().into(),
        ];
        query_all(self.database.read(), sql, values).await?.iter().map(score_entry).collect()
    }
}

fn stored_moment(row: &Row) -> Result<StoredMoment, Error> {
    let because: String = row.try_get("", "because")?;
    Ok(StoredMoment {
        moment: Moment {
            id: row.try_get("", "moment_id")?,
            at: Timestamp(row.try_get("", "occurred_at")?),
            offset: row.try_get::<i64>("", "log_offset")?.cast_unsigned(),
            gap: row.try_get("", "gap")?,
            weight: row.try_get("", "weight")?,
        },
        name: row.try_get("", "moment")?,
        touchpoint: row.try_get("", "touchpoint")?,
        outcome: row.try_get("", "outcome")?,
        because: serde_json::from_str(&because).map_err(|e| Error::corrupt("moment", "because", e))?,
    })
}

pub(super) fn level(row: &Row) -> Result<Level, Error> {
    Ok(Level {
        at: Timestamp(row.try_get("", "as_of")?),
        numerator: row.try_get("", "numerator")?,
        mass: row.try_get("", "mass")?,
        weight: row.try_get("", "weight")?,
        weight_squared: row.try_get("", "weight_squared")?,
    })
}

pub(super) fn score_entry(row: &Row) -> Result<ScoreEntry, Error> {
    Ok(ScoreEntry {
        customer: CustomerId(row.try_get("", "customer")?),
        formula: row.try_get("", "formula")?,
        level: level(row)?,
        delight: row.try_get("", "delight")?,
        moments: row.try_get::<i64>("", "moments")?.cast_unsigned(),
    })
}
