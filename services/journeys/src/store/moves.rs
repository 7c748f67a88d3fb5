//! The lines of journey instances: their table, how they are written, and how they are read in the order in which
//! instances began.
//!
//! What one batch told of an instance is one row with its lines packed as JSON, so that a journey in full swing costs a
//! row an instance and not a row a move. The key is the order of reading, and there is no other index: whoever looks for
//! an instance or a customer comes by way of `journey_instances`.

use std::collections::{BTreeMap, HashMap};

use elate_domain::{Timestamp, WorkspaceId};
use elate_storage::bulk::{Conflict, Rows};
use elate_storage::{Error, Transaction, Value, execute};
use uuid::Uuid;

use super::Store;
use super::query::{Reader, Select};
use super::read::{owner, read, time};
use super::words::{Word as _, parse};
use crate::model::rows::{JourneyMoveRow, JourneyPhase, JourneyRow, MAX_MOVES, MoveKind};

pub(super) const TABLE: &str = "journey_moves";
const COLUMNS: &str = "instance_id, first_sequence, customer_id, journey, began_at, lines";
/// Lines of a row at most, so that a page of rows is bounded.
const LINES: usize = 32;
/// Which rows are of the instances of a customer: `$1` is the workspace, `$2` the customer.
const OF_CUSTOMER: &str = "workspace = $1 AND (journey, began_at, instance_id) IN (SELECT journey, began_at, instance_id \
                           FROM journey_instances WHERE workspace = $1 AND customer_id = $2)";

/// A line as it is packed: number, log time, when it happened, kind, stage, touchpoint, what it carries.
type Line = (u32, i64, i64, String, String, String, BTreeMap<String, String>);

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

/// The last row of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastMove {
    /// When its instance began.
    pub began_at: Timestamp,
    /// Its instance.
    pub instance: Uuid,
    /// The number of its first line.
    first_sequence: i64,
}

/// Lines, instance after instance in the order in which these began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovesPage {
    /// The lines.
    pub moves: Vec<JourneyMoveRow>,
    /// Where the next page begins; `None` where there is none.
    pub next: Option<LastMove>,
}

pub(super) async fn write(tx: &Transaction, rows: Vec<JourneyMoveRow>) -> Result<(), Error> {
    let packed = pack(&rows);
    let first = |lines: &Vec<&JourneyMoveRow>| lines.first().map_or(0, |line| i64::from(line.sequence));
    let each = || packed.iter().filter_map(|lines| lines.first().copied());
    Rows::new()
        .text("workspace", each().map(|r| r.owner.workspace.as_str().to_owned()))
        .text("journey", each().map(|r| r.journey.clone()))
        .i64("began_at", each().map(|r| r.began_at.0))
        .uuid("instance_id", each().map(|r| r.instance_id))
        .i64("first_sequence", packed.iter().map(first))
        .uuid("customer_id", each().map(|r| r.owner.customer.0))
        .i64("moves", packed.iter().map(|lines| lines.len() as i64))
        .text("lines", packed.iter().map(|lines| lines_text(lines)))
        .insert(tx, TABLE, Conflict::Ignore)
        .await
        .map(drop)
}

/// The lines of each instance together, in their order.
fn pack(rows: &[JourneyMoveRow]) -> Vec<Vec<&JourneyMoveRow>> {
    let mut packed: Vec<Vec<&JourneyMoveRow>> = Vec::new();
    let mut open: HashMap<(&WorkspaceId, Uuid), usize> = HashMap::new();
    for row in rows {
        let key = (&row.owner.workspace, row.instance_id);
        match open.get(&key).filter(|place| packed[**place].len() < LINES) {
            Some(place) => packed[*place].push(row),
            None => {
                open.insert(key, packed.len());
                packed.push(vec![row]);
            }
        }
    }
    packed
}

/// The lines of a row, as they stand in its column: a JSON array of arrays.
fn lines_text(rows: &[&JourneyMoveRow]) -> String {
    let lines: Vec<_> = rows
        .iter()
        .map(|r| (r.sequence, r.at.0, r.occurred_at.0, r.kind.word(), &r.stage, &r.touchpoint, &r.carried))
        .collect();
    // Plain texts and numbers serialise without fail.
    serde_json::to_string(&lines).unwrap_or_else(|_| "[]".to_owned())
}

/// Gives the lines of one customer to another.
pub(super) async fn give(
    tx: &Transaction,
    workspace: &WorkspaceId,
    from: Uuid,
    to: Uuid,
) -> Result<(), Error> {
    let sql = format!("UPDATE {TABLE} SET customer_id = $3 WHERE {OF_CUSTOMER}");
    execute(tx, &sql, [workspace.as_str().into(), from.into(), to.into()]).await.map(drop)
}

