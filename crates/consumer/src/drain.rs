//! The outbox in memory, and the task that drains it to the log: in order, one append under way at a time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use elate_domain::{CustomerId, Partition, WorkspaceId};
use tokio::sync::Notify;
use tracing::warn;

use crate::backoff::Backoff;
use crate::metrics::Metrics;
use crate::tables::outbox::{Acknowledged, OutboxRow, Page};
use crate::tables::{Tables, outbox as table};
use crate::{Error, LogSource, Settings};

/// Records of a lane in memory, above which no more are read from the database.
const ENOUGH: usize = 1_000;
/// What the log has is deleted with the next batch, or after this pause by itself.
const IDLE: Duration = Duration::from_millis(200);

type Key = (Arc<str>, Partition);

/// One lane of one partition.
#[derive(Debug, Default)]
struct Queue {
    rows: VecDeque<OutboxRow>,
    /// The last sequence that was put into `rows`.
    last: i64,
    /// The database may hold rows above `last`; until they are read, nothing is put in from memory.
    more: bool,
    /// Something was committed while rows were being read: read once more.
    again: bool,
}

#[derive(Debug, Default)]
struct State {
    queues: BTreeMap<Key, Queue>,
    acknowledged: BTreeMap<Key, i64>,
    /// Records in `queues`, and those under way.
    waiting: usize,
    /// Where the next append begins to take, so that no partition waits for ever.
    turn: usize,
}

/// What waits for the log. Shared by the loop and the lanes (put in) and the drain (takes out).
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    state: Mutex<State>,
    work: Notify,
    room: Notify,
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lanes of a partition that is ours from now on; what an earlier owner left is read from the database.
    pub(crate) fn own(&self, partition: Partition, lanes: &[Arc<str>]) {
        let mut state = self.lock();
        for lane in lanes {
            let queue = state.queues.entry((Arc::clone(lane), partition)).or_default();
            (queue.more, queue.again) = (true, true);
        }
        drop(state);
        self.work.notify_one();
    }

    /// The partition is not ours any more: its next owner sends the rest.
    pub(crate) fn disown(&self, partition: Partition) {
        let mut state = self.lock();
        let before: usize = state.queues.values().map(|queue| queue.rows.len()).sum();
        state.queues.retain(|(_, other), _| *other != partition);
        state.acknowledged.retain(|(_, other), _| *other != partition);
        let after: usize = state.queues.values().map(|queue| queue.rows.len()).sum();
        state.waiting = state.waiting.saturating_sub(before - after);
        drop(state);
        self.room.notify_waiters();
    }

    /// Takes rows that a transaction has committed.
    pub(crate) fn push(&self, rows: Vec<OutboxRow>) {
        if rows.is_empty() {
            return;
        }
        let mut state = self.lock();
        for row in rows {
            let Some(queue) = state.queues.get_mut(&(Arc::clone(&row.lane), row.partition)) else { continue };
            if queue.more {
                queue.again = true;
            } else if row.sequence > queue.last {
                queue.last = row.sequence;
                queue.rows.push_back(row);
                state.waiting += 1;
            }
        }
        drop(state);
        self.work.notify_one();
    }

    /// Takes rows of a side lane that a transaction has committed. Those that don't follow on the last known one (a
    /// commit before them has not been told, or never will be) are read from the database with what is missing.
    pub(crate) fn push_lane(&self, rows: Vec<OutboxRow>) {
        let mut state = self.lock();
        for row in rows {
            let Some(queue) = state.queues.get_mut(&(Arc::clone(&row.lane), row.partition)) else { continue };
            if queue.more || row.sequence > queue.last + 1 {
                (queue.more, queue.again) = (true, true);
            } else if row.sequence == queue.last + 1 {
                queue.last = row.sequence;
                queue.rows.push_back(row);
                state.waiting += 1;
            }
        }
        drop(state);
        self.work.notify_one();
    }

    /// Nothing about an erased customer shall be sent any more.
    pub(crate) fn forget(&self, workspace: &WorkspaceId, customer: CustomerId) {
        let mut state = self.lock();
        let mut removed = 0;
        for queue in state.queues.values_mut() {
            let before = queue.rows.len();
            queue.rows.retain(|row| row.customer != customer || row.workspace != *workspace);
            removed += before - queue.rows.len();
        }
        state.waiting = state.waiting.saturating_sub(removed);
    }

    /// What of some partitions the log has and the database still holds; the caller deletes it with its own transaction.
    pub(crate) fn acknowledged(&self, of: impl Fn(Partition) -> bool) -> Vec<Acknowledged> {
        let state = self.lock();
        let rows = state.acknowledged.iter().filter(|((_, partition), _)| of(*partition));
        rows.map(|((lane, partition), &sequence)| Acknowledged {
            lane: Arc::clone(lane),
            partition: *partition,
            sequence,
        })
        .collect()
    }

    /// The caller has deleted it.
    pub(crate) fn deleted(&self, rows: &[Acknowledged]) {
        let mut state = self.lock();
        for row in rows {
            let key = (Arc::clone(&row.lane), row.partition);
            if state.acknowledged.get(&key) == Some(&row.sequence) {
                state.acknowledged.remove(&key);
            }
        }
    }

    /// Waits until fewer than `limit` records wait.
    pub(crate) async fn room(&self, limit: usize) {
        loop {
            let mut notified = std::pin::pin!(self.room.notified());
            notified.as_mut().enable();
            if self.lock().waiting < limit {
                return;
            }
            notified.await;
        }
    }

    /// Waits until the log has everything.
    pub(crate) async fn drained(&self) {
        loop {
            let mut notified = std::pin::pin!(self.room.notified());
            notified.as_mut().enable();
            if self.is_drained() {
                return;
            }
            notified.await;
        }
    }

    fn is_drained(&self) -> bool {
        let state = self.lock();
        state.waiting == 0 && !state.queues.values().any(|queue| queue.more)
    }

    /// A lane whose rows must be read from the database.
    fn unread(&self) -> Option<(Key, i64)> {
        let mut state = self.lock();
        let found = state.queues.iter_mut().find(|(_, queue)| queue.more && queue.rows.len() < ENOUGH);
        found.map(|(key, queue)| {
            queue.again = false;
            (key.clone(), queue.last)
        })
    }

    /// Takes in a page that was read after `after`.
    fn read(&self, key: &Key, after: i64, page: Page) {
        let mut state = self.lock();
        let Some(queue) = state.queues.get_mut(key).filter(|queue| queue.last == after) else { return };
        if !page.more && !queue.again {
            queue.more = false;
        }
        queue.last = page.last.unwrap_or(queue.last);
        let count = page.rows.len();
        queue.rows.extend(page.rows);
        state.waiting += count;
        drop(state);
        self.room.notify_waiters();
    }

    /// The next append: from each queue in turn, in order within each.
    fn take(&self, settings: &Settings) -> Vec<OutboxRow> {
        let mut state = self.lock();
        let (mut taken, mut bytes) = (Vec::new(), 0);
        let count = state.queues.len().max(1);
        state.turn = (state.turn + 1) % count;
        let turn = state.turn;
        let keys: Vec<Key> = state.queues.keys().cloned().collect();
        for key in keys.iter().cycle().skip(turn).take(keys.len()) {
            let Some(queue) = state.queues.get_mut(key) else { continue };
            while taken.len() < settings.append_records && bytes < settings.append_bytes {
                let Some(row) = queue.rows.pop_front() else { break };
                bytes += row.record.len();
                taken.push(row);
            }
        }
        taken
    }

    /// The log has these.
    fn sent(&self, rows: &[OutboxRow]) {
        let mut state = self.lock();
        state.waiting = state.waiting.saturating_sub(rows.len());
        for row in rows {
            let key = (Arc::clone(&row.lane), row.partition);
            if state.queues.contains_key(&key) {
                state.acknowledged.insert(key, row.sequence);
            }
        }
        drop(state);
        self.room.notify_waiters();
    }
}

