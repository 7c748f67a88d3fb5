//! Reading the rollups: sums of a period by group, and by day where asked for.

use std::collections::BTreeMap;

use elate_delight::rates::CaseCounts;
use elate_delight::survey::Sample;
use elate_domain::WorkspaceId;
use elate_storage::{Error, Row, Value, query_all};

use super::Store;
use super::rollup::decode;
use crate::app::{GroupBy, Period};
use crate::model::sketch::Distinct;
use crate::model::sums::{Counts, sample};

/// Which of the sums are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The days.
    pub period: Period,
    /// The trait that tells customers apart; empty for everybody.
    pub trait_name: String,
    /// Only this value of the trait; empty for all.
    pub value: String,
    /// Only this journey; empty for all.
    pub journey: String,
    /// Only this touchpoint; empty for all.
    pub touchpoint: String,
    /// Whether each day is asked for by itself.
    pub by_day: bool,
}

/// A group and a day; the day is 0 where days were not asked for.
pub type Key = (String, i64);

/// Promises by how they ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PromiseCounts {
    /// Kept or better.
    pub kept: u64,
    /// Late or broken.
    pub failed: u64,
}

/// What a case or a promise knows of where it belongs.
pub type Place = (String, String);

impl Selection {
    /// Everybody, over a period.
    pub fn everybody(period: Period) -> Self {
        Self {
            period,
            trait_name: String::new(),
            value: String::new(),
            journey: String::new(),
            touchpoint: String::new(),
            by_day: false,
        }
    }

    fn values(&self, workspace: &WorkspaceId) -> [Value; 7] {
        [
            workspace.as_str().into(),
            self.trait_name.as_str().into(),
            self.period.from_day().into(),
            self.period.to_day().into(),
            self.value.as_str().into(),
            self.journey.as_str().into(),
            self.touchpoint.as_str().into(),
        ]
    }

    fn day(&self) -> &'static str {
        if self.by_day { "day" } else { "CAST(0 AS BIGINT)" }
    }
}

/// The rows that a selection asks for; its values are those of [`Selection::values`].
const SELECTED: &str = "workspace = $1 AND trait = $2 AND day >= $3 AND day < $4 AND ($5 = '' OR value = $5)
    AND ($6 = '' OR journey = $6) AND ($7 = '' OR touchpoint = $7)";
/// The same of rollups that know no links.
const SELECTED_DAYS: &str =
    "workspace = $1 AND trait = $2 AND day >= $3 AND day < $4 AND ($5 = '' OR value = $5)
    AND $6 = $6 AND $7 = $7";

impl Store {
    /// Moments and gaps by group.
    pub async fn moment_sums(
        &self,
        workspace: &WorkspaceId,
        selection: &Selection,
        by: GroupBy,
    ) -> Result<BTreeMap<Key, Counts>, Error> {
        let (group, day) = (by.column(), selection.day());
        // SUM over BIGINT is NUMERIC on PostgreSQL.
        let sum = |name: &str| format!("CAST(sum({name}) AS BIGINT) AS {name}");
        let sums: Vec<String> =
            ["magical", "neutral", "miserable", "advocacy", "gap", "gap_squared"].map(sum).into();
        let sums = sums.join(", ");
        let sql = format!(
            "SELECT {group} AS grouped, {day} AS on_day, {sums} FROM rollup WHERE {SELECTED} GROUP BY 1, 2"
        );
        let mut found = BTreeMap::new();
        for row in query_all(self.database.read(), &sql, selection.values(workspace)).await? {
            let counts = Counts {
                magical: row.try_get("", "magical")?,
                neutral: row.try_get("", "neutral")?,
                miserable: row.try_get("", "miserable")?,
                advocacy: row.try_get("", "advocacy")?,
                gap: row.try_get("", "gap")?,
                gap_squared: row.try_get("", "gap_squared")?,
            };
            found.insert(key(&row)?, counts);
        }
        Ok(found)
    }

    /// The group in which each journey and touchpoint had most of its miserable moments: where cases and promises are
    /// counted that know neither stage nor product nor channel.
    pub async fn homes(
        &self,
        workspace: &WorkspaceId,
        selection: &Selection,
        by: GroupBy,
    ) -> Result<BTreeMap<Place, String>, Error> {
        let group = by.column();
        let sql = format!(
            "SELECT journey, touchpoint, {group} AS grouped FROM rollup WHERE {SELECTED}
            GROUP BY 1, 2, 3 ORDER BY 1, 2, sum(miserable), 3"
        );
        let mut found = BTreeMap::new();
        for row in query_all(self.database.read(), &sql, selection.values(workspace)).await? {
            found.insert(place(&row)?, row.try_get("", "grouped")?);
        }
        Ok(found)
    }

