//! What is known of why customers entered plays, or did not.

use elate_domain::{CustomerId, WorkspaceId};
use elate_storage::Error;

use super::Store;
use super::query::{Reader, Select};
use super::read::{owner, read, time};
use super::words::{Word as _, parse};
use crate::model::rows::{EvaluationRow, PlayDecision};

const COLUMNS: &str = "evaluation_id, customer_id, play, sequence, at, decision, reason, detail, checks, \
                       correlation_key, instance_id, trigger_name, trigger_message_id, definitions_version";

impl Store {
    /// The last evaluations of a play's trigger for a customer, the newest first.
    pub async fn evaluations(
        &self,
        workspace: &WorkspaceId,
        customer: CustomerId,
        play: &str,
    ) -> Result<Vec<EvaluationRow>, Error> {
        let select = of(workspace, customer, play).and("decision", "<>", PlayDecision::NotTriggered.word());
        let rows =
            select.order_by("at DESC, sequence DESC", EvaluationRow::SLOTS).all(&self.database).await?;
        read(&rows, TABLE, |r| evaluation(r, workspace))
    }

    /// The last event of the kind that triggers a play which did not meet the trigger's conditions.
    pub async fn near_miss(
        &self,
        workspace: &WorkspaceId,
        customer: CustomerId,
        play: &str,
    ) -> Result<Option<EvaluationRow>, Error> {
        let select = of(workspace, customer, play).and("decision", "=", PlayDecision::NotTriggered.word());
        // A merge may have brought one of each of two customers.
        let rows = select.order_by("at DESC, evaluation_id DESC", 1).all(&self.database).await?;
        Ok(read(&rows, TABLE, |r| evaluation(r, workspace))?.pop())
    }

    /// Whether any evaluation held a customer out for this reason.
    pub async fn was_held_out(
        &self,
        workspace: &WorkspaceId,
        customer: CustomerId,
        reason: &str,
    ) -> Result<bool, Error> {
        let select = Select::of("evaluation_id", TABLE, workspace)
            .and_customer(Some(customer))
            .and("decision", "=", PlayDecision::HeldOut.word())
            .and("reason", "=", reason);
        Ok(!select.order_by("evaluation_id", 1).all(&self.database).await?.is_empty())
    }
}

const TABLE: &str = "play_evaluations";

fn of(workspace: &WorkspaceId, customer: CustomerId, play: &str) -> Select {
    Select::of(COLUMNS, TABLE, workspace).and_customer(Some(customer)).and("play", "=", play)
}

fn evaluation(r: &Reader<'_>, workspace: &WorkspaceId) -> Result<EvaluationRow, Error> {
    let checks =
        serde_json::from_str(&r.text("checks")?).map_err(|error| Error::corrupt(r.table, "checks", error))?;
    Ok(EvaluationRow {
        owner: owner(r, workspace)?,
        evaluation_id: r.uuid("evaluation_id")?,
        play: r.text("play")?,
        sequence: r.i64("sequence")? as u64,
        at: time(r, "at")?,
        decision: parse(r.table, "decision", &r.text("decision")?)?,
        reason: r.text("reason")?,
        detail: r.text("detail")?,
        checks,
        key: r.text("correlation_key")?,
        instance_id: r.uuid_opt("instance_id")?,
        trigger: r.text("trigger_name")?,
        trigger_message_id: r.text("trigger_message_id")?,
        definitions_version: r.i64("definitions_version")? as u64,
    })
}
