//! Studies of churn: the newest of each workspace, when the next is due, and the customers at risk that it found.

use elate_consumer::query;
use elate_domain::{CustomerId, Timestamp, WorkspaceId};
use elate_storage::bulk::{Conflict, Rows};
use elate_storage::{Error, Row, execute, query_all, query_one};

use super::Store;
use crate::model::state::CustomerState;

/// Rows of one transaction; a long one would keep the consumer waiting.
const CHUNK: usize = 4_096;
/// States that are read at a time.
const PAGE: u32 = 2_000;

/// A customer who may have left.
#[derive(Debug, Clone, PartialEq)]
pub struct AtRisk {
    /// The customer.
    pub customer: CustomerId,
    /// Probability of still being a customer.
    pub alive: f64,
    /// Purchases expected within the horizon.
    pub purchases: f64,
    /// Money of one.
    pub spend: Option<f64>,
    /// Money of all of them.
    pub value: Option<f64>,
    /// What is lost because the customer may have left.
    pub at_stake: Option<f64>,
    /// Repeat purchases.
    pub repeats: u32,
    /// Weeks from the first purchase to the last.
    pub recency: f64,
    /// Weeks from the first purchase until the study.
    pub age: f64,
}

impl Store {
    /// The workspaces of which any customer is known.
    pub async fn known_workspaces(&self) -> Result<Vec<WorkspaceId>, elate_consumer::Error> {
        query::workspaces(&self.database).await
    }

    /// The states of customers after one.
    pub async fn customer_states(
        &self,
        workspace: &WorkspaceId,
        after: CustomerId,
    ) -> Result<query::StatePage<CustomerState>, elate_consumer::Error> {
        query::states(&self.database, workspace, after, PAGE).await
    }

    /// The state of one customer.
    pub async fn customer_state(
        &self,
        workspace: &WorkspaceId,
        customer: CustomerId,
    ) -> Result<Option<CustomerState>, elate_consumer::Error> {
        let stored = query::state::<CustomerState>(&self.database, workspace, customer).await?;
        Ok(stored.filter(|stored| !stored.erased).map(|stored| stored.state))
    }

    /// Takes the study that is due, so that no other process begins it too; `false` where none is. Whoever took it and
    /// fails leaves it to be taken again at `again`.
    pub async fn claim_study(
        &self,
        workspace: &WorkspaceId,
        now: Timestamp,
        again: Timestamp,
    ) -> Result<bool, Error> {
        let tx = self.database.begin().await?;
        let sql = "INSERT INTO churn_schedule (workspace, next_at) VALUES ($1, $2)
            ON CONFLICT (workspace) DO UPDATE SET next_at = excluded.next_at WHERE churn_schedule.next_at <= $3";
        let claimed = execute(&tx, sql, [workspace.as_str().into(), again.0.into(), now.0.into()]).await?;
        tx.commit().await?;
        Ok(claimed > 0)
    }

    /// Keeps a study in place of the one before. The list is written first, so that readers go from one to the other.
    pub async fn save_study(
        &self,
        workspace: &WorkspaceId,
        at: Timestamp,
        body: Vec<u8>,
        list: &[AtRisk],
        next: Timestamp,
    ) -> Result<(), Error> {
        for (number, chunk) in list.chunks(CHUNK).enumerate() {
            let tx = self.database.begin().await?;
            let first = number * CHUNK;
            let rows = at_risk_rows(workspace, at, first, chunk);
            rows.insert(&tx, "at_risk", Conflict::Ignore).await?;
            tx.commit().await?;
        }
        let tx = self.database.begin().await?;
        let sql = "INSERT INTO churn_study (workspace, studied_at, body) VALUES ($1, $2, $3)
            ON CONFLICT (workspace) DO UPDATE SET studied_at = excluded.studied_at, body = excluded.body";
        execute(&tx, sql, [workspace.as_str().into(), at.0.into(), body.into()]).await?;
        let sql = "UPDATE churn_schedule SET next_at = $2 WHERE workspace = $1";
        execute(&tx, sql, [workspace.as_str().into(), next.0.into()]).await?;
        let sql = "DELETE FROM at_risk WHERE workspace = $1 AND studied_at <> $2";
        execute(&tx, sql, [workspace.as_str().into(), at.0.into()]).await?;
        Ok(tx.commit().await?)
    }

    /// The newest study, encoded.
    pub async fn study(&self, workspace: &WorkspaceId) -> Result<Option<(Timestamp, Vec<u8>)>, Error> {
        let sql = "SELECT studied_at, body FROM churn_study WHERE workspace = $1";
        let row = query_one(self.database.read(), sql, [workspace.as_str().into()]).await?;
        row.map(|row| Ok((Timestamp(row.try_get("", "studied_at")?), row.try_get("", "body")?))).transpose()
    }

    /// Customers at risk as of a study, with most at stake first, after a place; each with its own place.
    pub async fn at_risk(
        &self,
        workspace: &WorkspaceId,
        studied_at: Timestamp,
        alive_at_most: f64,
        after: i64,
        limit: u64,
    ) -> Result<Vec<(i64, AtRisk)>, Error> {
        let sql = "SELECT place, customer, alive, purchases, spend, value, at_stake, repeats, recency, age
            FROM at_risk WHERE workspace = $1 AND studied_at = $2 AND place > $3 AND alive <= $4
            ORDER BY place LIMIT $5";
        let values = [
            workspace.as_str().into(),
            studied_at.0.into(),
            after.into(),
            alive_at_most.into(),
            limit.cast_signed().into(),
        ];
        query_all(self.database.read(), sql, values).await?.iter().map(at_risk).collect()
    }
}

fn at_risk_rows(workspace: &WorkspaceId, at: Timestamp, first: usize, chunk: &[AtRisk]) -> Rows {
    Rows::new()
        .text("workspace", chunk.iter().map(|_| workspace.as_str().to_owned()))
        .i64("studied_at", chunk.iter().map(|_| at.0))
        .i64("place", (first..first + chunk.len()).map(|place| place as i64))
        .uuid("customer", chunk.iter().map(|c| c.customer.0))
        .f64("alive", chunk.iter().map(|c| c.alive))
        .f64("purchases", chunk.iter().map(|c| c.purchases))
        .f64_opt("spend", chunk.iter().map(|c| c.spend))
        .f64_opt("value", chunk.iter().map(|c| c.value))
        .f64_opt("at_stake", chunk.iter().map(|c| c.at_stake))
        .i64("repeats", chunk.iter().map(|c| i64::from(c.repeats)))
        .f64("recency", chunk.iter().map(|c| c.recency))
        .f64("age", chunk.iter().map(|c| c.age))
}

fn at_risk(row: &Row) -> Result<(i64, AtRisk), Error> {
    let repeats: i64 = row.try_get("", "repeats")?;
    let customer = AtRisk {
        customer: CustomerId(row.try_get("", "customer")?),
        alive: row.try_get("", "alive")?,
        purchases: row.try_get("", "purchases")?,
        spend: row.try_get("", "spend")?,
        value: row.try_get("", "value")?,
        at_stake: row.try_get("", "at_stake")?,
        repeats: u32::try_from(repeats).map_err(|e| Error::corrupt("at_risk", "repeats", e))?,
        recency: row.try_get("", "recency")?,
        age: row.try_get("", "age")?,
    };
    Ok((row.try_get("", "place")?, customer))
}
