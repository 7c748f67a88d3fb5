//! Sums of what plays brought, by play, design and side.

use std::collections::BTreeMap;

use elate_domain::WorkspaceId;
use elate_storage::bulk::{Conflict, Rows};
use elate_storage::{Error, Row as Found, Transaction, query_all};
use sea_orm_migration::prelude::*;

use super::Store;
use crate::model::effect::{Design, DesignRow, EffectRow, Side, Totals};

/// Plays that one answer lists, at most.
const MAX_PLAYS: u64 = 500;

pub(super) struct Effects;

impl MigrationName for Effects {
    fn name(&self) -> &str {
        "m0004_scoring_effects"
    }
}

const TABLES: [&str; 2] = [
    "CREATE TABLE play_design (
        workspace TEXT NOT NULL, play TEXT NOT NULL, version BIGINT NOT NULL, design BIGINT NOT NULL,
        observe_millis BIGINT NOT NULL, complaints TEXT NOT NULL, cost DOUBLE PRECISION NOT NULL,
        expected_share DOUBLE PRECISION NOT NULL, PRIMARY KEY (workspace, play, version))",
    "CREATE TABLE play_sums (
        workspace TEXT NOT NULL, play TEXT NOT NULL, design BIGINT NOT NULL, held_out BOOLEAN NOT NULL,
        customers BIGINT NOT NULL, repeated BIGINT NOT NULL, complained BIGINT NOT NULL,
        delight DOUBLE PRECISION NOT NULL, delight_squared DOUBLE PRECISION NOT NULL,
        revenue DOUBLE PRECISION NOT NULL, revenue_squared DOUBLE PRECISION NOT NULL, cost DOUBLE PRECISION NOT NULL,
        PRIMARY KEY (workspace, play, design, held_out))",
];

#[async_trait::async_trait]
impl MigrationTrait for Effects {
    #[allow(elided_lifetimes_in_paths, reason = "spelled as the trait spells it")]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            manager.get_connection().execute_unprepared(table).await?;
        }
        Ok(())
    }
}

/// The rows of a batch, added up: one a side, however many customers they concern.
#[derive(Debug, Default)]
pub(super) struct Batch {
    sums: BTreeMap<Side, Totals>,
    designs: BTreeMap<(WorkspaceId, String, u64), DesignRow>,
}

impl Batch {
    pub(super) fn effect(&mut self, row: EffectRow) {
        self.sums.entry(row.side).or_default().add(&row.change);
    }

    pub(super) fn design(&mut self, row: DesignRow) {
        self.designs.insert((row.workspace.clone(), row.play.clone(), row.version), row);
    }

    pub(super) async fn write(self, tx: &Transaction) -> Result<(), Error> {
        // Every partition brings the same designs; the first one of a version stores them.
        let rows: Vec<DesignRow> = self.designs.into_values().collect();
        Rows::new()
            .text("workspace", rows.iter().map(|r| r.workspace.as_str().to_owned()))
            .text("play", rows.iter().map(|r| r.play.clone()))
            .i64("version", rows.iter().map(|r| r.version.cast_signed()))
            .i64("design", rows.iter().map(|r| r.design.id))
            .i64("observe_millis", rows.iter().map(|r| r.design.observe_millis))
            .text(
                "complaints",
                rows.iter().map(|r| serde_json::Value::from(r.design.complaints.clone()).to_string()),
            )
            .f64("cost", rows.iter().map(|r| r.design.cost))
            .f64("expected_share", rows.iter().map(|r| r.design.expected_share))
            .insert(tx, "play_design", Conflict::Ignore)
            .await?;
        write_sums(tx, self.sums).await
    }
}

