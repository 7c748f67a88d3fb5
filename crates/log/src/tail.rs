//! What the followers of this process share: rings, marks, and the bell that wakes them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use elate_domain::{Offset, Partition, Timestamp};
use tokio::sync::{Notify, watch};

use crate::ring::{Look, Ring};
use crate::{Batch, Head, metrics};

/// The latest mark of a partition: `(last offset, log time)` of a committed head row.
pub(crate) type RowMark = (Offset, Timestamp);

#[derive(Debug)]
struct Slot {
    ring: Mutex<Ring>,
    mark: Mutex<RowMark>,
    followers: AtomicUsize,
    /// Who fills a hole at the end of the ring does it for all.
    filling: tokio::sync::Mutex<()>,
}

/// The tail of this process.
#[derive(Debug)]
pub(crate) struct Tail {
    slots: Vec<Slot>,
    followers: AtomicUsize,
    /// Rings with every change; carries the reason why the log can't be followed any more, if there is one.
    bell: watch::Sender<Option<String>>,
    /// Rings when a first follower comes.
    awake: Notify,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics under these locks; if something did, the data are whole all the same.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tail {
    pub(crate) fn new(partitions: u32, ring_bytes: usize) -> Self {
        let slot = |_| Slot {
            ring: Mutex::new(Ring::new(ring_bytes)),
            mark: Mutex::default(),
            followers: AtomicUsize::new(0),
            filling: tokio::sync::Mutex::default(),
        };
        Self {
            slots: (0..partitions).map(slot).collect(),
            followers: AtomicUsize::new(0),
            bell: watch::Sender::new(None),
            awake: Notify::new(),
        }
    }

    fn slot(&self, partition: Partition) -> Option<&Slot> {
        self.slots.get(partition.0 as usize)
    }

    /// Takes in a batch from whatever source.
    pub(crate) fn offer(&self, batch: &Arc<Batch>) {
        let news = self.slot(batch.partition).is_some_and(|slot| lock(&slot.ring).offer(batch));
        if news {
            self.bell.send_modify(|_| ());
        }
    }

    /// Takes in a committed head row.
    pub(crate) fn learn(&self, partition: Partition, head: &Head) {
        let Some(slot) = self.slot(partition) else { return };
        let mut news = lock(&slot.ring).learn(head.last.0, head.erasures);
        {
            let mut mark = lock(&slot.mark);
            if head.log_time > mark.1 {
                *mark = (head.last, head.log_time);
                news = true;
            }
        }
        if news {
            self.bell.send_modify(|_| ());
        }
    }

    pub(crate) fn look(&self, partition: Partition, after: u64, max_bytes: usize) -> Look {
        self.slot(partition).map_or(Look::AtEnd, |slot| lock(&slot.ring).look(after, max_bytes))
    }

    /// The latest mark.
    pub(crate) fn mark(&self, partition: Partition) -> RowMark {
        self.slot(partition).map(|slot| *lock(&slot.mark)).unwrap_or_default()
    }

    /// `(last held without a gap, newest known, erasures)`.
    pub(crate) fn state(&self, partition: Partition) -> (Option<u64>, u64, u64) {
        self.slot(partition).map_or((None, 0, 0), |slot| {
            let ring = lock(&slot.ring);
            (ring.last(), ring.known(), ring.erasures())
        })
    }

    /// Waits for the turn to fill the end of a partition.
    pub(crate) async fn filling(&self, partition: Partition) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        match self.slot(partition) {
            Some(slot) => Some(slot.filling.lock().await),
            None => None,
        }
    }

    /// Ends all followers with this reason.
    pub(crate) fn fail(&self, reason: String) {
        self.bell.send_replace(Some(reason));
    }

    /// Hears every change from here on.
    pub(crate) fn listen(&self) -> watch::Receiver<Option<String>> {
        self.bell.subscribe()
    }

    pub(crate) fn follow(&self, partitions: impl Iterator<Item = Partition>) {
        for slot in partitions.filter_map(|partition| self.slot(partition)) {
            slot.followers.fetch_add(1, Ordering::SeqCst);
        }
        let before = self.followers.fetch_add(1, Ordering::SeqCst);
        metrics::followers(before + 1);
        self.awake.notify_waiters();
    }

    pub(crate) fn unfollow(&self, partitions: impl Iterator<Item = Partition>) {
        for slot in partitions.filter_map(|partition| self.slot(partition)) {
            slot.followers.fetch_sub(1, Ordering::SeqCst);
        }
        let before = self.followers.fetch_sub(1, Ordering::SeqCst);
        metrics::followers(before.saturating_sub(1));
    }

    /// Partitions that somebody follows.
    pub(crate) fn followed(&self) -> Vec<Partition> {
        let followed = |(_, slot): &(u32, &Slot)| slot.followers.load(Ordering::SeqCst) > 0;
        (0..).zip(&self.slots).filter(followed).map(|(i, _)| Partition(i)).collect()
    }

    /// Returns when somebody follows.
    pub(crate) async fn somebody(&self) {
        loop {
            let awake = self.awake.notified();
            if self.followers.load(Ordering::SeqCst) > 0 {
                return;
            }
            awake.await;
        }
    }
}
