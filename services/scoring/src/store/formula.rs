//! Formulas: which ones a workspace has, how far each candidate is computed, and what came out.

use std::collections::BTreeMap;

use elate_consumer::query;
use elate_delight::Moment;
use elate_delight::formula::{Pair, Sides};
use elate_domain::{CustomerId, Timestamp, WorkspaceId};
use elate_storage::bulk::{Conflict, Rows};
use elate_storage::{Error, Row, Transaction, execute, query_all, query_one};
use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use super::Store;
use crate::model::formula::{Formulas, FormulasRow};
use crate::model::state::CustomerState;

pub(super) struct Tables;

impl MigrationName for Tables {
    fn name(&self) -> &str {
        "m20261122_scoring_formulas"
    }
}

const TABLES: &[&str] = &[
    "CREATE TABLE formulas (
        workspace TEXT PRIMARY KEY, definitions_version BIGINT NOT NULL, body TEXT NOT NULL,
        adopted BOOLEAN NOT NULL)",
    "CREATE TABLE formula_run (
        workspace TEXT NOT NULL, formula BIGINT NOT NULL, baseline BIGINT NOT NULL, as_of BIGINT NOT NULL,
        ended_at BIGINT, place uuid NOT NULL, customers BIGINT NOT NULL, moments BIGINT NOT NULL,
        expected BIGINT NOT NULL, summary {bytes}, PRIMARY KEY (workspace, formula))",
    "CREATE TABLE formula_score (
        workspace TEXT NOT NULL, formula BIGINT NOT NULL, customer uuid NOT NULL,
        running DOUBLE PRECISION NOT NULL, candidate DOUBLE PRECISION NOT NULL,
        PRIMARY KEY (workspace, formula, customer))",
    "ALTER TABLE score ADD COLUMN formula BIGINT NOT NULL DEFAULT 0",
];

#[async_trait::async_trait]
impl MigrationTrait for Tables {
    #[allow(elided_lifetimes_in_paths, reason = "spelled as the trait spells it")]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let bytes = if manager.get_database_backend() == DbBackend::Sqlite { "BLOB" } else { "BYTEA" };
        for table in TABLES {
            manager.get_connection().execute_unprepared(&table.replace("{bytes}", bytes)).await?;
        }
        Ok(())
    }
}

/// The formulas of a batch, of each workspace the newest.
#[derive(Debug, Default)]
pub(super) struct Batch(BTreeMap<WorkspaceId, FormulasRow>);

impl Batch {
    pub(super) fn add(&mut self, row: FormulasRow) {
        let newest = self.0.get(&row.workspace).map_or(0, |known| known.definitions_version);
        if row.definitions_version >= newest {
            self.0.insert(row.workspace.clone(), row);
        }
    }

    /// Each partition that comes to a publication has customers who may have to follow: adoption is looked at again.
    pub(super) async fn write(self, tx: &Transaction) -> Result<(), Error> {
        let newest = "(workspace) DO UPDATE SET definitions_version = excluded.definitions_version,
            body = excluded.body, adopted = excluded.adopted
            WHERE excluded.definitions_version >= formulas.definitions_version";
        let mut bodies = Vec::with_capacity(self.0.len());
        for row in self.0.values() {
            let body = serde_json::to_string(&row.formulas);
            bodies.push(body.map_err(|error| Error::corrupt("formulas", "body", error))?);
        }
        Rows::new()
            .text("workspace", self.0.keys().map(|workspace| workspace.as_str().to_owned()))
            .i64("definitions_version", self.0.values().map(|row| row.definitions_version.cast_signed()))
            .text("body", bodies)
            .bool("adopted", self.0.keys().map(|_| false))
            .insert(tx, "formulas", Conflict::Do(newest))
            .await
            .map(|_| ())
    }
}

/// How far a candidate is computed.
#[derive(Debug, Clone, PartialEq)]
pub struct FormulaRun {
    /// The candidate's key.
    pub formula: i64,
    /// The key of the formula that it is compared with.
    pub baseline: i64,
    /// As of when both are computed.
    pub as_of: Timestamp,
    /// When it was through; `None` while it is not.
    pub ended_at: Option<Timestamp>,
    /// The last customer that was computed.
    pub place: CustomerId,
    /// Customers so far.
    pub customers: u64,
    /// Moments so far.
    pub moments: u64,
    /// Customers with a score when it began.
    pub expected: u64,
    /// The comparison, encoded.
    pub summary: Option<Vec<u8>>,
}

impl Store {
    /// The formulas of a workspace; the built-in one alone where nothing was published.
    pub async fn formulas(&self, workspace: &WorkspaceId) -> Result<Formulas, Error> {
        let sql = "SELECT body FROM formulas WHERE workspace = $1";
        let row = query_one(self.database.read(), sql, [workspace.as_str().into()]).await?;
        let Some(row) = row else { return Ok(Formulas::default()) };
        let body: String = row.try_get("", "body")?;
        serde_json::from_str(&body).map_err(|error| Error::corrupt("formulas", "body", error))
    }

