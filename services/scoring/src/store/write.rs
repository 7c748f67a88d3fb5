//! Writing: the rows of one micro-batch, a statement a table.

use std::collections::BTreeMap;

use elate_consumer::ProcessorStore;
use elate_domain::{CustomerId, WorkspaceId};
use elate_storage::bulk::{Conflict, Rows};
use elate_storage::{Error, Transaction, execute};

use super::Store;
use super::effect::Batch as EffectBatch;
use super::feedback::Batch as FeedbackBatch;
use super::formula::Batch as FormulaBatch;
use super::rollup::{self, Sums};
use crate::model::rows::{CaseRow, MomentRow, Row, ScoreRow};
use crate::model::segments::to_text;

/// The rows of a batch by table. Of several rows under one key the last counts; sums are added up.
#[derive(Default)]
struct Batch {
    moments: BTreeMap<(WorkspaceId, CustomerId, String, u32), MomentRow>,
    scores: BTreeMap<(WorkspaceId, CustomerId), ScoreRow>,
    sums: Sums,
    cases: BTreeMap<(WorkspaceId, String), CaseRow>,
    feedback: FeedbackBatch,
    effects: EffectBatch,
    formulas: FormulaBatch,
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
        for table in
            ["moment", "score", "recovery_case", "feedback", "survey_asked", "at_risk", "formula_score"]
        {
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
    for table in ["moment", "recovery_case", "feedback", "survey_asked"] {
        let sql = format!("UPDATE {table} SET customer = $3 WHERE workspace = $1 AND customer = $2");
        execute(tx, &sql, values()).await?;
    }
    for table in ["score", "at_risk", "formula_score"] {
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
            Row::Sums(row) => self.sums.add(&row),
            Row::Active { workspace, day, customer, segments } => {
                self.sums.active(&workspace, day, customer, &segments);
            }
            Row::Promise(row) => self.sums.promise(&row),
            Row::Case(row) => {
                self.cases.insert((row.workspace.clone(), row.case.case_id.clone()), *row);
            }
            Row::Feedback(row) => self.feedback.answer(*row),
            Row::Asked(row) => self.feedback.asked(row),
            Row::Scored(row) => self.feedback.scored(*row),
            Row::Effect(row) => self.effects.effect(row),
            Row::Design(row) => self.effects.design(row),
            Row::Formulas(row) => self.formulas.add(*row),
            Row::Reassign { .. } => {}
        }
    }

    async fn write(self, tx: &Transaction) -> Result<(), Error> {
        write_moments(tx, self.moments.into_values().collect()).await?;
        write_scores(tx, self.scores.into_values().collect()).await?;
        self.sums.write(tx).await?;
        rollup::write_cases(tx, self.cases.into_values().collect()).await?;
        self.effects.write(tx).await?;
        self.formulas.write(tx).await?;
        self.feedback.write(tx).await
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
        delight = excluded.delight, moments = excluded.moments, last_wow = excluded.last_wow,
        segments = excluded.segments, formula = excluded.formula";
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
        .i64_opt("last_wow", rows.iter().map(|r| r.last_wow.map(|at| at.0)))
        .text("segments", rows.iter().map(|r| to_text(&r.segments)))
        .i64("formula", rows.iter().map(|r| r.formula))
        .insert(tx, "score", Conflict::Do(newest))
        .await
        .map(|_| ())
}
