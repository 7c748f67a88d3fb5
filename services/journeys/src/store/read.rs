//! What the list calls read.

use elate_domain::{CaseState, CustomerId, Outcome, Partition, Timestamp, WorkspaceId};
use elate_storage::{Error, Row};
use uuid::Uuid;

use super::Store;
use super::query::{Order, Reader, Select};
use super::words::{Word, parse};
use crate::model::rows::{CaseRow, JourneyPhase, JourneyRow, MomentRow, Owner, PlayPhase, PlayRow, StepRow};
use crate::page::{After, Page, PageOf};

/// Which cases are asked for; what is empty leaves all in.
#[derive(Debug, Clone, Default)]
pub struct CaseFilter {
    /// In one of these states.
    pub states: Vec<CaseState>,
    /// Of this customer.
    pub customer: Option<CustomerId>,
}

/// Which instances of a journey or play are asked for; what is empty leaves all in.
#[derive(Debug, Clone)]
pub struct InstanceFilter<P> {
    /// Of the journey or play of this name.
    pub name: Option<String>,
    /// Standing in one of these.
    pub phases: Vec<P>,
    /// Of this customer.
    pub customer: Option<CustomerId>,
    /// Entered at this log time or later.
    pub entered_from: Option<Timestamp>,
    /// Entered before this log time.
    pub entered_before: Option<Timestamp>,
}

impl<P> Default for InstanceFilter<P> {
    fn default() -> Self {
        Self { name: None, phases: Vec::new(), customer: None, entered_from: None, entered_before: None }
    }
}

/// The version of the definitions in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionVersion {
    /// The partition.
    pub partition: Partition,
    /// The version.
    pub version: u64,
    /// Offset of the record that switched it.
    pub offset: u64,
    /// Log time of that record.
    pub switched_at: Timestamp,
}

const BY_MOMENT: Order = Order { time: "occurred_at", id: "moment_id", newest_first: true };
const BY_OPENING: Order = Order { time: "opened_at", id: "case_id", newest_first: true };
const BY_ENTRY: Order = Order { time: "entered_at", id: "instance_id", newest_first: true };

impl Store {
    /// Judged moments of a customer, the newest first.
    pub async fn moments(
        &self,
        workspace: &WorkspaceId,
        customer: CustomerId,
        page: PageOf,
    ) -> Result<Page<MomentRow>, Error> {
        let select = Select::of(
            "moment_id, customer_id, moment, correlation_key, revision, journey, touchpoint, occurred_at, gap, \
             outcome, provisional, promise_id, judged_at",
            "moments",
            workspace,
        )
        .and_customer(Some(customer));
        let rows = select.page(BY_MOMENT, page.after, page.limit + 1).all(&self.database).await?;
        let rows = read(&rows, "moments", |r| moment(r, workspace))?;
        Ok(Page::cut(rows, page.limit, |row| After { at: row.occurred_at.0, id: row.moment_id }))
    }

    /// Recovery cases, the latest opened first.
    pub async fn cases(
        &self,
        workspace: &WorkspaceId,
        filter: &CaseFilter,
        page: PageOf,
    ) -> Result<Page<CaseRow>, Error> {
        let words: Vec<_> = filter.states.iter().map(|state| state.as_str()).collect();
        let select = Select::of(
            "case_id, customer_id, journey, touchpoint, correlation_key, state, moment_id, opened_at, closed_at, \
             play, held_out, reason",
            "recovery_cases",
            workspace,
        )
        .and_customer(filter.customer)
        .and_one_of("state", &words);
        let rows = select.page(BY_OPENING, page.after, page.limit + 1).all(&self.database).await?;
        let rows = read(&rows, "recovery_cases", |r| case(r, workspace))?;
        Ok(Page::cut(rows, page.limit, |row| After { at: row.opened_at.0, id: row.case_id }))
    }