/// Removes the lines of a customer; answers how many rows they were.
pub(super) async fn purge(tx: &Transaction, workspace: &WorkspaceId, customer: Uuid) -> Result<u64, Error> {
    let sql = format!("DELETE FROM {TABLE} WHERE {OF_CUSTOMER}");
    execute(tx, &sql, [workspace.as_str().into(), customer.into()]).await
}

/// A query over the lines of a journey's instances.
fn of_journey(columns: &str, workspace: &WorkspaceId, began: &Began) -> Select {
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
    /// Lines of a journey's instances, at most `limit` rows of them.
    pub async fn moves(
        &self,
        workspace: &WorkspaceId,
        began: &Began,
        after: Option<LastMove>,
        limit: u64,
    ) -> Result<MovesPage, Error> {
        let mut select = of_journey(COLUMNS, workspace, began);
        if let Some(LastMove { began_at, instance, first_sequence }) = after {
            let place: [Value; 3] = [began_at.0.into(), instance.into(), first_sequence.into()];
            select = select.and_after("began_at, instance_id, first_sequence", place);
        }
        let rows =
            select.order_by("began_at, instance_id, first_sequence", limit).all(&self.database).await?;
        let places = read(&rows, TABLE, |r| {
            Ok(LastMove {
                began_at: time(r, "began_at")?,
                instance: r.uuid("instance_id")?,
                first_sequence: r.i64("first_sequence")?,
            })
        })?;
        let next = places.last().copied().filter(|_| rows.len() as u64 >= limit);
        let moves = read(&rows, TABLE, |r| lines(r, workspace))?;
        Ok(MovesPage { moves: moves.into_iter().flatten().collect(), next })
    }

    /// How many lines a journey's instances have.
    pub async fn count_moves(&self, workspace: &WorkspaceId, began: &Began) -> Result<u64, Error> {
        let sum = "CAST(COALESCE(SUM(moves), 0) AS BIGINT) AS moves";
        let rows = of_journey(sum, workspace, began).all(&self.database).await?;
        let counts = read(&rows, TABLE, |r| Ok(r.i64("moves")? as u64))?;
        Ok(counts.into_iter().sum())
    }

    /// One instance with its lines, in order of the log.
    pub async fn journey_instance(
        &self,
        workspace: &WorkspaceId,
        instance: Uuid,
    ) -> Result<Option<(JourneyRow, Vec<JourneyMoveRow>)>, Error> {
        let select = Select::of(super::read::JOURNEY_COLUMNS, "journey_instances", workspace);
        let select = select.and("instance_id", "=", instance).order_by("instance_id", 1);
        let rows = select.all(&self.database).await?;
        let found = read(&rows, "journey_instances", |r| super::read::journey(r, workspace))?.pop();
        let Some(found) = found else { return Ok(None) };
        let Some(began_at) = found.began_at else { return Ok(Some((found, Vec::new()))) };
        let select = Select::of(COLUMNS, TABLE, workspace)
            .and("journey", "=", found.journey.as_str())
            .and("began_at", "=", began_at.0)
            .and("instance_id", "=", instance);
        let rows = select.order_by("first_sequence", u64::from(MAX_MOVES)).all(&self.database).await?;
        let moves = read(&rows, TABLE, |r| lines(r, workspace))?;
        Ok(Some((found, moves.into_iter().flatten().collect())))
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
}

/// A journey has far fewer stages and touchpoints, those of older versions included.
const MAX_PLACES: u64 = 10_000;

fn lines(r: &Reader<'_>, workspace: &WorkspaceId) -> Result<Vec<JourneyMoveRow>, Error> {
    let owner = owner(r, workspace)?;
    let (instance_id, journey, began_at) = (r.uuid("instance_id")?, r.text("journey")?, time(r, "began_at")?);
    let lines: Vec<Line> =
        serde_json::from_str(&r.text("lines")?).map_err(|error| Error::corrupt(r.table, "lines", error))?;
    let row = |(sequence, at, occurred_at, kind, stage, touchpoint, carried): Line| {
        Ok(JourneyMoveRow {
            owner: owner.clone(),
            instance_id,
            sequence,
            journey: journey.clone(),
            began_at,
            at: Timestamp(at),
            occurred_at: Timestamp(occurred_at),
            kind: parse::<MoveKind>(r.table, "lines", &kind)?,
            stage,
            touchpoint,
            carried,
        })
    };
    lines.into_iter().map(row).collect()
}
