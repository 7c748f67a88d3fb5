//! Writing: the rows of one micro-batch, a statement a table.

use std::collections::BTreeMap;

use elate_consumer::ProcessorStore;
use elate_domain::{CustomerId, WorkspaceId};
use elate_storage::bulk::{Conflict, Rows};
use elate_storage::{Error, Transaction, execute};

use super::Store;
use crate::model::rows::{AnswerRow, CaseRow, DaySums, Link, MomentRow, Row, ScoreRow};

/// The rows of a batch by table. Of several rows under one key the last counts; sums are added up.
#[derive(Default)]
struct Batch {
    moments: BTreeMap<(WorkspaceId, CustomerId, String, u32), MomentRow>,
    scores: BTreeMap<(WorkspaceId, CustomerId), ScoreRow>,
    sums: BTreeMap<(WorkspaceId, Link), DaySums>,
    active: BTreeMap<(WorkspaceId, i64, CustomerId), ()>,
    cases: BTreeMap<(WorkspaceId, String), CaseRow>,
    answers: BTreeMap<(WorkspaceId, String), AnswerRow>,
}

#[async_trait::async_trait]
impl ProcessorStore<Row> for Store {
    async fn write(&self, tx: &Transaction, rows: Vec<Row>) -> Result<(), Error> {
        let mut batch = Batch::default();
        for row in rows {
            if let Row::Reassign { workspace, loser, survivor } = row {
                // What was written before belongs to the loser, what comes after does not.
                std::mem::take(&mut batch).write(tx).await?;
                reassign(tx, &workspace, loser, survivor).await?;
            } else {
                batch.add(row);
            }
        }
        batch.write(tx).await
    }

    async fn purge(
        &self,
        tx: &Transaction,
        workspace: &WorkspaceId,
        customer: CustomerId,
    ) -> Result<u64, Error> {
        let mut purged = 0;
        for table in ["moment", "score", "activity", "recovery_case", "answer"] {
            let sql = format!("DELETE FROM {table} WHERE workspace = $1 AND customer = $2");
            purged += execute(tx, &sql, [workspace.as_str().into(), customer.0.into()]).await?;
        }
        Ok(purged)
    }
}

/// Gives everything of the loser to the survivor. The survivor's own score was computed from both.
async fn reassign(
    tx: &Transaction,
    workspace: &WorkspaceId,
    loser: CustomerId,
    survivor: CustomerId,
) -> Result<(), Error> {
    let values = || [workspace.as_str().into(), loser.0.into(), survivor.0.into()];
    for table in ["moment", "recovery_case", "answer"] {
        let sql = format!("UPDATE {table} SET customer = $3 WHERE workspace = $1 AND customer = $2");
        execute(tx, &sql, values()).await?;
    }
    let both = "INSERT INTO activity (workspace, day, customer)
        SELECT workspace, day, $3 FROM activity WHERE workspace = $1 AND customer = $2 ON CONFLICT DO NOTHING";
    execute(tx, both, values()).await?;
    for table in ["activity", "score"] {
        let sql = format!("DELETE FROM {table} WHERE workspace = $1 AND customer = $2");
        execute(tx, &sql, [workspace.as_str().into(), loser.0.into()]).await?;
    }
    Ok(())
}

impl Batch {
    fn add(&mut self, row: Row) {
        match row {
            Row::Moment(row) => {
                let key =
                    (row.workspace.clone(), row.customer, row.judged.moment_id.clone(), row.judged.revision);
                self.moments.insert(key, *row);
            }
            Row::Score(row) => {
                self.scores.insert((row.workspace.clone(), row.customer), row);
            }
            Row::Sums(row) => match self.sums.get_mut(&(row.workspace.clone(), row.link.clone())) {
                Some(sums) => sums.add(&row),
                None => {
                    self.sums.insert((row.workspace.clone(), row.link.clone()), row);
                }
            },
            Row::Active { workspace, day, customer } => {
                self.active.insert((workspace, day, customer), ());
            }
            Row::Case(row) => {
                self.cases.insert((row.workspace.clone(), row.case.case_id.clone()), *row);
            }
            Row::Answer(row) => {
                self.answers.insert((row.workspace.clone(), row.submission.clone()), row);
            }
            Row::Reassign { .. } => {}
        }
    }

    async fn write(self, tx: &Transaction) -> Result<(), Error> {
        write_moments(tx, self.moments.into_values().collect()).await?;
        write_scores(tx, self.scores.into_values().collect()).await?;
        write_sums(tx, self.sums.into_values().collect()).await?;
        write_active(tx, self.active.into_keys().collect()).await?;
        write_cases(tx, self.cases.into_values().collect()).await?;
        write_answers(tx, self.answers.into_values().collect()).await
    }
}

async fn write_moments(tx: &Transaction, rows: Vec<MomentRow>) -> Result<(), Error> {
    let because = |row: &MomentRow| serde_json::Value::from(row.judged.because.clone()).to_string();
    Rows::new()
        .text("workspace", rows.iter().map(|r| r.workspace.as_str().to_owned()))
        .uuid("customer", rows.iter().map(|r| r.customer.0))
        .text("moment_id", rows.iter().map(|r| r.judged.moment_id.clone()))
        .i64("revision", rows.iter().map(|r| i64::from(r.judged.revision)))
        .i64("known_at", rows.iter().map(|r| r.known_at.0))
        .i64("occurred_at", rows.iter().map(|r| r.judged.occurred_at.min(r.known_at).0))
        .i64("log_offset", rows.iter().map(|r| r.offset.cast_signed()))
        .f64("gap", rows.iter().map(|r| r.judged.gap))
        .f64("weight", rows.iter().map(|r| r.judged.weight))
        .text("outcome", rows.iter().map(|r| r.judged.outcome.as_str().to_owned()))
        .text("moment", rows.iter().map(|r| r.judged.moment.clone()))
        .text("touchpoint", rows.iter().map(|r| r.judged.touchpoint.clone()))
        .text("because", rows.iter().map(because))
        .insert(tx, "moment", Conflict::Ignore)
        .await
        .map(|_| ())
}

