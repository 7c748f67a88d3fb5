//! Rows of a micro-batch into their tables: one statement a table.
//!
//! An update leaves the customer as it is: a merge has given the rows over by then ([`merge`]), and what does not change
//! need not be taken out of its indexes and put back.

use std::collections::HashMap;
use std::hash::Hash;

use elate_domain::Timestamp;
use elate_storage::bulk::{Conflict, Rows};
use elate_storage::{Error, Transaction, execute};

use super::TABLES;
use super::company::{write_outlooks, write_samples};
use super::words::Word as _;
use crate::model::rows::{
    CaseRow, Check, CountRow, DefinitionsRow, EvaluationRow, JourneyMoveRow, JourneyRow, MergedRow,
    MomentRow, OutlookRow, Owner, PlayRow, PromiseChangeRow, PromiseRow, RolloutRow, Row, SampleRow, StepRow,
};

/// The rows of a batch by table, each key once: the last one stands.
#[derive(Default)]
struct Sorted {
    promises: Vec<PromiseRow>,
    promise_changes: Vec<PromiseChangeRow>,
    moments: Vec<MomentRow>,
    cases: Vec<CaseRow>,
    journeys: Vec<JourneyRow>,
    moves: Vec<JourneyMoveRow>,
    plays: Vec<PlayRow>,
    steps: Vec<StepRow>,
    evaluations: Vec<EvaluationRow>,
    outlooks: Vec<OutlookRow>,
    samples: Vec<SampleRow>,
    rollouts: Vec<RolloutRow>,
    counts: Vec<CountRow>,
    definitions: Vec<DefinitionsRow>,
    merged: Vec<MergedRow>,
}

pub(super) async fn write(tx: &Transaction, rows: Vec<Row>) -> Result<(), Error> {
    let mut sorted = Sorted::default();
    for row in rows {
        match row {
            Row::Promise(row) => sorted.promises.push(row),
            Row::PromiseChange(row) => sorted.promise_changes.push(row),
            Row::Moment(row) => sorted.moments.push(row),
            Row::Case(row) => sorted.cases.push(row),
            Row::Journey(row) => sorted.journeys.push(row),
            Row::JourneyMove(row) => sorted.moves.push(row),
            Row::Play(row) => sorted.plays.push(row),
            Row::Step(row) => sorted.steps.push(row),
            Row::Evaluation(row) => sorted.evaluations.push(row),
            Row::Outlook(row) => sorted.outlooks.push(row),
            Row::Sample(row) => sorted.samples.push(row),
            Row::Rollout(row) => sorted.rollouts.push(row),
            Row::Count(row) => sorted.counts.push(row),
            Row::Definitions(row) => sorted.definitions.push(row),
            Row::Merged(row) => sorted.merged.push(row),
        }
    }
    sorted.write(tx).await
}

impl Sorted {
    async fn write(self, tx: &Transaction) -> Result<(), Error> {
        promises(tx, newest(self.promises, |r| (r.owner.workspace.clone(), r.promise_id))).await?;
        let changes = newest(self.promise_changes, |r| (r.owner.workspace.clone(), r.promise_id, r.sequence));
        promise_changes(tx, changes).await?;
        moments(tx, newest(self.moments, |r| (r.owner.workspace.clone(), r.moment_id))).await?;
        cases(tx, newest(self.cases, |r| (r.owner.workspace.clone(), r.case_id))).await?;
        journeys(tx, newest(self.journeys, |r| (r.owner.workspace.clone(), r.instance_id))).await?;
        super::moves::write(tx, self.moves).await?;
        plays(tx, newest(self.plays, |r| (r.owner.workspace.clone(), r.instance_id))).await?;
        steps(tx, newest(self.steps, |r| (r.owner.workspace.clone(), r.instance_id, r.sequence))).await?;
        evaluations(tx, newest(self.evaluations, |r| (r.owner.workspace.clone(), r.evaluation_id))).await?;
        write_outlooks(tx, newest(self.outlooks, |r| (r.owner.workspace.clone(), r.promise_id))).await?;
        let key =
            |r: &SampleRow| (r.owner.workspace.clone(), r.moment.clone(), r.wording, r.measure.clone(), r.id);
        write_samples(tx, newest(self.samples, key)).await?;
        super::rollout::write(tx, self.rollouts, self.counts).await?;
        definitions(tx, self.definitions).await?;
        for row in self.merged {
            merge(tx, row).await?;
        }
        Ok(())
    }
}

