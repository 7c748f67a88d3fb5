//! The lines of journey instances: their table, how they are written, and how they are read in the order in which
//! instances began.

use std::collections::BTreeMap;

use elate_domain::{Timestamp, WorkspaceId};
use elate_storage::bulk::{Conflict, Rows};
use elate_storage::{Error, Transaction, Value};
use sea_orm_migration::prelude::*;
use uuid::Uuid;

use super::Store;
use super::query::{Reader, Select};
use super::read::{owner, read, time};
use super::words::{Word as _, parse};
use crate::model::rows::{JourneyMoveRow, JourneyPhase, JourneyRow, MAX_MOVES, MoveKind};

pub(super) const TABLE: &str = "journey_moves";
const COLUMNS: &str = "instance_id, sequence, customer_id, journey, began_at, at, occurred_at, kind, stage, touchpoint, \
                       carried";

/// The table of moves.
pub(super) struct JourneyMoves;

impl MigrationName for JourneyMoves {
    fn name(&self) -> &str {
        "journeys_0004_moves"
    }
}

#[allow(elided_lifetimes_in_paths, reason = "the trait spells its lifetimes so")]
#[async_trait::async_trait]
impl MigrationTrait for JourneyMoves {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let uuid = match manager.get_database_backend() {
            sea_orm::DbBackend::Sqlite => "BLOB",
            _ => "uuid",
        };
        for statement in SCHEMA {
            manager.get_connection().execute_unprepared(&statement.replace("UUID", uuid)).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for statement in [
            "DROP TABLE IF EXISTS journey_moves",
            "DROP INDEX IF EXISTS journey_instances_by_journey",
            "DROP INDEX IF EXISTS moments_by_journey",
        ] {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        Ok(())
    }
}

const SCHEMA: [&str; 5] = [
    "CREATE TABLE journey_moves (workspace TEXT NOT NULL, instance_id UUID NOT NULL, sequence BIGINT NOT NULL, \
     customer_id UUID NOT NULL, journey TEXT NOT NULL, began_at BIGINT NOT NULL, at BIGINT NOT NULL, \
     occurred_at BIGINT NOT NULL, kind TEXT NOT NULL, stage TEXT NOT NULL, touchpoint TEXT NOT NULL, \
     carried TEXT NOT NULL, PRIMARY KEY (workspace, instance_id, sequence))",
    // The order in which whole journeys are read.
    "CREATE INDEX journey_moves_by_beginning ON journey_moves (workspace, journey, began_at, instance_id, sequence)",
    "CREATE INDEX journey_moves_by_customer ON journey_moves (workspace, customer_id, began_at)",
    "CREATE INDEX journey_instances_by_journey ON journey_instances (workspace, journey, state, entered_at, \
     instance_id)",
    "CREATE INDEX moments_by_journey ON moments (workspace, journey, occurred_at, moment_id)",
];

/// Instances of one journey by when they began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Began {
    /// The Journey manifest.
    pub journey: String,
    /// At this time or later.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub before: Option<Timestamp>,
}

/// The last line of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastMove {
    /// When its instance began.
    pub began_at: Timestamp,
    /// Its instance.
    pub instance: Uuid,
    /// Its number.
    pub sequence: u32,
}

impl LastMove {
    /// The place of a line.
    pub fn of(row: &JourneyMoveRow) -> Self {
        Self { began_at: row.began_at, instance: row.instance_id, sequence: row.sequence }
    }
}