    /// The workspaces that ever published definitions.
    pub async fn formula_workspaces(&self) -> Result<Vec<WorkspaceId>, Error> {
        let rows = query_all(self.database.read(), "SELECT workspace FROM formulas ORDER BY workspace", []);
        let workspace = |row: &Row| {
            let workspace: String = row.try_get("", "workspace")?;
            WorkspaceId::try_from(workspace).map_err(|e| Error::corrupt("formulas", "workspace", e))
        };
        rows.await?.iter().map(workspace).collect()
    }

    /// How far a candidate is.
    pub async fn formula_run(
        &self,
        workspace: &WorkspaceId,
        formula: i64,
    ) -> Result<Option<FormulaRun>, Error> {
        let sql = "SELECT formula, baseline, as_of, ended_at, place, customers, moments, expected, summary
            FROM formula_run WHERE workspace = $1 AND formula = $2";
        let row = query_one(self.database.read(), sql, [workspace.as_str().into(), formula.into()]).await?;
        row.as_ref().map(run).transpose()
    }

    /// Keeps how far a candidate is. A run that begins drops the scores of the one before.
    pub async fn save_run(
        &self,
        tx: &Transaction,
        workspace: &WorkspaceId,
        run: &FormulaRun,
    ) -> Result<(), Error> {
        if run.place == CustomerId::NONE {
            let sql = "DELETE FROM formula_score WHERE workspace = $1 AND formula = $2";
            execute(tx, sql, [workspace.as_str().into(), run.formula.into()]).await?;
        }
        let sql = "INSERT INTO formula_run (workspace, formula, baseline, as_of, ended_at, place, customers, moments,
                expected, summary) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            ON CONFLICT (workspace, formula) DO UPDATE SET baseline = excluded.baseline, as_of = excluded.as_of,
                ended_at = excluded.ended_at, place = excluded.place, customers = excluded.customers,
                moments = excluded.moments, expected = excluded.expected, summary = excluded.summary";
        let values = [
            workspace.as_str().into(),
            run.formula.into(),
            run.baseline.into(),
            run.as_of.0.into(),
            run.ended_at.map(|at| at.0).into(),
            run.place.0.into(),
            run.customers.cast_signed().into(),
            run.moments.cast_signed().into(),
            run.expected.cast_signed().into(),
            run.summary.clone().into(),
        ];
        execute(tx, sql, values).await.map(|_| ())
    }

    /// Keeps the scores of some customers under both formulas.
    pub async fn save_pairs(
        &self,
        tx: &Transaction,
        workspace: &WorkspaceId,
        formula: i64,
        pairs: &[(CustomerId, Pair)],
    ) -> Result<(), Error> {
        let newest = "(workspace, formula, customer) DO UPDATE SET running = excluded.running,
            candidate = excluded.candidate";
        Rows::new()
            .text("workspace", pairs.iter().map(|_| workspace.as_str().to_owned()))
            .i64("formula", pairs.iter().map(|_| formula))
            .uuid("customer", pairs.iter().map(|(customer, _)| customer.0))
            .f64("running", pairs.iter().map(|(_, pair)| pair.running))
            .f64("candidate", pairs.iter().map(|(_, pair)| pair.candidate))
            .insert(tx, "formula_score", Conflict::Do(newest))
            .await
            .map(|_| ())
    }

    /// Customers under both formulas after one, in order of their ids.
    pub async fn pairs(
        &self,
        workspace: &WorkspaceId,
        formula: i64,
        after: CustomerId,
        limit: u64,
    ) -> Result<Vec<(CustomerId, Pair)>, Error> {
        let sql = "SELECT customer, running, candidate FROM formula_score
            WHERE workspace = $1 AND formula = $2 AND customer > $3 ORDER BY customer LIMIT $4";
        let values = [workspace.as_str().into(), formula.into(), after.0.into(), limit.cast_signed().into()];
        let pair = |row: &Row| {
            let pair =
                Pair { running: row.try_get("", "running")?, candidate: row.try_get("", "candidate")? };
            Ok((CustomerId(row.try_get("", "customer")?), pair))
        };
        query_all(self.database.read(), sql, values).await?.iter().map(pair).collect()
    }

    /// Customers on either side of a line under both formulas.
    pub async fn sides(&self, workspace: &WorkspaceId, formula: i64, line: f64) -> Result<Sides, Error> {
        let sql = "SELECT CAST(count(CASE WHEN running < $3 THEN 1 END) AS BIGINT) AS running_below,
                CAST(count(CASE WHEN candidate < $3 THEN 1 END) AS BIGINT) AS candidate_below,
                CAST(count(CASE WHEN running >= $3 AND candidate < $3 THEN 1 END) AS BIGINT) AS falling,
                CAST(count(CASE WHEN running < $3 AND candidate >= $3 THEN 1 END) AS BIGINT) AS rising
            FROM formula_score WHERE workspace = $1 AND formula = $2";
        let values = [workspace.as_str().into(), formula.into(), line.into()];
        let Some(row) = query_one(self.database.read(), sql, values).await? else {
            return Ok(Sides::default());
        };
        let count = |name| row.try_get::<i64>("", name).map(i64::cast_unsigned);
        Ok(Sides {
            running_below: count("running_below")?,
            candidate_below: count("candidate_below")?,
            falling: count("falling")?,
            rising: count("rising")?,
        })
    }

    /// Customers with a score after one, in order of their ids; of those only who are not under a formula, where one is
    /// given.
    pub async fn scored_after(
        &self,
        workspace: &WorkspaceId,
        not_under: Option<i64>,
        after: CustomerId,
        limit: u64,
    ) -> Result<Vec<CustomerId>, Error> {
        let condition = if not_under.is_some() { "formula <> $4" } else { "$4 = 0" };
        let sql = format!(
            "SELECT customer FROM score WHERE workspace = $1 AND customer > $2 AND {condition}
            ORDER BY customer LIMIT $3"
        );
        let values = [
            workspace.as_str().into(),
            after.0.into(),
            limit.cast_signed().into(),
            not_under.unwrap_or_default().into(),
        ];
        let customer = |row: &Row| Ok(CustomerId(row.try_get("", "customer")?));
        query_all(self.database.read(), &sql, values).await?.iter().map(customer).collect()
    }

    /// The moments of customers in a stretch of ids (the first excluded), as they were known at `as_of` and had happened
    /// by then; the newest judgement of each, customer by customer.
    pub async fn histories(
        &self,
        workspace: &WorkspaceId,
        after: CustomerId,
        last: CustomerId,
        as_of: Timestamp,
    ) -> Result<Vec<(CustomerId, Vec<Moment>)>, Error> {
        // In the order of the key: the judgements of one moment follow each other, the newest last.
        let sql = "SELECT customer, moment_id, occurred_at, log_offset, gap, weight FROM moment
            WHERE workspace = $1 AND customer > $2 AND customer <= $3 AND known_at <= $4
            ORDER BY customer, moment_id, revision";
        let values = [workspace.as_str().into(), after.0.into(), last.0.into(), as_of.0.into()];
        let mut found: Vec<(CustomerId, Vec<Moment>)> = Vec::new();
        for row in query_all(self.database.read(), sql, values).await? {
            let customer = CustomerId(row.try_get("", "customer")?);
            let moment = moment(&row)?;
            if found.last().is_none_or(|(known, _)| *known != customer) {
                found.push((customer, Vec::new()));
            }
            let Some((_, moments)) = found.last_mut() else { continue };
            match moments.last_mut() {
                Some(known) if known.id == moment.id => *known = moment,
                _ => moments.push(moment),
            }
        }
        found.iter_mut().for_each(|(_, moments)| moments.retain(|moment| moment.at <= as_of));
        found.retain(|(_, moments)| !moments.is_empty());
        Ok(found)
    }

    /// What the loop keeps of a customer.
    pub async fn kept(
        &self,
        workspace: &WorkspaceId,
        customer: CustomerId,
    ) -> Result<Option<query::Stored<CustomerState>>, elate_consumer::Error> {
        query::state(&self.database, workspace, customer).await
    }

    /// Whether all customers are known to be under the formula in force.
    pub async fn adopted(&self, workspace: &WorkspaceId) -> Result<bool, Error> {
        let sql = "SELECT adopted FROM formulas WHERE workspace = $1";
        let row = query_one(self.database.read(), sql, [workspace.as_str().into()]).await?;
        row.map_or(Ok(true), |row| Ok(row.try_get("", "adopted")?))
    }

    /// Begins a look at who is not under the formula in force yet. A partition that comes to a publication meanwhile
    /// makes it be looked at again.
    pub async fn set_adopted(&self, workspace: &WorkspaceId, adopted: bool) -> Result<(), Error> {
        let tx = self.database.begin().await?;
        let sql = "UPDATE formulas SET adopted = $2 WHERE workspace = $1";
        execute(&tx, sql, [workspace.as_str().into(), adopted.into()]).await?;
        Ok(tx.commit().await?)
    }
}

fn moment(row: &Row) -> Result<Moment, Error> {
    Ok(Moment {
        id: row.try_get("", "moment_id")?,
        at: Timestamp(row.try_get("", "occurred_at")?),
        offset: row.try_get::<i64>("", "log_offset")?.cast_unsigned(),
        gap: row.try_get("", "gap")?,
        weight: row.try_get("", "weight")?,
    })
}

fn run(row: &Row) -> Result<FormulaRun, Error> {
    let count = |name| row.try_get::<i64>("", name).map(i64::cast_unsigned);
    let ended_at: Option<i64> = row.try_get("", "ended_at")?;
    Ok(FormulaRun {
        formula: row.try_get("", "formula")?,
        baseline: row.try_get("", "baseline")?,
        as_of: Timestamp(row.try_get("", "as_of")?),
        ended_at: ended_at.map(Timestamp),
        place: CustomerId(row.try_get("", "place")?),
        customers: count("customers")?,
        moments: count("moments")?,
        expected: count("expected")?,
        summary: row.try_get("", "summary")?,
    })
}