    /// Journey instances, the latest entered first.
    pub async fn journey_instances(
        &self,
        workspace: &WorkspaceId,
        filter: &InstanceFilter<JourneyPhase>,
        page: PageOf,
    ) -> Result<Page<JourneyRow>, Error> {
        let select = Select::of(JOURNEY_COLUMNS, "journey_instances", workspace);
        let select = instances(select, "journey", filter).page(BY_ENTRY, page.after, page.limit + 1);
        let rows = select.all(&self.database).await?;
        let rows = read(&rows, "journey_instances", |r| journey(r, workspace))?;
        Ok(Page::cut(rows, page.limit, |row| After { at: row.entered_at.0, id: row.instance_id }))
    }

    /// Play instances, the latest entered first.
    pub async fn play_instances(
        &self,
        workspace: &WorkspaceId,
        filter: &InstanceFilter<PlayPhase>,
        page: PageOf,
    ) -> Result<Page<PlayRow>, Error> {
        let select = instances(Select::of(PLAY_COLUMNS, "play_instances", workspace), "play", filter);
        let rows = select.page(BY_ENTRY, page.after, page.limit + 1).all(&self.database).await?;
        let rows = read(&rows, "play_instances", |r| play(r, workspace))?;
        Ok(Page::cut(rows, page.limit, |row| After { at: row.entered_at.0, id: row.instance_id }))
    }

    /// One play instance with its step log, in order.
    pub async fn play_instance(
        &self,
        workspace: &WorkspaceId,
        instance: Uuid,
    ) -> Result<Option<(PlayRow, Vec<StepRow>)>, Error> {
        let select = Select::of(PLAY_COLUMNS, "play_instances", workspace).and("instance_id", "=", instance);
        let rows = select.order_by("instance_id", 1).all(&self.database).await?;
        let Some(found) = read(&rows, "play_instances", |r| play(r, workspace))?.pop() else {
            return Ok(None);
        };
        let select = Select::of(
            "instance_id, customer_id, sequence, at, step, kind, change, branch, reason",
            "play_steps",
            workspace,
        )
        .and("instance_id", "=", instance);
        let rows = select.order_by("sequence", MAX_STEPS).all(&self.database).await?;
        Ok(Some((found, read(&rows, "play_steps", |r| step(r, workspace))?)))
    }

    /// Which version is in force in each partition that has seen one.
    pub async fn partition_versions(&self, workspace: &WorkspaceId) -> Result<Vec<PartitionVersion>, Error> {
        let columns = "partition_id, version, switched_offset, switched_at";
        let select =
            Select::of(columns, "definitions", workspace).order_by("partition_id", u64::from(u32::MAX));
        let rows = select.all(&self.database).await?;
        read(&rows, "definitions", |r| {
            let partition = u32::try_from(r.i64("partition_id")?)
                .map_err(|error| Error::corrupt("definitions", "partition_id", error))?;
            Ok(PartitionVersion {
                partition: Partition(partition),
                version: r.i64("version")? as u64,
                offset: r.i64("switched_offset")? as u64,
                switched_at: Timestamp(r.i64("switched_at")?),
            })
        })
    }

    /// The newest documents of a workspace: version, and all manifests as one JSON array.
    pub async fn newest_documents(&self, workspace: &WorkspaceId) -> Result<Option<(u64, String)>, Error> {
        let select = Select::of("version, manifests", "definition_documents", workspace);
        let rows = select.order_by("version DESC", 1).all(&self.database).await?;
        let found =
            read(&rows, "definition_documents", |r| Ok((r.i64("version")? as u64, r.text("manifests")?)))?;
        Ok(found.into_iter().next())
    }
}

/// Far above what the model lets an instance do.
const MAX_STEPS: u64 = 10_000;

pub(super) const JOURNEY_COLUMNS: &str = "instance_id, customer_id, journey, correlation_key, state, stage, touchpoint, \
                                          began_at, entered_at, moved_at";
const PLAY_COLUMNS: &str = "instance_id, customer_id, play, correlation_key, definitions_version, state, step, \
                            entered_at, moved_at, waits_until";

fn instances<P: Word>(select: Select, name_column: &str, filter: &InstanceFilter<P>) -> Select {
    let words: Vec<_> = filter.phases.iter().map(|phase| phase.word()).collect();
    let mut select = select.and_customer(filter.customer).and_one_of("state", &words);
    if let Some(from) = filter.entered_from {
        select = select.and("entered_at", ">=", from.0);
    }
    if let Some(before) = filter.entered_before {
        select = select.and("entered_at", "<", before.0);
    }
    match &filter.name {
        Some(name) => select.and(name_column, "=", name.as_str()),
        None => select,
    }
}