/// The last row of each key, in the order of the first.
fn newest<R, K: Hash + Eq>(rows: Vec<R>, key: impl Fn(&R) -> K) -> Vec<R> {
    let mut places: HashMap<K, usize> = HashMap::with_capacity(rows.len());
    let mut kept: Vec<R> = Vec::with_capacity(rows.len());
    for row in rows {
        match places.get(&key(&row)) {
            Some(place) => kept[*place] = row,
            None => {
                places.insert(key(&row), kept.len());
                kept.push(row);
            }
        }
    }
    kept
}

/// A column out of a field of each row.
macro_rules! column {
    ($rows:ident, $row:ident => $value:expr) => {
        $rows.iter().map(|$row| $value)
    };
}

fn owned<R>(rows: &[R], owner: impl Fn(&R) -> &Owner) -> Rows {
    Rows::new()
        .text("workspace", rows.iter().map(|row| owner(row).workspace.as_str().to_owned()))
        .uuid("customer_id", rows.iter().map(|row| owner(row).customer.0))
}

fn millis(time: Option<Timestamp>) -> Option<i64> {
    time.map(|time| time.0)
}

async fn promises(tx: &Transaction, rows: Vec<PromiseRow>) -> Result<(), Error> {
    const UPSERT: Conflict = Conflict::Do(
        "(workspace, promise_id) DO UPDATE SET state = excluded.state, \
         due_at = excluded.due_at, fulfilled_at = excluded.fulfilled_at, reason = excluded.reason, \
         updated_at = excluded.updated_at",
    );
    owned(&rows, |r| &r.owner)
        .uuid("promise_id", column!(rows, r => r.promise_id))
        .text("moment", column!(rows, r => r.moment.clone()))
        .text("correlation_key", column!(rows, r => r.key.clone()))
        .text("state", column!(rows, r => r.state.as_str().to_owned()))
        .i64("due_at", column!(rows, r => r.due.0))
        .i64("first_due_at", column!(rows, r => r.first_due.0))
        .i64_opt("fulfilled_at", column!(rows, r => millis(r.fulfilled_at)))
        .text("reason", column!(rows, r => r.reason.clone()))
        .text("touchpoint", column!(rows, r => r.touchpoint.clone()))
        .text("journey", column!(rows, r => r.journey.clone()))
        .i64("created_at", column!(rows, r => r.created_at.0))
        .i64("updated_at", column!(rows, r => r.updated_at.0))
        .insert(tx, "promises", UPSERT)
        .await
        .map(drop)
}

async fn promise_changes(tx: &Transaction, rows: Vec<PromiseChangeRow>) -> Result<(), Error> {
    const UPSERT: Conflict = Conflict::Do(
        "(workspace, promise_id, sequence) DO UPDATE SET at = excluded.at, \
         state = excluded.state, due_at = excluded.due_at, reason = excluded.reason",
    );
    owned(&rows, |r| &r.owner)
        .uuid("promise_id", column!(rows, r => r.promise_id))
        .i64("sequence", column!(rows, r => i64::from(r.sequence)))
        .i64("at", column!(rows, r => r.at.0))
        .text("state", column!(rows, r => r.state.as_str().to_owned()))
        .i64("due_at", column!(rows, r => r.due.0))
        .text("reason", column!(rows, r => r.reason.clone()))
        .insert(tx, "promise_changes", UPSERT)
        .await
        .map(drop)
}

async fn moments(tx: &Transaction, rows: Vec<MomentRow>) -> Result<(), Error> {
    const UPSERT: Conflict = Conflict::Do(
        "(workspace, moment_id) DO UPDATE SET revision = excluded.revision, \
         occurred_at = excluded.occurred_at, gap = excluded.gap, outcome = excluded.outcome, \
         provisional = excluded.provisional, judged_at = excluded.judged_at",
    );
    owned(&rows, |r| &r.owner)
        .uuid("moment_id", column!(rows, r => r.moment_id))
        .text("moment", column!(rows, r => r.moment.clone()))
        .text("correlation_key", column!(rows, r => r.key.clone()))
        .i64("revision", column!(rows, r => i64::from(r.revision)))
        .text("journey", column!(rows, r => r.journey.clone()))
        .text("touchpoint", column!(rows, r => r.touchpoint.clone()))
        .i64("occurred_at", column!(rows, r => r.occurred_at.0))
        .f64("gap", column!(rows, r => r.gap))
        .text("outcome", column!(rows, r => r.outcome.as_str().to_owned()))
        .bool("provisional", column!(rows, r => r.provisional))
        .uuid_opt("promise_id", column!(rows, r => r.promise_id))
        .i64("judged_at", column!(rows, r => r.judged_at.0))
        .insert(tx, "moments", UPSERT)
        .await
        .map(drop)
}

