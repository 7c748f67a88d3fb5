//! Reading: what the use-cases ask for, always of one workspace.

use elate_delight::Moment;
use elate_delight::rates::{CaseCounts, OutcomeCounts};
use elate_delight::score::Level;
use elate_delight::survey::{Nps, Sample};
use elate_domain::{CustomerId, Timestamp, WorkspaceId};
use elate_storage::{Error, Row, query_all, query_one};

use super::Store;
use crate::app::{GroupBy, Period};
use crate::model::answers::SurveyKind;

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
    /// The sums.
    pub level: Level,
    /// Delight as of `level.at`.
    pub delight: f64,
    /// Moments that it rests on.
    pub moments: u64,
}

/// The sums of one group over a period.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupSums {
    /// Journey, stage, touchpoint, product or channel; empty for the company.
    pub group: String,
    /// Moments by outcome.
    pub outcomes: OutcomeCounts,
    /// Their gaps.
    pub gaps: Sample,
}

/// The recovery cases of one group over a period.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CaseSums {
    /// Group, as in [`GroupSums`].
    pub group: String,
    /// Cases by state.
    pub counts: CaseCounts,
    /// Milliseconds from opening to recovery, of those that recovered.
    pub recovery_millis: Vec<f64>,
}

/// Survey answers over a period.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AnswerCounts {
    /// By promoters and detractors, for NPS.
    pub nps: Nps,
    /// As numbers.
    pub scores: Vec<f64>,
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
        let sql =
            "SELECT customer, as_of, numerator, mass, weight, weight_squared, delight, moments FROM score
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

    /// The sums of all scores that are needed to let them fade to any later time.
    pub async fn levels(&self, workspace: &WorkspaceId) -> Result<Vec<Level>, Error> {
        let sql = "SELECT as_of, numerator, mass, weight, weight_squared FROM score WHERE workspace = $1";
        let rows = query_all(self.database.read(), sql, [workspace.as_str().into()]).await?;
        rows.iter().map(level).collect()
    }

    /// How many customers were active in a period.
    pub async fn active_customers(&self, workspace: &WorkspaceId, period: Period) -> Result<u64, Error> {
        let sql = "SELECT count(DISTINCT customer) AS n FROM activity
            WHERE workspace = $1 AND day >= $2 AND day < $3";
        let values = [workspace.as_str().into(), period.from_day().into(), period.to_day().into()];
        let row = query_one(self.database.read(), sql, values).await?;
        row.map_or(Ok(0), |row| Ok(row.try_get::<i64>("", "n")?.cast_unsigned()))
    }

    /// Moments and gaps of a period, by group.
    pub async fn sums(
        &self,
        workspace: &WorkspaceId,
        period: Period,
        by: GroupBy,
    ) -> Result<Vec<GroupSums>, Error> {
        let group = by.column();
        // SUM over BIGINT is NUMERIC on PostgreSQL.
        let sql = format!(
            "SELECT {group} AS grouped, CAST(sum(magical) AS BIGINT) AS magical,
                CAST(sum(neutral) AS BIGINT) AS neutral, CAST(sum(miserable) AS BIGINT) AS miserable,
                sum(gap) AS gap, sum(gap_squared) AS gap_squared
            FROM day_sums WHERE workspace = $1 AND day >= $2 AND day < $3 GROUP BY 1 ORDER BY 1"
        );
        let values = [workspace.as_str().into(), period.from_day().into(), period.to_day().into()];
        query_all(self.database.read(), &sql, values).await?.iter().map(group_sums).collect()
    }

    /// Recovery cases that were opened in a period, by group; only journeys and touchpoints know cases.
    pub async fn cases(
        &self,
        workspace: &WorkspaceId,
        period: Period,
        by: GroupBy,
    ) -> Result<Vec<CaseSums>, Error> {
        let Some(group) = by.case_column() else { return Ok(Vec::new()) };
        let sql = format!(
            "SELECT {group} AS grouped, state, opened_at, changed_at FROM recovery_case
            WHERE workspace = $1 AND opened_at >= $2 AND opened_at < $3 ORDER BY 1"
        );
        let values = [workspace.as_str().into(), period.from_millis().into(), period.to_millis().into()];
        let mut sums: Vec<CaseSums> = Vec::new();
        for row in query_all(self.database.read(), &sql, values).await? {
            let group: String = row.try_get("", "grouped")?;
            if sums.last().is_none_or(|last| last.group != group) {
                sums.push(CaseSums { group, ..CaseSums::default() });
            }
            if let Some(last) = sums.last_mut() {
                last.count(&row)?;
            }
        }
        Ok(sums)
    }

    /// Answers of a kind in a period, of one survey or of all.
    pub async fn answers(
        &self,
        workspace: &WorkspaceId,
        kind: SurveyKind,
        period: Period,
        survey: &str,
    ) -> Result<AnswerCounts, Error> {
        let sql = "SELECT score FROM answer WHERE workspace = $1 AND kind = $2 AND occurred_at >= $3
            AND occurred_at < $4 AND ($5 = '' OR survey = $5)";
        let values = [
            workspace.as_str().into(),
            kind.as_str().into(),
            period.from.0.into(),
            period.to.0.into(),
            survey.into(),
        ];
        let mut counts = AnswerCounts::default();
        for row in query_all(self.database.read(), sql, values).await? {
            let score: f64 = row.try_get("", "score")?;
            counts.nps.add(score);
            counts.scores.push(score);
        }
        Ok(counts)
    }
}

impl CaseSums {
    fn count(&mut self, row: &Row) -> Result<(), Error> {
        let state: String = row.try_get("", "state")?;
        match state.as_str() {
            "recovered" => {
                self.counts.recovered += 1;
                let (opened, changed): (i64, i64) =
                    (row.try_get("", "opened_at")?, row.try_get("", "changed_at")?);
                self.recovery_millis.push((changed - opened).max(0) as f64);
            }
            "relapsed" => self.counts.relapsed += 1,
            "lost" => self.counts.lost += 1,
            _ => self.counts.open += 1,
        }
        Ok(())
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

fn level(row: &Row) -> Result<Level, Error> {
    Ok(Level {
        at: Timestamp(row.try_get("", "as_of")?),
        numerator: row.try_get("", "numerator")?,
        mass: row.try_get("", "mass")?,
        weight: row.try_get("", "weight")?,
        weight_squared: row.try_get("", "weight_squared")?,
    })
}

fn score_entry(row: &Row) -> Result<ScoreEntry, Error> {
    Ok(ScoreEntry {
        customer: CustomerId(row.try_get("", "customer")?),
        level: level(row)?,
        delight: row.try_get("", "delight")?,
        moments: row.try_get::<i64>("", "moments")?.cast_unsigned(),
    })
}

fn group_sums(row: &Row) -> Result<GroupSums, Error> {
    let count = |name| row.try_get::<i64>("", name).map(|n| n.max(0).cast_unsigned());
    let outcomes = OutcomeCounts {
        magical: count("magical")?,
        neutral: count("neutral")?,
        miserable: count("miserable")?,
    };
    let (sum, squares): (f64, f64) = (row.try_get("", "gap")?, row.try_get("", "gap_squared")?);
    let n = outcomes.total() as f64;
    let mean = if n > 0.0 { sum / n } else { 0.0 };
    let deviations = (squares - n * mean * mean).max(0.0);
    let gaps = Sample { count: outcomes.total(), mean, squares: deviations };
    Ok(GroupSums { group: row.try_get("", "grouped")?, outcomes, gaps })
}