pub(super) fn read<T>(
    rows: &[Row],
    table: &'static str,
    decode: impl Fn(&Reader<'_>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    rows.iter().map(|row| decode(&Reader { row, table })).collect()
}

pub(super) fn owner(r: &Reader<'_>, workspace: &WorkspaceId) -> Result<Owner, Error> {
    Ok(Owner { workspace: workspace.clone(), customer: CustomerId(r.uuid("customer_id")?) })
}

pub(super) fn time(r: &Reader<'_>, column: &str) -> Result<Timestamp, Error> {
    r.i64(column).map(Timestamp)
}

fn moment(r: &Reader<'_>, workspace: &WorkspaceId) -> Result<MomentRow, Error> {
    let revision =
        u32::try_from(r.i64("revision")?).map_err(|error| Error::corrupt(r.table, "revision", error))?;
    Ok(MomentRow {
        owner: owner(r, workspace)?,
        moment_id: r.uuid("moment_id")?,
        moment: r.text("moment")?,
        key: r.text("correlation_key")?,
        revision,
        journey: r.text("journey")?,
        touchpoint: r.text("touchpoint")?,
        occurred_at: time(r, "occurred_at")?,
        gap: r.f64("gap")?,
        outcome: r.domain::<Outcome>("outcome")?,
        provisional: r.bool("provisional")?,
        promise_id: r.uuid_opt("promise_id")?,
        judged_at: time(r, "judged_at")?,
    })
}

fn case(r: &Reader<'_>, workspace: &WorkspaceId) -> Result<CaseRow, Error> {
    Ok(CaseRow {
        owner: owner(r, workspace)?,
        case_id: r.uuid("case_id")?,
        journey: r.text("journey")?,
        touchpoint: r.text("touchpoint")?,
        key: r.text("correlation_key")?,
        state: r.domain("state")?,
        moment_id: r.text("moment_id")?,
        opened_at: time(r, "opened_at")?,
        closed_at: r.i64_opt("closed_at")?.map(Timestamp),
        play: r.text_opt("play")?,
        held_out: r.bool("held_out")?,
        reason: r.text("reason")?,
    })
}

pub(super) fn journey(r: &Reader<'_>, workspace: &WorkspaceId) -> Result<JourneyRow, Error> {
    Ok(JourneyRow {
        owner: owner(r, workspace)?,
        instance_id: r.uuid("instance_id")?,
        journey: r.text("journey")?,
        key: r.text("correlation_key")?,
        phase: parse(r.table, "state", &r.text("state")?)?,
        stage: r.text("stage")?,
        touchpoint: r.text("touchpoint")?,
        began_at: r.i64_opt("began_at")?.map(Timestamp),
        entered_at: time(r, "entered_at")?,
        moved_at: time(r, "moved_at")?,
    })
}

fn play(r: &Reader<'_>, workspace: &WorkspaceId) -> Result<PlayRow, Error> {
    Ok(PlayRow {
        owner: owner(r, workspace)?,
        instance_id: r.uuid("instance_id")?,
        play: r.text("play")?,
        key: r.text("correlation_key")?,
        definitions_version: r.i64("definitions_version")? as u64,
        phase: parse(r.table, "state", &r.text("state")?)?,
        step: r.text("step")?,
        entered_at: time(r, "entered_at")?,
        moved_at: time(r, "moved_at")?,
        waits_until: r.i64_opt("waits_until")?.map(Timestamp),
    })
}

fn step(r: &Reader<'_>, workspace: &WorkspaceId) -> Result<StepRow, Error> {
    let sequence =
        u32::try_from(r.i64("sequence")?).map_err(|error| Error::corrupt(r.table, "sequence", error))?;
    Ok(StepRow {
        owner: owner(r, workspace)?,
        instance_id: r.uuid("instance_id")?,
        sequence,
        at: time(r, "at")?,
        step: r.text("step")?,
        kind: r.text("kind")?,
        change: r.text("change")?,
        branch: r.text("branch")?,
        reason: r.text("reason")?,
    })
}