async fn cases(tx: &Transaction, rows: Vec<CaseRow>) -> Result<(), Error> {
    const UPSERT: Conflict = Conflict::Do(
        "(workspace, case_id) DO UPDATE SET state = excluded.state, \
         closed_at = excluded.closed_at, play = excluded.play, held_out = excluded.held_out, reason = excluded.reason",
    );
    owned(&rows, |r| &r.owner)
        .uuid("case_id", column!(rows, r => r.case_id))
        .text("journey", column!(rows, r => r.journey.clone()))
        .text("touchpoint", column!(rows, r => r.touchpoint.clone()))
        .text("correlation_key", column!(rows, r => r.key.clone()))
        .text("state", column!(rows, r => r.state.as_str().to_owned()))
        .text("moment_id", column!(rows, r => r.moment_id.clone()))
        .i64("opened_at", column!(rows, r => r.opened_at.0))
        .i64_opt("closed_at", column!(rows, r => millis(r.closed_at)))
        .text_opt("play", column!(rows, r => r.play.clone()))
        .bool("held_out", column!(rows, r => r.held_out))
        .text("reason", column!(rows, r => r.reason.clone()))
        .insert(tx, "recovery_cases", UPSERT)
        .await
        .map(drop)
}

async fn journeys(tx: &Transaction, rows: Vec<JourneyRow>) -> Result<(), Error> {
    const UPSERT: Conflict = Conflict::Do(
        "(workspace, instance_id) DO UPDATE SET state = excluded.state, \
         stage = excluded.stage, touchpoint = excluded.touchpoint, moved_at = excluded.moved_at",
    );
    owned(&rows, |r| &r.owner)
        .uuid("instance_id", column!(rows, r => r.instance_id))
        .text("journey", column!(rows, r => r.journey.clone()))
        .text("correlation_key", column!(rows, r => r.key.clone()))
        .text("state", column!(rows, r => r.phase.word().to_owned()))
        .text("stage", column!(rows, r => r.stage.clone()))
        .text("touchpoint", column!(rows, r => r.touchpoint.clone()))
        .i64_opt("began_at", column!(rows, r => millis(r.began_at)))
        .i64("entered_at", column!(rows, r => r.entered_at.0))
        .i64("moved_at", column!(rows, r => r.moved_at.0))
        .insert(tx, "journey_instances", UPSERT)
        .await
        .map(drop)
}

async fn plays(tx: &Transaction, rows: Vec<PlayRow>) -> Result<(), Error> {
    const UPSERT: Conflict = Conflict::Do(
        "(workspace, instance_id) DO UPDATE SET state = excluded.state, \
         definitions_version = excluded.definitions_version, step = excluded.step, moved_at = excluded.moved_at, \
         waits_until = excluded.waits_until",
    );
    owned(&rows, |r| &r.owner)
        .uuid("instance_id", column!(rows, r => r.instance_id))
        .text("play", column!(rows, r => r.play.clone()))
        .text("correlation_key", column!(rows, r => r.key.clone()))
        .i64("definitions_version", column!(rows, r => r.definitions_version as i64))
        .text("state", column!(rows, r => r.phase.word().to_owned()))
        .text("step", column!(rows, r => r.step.clone()))
        .i64("entered_at", column!(rows, r => r.entered_at.0))
        .i64("moved_at", column!(rows, r => r.moved_at.0))
        .i64_opt("waits_until", column!(rows, r => millis(r.waits_until)))
        .insert(tx, "play_instances", UPSERT)
        .await
        .map(drop)
}