async fn write_sums(tx: &Transaction, sums: BTreeMap<Side, Totals>) -> Result<(), Error> {
    const ADD: Conflict = Conflict::Do(
        "(workspace, play, design, held_out) DO UPDATE SET
         customers = play_sums.customers + excluded.customers,
         repeated = play_sums.repeated + excluded.repeated,
         complained = play_sums.complained + excluded.complained,
         delight = play_sums.delight + excluded.delight,
         delight_squared = play_sums.delight_squared + excluded.delight_squared,
         revenue = play_sums.revenue + excluded.revenue,
         revenue_squared = play_sums.revenue_squared + excluded.revenue_squared,
         cost = play_sums.cost + excluded.cost",
    );
    Rows::new()
        .text("workspace", sums.keys().map(|side| side.workspace.as_str().to_owned()))
        .text("play", sums.keys().map(|side| side.play.clone()))
        .i64("design", sums.keys().map(|side| side.design))
        .bool("held_out", sums.keys().map(|side| side.held_out))
        .i64("customers", sums.values().map(|totals| totals.customers))
        .i64("repeated", sums.values().map(|totals| totals.repeated))
        .i64("complained", sums.values().map(|totals| totals.complained))
        .f64("delight", sums.values().map(|totals| totals.delight))
        .f64("delight_squared", sums.values().map(|totals| totals.delight_squared))
        .f64("revenue", sums.values().map(|totals| totals.revenue))
        .f64("revenue_squared", sums.values().map(|totals| totals.revenue_squared))
        .f64("cost", sums.values().map(|totals| totals.cost))
        .insert(tx, "play_sums", ADD)
        .await
        .map(drop)
}

impl Store {
    /// The design in force of a play, and the version that brought it; `None` where it never had a control group.
    pub async fn design(&self, workspace: &WorkspaceId, play: &str) -> Result<Option<(u64, Design)>, Error> {
        let sql = "SELECT version, design, observe_millis, complaints, cost, expected_share FROM play_design
                   WHERE workspace = $1 AND play = $2 ORDER BY version DESC LIMIT 1";
        let rows = query_all(self.database.read(), sql, [workspace.as_str().into(), play.into()]).await?;
        rows.first().map(design).transpose()
    }

    /// The plays that ever had a control group, in order of their names.
    pub async fn observed_plays(&self, workspace: &WorkspaceId) -> Result<Vec<String>, Error> {
        let sql = format!(
            "SELECT DISTINCT play FROM play_design WHERE workspace = $1 ORDER BY play LIMIT {MAX_PLAYS}"
        );
        let rows = query_all(self.database.read(), &sql, [workspace.as_str().into()]).await?;
        rows.iter().map(|row| Ok(row.try_get("", "play")?)).collect()
    }

    /// What the treated and the held out of a design come to.
    pub async fn play_sums(
        &self,
        workspace: &WorkspaceId,
        play: &str,
        design: i64,
    ) -> Result<(Totals, Totals), Error> {
        let sql = "SELECT * FROM play_sums WHERE workspace = $1 AND play = $2 AND design = $3";
        let values = [workspace.as_str().into(), play.into(), design.into()];
        let (mut treated, mut held_out) = (Totals::default(), Totals::default());
        for row in query_all(self.database.read(), sql, values).await? {
            let side = if row.try_get("", "held_out")? { &mut held_out } else { &mut treated };
            *side = totals(&row)?;
        }
        Ok((treated, held_out))
    }
}

fn design(row: &Found) -> Result<(u64, Design), Error> {
    let complaints: String = row.try_get("", "complaints")?;
    let corrupt = |error| Error::corrupt("play_design", "complaints", error);
    let version: i64 = row.try_get("", "version")?;
    let design = Design {
        id: row.try_get("", "design")?,
        observe_millis: row.try_get("", "observe_millis")?,
        complaints: serde_json::from_str(&complaints).map_err(corrupt)?,
        cost: row.try_get("", "cost")?,
        expected_share: row.try_get("", "expected_share")?,
    };
    Ok((version.cast_unsigned(), design))
}

fn totals(row: &Found) -> Result<Totals, Error> {
    Ok(Totals {
        customers: row.try_get("", "customers")?,
        repeated: row.try_get("", "repeated")?,
        complained: row.try_get("", "complained")?,
        delight: row.try_get("", "delight")?,
        delight_squared: row.try_get("", "delight_squared")?,
        revenue: row.try_get("", "revenue")?,
        revenue_squared: row.try_get("", "revenue_squared")?,
        cost: row.try_get("", "cost")?,
    })
}
