//! Closes: how customers stood at full hours, and the scores that they are computed from.

use elate_delight::score::Level;
use elate_delight::survey::Sample;
use elate_domain::{CustomerId, Timestamp, WorkspaceId};
use elate_storage::bulk::{Conflict, Rows};
use elate_storage::{Error, Row, execute, query_all, query_one};

use super::Store;
use super::read::level;
use crate::model::segments::{Segment, from_text};

const DAY_MILLIS: i64 = 86_400_000;

/// A customer's score, last wow and segments.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// The customer.
    pub customer: CustomerId,
    /// The formula that the score is under: its key.
    pub formula: i64,
    /// The sums of the score.
    pub level: Level,
    /// When the newest wow was.
    pub last_wow: Option<Timestamp>,
    /// The customer's segments.
    pub segments: Vec<Segment>,
}

/// How the customers of a segment stood at an hour.
#[derive(Debug, Clone, PartialEq)]
pub struct Close {
    /// The trait and its value; empty for everybody.
    pub segment: Segment,
    /// The hour.
    pub at: Timestamp,
    /// Scores.
    pub delight: Sample,
    /// Scores of the lowest tenth, the middle, and the highest tenth.
    pub deciles: [f64; 3],
    /// Customers with a wow within 30 days.
    pub recent_wows: u64,
    /// Customers who ever had one.
    pub ever_wows: u64,
    /// Median days since the last wow, with the ends of its interval.
    pub since_wow: [f64; 3],
}

const COLUMNS: &str = "trait, value, closed_at, customers, mean, squares, low_decile, median, high_decile,
    recent_wows, ever_wows, since_wow, since_wow_low, since_wow_high";

impl Store {
    /// The workspaces that have scores.
    pub async fn workspaces(&self) -> Result<Vec<WorkspaceId>, Error> {
        let mut found: Vec<WorkspaceId> = Vec::new();
        loop {
            // One step along the index to each workspace, however many customers it has.
            let sql = "SELECT min(workspace) AS workspace FROM score WHERE workspace > $1";
            let after = found.last().map_or("", |last| last.as_str());
            let row = query_one(self.database.read(), sql, [after.into()]).await?;
            let next: Option<String> = row.map(|row| row.try_get("", "workspace")).transpose()?.flatten();
            let Some(next) = next else { return Ok(found) };
            let next = WorkspaceId::try_from(next).map_err(|e| Error::corrupt("score", "workspace", e))?;
            found.push(next);
        }
    }

    /// How many customers have a score; `most` where there are more.
    pub async fn scored_customers(&self, workspace: &WorkspaceId, most: u64) -> Result<u64, Error> {
        let sql = "SELECT count(*) AS n FROM (SELECT 1 AS one FROM score WHERE workspace = $1 LIMIT $2) AS s";
        let values = [workspace.as_str().into(), most.cast_signed().into()];
        let row = query_one(self.database.read(), sql, values).await?;
        row.map_or(Ok(0), |row| Ok(row.try_get::<i64>("", "n")?.cast_unsigned()))
    }

    /// The customers after one, in order of their ids.
    pub async fn standings(
        &self,
        workspace: &WorkspaceId,
        after: CustomerId,
        limit: u64,
    ) -> Result<Vec<Standing>, Error> {
        let sql = "SELECT customer, as_of, numerator, mass, weight, weight_squared, last_wow, segments,
                formula FROM score
            WHERE workspace = $1 AND customer > $2 ORDER BY customer LIMIT $3";
        let values = [workspace.as_str().into(), after.0.into(), limit.cast_signed().into()];
        let standing = |row: &Row| {
            let last_wow: Option<i64> = row.try_get("", "last_wow")?;
            Ok(Standing {
                customer: CustomerId(row.try_get("", "customer")?),
                formula: row.try_get("", "formula")?,
                level: level(row)?,
                last_wow: last_wow.map(Timestamp),
                segments: from_text(&row.try_get::<String>("", "segments")?),
            })
        };
        query_all(self.database.read(), sql, values).await?.iter().map(standing).collect()
    }

    /// Whether an hour is closed.
    pub async fn is_closed(&self, workspace: &WorkspaceId, hour: Timestamp) -> Result<bool, Error> {
        let sql = "SELECT 1 AS one FROM delight_close WHERE workspace = $1 AND closed_at = $2 LIMIT 1";
        let values = [workspace.as_str().into(), hour.0.into()];
        Ok(query_one(self.database.read(), sql, values).await?.is_some())
    }

