//! How far plays have gone: rollouts, their decisions, and what was counted at each step.

use std::collections::BTreeMap;

use elate_domain::system::{RolloutDecided, RolloutStage};
use elate_domain::{Timestamp, WorkspaceId};
use elate_storage::bulk::{Conflict, Rows};
use elate_storage::{ConnectionTrait as _, Error, Transaction, Value, execute, query_all};
use sea_orm_migration::prelude::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

use super::Store;
use super::query::{Reader, Select};
use super::read::{read, time};
use crate::model::rollouts::{CountRow, RolloutRow};

/// Rollouts of a workspace that are listed at most, and decisions of one.
const MOST: u64 = 1_000;

pub(super) struct Rollouts;

impl MigrationName for Rollouts {
    fn name(&self) -> &str {
        "journeys_0006_rollouts"
    }
}

#[allow(elided_lifetimes_in_paths, reason = "the trait spells its lifetimes so")]
#[async_trait::async_trait]
impl MigrationTrait for Rollouts {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            manager.get_connection().execute_unprepared(table).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["rollouts", "rollout_decisions", "rollout_counts"] {
            manager.get_connection().execute_unprepared(&format!("DROP TABLE IF EXISTS {table}")).await?;
        }
        Ok(())
    }
}

const TABLES: [&str; 3] = [
    "CREATE TABLE rollouts (workspace TEXT NOT NULL, play TEXT NOT NULL, run BIGINT NOT NULL, \
     sequence BIGINT NOT NULL, percent BIGINT NOT NULL, stage TEXT NOT NULL, since BIGINT NOT NULL, \
     reason TEXT NOT NULL, PRIMARY KEY (workspace, play, run))",
    "CREATE TABLE rollout_decisions (workspace TEXT NOT NULL, play TEXT NOT NULL, run BIGINT NOT NULL, \
     sequence BIGINT NOT NULL, at BIGINT NOT NULL, decided TEXT NOT NULL, \
     PRIMARY KEY (workspace, play, run, sequence))",
    "CREATE TABLE rollout_counts (workspace TEXT NOT NULL, play TEXT NOT NULL, run BIGINT NOT NULL, \
     percent BIGINT NOT NULL, treated BOOLEAN NOT NULL, metric TEXT NOT NULL, customers BIGINT NOT NULL, \
     PRIMARY KEY (workspace, play, run, percent, treated, metric))",
];

/// A rollout as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The play.
    pub play: String,
    /// The version of the definitions that began it.
    pub run: u64,
    /// Decisions so far.
    pub sequence: u32,
    /// Percent of customers that get the play.
    pub percent: u8,
    /// Where it stands.
    pub stage: RolloutStage,
    /// Since when it stands at this percentage.
    pub since: Timestamp,
    /// Why it stands there.
    pub reason: String,
}

/// Customers by step, side and guardrail (empty: the customers themselves).
pub type Counts = BTreeMap<(u8, bool, String), u64>;

pub(super) async fn write(
    tx: &Transaction,
    rollouts: Vec<RolloutRow>,
    counts: Vec<CountRow>,
) -> Result<(), Error> {
    for row in &rollouts {
        settle(tx, row).await?;
    }
    let mut sums: BTreeMap<CountRow, i64> = BTreeMap::new();
    for row in counts {
        *sums.entry(row).or_default() += 1;
    }
    const ADD: Conflict = Conflict::Do(
        "(workspace, play, run, percent, treated, metric) DO UPDATE SET \
         customers = rollout_counts.customers + excluded.customers",
    );
    Rows::new()
        .text("workspace", sums.keys().map(|r| r.workspace.as_str().to_owned()))
        .text("play", sums.keys().map(|r| r.play.clone()))
        .i64("run", sums.keys().map(|r| r.run.cast_signed()))
        .i64("percent", sums.keys().map(|r| i64::from(r.percent)))
        .bool("treated", sums.keys().map(|r| r.treated))
        .text("metric", sums.keys().map(|r| r.metric.clone()))
        .i64("customers", sums.values().copied())
        .insert(tx, "rollout_counts", ADD)
        .await
        .map(drop)
}

