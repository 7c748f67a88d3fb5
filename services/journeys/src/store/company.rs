//! What concerns all customers: samples, and what is to be told to every partition.
//!
//! What is told stands in one numbered line a workspace. Each partition is told it in that order, by whoever holds the
//! partition, and how far that has come is kept in the transaction that tells it.

use std::collections::BTreeMap;
use std::sync::Arc;

use elate_domain::{Partition, RawJson, Timestamp, WorkspaceId};
use elate_storage::bulk::{Conflict, Rows};
use elate_storage::{Error, Transaction, Value, execute, query_all};

use super::Store;
use super::query::{Reader, Select};
use super::read::{read, time};
use crate::model::rows::{Measure, Outlook, OutlookRow, SampleRow};

/// Announcements that are read at once for a workspace.
const PAGE: u64 = 200;

/// Something that every partition of a workspace is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Announcement {
    /// The tenant.
    pub workspace: WorkspaceId,
    /// Rises by one in the workspace.
    pub number: u64,
    /// One of [`elate_domain::system::name`].
    pub name: Arc<str>,
    /// When it was decided.
    pub at: Timestamp,
    /// The payload.
    pub payload: RawJson,
}

/// What was measured of a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampled {
    /// The Moment manifest.
    pub moment: String,
    /// Its wording.
    pub wording: i64,
    /// What was measured.
    pub measure: Measure,
    /// How often.
    pub count: u64,
    /// Log time of the newest.
    pub newest: Timestamp,
}

/// A measure as it stands in its column.
fn word(measure: &Measure) -> String {
    match measure {
        Measure::Experience => "experience".to_owned(),
        Measure::Way(milestone) => format!("way:{milestone}"),
    }
}

fn measure(word: &str) -> Measure {
    word.strip_prefix("way:").map_or(Measure::Experience, |milestone| Measure::Way(milestone.to_owned()))
}

pub(super) async fn write_samples(tx: &Transaction, rows: Vec<SampleRow>) -> Result<(), Error> {
    const UPSERT: Conflict = Conflict::Do(
        "(workspace, moment, wording, measure, sample_id) DO UPDATE SET customer_id = excluded.customer_id, \
         value = excluded.value, at = excluded.at",
    );
    Rows::new()
        .text("workspace", rows.iter().map(|r| r.owner.workspace.as_str().to_owned()))
        .uuid("customer_id", rows.iter().map(|r| r.owner.customer.0))
        .text("moment", rows.iter().map(|r| r.moment.clone()))
        .i64("wording", rows.iter().map(|r| r.wording))
        .text("measure", rows.iter().map(|r| word(&r.measure)))
        .uuid("sample_id", rows.iter().map(|r| r.id))
        .f64("value", rows.iter().map(|r| r.value))
        .i64("at", rows.iter().map(|r| r.at.0))
        .insert(tx, "population_samples", UPSERT)
        .await
        .map(drop)
}

pub(super) async fn write_outlooks(tx: &Transaction, rows: Vec<OutlookRow>) -> Result<(), Error> {
    const UPSERT: Conflict = Conflict::Do(
        "(workspace, promise_id) DO UPDATE SET customer_id = excluded.customer_id, milestone = excluded.milestone, \
         samples = excluded.samples, least = excluded.least, chance = excluded.chance, at = excluded.at",
    );
    Rows::new()
        .text("workspace", rows.iter().map(|r| r.owner.workspace.as_str().to_owned()))
        .uuid("customer_id", rows.iter().map(|r| r.owner.customer.0))
        .uuid("promise_id", rows.iter().map(|r| r.promise_id))
        .text("milestone", rows.iter().map(|r| r.outlook.after.clone()))
        .i64("samples", rows.iter().map(|r| i64::from(r.outlook.samples)))
        .i64("least", rows.iter().map(|r| i64::from(r.outlook.least)))
        .f64_opt("chance", rows.iter().map(|r| r.outlook.chance))
        .i64("at", rows.iter().map(|r| r.outlook.at.0))
        .insert(tx, "promise_outlooks", UPSERT)
        .await
        .map(drop)
}