/// The task.
pub(crate) struct Drain {
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) tables: Tables,
    pub(crate) log: Arc<dyn LogSource>,
    pub(crate) settings: Settings,
    pub(crate) metrics: Metrics,
}

impl Drain {
    /// Drains until it is dropped.
    pub(crate) async fn run(self) -> Result<(), Error> {
        let mut backoff = Backoff::new(&self.settings);
        loop {
            match self.turn().await {
                Ok(()) => backoff.reset(),
                Err(error) => {
                    warn!(%error, "outbox could not be drained, trying again");
                    backoff.pause().await;
                }
            }
        }
    }

    async fn turn(&self) -> Result<(), Error> {
        while let Some((key, after)) = self.outbox.unread() {
            let page = table::page(&self.tables, &key.0, key.1, after).await?;
            let more = page.more;
            self.outbox.read(&key, after, page);
            if more {
                break;
            }
        }
        let rows = self.outbox.take(&self.settings);
        if rows.is_empty() {
            return self.rest().await;
        }
        // What was taken is never put back: it goes until it is there, unless the process ends.
        let mut backoff = Backoff::new(&self.settings);
        loop {
            let records = rows.iter().map(|row| row.record.clone()).collect();
            match self.log.append(records).await {
                Ok(_) => break,
                Err(error) => {
                    warn!(%error, records = rows.len(), "append failed, trying again");
                    backoff.pause().await;
                }
            }
        }
        self.metrics.drained(rows.len());
        self.outbox.sent(&rows);
        Ok(())
    }

    /// Waits for work; meanwhile deletes what the log has, if no batch did.
    async fn rest(&self) -> Result<(), Error> {
        if self.outbox.acknowledged(|_| true).is_empty() {
            self.outbox.work.notified().await;
            return Ok(());
        }
        if tokio::time::timeout(IDLE, self.outbox.work.notified()).await.is_ok() {
            return Ok(());
        }
        self.tidy().await
    }

    /// Deletes what the log has.
    pub(crate) async fn tidy(&self) -> Result<(), Error> {
        let acknowledged = self.outbox.acknowledged(|_| true);
        if acknowledged.is_empty() {
            return Ok(());
        }
        let tx = self.tables.begin().await?;
        table::delete(&tx, &acknowledged).await?;
        self.tables.commit(tx).await?;
        self.outbox.deleted(&acknowledged);
        Ok(())
    }
}
