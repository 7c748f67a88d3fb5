//! Which messages have been seen: how a repeat is recognised for at least a week.
//!
//! Keys stand in tables of a day each, so that a day is dropped at once and the log stays apart. Within a day they are grouped
//! into *segments*: `(segment, key)` is the primary key, so that inserts, which come in random order, touch only the pages of the
//! newest, small segment, whatever the day holds.
//!
//! One row (`seen_meta`) names the open segment. Append transactions read it `FOR SHARE` and keep it so until they end; whoever closes
//! the segment waits for them, so a closed segment never changes. Of closed segments each process keeps a [`Filter`]; only
//! keys that it does not rule out are looked for in SQL, and all keys where a segment was closed so newly that its filter is
//! not there yet. Right is what SQL says, the filters only save looks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use elate_storage::bulk::{Conflict, Rows};
use elate_storage::{Backend, ConnectionTrait, Database, Error, Transaction, execute, query_all, query_one};
use uuid::Uuid;

use super::filter::{CAPACITY, Filter};
use super::get;
use crate::model::fingerprint::Fingerprint;

const DAY_MS: i64 = 86_400_000;
/// Keys that one page of a load reads.
const LOAD_PAGE: i64 = 20_000;

/// Days and sizes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// Whole days that a repeat is recognised.
    pub(crate) days: i64,
    /// Keys of this process after which a segment is closed.
    pub(crate) segment_keys: u64,
}

/// A group of closed segments behind one filter.
#[derive(Debug)]
struct Block {
    filter: Filter,
    keys: usize,
    /// Its segments, and the day of each.
    segments: BTreeMap<i64, i64>,
}

#[derive(Debug, Default)]
struct Closed {
    blocks: Vec<Block>,
    /// Live segments, and the day of each; the last one is open.
    live: BTreeMap<i64, i64>,
    /// Those of them whose keys are in a filter.
    covered: std::collections::BTreeSet<i64>,
}

/// The seen messages.
#[derive(Debug)]
pub(crate) struct Seen {
    settings: Settings,
    closed: RwLock<Closed>,
    /// The open segment as this process last saw it, and how many keys this process put there.
    open: AtomicI64,
    inserted: AtomicU64,
}

/// The open segment as one transaction sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    segment: i64,
    day: i64,
}

/// What was found of the keys of a transaction.
#[derive(Debug, Default)]
pub(crate) struct Found(pub(crate) std::collections::HashMap<Uuid, u64>);

fn table(day: i64) -> String {
    format!("seen_{day}")
}

async fn create_table(tx: &Transaction, day: i64) -> Result<(), Error> {
    let (uuid, narrow) = match tx.get_database_backend() {
        Backend::Sqlite => ("BLOB", "WITHOUT ROWID"),
        _ => ("UUID", ""),
    };
    let sql = format!(
        "CREATE TABLE IF NOT EXISTS {} (segment BIGINT NOT NULL, key {uuid} NOT NULL, fingerprint BIGINT NOT NULL, \
         PRIMARY KEY (segment, key)) {narrow}",
        table(day)
    );
    execute(tx, &sql, []).await.map(|_| ())
}

impl Seen {
    /// Opens the newest segment, or the first.
    pub(crate) async fn open(database: &Database, settings: Settings) -> Result<Self, Error> {
        let today = database.now().await? / DAY_MS;
        let tx = database.begin().await?;
        Rows::new().i64("id", [1]).i64("segment", [0]).insert(&tx, "seen_meta", Conflict::Ignore).await?;
        lock_meta(&tx, "FOR UPDATE").await?;
        if query_one(&tx, "SELECT segment FROM seen_segment LIMIT 1", []).await?.is_none() {
            create_table(&tx, today).await?;
            Rows::new()
                .i64("segment", [0])
                .i64("day", [today])
                .insert(&tx, "seen_segment", Conflict::Fail)
                .await?;
        }
        tx.commit().await?;
        let seen = Self {
            settings,
            closed: RwLock::default(),
            open: AtomicI64::new(-1),
            inserted: AtomicU64::new(0),
        };
        seen.refresh(database).await?;
        Ok(seen)
    }