pub(super) fn outlook(r: &Reader<'_>) -> Result<Outlook, Error> {
    let count =
        |column| u32::try_from(r.i64(column)?).map_err(|error| Error::corrupt(r.table, column, error));
    Ok(Outlook {
        after: r.text("milestone")?,
        samples: count("samples")?,
        least: count("least")?,
        chance: r.f64_opt("chance")?,
        at: time(r, "at")?,
    })
}

fn whole(r: &Reader<'_>, column: &'static str) -> Result<u64, Error> {
    u64::try_from(r.i64(column)?).map_err(|error| Error::corrupt(r.table, column, error))
}

fn workspace(r: &Reader<'_>) -> Result<WorkspaceId, Error> {
    WorkspaceId::try_new(&r.text("workspace")?).map_err(|error| Error::corrupt(r.table, "workspace", error))
}

impl Store {
    /// The workspaces that definitions were published in, in order of their ids.
    pub async fn workspaces(&self) -> Result<Vec<WorkspaceId>, Error> {
        let sql = "SELECT DISTINCT workspace FROM definitions ORDER BY workspace";
        let rows = query_all(self.database.read(), sql, Vec::<Value>::new()).await?;
        read(&rows, "definitions", workspace)
    }

    /// What was measured in a workspace, and how often.
    pub async fn sampled(&self, of: &WorkspaceId) -> Result<Vec<Sampled>, Error> {
        let columns = "moment, wording, measure, COUNT(*) AS samples, MAX(at) AS newest";
        let select = Select::of(columns, "population_samples", of).grouped_by("moment, wording, measure");
        let rows = select.order_by("moment, wording, measure", 100_000).all(&self.database).await?;
        read(&rows, "population_samples", |r| {
            Ok(Sampled {
                moment: r.text("moment")?,
                wording: r.i64("wording")?,
                measure: measure(&r.text("measure")?),
                count: whole(r, "samples")?,
                newest: time(r, "newest")?,
            })
        })
    }

    /// The newest values of one measure, and the time from which on they were taken.
    pub async fn samples(
        &self,
        of: &WorkspaceId,
        what: &Sampled,
        limit: u64,
    ) -> Result<(Vec<f64>, Option<Timestamp>), Error> {
        let select = Select::of("value, at", "population_samples", of)
            .and("moment", "=", what.moment.as_str())
            .and("wording", "=", what.wording)
            .and("measure", "=", word(&what.measure));
        let rows = select.order_by("at DESC, sample_id", limit).all(&self.database).await?;
        let found = read(&rows, "population_samples", |r| Ok((r.f64("value")?, time(r, "at")?)))?;
        let oldest = found.last().map(|(_, at)| *at);
        Ok((found.into_iter().map(|(value, _)| value).collect(), oldest))
    }

    /// Forgets the samples of a measure that were taken before a time.
    pub async fn forget_samples(
        &self,
        tx: &Transaction,
        of: &WorkspaceId,
        what: &Sampled,
        before: Timestamp,
    ) -> Result<u64, Error> {
        let sql = "DELETE FROM population_samples WHERE workspace = $1 AND moment = $2 AND wording = $3 \
                   AND measure = $4 AND at < $5";
        let values: [Value; 5] = [
            of.as_str().into(),
            what.moment.as_str().into(),
            what.wording.into(),
            word(&what.measure).into(),
            before.0.into(),
        ];
        execute(tx, sql, values).await
    }

