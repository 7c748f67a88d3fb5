//! Rollups: what a batch adds to the sums, a row for each day, segment and link.
//!
//! Sums are integers and are only ever added to, so the order of batches does not matter. Cases differ: what a case
//! adds is the difference to what its stored row says, read in the same transaction.

use std::collections::BTreeMap;

use elate_domain::system::PromiseChanged;
use elate_domain::{CustomerId, PromiseState, WorkspaceId};
use elate_storage::bulk::{Conflict, Rows};
use elate_storage::{Backend, ConnectionTrait, Error, Row, Transaction};

use crate::model::rows::{CaseRow, PromiseRow};
use crate::model::segments::{Segment, from_text, to_text};
use crate::model::sketch::{Distinct, Durations};
use crate::model::sums::{Counts, Link, SumsRow};

const DAY_MILLIS: i64 = 86_400_000;

/// A workspace, one of its segments, and a day.
type Day = (WorkspaceId, Segment, i64);
/// The same with journey and touchpoint.
type DayLink = (WorkspaceId, Segment, i64, String, String);

/// Everybody, then each segment of the customer.
fn everybody_and(segments: &[Segment]) -> impl Iterator<Item = Segment> + '_ {
    std::iter::once(Segment::default()).chain(segments.iter().cloned())
}

/// The sums that a batch adds.
#[derive(Default)]
pub(super) struct Sums {
    moments: BTreeMap<(WorkspaceId, Segment, Link), Counts>,
    wows: BTreeMap<(WorkspaceId, Segment, i64, i64), [i64; 3]>,
    active: BTreeMap<Day, Vec<CustomerId>>,
    promises: BTreeMap<DayLink, [i64; 4]>,
}

impl Sums {
    pub(super) fn add(&mut self, row: &SumsRow) {
        for segment in everybody_and(&row.segments) {
            if let Some(wow) = row.wow {
                let key = (row.workspace.clone(), segment.clone(), row.link.day, wow.ordinal);
                let squared = i64::try_from(i128::from(wow.rise) * i128::from(wow.rise) / 1_000_000);
                let sums = self.wows.entry(key).or_default();
                sums[0] += 1;
                sums[1] += wow.rise;
                sums[2] += squared.unwrap_or(0);
            }
            let key = (row.workspace.clone(), segment, row.link.clone());
            self.moments.entry(key).or_default().add(&row.counts);
        }
    }

    pub(super) fn active(
        &mut self,
        workspace: &WorkspaceId,
        day: i64,
        customer: CustomerId,
        segments: &[Segment],
    ) {
        for segment in everybody_and(segments) {
            self.active.entry((workspace.clone(), segment, day)).or_default().push(customer);
        }
    }

    /// Takes a promise out of where it was counted and counts it where it stands now, under the day for which it was
    /// first given.
    pub(super) fn promise(&mut self, row: &PromiseRow) {
        let PromiseChanged { state, before, first_due, journey, touchpoint, .. } = &row.promise;
        let (old, new) = (before.and_then(kept_place), kept_place(*state));
        if old == new {
            return;
        }
        for segment in everybody_and(&row.segments) {
            let day = first_due.0.div_euclid(DAY_MILLIS);
            let key = (row.workspace.clone(), segment, day, journey.clone(), touchpoint.clone());
            let counts = self.promises.entry(key).or_default();
            if let Some(place) = old {
                counts[place] -= 1;
            }
            if let Some(place) = new {
                counts[place] += 1;
            }
        }
    }

    pub(super) async fn write(self, tx: &Transaction) -> Result<(), Error> {
        write_moments(tx, self.moments).await?;
        write_wows(tx, self.wows).await?;
        write_active(tx, self.active).await?;
        write_promises(tx, self.promises).await
    }
}

/// Kept, exceeded, late, broken: the ends that count. A promise that was taken back was never due.
fn kept_place(state: PromiseState) -> Option<usize> {
    match state {
        PromiseState::Kept => Some(0),
        PromiseState::Exceeded => Some(1),
        PromiseState::Late => Some(2),
        PromiseState::Broken => Some(3),
        PromiseState::Open | PromiseState::AtRisk | PromiseState::Withdrawn => None,
    }
}