async fn steps(tx: &Transaction, rows: Vec<StepRow>) -> Result<(), Error> {
    const UPSERT: Conflict = Conflict::Do(
        "(workspace, instance_id, sequence) DO UPDATE SET at = excluded.at, \
         step = excluded.step, kind = excluded.kind, change = excluded.change, branch = excluded.branch, \
         reason = excluded.reason",
    );
    owned(&rows, |r| &r.owner)
        .uuid("instance_id", column!(rows, r => r.instance_id))
        .i64("sequence", column!(rows, r => i64::from(r.sequence)))
        .i64("at", column!(rows, r => r.at.0))
        .text("step", column!(rows, r => r.step.clone()))
        .text("kind", column!(rows, r => r.kind.clone()))
        .text("change", column!(rows, r => r.change.clone()))
        .text("branch", column!(rows, r => r.branch.clone()))
        .text("reason", column!(rows, r => r.reason.clone()))
        .insert(tx, "play_steps", UPSERT)
        .await
        .map(drop)
}

async fn evaluations(tx: &Transaction, rows: Vec<EvaluationRow>) -> Result<(), Error> {
    const UPSERT: Conflict = Conflict::Do(
        "(workspace, evaluation_id) DO UPDATE SET \
         sequence = excluded.sequence, at = excluded.at, decision = excluded.decision, reason = excluded.reason, \
         detail = excluded.detail, checks = excluded.checks, correlation_key = excluded.correlation_key, instance_id = excluded.instance_id, \
         trigger_name = excluded.trigger_name, trigger_message_id = excluded.trigger_message_id, \
         definitions_version = excluded.definitions_version",
    );
    owned(&rows, |r| &r.owner)
        .uuid("evaluation_id", column!(rows, r => r.evaluation_id))
        .text("play", column!(rows, r => r.play.clone()))
        .i64("sequence", column!(rows, r => r.sequence as i64))
        .i64("at", column!(rows, r => r.at.0))
        .text("decision", column!(rows, r => r.decision.word().to_owned()))
        .text("reason", column!(rows, r => r.reason.clone()))
        .text("detail", column!(rows, r => r.detail.clone()))
        .text("checks", column!(rows, r => checks_text(&r.checks)))
        .text("correlation_key", column!(rows, r => r.key.clone()))
        .uuid_opt("instance_id", column!(rows, r => r.instance_id))
        .text("trigger_name", column!(rows, r => r.trigger.clone()))
        .text("trigger_message_id", column!(rows, r => r.trigger_message_id.clone()))
        .i64("definitions_version", column!(rows, r => r.definitions_version as i64))
        .insert(tx, "play_evaluations", UPSERT)
        .await
        .map(drop)
}

/// Checks as they stand in their column: a JSON array.
fn checks_text(checks: &[Check]) -> String {
    // Plain texts and words serialise without fail.
    serde_json::to_string(checks).unwrap_or_else(|_| "[]".to_owned())
}

async fn definitions(tx: &Transaction, rows: Vec<DefinitionsRow>) -> Result<(), Error> {
    const UPSERT: Conflict = Conflict::Do(
        "(workspace, partition_id) DO UPDATE SET version = excluded.version, \
         switched_offset = excluded.switched_offset, switched_at = excluded.switched_at",
    );
    // Every partition brings the same documents; the first one of a version stores them.
    let documents = newest(rows.clone(), |r| (r.workspace.clone(), r.version));
    Rows::new()
        .text("workspace", column!(documents, r => r.workspace.as_str().to_owned()))
        .i64("version", column!(documents, r => r.version as i64))
        .text("manifests", column!(documents, r => r.manifests.clone()))
        .insert(tx, "definition_documents", Conflict::Ignore)
        .await?;
    let rows = newest(rows, |r| (r.workspace.clone(), r.partition));
    Rows::new()
        .text("workspace", column!(rows, r => r.workspace.as_str().to_owned()))
        .i64("partition_id", column!(rows, r => i64::from(r.partition.0)))
        .i64("version", column!(rows, r => r.version as i64))
        .i64("switched_offset", column!(rows, r => r.offset as i64))
        .i64("switched_at", column!(rows, r => r.switched_at.0))
        .insert(tx, "definitions", UPSERT)
        .await
        .map(drop)
}

/// Gives the rows of the customer who was merged away to the one who stays. Whatever was processed for the former stands
/// in the tables: the state is handed over behind it.
async fn merge(tx: &Transaction, row: MergedRow) -> Result<(), Error> {
    super::moves::give(tx, &row.workspace, row.loser.0, row.survivor.0).await?;
    for table in TABLES {
        let sql = format!("UPDATE {table} SET customer_id = $1 WHERE workspace = $2 AND customer_id = $3");
        execute(tx, &sql, [row.survivor.0.into(), row.workspace.as_str().into(), row.loser.0.into()]).await?;
    }
    Ok(())
}