    /// Puts something into the line of what every partition is told.
    ///
    /// # Errors
    /// A conflict where another process put something there at the same moment; the caller tries again.
    pub async fn announce(
        &self,
        tx: &Transaction,
        of: &WorkspaceId,
        name: &str,
        at: Timestamp,
        payload: &RawJson,
    ) -> Result<(), Error> {
        let sql = "INSERT INTO announcements (workspace, number, name, at, payload) \
                   SELECT $1, COALESCE(MAX(number), 0) + 1, $2, $3, $4 FROM announcements WHERE workspace = $1";
        let payload = String::from_utf8_lossy(payload.as_bytes()).into_owned();
        execute(tx, sql, [of.as_str().into(), name.into(), at.0.into(), payload.into()]).await.map(drop)
    }

    /// What each of these partitions has not been told yet, in order. Partitions that know all are left out.
    pub async fn untold(
        &self,
        partitions: &[Partition],
    ) -> Result<Vec<(Partition, Vec<Announcement>)>, Error> {
        let newest = "SELECT workspace, MAX(number) AS number FROM announcements GROUP BY workspace";
        let rows = query_all(self.database.read(), newest, Vec::<Value>::new()).await?;
        let newest = read(&rows, "announcements", |r| Ok((workspace(r)?, whole(r, "number")?)))?;
        if newest.is_empty() {
            return Ok(Vec::new());
        }
        let sql = "SELECT workspace, partition_id, number FROM announcements_told";
        let rows = query_all(self.database.read(), sql, Vec::<Value>::new()).await?;
        let told = read(&rows, "announcements_told", |r| {
            Ok(((workspace(r)?, whole(r, "partition_id")?), whole(r, "number")?))
        })?;
        let told: BTreeMap<_, _> = told.into_iter().collect();
        let mut untold: BTreeMap<Partition, Vec<Announcement>> = BTreeMap::new();
        for (of, newest) in newest {
            let known = |p: &Partition| told.get(&(of.clone(), u64::from(p.0))).copied().unwrap_or(0);
            let behind: Vec<_> = partitions.iter().filter(|p| known(p) < newest).collect();
            let Some(from) = behind.iter().map(|p| known(p)).min() else { continue };
            let waiting = self.announcements(&of, from).await?;
            for partition in behind {
                let new = waiting.iter().filter(|announcement| announcement.number > known(partition));
                untold.entry(*partition).or_default().extend(new.cloned());
            }
        }
        Ok(untold.into_iter().filter(|(_, new)| !new.is_empty()).collect())
    }

    async fn announcements(&self, of: &WorkspaceId, after: u64) -> Result<Vec<Announcement>, Error> {
        let select = Select::of("workspace, number, name, at, payload", "announcements", of);
        let select = select.and("number", ">", after.cast_signed()).order_by("number", PAGE);
        read(&select.all(&self.database).await?, "announcements", |r| {
            Ok(Announcement {
                workspace: workspace(r)?,
                number: whole(r, "number")?,
                name: Arc::from(r.text("name")?),
                at: time(r, "at")?,
                payload: RawJson::from_trusted(r.text("payload")?.into_bytes()),
            })
        })
    }

    /// Notes that a partition was told everything up to a number, in the transaction that tells it.
    pub async fn told(
        &self,
        tx: &Transaction,
        of: &WorkspaceId,
        partition: Partition,
        number: u64,
    ) -> Result<(), Error> {
        let sql = "INSERT INTO announcements_told (workspace, partition_id, number) VALUES ($1, $2, $3) \
                   ON CONFLICT (workspace, partition_id) DO UPDATE SET number = excluded.number";
        let values: [Value; 3] =
            [of.as_str().into(), i64::from(partition.0).into(), number.cast_signed().into()];
        execute(tx, sql, values).await.map(drop)
    }

    /// Forgets what was announced before a time. A partition that has not heard it by then hears what came after.
    pub async fn forget_announcements(&self, tx: &Transaction, before: Timestamp) -> Result<u64, Error> {
        // The newest of each workspace stays: the next number follows on it.
        let sql = "DELETE FROM announcements WHERE at < $1 AND number < \
                   (SELECT MAX(number) FROM announcements AS newest WHERE newest.workspace = announcements.workspace)";
        execute(tx, sql, [before.0.into()]).await
    }
}