    /// Cases by where they belong, day and value.
    pub async fn case_sums(
        &self,
        workspace: &WorkspaceId,
        selection: &Selection,
    ) -> Result<Vec<(Place, Key, CaseCounts)>, Error> {
        let day = selection.day();
        let sql = format!(
            "SELECT journey, touchpoint, value AS grouped, {day} AS on_day,
                CAST(sum(unended) AS BIGINT) AS unended, CAST(sum(recovered) AS BIGINT) AS recovered,
                CAST(sum(relapsed) AS BIGINT) AS relapsed, CAST(sum(lost) AS BIGINT) AS lost
            FROM case_sums WHERE {SELECTED} GROUP BY 1, 2, 3, 4"
        );
        let mut found = Vec::new();
        for row in query_all(self.database.read(), &sql, selection.values(workspace)).await? {
            let counts = CaseCounts {
                recovered: count(&row, "recovered")?,
                relapsed: count(&row, "relapsed")?,
                lost: count(&row, "lost")?,
                open: count(&row, "unended")?,
            };
            found.push((place(&row)?, key(&row)?, counts));
        }
        Ok(found)
    }

    /// How long recoveries took, by where they belong, day and value: buckets of [`crate::model::sketch::Durations`] and their counts.
    pub async fn case_times(
        &self,
        workspace: &WorkspaceId,
        selection: &Selection,
    ) -> Result<Vec<(Place, Key, i64, u64)>, Error> {
        let day = selection.day();
        let sql = format!(
            "SELECT journey, touchpoint, value AS grouped, {day} AS on_day, bucket,
                CAST(sum(cases) AS BIGINT) AS cases
            FROM case_time WHERE {SELECTED} GROUP BY 1, 2, 3, 4, 5"
        );
        let mut found = Vec::new();
        for row in query_all(self.database.read(), &sql, selection.values(workspace)).await? {
            found.push((place(&row)?, key(&row)?, row.try_get("", "bucket")?, count(&row, "cases")?));
        }
        Ok(found)
    }

    /// Promises by where they belong, day (of the first due time) and value.
    pub async fn promise_sums(
        &self,
        workspace: &WorkspaceId,
        selection: &Selection,
    ) -> Result<Vec<(Place, Key, PromiseCounts)>, Error> {
        let day = selection.day();
        let sql = format!(
            "SELECT journey, touchpoint, value AS grouped, {day} AS on_day,
                CAST(sum(kept + exceeded) AS BIGINT) AS kept, CAST(sum(late + broken) AS BIGINT) AS failed
            FROM promise_sums WHERE {SELECTED} GROUP BY 1, 2, 3, 4"
        );
        let mut found = Vec::new();
        for row in query_all(self.database.read(), &sql, selection.values(workspace)).await? {
            let counts = PromiseCounts { kept: count(&row, "kept")?, failed: count(&row, "failed")? };
            found.push((place(&row)?, key(&row)?, counts));
        }
        Ok(found)
    }

    /// What wows did to scores: value of the trait, number of the wow within 30 days, points.
    pub async fn wow_rises(
        &self,
        workspace: &WorkspaceId,
        selection: &Selection,
    ) -> Result<Vec<(String, u32, Sample)>, Error> {
        let sql = format!(
            "SELECT value, ordinal, CAST(sum(wows) AS BIGINT) AS wows, CAST(sum(rise) AS BIGINT) AS rise,
                CAST(sum(rise_squared) AS BIGINT) AS rise_squared
            FROM wow_rise WHERE {SELECTED_DAYS} GROUP BY 1, 2 ORDER BY 1, 2"
        );
        let mut found = Vec::new();
        for row in query_all(self.database.read(), &sql, selection.values(workspace)).await? {
            let ordinal: i64 = row.try_get("", "ordinal")?;
            let sums =
                sample(row.try_get("", "wows")?, row.try_get("", "rise")?, row.try_get("", "rise_squared")?);
            found.push((row.try_get("", "value")?, u32::try_from(ordinal).unwrap_or(u32::MAX), sums));
        }
        Ok(found)
    }

    /// The sketches of active customers, by value of the trait and day.
    pub async fn active_days(
        &self,
        workspace: &WorkspaceId,
        selection: &Selection,
    ) -> Result<Vec<(String, i64, Distinct)>, Error> {
        let sql = format!("SELECT value, day, sketch FROM active_sketch WHERE {SELECTED_DAYS}");
        let mut found = Vec::new();
        for row in query_all(self.database.read(), &sql, selection.values(workspace)).await? {
            let sketch: Vec<u8> = row.try_get("", "sketch")?;
            found.push((row.try_get("", "value")?, row.try_get("", "day")?, decode(&sketch)?));
        }
        Ok(found)
    }
}

fn key(row: &Row) -> Result<Key, Error> {
    Ok((row.try_get("", "grouped")?, row.try_get("", "on_day")?))
}

fn place(row: &Row) -> Result<Place, Error> {
    Ok((row.try_get("", "journey")?, row.try_get("", "touchpoint")?))
}

fn count(row: &Row, name: &str) -> Result<u64, Error> {
    Ok(row.try_get::<i64>("", name)?.max(0).cast_unsigned())
}