    /// Names the open segment, which stays open until the transaction ends.
    pub(crate) async fn window(&self, tx: &Transaction) -> Result<Window, Error> {
        let segment = lock_meta(tx, "FOR SHARE").await?;
        let known = self.read().live.get(&segment).copied();
        let day = match known {
            Some(day) => day,
            None => self.learn_segments(tx).await?.get(&segment).copied().unwrap_or_default(),
        };
        if self.open.swap(segment, Ordering::SeqCst) != segment {
            self.inserted.store(0, Ordering::SeqCst);
        }
        Ok(Window { segment, day })
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Closed> {
        self.closed.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Closed> {
        self.closed.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads which segments there are.
    async fn learn_segments<C: ConnectionTrait>(&self, connection: &C) -> Result<BTreeMap<i64, i64>, Error> {
        let rows = query_all(connection, "SELECT segment, day FROM seen_segment", []).await?;
        let live: Result<BTreeMap<i64, i64>, Error> =
            rows.iter().map(|row| Ok((get(row, "segment")?, get(row, "day")?))).collect();
        let live = live?;
        let mut closed = self.write();
        closed.live = live.clone();
        closed.covered.retain(|segment| live.contains_key(segment));
        for block in &mut closed.blocks {
            block.segments.retain(|segment, _| live.contains_key(segment));
        }
        closed.blocks.retain(|block| !block.segments.is_empty());
        Ok(live)
    }

    /// Which keys have been seen in closed segments, with their fingerprints.
    pub(crate) async fn find(&self, tx: &Transaction, window: Window, keys: &[Uuid]) -> Result<Found, Error> {
        // By day, because each day is a table of its own.
        let mut probes: BTreeMap<i64, Vec<(i64, Uuid)>> = BTreeMap::new();
        {
            let closed = self.read();
            for block in &closed.blocks {
                for key in keys.iter().filter(|key| block.filter.may_contain(**key)) {
                    for (segment, day) in &block.segments {
                        probes.entry(*day).or_default().push((*segment, *key));
                    }
                }
            }
            for (segment, day) in closed.live.range(..window.segment) {
                if !closed.covered.contains(segment) {
                    probes.entry(*day).or_default().extend(keys.iter().map(|key| (*segment, *key)));
                }
            }
        }
        let mut found = Found::default();
        for (day, probes) in probes {
            lookup(tx, day, probes, &mut found).await?;
        }
        Ok(found)
    }

    /// Which keys have been seen in the open segment.
    pub(crate) async fn find_open(
        &self,
        tx: &Transaction,
        window: Window,
        keys: &[Uuid],
        found: &mut Found,
    ) -> Result<(), Error> {
        let probes = keys.iter().map(|key| (window.segment, *key)).collect();
        lookup(tx, window.day, probes, found).await
    }

    /// Remembers new keys. Answers `false` where one of them is there already: then the transaction must be
    /// given up, and [`Self::find_open`] asked in the next one. Sorted, so that two transactions can't wait for each other.
    pub(crate) async fn insert(
        &self,
        tx: &Transaction,
        window: Window,
        fingerprints: &mut [Fingerprint],
    ) -> Result<bool, Error> {
        if fingerprints.is_empty() {
            return Ok(true);
        }
        fingerprints.sort_unstable_by_key(|fingerprint| fingerprint.key);
        let inserted = Rows::new()
            .i64("segment", fingerprints.iter().map(|_| window.segment))
            .uuid("key", fingerprints.iter().map(|fingerprint| fingerprint.key))
            .i64("fingerprint", fingerprints.iter().map(|fingerprint| fingerprint.content as i64))
            .insert(tx, &table(window.day), Conflict::Ignore)
            .await?;
        self.inserted.fetch_add(inserted, Ordering::Relaxed);
        Ok(inserted == fingerprints.len() as u64)
    }

    /// Closes the open segment where its day is over or it is full, drops days that are past, and takes closed
    /// segments into filters. To be called now and then; any number of processes may.
    pub(crate) async fn maintain(&self, database: &Database) -> Result<(), Error> {
        let today = database.now().await? / DAY_MS;
        let full = self.inserted.load(Ordering::Relaxed) >= self.settings.segment_keys;
        let open = self.open.load(Ordering::SeqCst);
        let day = self.read().live.get(&open).copied().unwrap_or(today);
        if full || day < today {
            self.rotate(database, open, today).await?;
        }
        self.refresh(database).await
    }

    async fn rotate(&self, database: &Database, seen_open: i64, today: i64) -> Result<(), Error> {
        let tx = database.begin().await?;
        // Waits for the transactions that append to the segment, and then nobody does any more.
        let open = lock_meta(&tx, "FOR UPDATE").await?;
        if open > seen_open {
            // Another process has closed it.
            return Ok(());
        }
        let next = open + 1;
        create_table(&tx, today).await?;
        Rows::new()
            .i64("segment", [next])
            .i64("day", [today])
            .insert(&tx, "seen_segment", Conflict::Fail)
            .await?;
        execute(&tx, "UPDATE seen_meta SET segment = $1 WHERE id = 1", [next.into()]).await?;
        // The day that is going on does not count as a whole one.
        let kept = today - self.settings.days;
        let past =
            query_all(&tx, "SELECT DISTINCT day FROM seen_segment WHERE day < $1", [kept.into()]).await?;
        for row in past {
            let day: i64 = get(&row, "day")?;
            execute(&tx, "DELETE FROM seen_segment WHERE day = $1", [day.into()]).await?;
            execute(&tx, &format!("DROP TABLE IF EXISTS {}", table(day)), []).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Takes closed segments that have no filter yet into one.
    async fn refresh(&self, database: &Database) -> Result<(), Error> {
        let row = query_one(database.read(), "SELECT segment FROM seen_meta WHERE id = 1", []).await?;
        let open: i64 = row.map(|row| get(&row, "segment")).transpose()?.unwrap_or_default();
        // Read after `open`: every segment below it is in the list and closed.
        let live = self.learn_segments(database.read()).await?;
        for (segment, day) in live.range(..open) {
            if !self.read().covered.contains(segment) {
                self.cover(database, *segment, *day).await?;
            }
        }
        Ok(())
    }

    async fn cover(&self, database: &Database, segment: i64, day: i64) -> Result<(), Error> {
        let mut keys: Vec<Uuid> = Vec::new();
        loop {
            let after = keys.last().copied().unwrap_or(Uuid::nil());
            let sql = format!(
                "SELECT key FROM {} WHERE segment = $1 AND key > $2 ORDER BY key LIMIT $3",
                table(day)
            );
            let page =
                query_all(database.read(), &sql, [segment.into(), after.into(), LOAD_PAGE.into()]).await?;
            for row in &page {
                keys.push(get(row, "key")?);
            }
            if (page.len() as i64) < LOAD_PAGE {
                break;
            }
        }
        let mut closed = self.write();
        let roomy = closed.blocks.last().is_some_and(|block| block.keys + keys.len() <= CAPACITY);
        if !roomy {
            closed.blocks.push(Block { filter: Filter::new(), keys: 0, segments: BTreeMap::new() });
        }
        if let Some(block) = closed.blocks.last_mut() {
            keys.iter().for_each(|key| block.filter.insert(*key));
            block.keys += keys.len();
            block.segments.insert(segment, day);
        }
        closed.covered.insert(segment);
        Ok(())
    }
}

async fn lock_meta(tx: &Transaction, lock: &str) -> Result<i64, Error> {
    let lock = if tx.get_database_backend() == Backend::Sqlite { "" } else { lock };
    let row = query_one(tx, &format!("SELECT segment FROM seen_meta WHERE id = 1 {lock}"), []).await?;
    get(&row.ok_or_else(|| Error::corrupt("seen_meta", "id", "no row"))?, "segment")
}

async fn lookup(
    tx: &Transaction,
    day: i64,
    probes: Vec<(i64, Uuid)>,
    found: &mut Found,
) -> Result<(), Error> {
    let sql = format!(
        "SELECT s.key, s.fingerprint FROM v JOIN {} s ON s.segment = v.segment AND s.key = v.key",
        table(day)
    );
    let rows = Rows::new()
        .i64("segment", probes.iter().map(|probe| probe.0))
        .uuid("key", probes.iter().map(|probe| probe.1))
        .query(tx, &sql)
        .await?;
    for row in rows {
        found.0.insert(get(&row, "key")?, get::<i64>(&row, "fingerprint")? as u64);
    }
    Ok(())
}