    /// Keeps the closes of an hour. Of hours before `hourly_from`, only midnights are kept.
    pub async fn save_closes(
        &self,
        workspace: &WorkspaceId,
        closes: &[Close],
        hourly_from: Timestamp,
    ) -> Result<(), Error> {
        let tx = self.database.begin().await?;
        Rows::new()
            .text("workspace", closes.iter().map(|_| workspace.as_str().to_owned()))
            .i64("closed_at", closes.iter().map(|c| c.at.0))
            .text("trait", closes.iter().map(|c| c.segment.trait_name.clone()))
            .text("value", closes.iter().map(|c| c.segment.value.clone()))
            .i64("customers", closes.iter().map(|c| c.delight.count.cast_signed()))
            .f64("mean", closes.iter().map(|c| c.delight.mean))
            .f64("squares", closes.iter().map(|c| c.delight.squares))
            .f64("low_decile", closes.iter().map(|c| c.deciles[0]))
            .f64("median", closes.iter().map(|c| c.deciles[1]))
            .f64("high_decile", closes.iter().map(|c| c.deciles[2]))
            .i64("recent_wows", closes.iter().map(|c| c.recent_wows.cast_signed()))
            .i64("ever_wows", closes.iter().map(|c| c.ever_wows.cast_signed()))
            .f64("since_wow", closes.iter().map(|c| c.since_wow[0]))
            .f64("since_wow_low", closes.iter().map(|c| c.since_wow[1]))
            .f64("since_wow_high", closes.iter().map(|c| c.since_wow[2]))
            .insert(&tx, "delight_close", Conflict::Ignore)
            .await?;
        let thin =
            "DELETE FROM delight_close WHERE workspace = $1 AND closed_at < $2 AND closed_at % $3 <> 0";
        execute(&tx, thin, [workspace.as_str().into(), hourly_from.0.into(), DAY_MILLIS.into()]).await?;
        Ok(tx.commit().await?)
    }

    /// The newest close up to a time, by value of a trait.
    pub async fn newest_close(
        &self,
        workspace: &WorkspaceId,
        trait_name: &str,
        until: Timestamp,
    ) -> Result<Vec<Close>, Error> {
        let sql = format!(
            "SELECT {COLUMNS} FROM delight_close WHERE workspace = $1 AND trait = $2 AND closed_at =
                (SELECT max(closed_at) FROM delight_close WHERE workspace = $1 AND closed_at <= $3)
            ORDER BY value"
        );
        let values = [workspace.as_str().into(), trait_name.into(), until.0.into()];
        query_all(self.database.read(), &sql, values).await?.iter().map(close).collect()
    }

    /// The closes of a segment in a span, oldest first.
    pub async fn closes(
        &self,
        workspace: &WorkspaceId,
        segment: &Segment,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Close>, Error> {
        let sql = format!(
            "SELECT {COLUMNS} FROM delight_close WHERE workspace = $1 AND closed_at >= $2 AND closed_at < $3
                AND trait = $4 AND value = $5 ORDER BY closed_at"
        );
        let values = [
            workspace.as_str().into(),
            from.0.into(),
            to.0.into(),
            segment.trait_name.as_str().into(),
            segment.value.as_str().into(),
        ];
        query_all(self.database.read(), &sql, values).await?.iter().map(close).collect()
    }
}

fn close(row: &Row) -> Result<Close, Error> {
    let count = |name| row.try_get::<i64>("", name).map(|n| n.max(0).cast_unsigned());
    Ok(Close {
        segment: Segment { trait_name: row.try_get("", "trait")?, value: row.try_get("", "value")? },
        at: Timestamp(row.try_get("", "closed_at")?),
        delight: Sample {
            count: count("customers")?,
            mean: row.try_get("", "mean")?,
            squares: row.try_get("", "squares")?,
        },
        deciles: [
            row.try_get("", "low_decile")?,
            row.try_get("", "median")?,
            row.try_get("", "high_decile")?,
        ],
        recent_wows: count("recent_wows")?,
        ever_wows: count("ever_wows")?,
        since_wow: [
            row.try_get("", "since_wow")?,
            row.try_get("", "since_wow_low")?,
            row.try_get("", "since_wow_high")?,
        ],
    })
}