/// Writes a decision, unless a later one is there already: every partition brings it. Answers whether it was news.
pub(super) async fn settle(tx: &Transaction, row: &RolloutRow) -> Result<bool, Error> {
    let RolloutRow { workspace, at, decided } = row;
    // The step began when its percentage was first decided.
    let sql = "INSERT INTO rollouts (workspace, play, run, sequence, percent, stage, since, reason) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (workspace, play, run) DO UPDATE SET \
               since = CASE WHEN rollouts.percent = excluded.percent THEN rollouts.since ELSE excluded.since END, \
               sequence = excluded.sequence, percent = excluded.percent, stage = excluded.stage, \
               reason = excluded.reason WHERE rollouts.sequence < excluded.sequence";
    let values: [Value; 8] = [
        workspace.as_str().into(),
        decided.play.as_str().into(),
        decided.run.cast_signed().into(),
        i64::from(decided.sequence).into(),
        i64::from(decided.percent).into(),
        decided.stage.as_str().into(),
        at.0.into(),
        decided.reason.as_str().into(),
    ];
    let news = execute(tx, sql, values).await? > 0;
    let sql = "INSERT INTO rollout_decisions (workspace, play, run, sequence, at, decided) \
               VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
    // Plain texts and numbers serialise without fail.
    let text = serde_json::to_string(decided).unwrap_or_default();
    let values: [Value; 6] = [
        workspace.as_str().into(),
        decided.play.as_str().into(),
        decided.run.cast_signed().into(),
        i64::from(decided.sequence).into(),
        at.0.into(),
        text.into(),
    ];
    execute(tx, sql, values).await?;
    Ok(news)
}

fn standing(r: &Reader<'_>) -> Result<Standing, Error> {
    let small = |column| u8::try_from(r.i64(column)?).map_err(|error| Error::corrupt(r.table, column, error));
    Ok(Standing {
        play: r.text("play")?,
        run: r.i64("run")?.cast_unsigned(),
        sequence: u32::try_from(r.i64("sequence")?)
            .map_err(|error| Error::corrupt(r.table, "sequence", error))?,
        percent: small("percent")?,
        stage: r.domain("stage")?,
        since: time(r, "since")?,
        reason: r.text("reason")?,
    })
}

impl Store {
    /// The newest rollout of each play, in order of their names.
    pub async fn rollouts(&self, workspace: &WorkspaceId) -> Result<Vec<Standing>, Error> {
        let columns = "play, run, sequence, percent, stage, since, reason";
        let select = Select::of(columns, "rollouts", workspace).order_by("play, run DESC", MOST);
        let mut found = read(&select.all(&self.database).await?, "rollouts", standing)?;
        found.dedup_by(|later, first| later.play == first.play);
        Ok(found)
    }

    /// The decisions of a rollout, in order.
    pub async fn rollout_decisions(
        &self,
        workspace: &WorkspaceId,
        play: &str,
        run: u64,
    ) -> Result<Vec<(Timestamp, RolloutDecided)>, Error> {
        let select = Select::of("at, decided", "rollout_decisions", workspace);
        let select =
            select.and("play", "=", play).and("run", "=", run.cast_signed()).order_by("sequence", MOST);
        read(&select.all(&self.database).await?, "rollout_decisions", |r| {
            let decided = serde_json::from_str(&r.text("decided")?)
                .map_err(|error| Error::corrupt(r.table, "decided", error))?;
            Ok((time(r, "at")?, decided))
        })
    }

    /// What was counted of a rollout.
    pub async fn rollout_counts(
        &self,
        workspace: &WorkspaceId,
        play: &str,
        run: u64,
    ) -> Result<Counts, Error> {
        let sql = "SELECT percent, treated, metric, customers FROM rollout_counts \
                   WHERE workspace = $1 AND play = $2 AND run = $3";
        let values: [Value; 3] = [workspace.as_str().into(), play.into(), run.cast_signed().into()];
        let rows = query_all(self.database.read(), sql, values).await?;
        let counts = read(&rows, "rollout_counts", |r| {
            let percent =
                u8::try_from(r.i64("percent")?).map_err(|error| Error::corrupt(r.table, "percent", error))?;
            Ok(((percent, r.bool("treated")?, r.text("metric")?), r.i64("customers")?.max(0).cast_unsigned()))
        })?;
        Ok(counts.into_iter().collect())
    }

    /// Takes a decision, unless another one was taken meanwhile; answers whether it was.
    pub async fn decide_rollout(&self, tx: &Transaction, row: &RolloutRow) -> Result<bool, Error> {
        settle(tx, row).await
    }
}