pub(super) async fn write(tx: &Transaction, rows: Vec<JourneyMoveRow>) -> Result<(), Error> {
    const UPSERT: Conflict = Conflict::Do(
        "(workspace, instance_id, sequence) DO UPDATE SET customer_id = excluded.customer_id, \
         journey = excluded.journey, began_at = excluded.began_at, at = excluded.at, \
         occurred_at = excluded.occurred_at, kind = excluded.kind, stage = excluded.stage, \
         touchpoint = excluded.touchpoint, carried = excluded.carried",
    );
    Rows::new()
        .text("workspace", rows.iter().map(|r| r.owner.workspace.as_str().to_owned()))
        .uuid("customer_id", rows.iter().map(|r| r.owner.customer.0))
        .uuid("instance_id", rows.iter().map(|r| r.instance_id))
        .i64("sequence", rows.iter().map(|r| i64::from(r.sequence)))
        .text("journey", rows.iter().map(|r| r.journey.clone()))
        .i64("began_at", rows.iter().map(|r| r.began_at.0))
        .i64("at", rows.iter().map(|r| r.at.0))
        .i64("occurred_at", rows.iter().map(|r| r.occurred_at.0))
        .text("kind", rows.iter().map(|r| r.kind.word().to_owned()))
        .text("stage", rows.iter().map(|r| r.stage.clone()))
        .text("touchpoint", rows.iter().map(|r| r.touchpoint.clone()))
        .text("carried", rows.iter().map(|r| carried_text(&r.carried)))
        .insert(tx, TABLE, UPSERT)
        .await
        .map(drop)
}

/// What a line carries, as it stands in its column: a JSON object.
fn carried_text(carried: &BTreeMap<String, String>) -> String {
    // Plain texts serialise without fail.
    serde_json::to_string(carried).unwrap_or_else(|_| "{}".to_owned())
}

/// A query over the lines of a journey's instances.
pub(super) fn of_journey(columns: &str, workspace: &WorkspaceId, began: &Began) -> Select {
    let mut select = Select::of(columns, TABLE, workspace).and("journey", "=", began.journey.as_str());
    if let Some(from) = began.from {
        select = select.and("began_at", ">=", from.0);
    }
    if let Some(before) = began.before {
        select = select.and("began_at", "<", before.0);
    }
    select
}

impl Store {
    /// Lines of a journey's instances, instance after instance in the order in which these began.
    pub async fn moves(
        &self,
        workspace: &WorkspaceId,
        began: &Began,
        after: Option<LastMove>,
        limit: u64,
    ) -> Result<Vec<JourneyMoveRow>, Error> {
        let mut select = of_journey(COLUMNS, workspace, began);
        if let Some(LastMove { began_at, instance, sequence }) = after {
            let place: [Value; 3] = [began_at.0.into(), instance.into(), i64::from(sequence).into()];
            select = select.and_after("began_at, instance_id, sequence", place);
        }
        let rows = select.order_by("began_at, instance_id, sequence", limit).all(&self.database).await?;
        read(&rows, TABLE, |r| journey_move(r, workspace))
    }

    /// How many lines a journey's instances have.
    pub async fn count_moves(&self, workspace: &WorkspaceId, began: &Began) -> Result<u64, Error> {
        let rows = of_journey("COUNT(*) AS moves", workspace, began).all(&self.database).await?;
        let counts = read(&rows, TABLE, |r| Ok(r.i64("moves")? as u64))?;
        Ok(counts.into_iter().sum())
    }

    /// One instance with its lines, in order of the log.
    pub async fn journey_instance(
        &self,
        workspace: &WorkspaceId,
        instance: Uuid,
    ) -> Result<Option<(JourneyRow, Vec<JourneyMoveRow>)>, Error> {
        let select = Select::of(super::read::JOURNEY_COLUMNS, "journey_instances", workspace).and(
            "instance_id",
            "=",
            instance,
        );
        let rows = select.order_by("instance_id", 1).all(&self.database).await?;
        let found = read(&rows, "journey_instances", |r| super::read::journey(r, workspace))?.pop();
        let Some(found) = found else { return Ok(None) };
        let select = Select::of(COLUMNS, TABLE, workspace).and("instance_id", "=", instance);
        let rows = select.order_by("sequence", u64::from(MAX_MOVES)).all(&self.database).await?;
        Ok(Some((found, read(&rows, TABLE, |r| journey_move(r, workspace))?)))
    }

    /// How many instances of a journey that are under way stand at each stage and touchpoint.
    pub async fn standing(
        &self,
        workspace: &WorkspaceId,
        journey: &str,
    ) -> Result<Vec<(String, String, u64)>, Error> {
        let columns = "stage, touchpoint, COUNT(*) AS instances";
        let select = Select::of(columns, "journey_instances", workspace)
            .and("journey", "=", journey)
            .and("state", "=", JourneyPhase::Active.word())
            .grouped_by("stage, touchpoint")
            .order_by("stage, touchpoint", MAX_PLACES);
        let rows = select.all(&self.database).await?;
        read(&rows, "journey_instances", |r| {
            Ok((r.text("stage")?, r.text("touchpoint")?, r.i64("instances")? as u64))
        })
    }