async fn write_scores(tx: &Transaction, rows: Vec<ScoreRow>) -> Result<(), Error> {
    let newest = "(workspace, customer) DO UPDATE SET as_of = excluded.as_of, numerator = excluded.numerator,
        mass = excluded.mass, weight = excluded.weight, weight_squared = excluded.weight_squared,
        delight = excluded.delight, moments = excluded.moments";
    Rows::new()
        .text("workspace", rows.iter().map(|r| r.workspace.as_str().to_owned()))
        .uuid("customer", rows.iter().map(|r| r.customer.0))
        .i64("as_of", rows.iter().map(|r| r.level.at.0))
        .f64("numerator", rows.iter().map(|r| r.level.numerator))
        .f64("mass", rows.iter().map(|r| r.level.mass))
        .f64("weight", rows.iter().map(|r| r.level.weight))
        .f64("weight_squared", rows.iter().map(|r| r.level.weight_squared))
        .f64("delight", rows.iter().map(|r| r.delight))
        .i64("moments", rows.iter().map(|r| r.moments.cast_signed()))
        .insert(tx, "score", Conflict::Do(newest))
        .await
        .map(|_| ())
}

async fn write_sums(tx: &Transaction, rows: Vec<DaySums>) -> Result<(), Error> {
    let added = "(workspace, day, journey, stage, touchpoint, product, channel) DO UPDATE SET
        magical = day_sums.magical + excluded.magical, neutral = day_sums.neutral + excluded.neutral,
        miserable = day_sums.miserable + excluded.miserable, gap = day_sums.gap + excluded.gap,
        gap_squared = day_sums.gap_squared + excluded.gap_squared";
    Rows::new()
        .text("workspace", rows.iter().map(|r| r.workspace.as_str().to_owned()))
        .i64("day", rows.iter().map(|r| r.link.day))
        .text("journey", rows.iter().map(|r| r.link.journey.clone()))
        .text("stage", rows.iter().map(|r| r.link.stage.clone()))
        .text("touchpoint", rows.iter().map(|r| r.link.touchpoint.clone()))
        .text("product", rows.iter().map(|r| r.link.product.clone()))
        .text("channel", rows.iter().map(|r| r.link.channel.clone()))
        .i64("magical", rows.iter().map(|r| r.magical))
        .i64("neutral", rows.iter().map(|r| r.neutral))
        .i64("miserable", rows.iter().map(|r| r.miserable))
        .f64("gap", rows.iter().map(|r| r.gap))
        .f64("gap_squared", rows.iter().map(|r| r.gap_squared))
        .insert(tx, "day_sums", Conflict::Do(added))
        .await
        .map(|_| ())
}

async fn write_active(tx: &Transaction, rows: Vec<(WorkspaceId, i64, CustomerId)>) -> Result<(), Error> {
    Rows::new()
        .text("workspace", rows.iter().map(|r| r.0.as_str().to_owned()))
        .i64("day", rows.iter().map(|r| r.1))
        .uuid("customer", rows.iter().map(|r| r.2.0))
        .insert(tx, "activity", Conflict::Ignore)
        .await
        .map(|_| ())
}

async fn write_cases(tx: &Transaction, rows: Vec<CaseRow>) -> Result<(), Error> {
    let newest =
        "(workspace, case_id) DO UPDATE SET state = excluded.state, changed_at = excluded.changed_at,
        held_out = excluded.held_out, customer = excluded.customer";
    Rows::new()
        .text("workspace", rows.iter().map(|r| r.workspace.as_str().to_owned()))
        .text("case_id", rows.iter().map(|r| r.case.case_id.clone()))
        .uuid("customer", rows.iter().map(|r| r.customer.0))
        .text("journey", rows.iter().map(|r| r.case.journey.clone()))
        .text("touchpoint", rows.iter().map(|r| r.case.touchpoint.clone()))
        .text("state", rows.iter().map(|r| r.case.state.as_str().to_owned()))
        .i64("opened_at", rows.iter().map(|r| r.case.opened_at.0))
        .i64("changed_at", rows.iter().map(|r| r.changed_at.0))
        .bool("held_out", rows.iter().map(|r| r.case.held_out))
        .insert(tx, "recovery_case", Conflict::Do(newest))
        .await
        .map(|_| ())
}

async fn write_answers(tx: &Transaction, rows: Vec<AnswerRow>) -> Result<(), Error> {
    Rows::new()
        .text("workspace", rows.iter().map(|r| r.workspace.as_str().to_owned()))
        .text("submission", rows.iter().map(|r| r.submission.clone()))
        .uuid("customer", rows.iter().map(|r| r.customer.0))
        .text("kind", rows.iter().map(|r| r.answer.kind.as_str().to_owned()))
        .text("survey", rows.iter().map(|r| r.answer.survey.clone()))
        .text("touchpoint", rows.iter().map(|r| r.answer.touchpoint.clone()))
        .f64("score", rows.iter().map(|r| r.answer.score))
        .i64("occurred_at", rows.iter().map(|r| r.occurred_at.0))
        .insert(tx, "answer", Conflict::Ignore)
        .await
        .map(|_| ())
}