async fn write_moments(
    tx: &Transaction,
    sums: BTreeMap<(WorkspaceId, Segment, Link), Counts>,
) -> Result<(), Error> {
    let added = "(workspace, trait, day, value, journey, stage, touchpoint, product, channel) DO UPDATE SET
        magical = rollup.magical + excluded.magical, neutral = rollup.neutral + excluded.neutral,
        miserable = rollup.miserable + excluded.miserable, advocacy = rollup.advocacy + excluded.advocacy,
        gap = rollup.gap + excluded.gap, gap_squared = rollup.gap_squared + excluded.gap_squared";
    let (keys, counts): (Vec<_>, Vec<Counts>) = sums.into_iter().unzip();
    let link = |name: fn(&Link) -> &String| keys.iter().map(move |k| name(&k.2).clone()).collect::<Vec<_>>();
    segmented(keys.iter().map(|k| (&k.0, &k.1, k.2.day)))
        .text("journey", link(|l| &l.journey))
        .text("stage", link(|l| &l.stage))
        .text("touchpoint", link(|l| &l.touchpoint))
        .text("product", link(|l| &l.product))
        .text("channel", link(|l| &l.channel))
        .i64("magical", counts.iter().map(|c| c.magical))
        .i64("neutral", counts.iter().map(|c| c.neutral))
        .i64("miserable", counts.iter().map(|c| c.miserable))
        .i64("advocacy", counts.iter().map(|c| c.advocacy))
        .i64("gap", counts.iter().map(|c| c.gap))
        .i64("gap_squared", counts.iter().map(|c| c.gap_squared))
        .insert(tx, "rollup", Conflict::Do(added))
        .await
        .map(|_| ())
}

async fn write_wows(
    tx: &Transaction,
    sums: BTreeMap<(WorkspaceId, Segment, i64, i64), [i64; 3]>,
) -> Result<(), Error> {
    let added = "(workspace, trait, day, value, ordinal) DO UPDATE SET wows = wow_rise.wows + excluded.wows,
        rise = wow_rise.rise + excluded.rise, rise_squared = wow_rise.rise_squared + excluded.rise_squared";
    segmented(sums.keys().map(|k| (&k.0, &k.1, k.2)))
        .i64("ordinal", sums.keys().map(|k| k.3))
        .i64("wows", sums.values().map(|s| s[0]))
        .i64("rise", sums.values().map(|s| s[1]))
        .i64("rise_squared", sums.values().map(|s| s[2]))
        .insert(tx, "wow_rise", Conflict::Do(added))
        .await
        .map(|_| ())
}

/// Adds customers to the sketches of their days. The rows are made first and then locked, so that two batches that
/// begin a day at once both see what the other added.
async fn write_active(tx: &Transaction, active: BTreeMap<Day, Vec<CustomerId>>) -> Result<(), Error> {
    if active.is_empty() {
        return Ok(());
    }
    let keys = || segmented(active.keys().map(|k| (&k.0, &k.1, k.2)));
    let empty = encode(&Distinct::default())?;
    let blank = keys().bytes("sketch", active.keys().map(|_| empty.clone()));
    blank.insert(tx, "active_sketch", Conflict::Ignore).await?;
    let lock = if tx.get_database_backend() == Backend::Sqlite { "" } else { "FOR UPDATE OF a" };
    let sql = format!(
        "SELECT a.workspace, a.trait, a.day, a.value, a.sketch FROM v CROSS JOIN active_sketch a
        WHERE a.workspace = v.workspace AND a.trait = v.trait AND a.day = v.day AND a.value = v.value {lock}"
    );
    let mut sketches: BTreeMap<Day, Distinct> = BTreeMap::new();
    for row in keys().query(tx, &sql).await? {
        let bytes: Vec<u8> = row.try_get("", "sketch")?;
        sketches.insert(day(&row)?, decode(&bytes)?);
    }
    let mut encoded = Vec::with_capacity(active.len());
    for (key, customers) in &active {
        let sketch = sketches.entry(key.clone()).or_default();
        customers.iter().for_each(|customer| sketch.insert(*customer));
        encoded.push(encode(sketch)?);
    }
    let newest = "(workspace, trait, day, value) DO UPDATE SET sketch = excluded.sketch";
    keys().bytes("sketch", encoded).insert(tx, "active_sketch", Conflict::Do(newest)).await.map(|_| ())
}

