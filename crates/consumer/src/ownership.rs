//! Which partitions this process holds, for the loop and for a service's own workers.

use std::collections::BTreeMap;
use std::sync::Arc;

use elate_domain::Partition;
use tokio::sync::watch;

/// A partition that is ours, and the epoch that proves it: every write for the partition checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Held {
    /// The partition.
    pub partition: Partition,
    /// Rises with every change of the owner.
    pub epoch: i64,
}

/// All partitions held, with their epochs.
pub(crate) type Holdings = Arc<BTreeMap<Partition, i64>>;

/// Tells which partitions are held, and when that changes. What it says may be out of date at any time: it saves
/// work, and the epoch in the transaction is what protects.
#[derive(Debug, Clone)]
pub struct Ownership {
    receiver: watch::Receiver<Holdings>,
}

impl Ownership {
    pub(crate) fn new(receiver: watch::Receiver<Holdings>) -> Self {
        Self { receiver }
    }

    /// All partitions held now, ascending.
    pub fn all(&self) -> Vec<Held> {
        self.receiver.borrow().iter().map(|(&partition, &epoch)| Held { partition, epoch }).collect()
    }

    /// The partition, if it is held now.
    pub fn get(&self, partition: Partition) -> Option<Held> {
        self.receiver.borrow().get(&partition).map(|&epoch| Held { partition, epoch })
    }

    /// Waits for the next change since the last call (or since this handle was cloned). Answers `false` when the
    /// consumer is gone and nothing will change any more.
    pub async fn changed(&mut self) -> bool {
        self.receiver.changed().await.is_ok()
    }
}