    /// How often each touchpoint (or, without `by_touchpoint`, each stage) was visited, and in how many instances.
    pub async fn visits(
        &self,
        workspace: &WorkspaceId,
        began: &Began,
        by_touchpoint: bool,
    ) -> Result<Vec<VisitCounts>, Error> {
        let (place, group) = if by_touchpoint {
            ("stage, touchpoint", "stage, touchpoint")
        } else {
            ("stage, '' AS touchpoint", "stage")
        };
        let ends =
            [MoveKind::Completed, MoveKind::Abandoned].map(|kind| format!("'{}'", kind.word())).join(", ");
        let count = |kind: MoveKind| format!("COUNT(CASE WHEN kind = '{0}' THEN 1 END) AS {0}", kind.word());
        let counts: Vec<String> = COUNTED.into_iter().map(count).collect();
        let columns = format!(
            "{place}, COUNT(CASE WHEN kind NOT IN ({ends}) THEN 1 END) AS visits, \
             COUNT(DISTINCT CASE WHEN kind NOT IN ({ends}) THEN instance_id END) AS instances, {}",
            counts.join(", ")
        );
        let select = of_journey(&columns, workspace, began).grouped_by(group).order_by(group, MAX_PLACES);
        let rows = select.all(&self.database).await?;
        read(&rows, TABLE, visit_counts)
    }
}

/// A journey has far fewer stages and touchpoints, those of older versions included.
const MAX_PLACES: u64 = 10_000;

const COUNTED: [MoveKind; 6] = [
    MoveKind::Entered,
    MoveKind::Forward,
    MoveKind::Backward,
    MoveKind::Repeated,
    MoveKind::Completed,
    MoveKind::Abandoned,
];

/// The visits of a stage or touchpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VisitCounts {
    /// The stage.
    pub stage: String,
    /// The touchpoint; empty for the stage as a whole, or a visit that was none.
    pub touchpoint: String,
    /// Visits.
    pub visits: u64,
    /// Instances that came here.
    pub instances: u64,
    /// Visits that began an instance.
    pub entered: u64,
    /// Visits from an earlier stage.
    pub forward: u64,
    /// Visits from a later stage.
    pub backward: u64,
    /// Visits where the instance stood already.
    pub repeated: u64,
    /// Instances that were completed here.
    pub completed: u64,
    /// Instances that were abandoned here.
    pub abandoned: u64,
}

fn visit_counts(r: &Reader<'_>) -> Result<VisitCounts, Error> {
    let count = |column: &str| r.i64(column).map(|count| count as u64);
    Ok(VisitCounts {
        stage: r.text("stage")?,
        touchpoint: r.text("touchpoint")?,
        visits: count("visits")?,
        instances: count("instances")?,
        entered: count(MoveKind::Entered.word())?,
        forward: count(MoveKind::Forward.word())?,
        backward: count(MoveKind::Backward.word())?,
        repeated: count(MoveKind::Repeated.word())?,
        completed: count(MoveKind::Completed.word())?,
        abandoned: count(MoveKind::Abandoned.word())?,
    })
}

fn journey_move(r: &Reader<'_>, workspace: &WorkspaceId) -> Result<JourneyMoveRow, Error> {
    let sequence: u32 =
        r.i64("sequence")?.try_into().map_err(|error| Error::corrupt(r.table, "sequence", error))?;
    let carried = serde_json::from_str(&r.text("carried")?)
        .map_err(|error| Error::corrupt(r.table, "carried", error))?;
    Ok(JourneyMoveRow {
        owner: owner(r, workspace)?,
        instance_id: r.uuid("instance_id")?,
        sequence,
        journey: r.text("journey")?,
        began_at: time(r, "began_at")?,
        at: time(r, "at")?,
        occurred_at: time(r, "occurred_at")?,
        kind: parse(r.table, "kind", &r.text("kind")?)?,
        stage: r.text("stage")?,
        touchpoint: r.text("touchpoint")?,
        carried,
    })
}