pub(super) fn encode(sketch: &Distinct) -> Result<Vec<u8>, Error> {
    rmp_serde::to_vec(sketch).map_err(|e| Error::corrupt("active_sketch", "sketch", e))
}

pub(super) fn decode(bytes: &[u8]) -> Result<Distinct, Error> {
    rmp_serde::from_slice(bytes).map_err(|e| Error::corrupt("active_sketch", "sketch", e))
}

fn day(row: &Row) -> Result<Day, Error> {
    let workspace: String = row.try_get("", "workspace")?;
    let workspace =
        WorkspaceId::try_from(workspace).map_err(|e| Error::corrupt("active_sketch", "workspace", e))?;
    let segment = Segment { trait_name: row.try_get("", "trait")?, value: row.try_get("", "value")? };
    Ok((workspace, segment, row.try_get("", "day")?))
}

async fn write_promises(tx: &Transaction, sums: BTreeMap<DayLink, [i64; 4]>) -> Result<(), Error> {
    let added = "(workspace, trait, day, value, journey, touchpoint) DO UPDATE SET
        kept = promise_sums.kept + excluded.kept, exceeded = promise_sums.exceeded + excluded.exceeded,
        late = promise_sums.late + excluded.late, broken = promise_sums.broken + excluded.broken";
    linked(&sums)
        .i64("kept", sums.values().map(|s| s[0]))
        .i64("exceeded", sums.values().map(|s| s[1]))
        .i64("late", sums.values().map(|s| s[2]))
        .i64("broken", sums.values().map(|s| s[3]))
        .insert(tx, "promise_sums", Conflict::Do(added))
        .await
        .map(|_| ())
}

/// The columns that every rollup begins with.
fn segmented<'a>(keys: impl Iterator<Item = (&'a WorkspaceId, &'a Segment, i64)> + Clone) -> Rows {
    Rows::new()
        .text("workspace", keys.clone().map(|k| k.0.as_str().to_owned()))
        .text("trait", keys.clone().map(|k| k.1.trait_name.clone()))
        .i64("day", keys.clone().map(|k| k.2))
        .text("value", keys.map(|k| k.1.value.clone()))
}

fn linked<V>(sums: &BTreeMap<DayLink, V>) -> Rows {
    segmented(sums.keys().map(|k| (&k.0, &k.1, k.2)))
        .text("journey", sums.keys().map(|k| k.3.clone()))
        .text("touchpoint", sums.keys().map(|k| k.4.clone()))
}

/// What cases add: by state (open, recovered, relapsed, lost), and the durations of those that recovered.
#[derive(Default)]
struct CaseSums {
    states: BTreeMap<DayLink, [i64; 4]>,
    times: BTreeMap<(DayLink, i64), i64>,
}

impl CaseSums {
    fn count(&mut self, key: &DayLink, state: &str, millis: i64, sign: i64) {
        let place = match state {
            "recovered" => 1,
            "relapsed" => 2,
            "lost" => 3,
            _ => 0,
        };
        self.states.entry(key.clone()).or_default()[place] += sign;
        if place == 1 {
            *self.times.entry((key.clone(), Durations::bucket(millis))).or_default() += sign;
        }
    }
}

/// Writes the present state of cases, and moves them in the sums from where they stood before.
pub(super) async fn write_cases(tx: &Transaction, rows: Vec<CaseRow>) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let stored = stored_cases(tx, &rows).await?;
    let mut sums = CaseSums::default();
    for row in &rows {
        let before = stored.get(&(row.workspace.clone(), row.case.case_id.clone()));
        // A case stays with the segments in which it was opened.
        let segments = before.map_or_else(|| row.segments.clone(), |stored| stored.segments.clone());
        for segment in everybody_and(&segments) {
            let day = row.case.opened_at.0.div_euclid(DAY_MILLIS);
            let (journey, touchpoint) = (row.case.journey.clone(), row.case.touchpoint.clone());
            let key = (row.workspace.clone(), segment, day, journey, touchpoint);
            if let Some(stored) = before {
                sums.count(&key, &stored.state, stored.millis, -1);
            }
            sums.count(&key, row.case.state.as_str(), row.changed_at.millis_since(row.case.opened_at), 1);
        }
    }
    save_cases(tx, &rows).await?;
    write_case_sums(tx, sums).await
}

struct StoredCase {
    state: String,
    millis: i64,
    segments: Vec<Segment>,
}

async fn stored_cases(
    tx: &Transaction,
    rows: &[CaseRow],
) -> Result<BTreeMap<(WorkspaceId, String), StoredCase>, Error> {
    let sql = "SELECT c.workspace, c.case_id, c.state, c.opened_at, c.changed_at, c.segments
        FROM v CROSS JOIN recovery_case c WHERE c.workspace = v.workspace AND c.case_id = v.case_id";
    let keys = Rows::new()
        .text("workspace", rows.iter().map(|r| r.workspace.as_str().to_owned()))
        .text("case_id", rows.iter().map(|r| r.case.case_id.clone()));
    let mut found = BTreeMap::new();
    for row in keys.query(tx, sql).await? {
        let workspace: String = row.try_get("", "workspace")?;
        let workspace =
            WorkspaceId::try_from(workspace).map_err(|e| Error::corrupt("recovery_case", "workspace", e))?;
        let (opened, changed): (i64, i64) = (row.try_get("", "opened_at")?, row.try_get("", "changed_at")?);
        let segments = from_text(&row.try_get::<String>("", "segments")?);
        let stored = StoredCase { state: row.try_get("", "state")?, millis: changed - opened, segments };
        found.insert((workspace, row.try_get("", "case_id")?), stored);
    }
    Ok(found)
}

async fn save_cases(tx: &Transaction, rows: &[CaseRow]) -> Result<(), Error> {
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
        .text("segments", rows.iter().map(|r| to_text(&r.segments)))
        .insert(tx, "recovery_case", Conflict::Do(newest))
        .await
        .map(|_| ())
}

async fn write_case_sums(tx: &Transaction, sums: CaseSums) -> Result<(), Error> {
    let added = "(workspace, trait, day, value, journey, touchpoint) DO UPDATE SET
        unended = case_sums.unended + excluded.unended, recovered = case_sums.recovered + excluded.recovered,
        relapsed = case_sums.relapsed + excluded.relapsed, lost = case_sums.lost + excluded.lost";
    let states = sums.states;
    linked(&states)
        .i64("unended", states.values().map(|s| s[0]))
        .i64("recovered", states.values().map(|s| s[1]))
        .i64("relapsed", states.values().map(|s| s[2]))
        .i64("lost", states.values().map(|s| s[3]))
        .insert(tx, "case_sums", Conflict::Do(added))
        .await?;
    let added = "(workspace, trait, day, value, journey, touchpoint, bucket) DO UPDATE SET
        cases = case_time.cases + excluded.cases";
    let times: Vec<(&DayLink, i64, i64)> =
        sums.times.iter().map(|((key, bucket), count)| (key, *bucket, *count)).collect();
    segmented(times.iter().map(|(k, ..)| (&k.0, &k.1, k.2)))
        .text("journey", times.iter().map(|t| t.0.3.clone()))
        .text("touchpoint", times.iter().map(|t| t.0.4.clone()))
        .i64("bucket", times.iter().map(|t| t.1))
        .i64("cases", times.iter().map(|t| t.2))
        .insert(tx, "case_time", Conflict::Do(added))
        .await
        .map(|_| ())
}
