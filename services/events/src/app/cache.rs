//! What identifiers and customers led to, without asking the database for each event.
//!
//! An entry remembers the epoch of its customer's partition. Merges and erasures count that epoch up under the
//! head's lock, and every append compares the epochs of the heads that it holds with those its resolutions rest on. So an
//! entry may be stale, but nothing is ever appended on the strength of a stale one.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use elate_domain::{CustomerId, Partition};
use lru::LruCache;

use crate::model::identity::{IdKey, Lead};

/// What became of a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Who stands for it now: itself, or whom it was merged into.
    pub(crate) survivor: CustomerId,
    /// Whether that one was erased.
    pub(crate) erased: bool,
}

/// Epochs of all partitions at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Epochs(Vec<u64>);

impl Epochs {
    pub(crate) fn of(&self, partition: Partition) -> u64 {
        self.0.get(partition.0 as usize).copied().unwrap_or_default()
    }
}

#[derive(Debug)]
pub(crate) struct Cache {
    epochs: Vec<AtomicU64>,
    leads: Mutex<LruCache<IdKey, (Lead, u64)>>,
    standings: Mutex<LruCache<CustomerId, (Standing, u64)>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cache {
    pub(crate) fn new(shape: &elate_log::Shape, size: usize) -> Self {
        let size = NonZeroUsize::new(size).unwrap_or(NonZeroUsize::MIN);
        Self {
            epochs: shape.heads.values().map(|head| AtomicU64::new(head.epoch)).collect(),
            leads: Mutex::new(LruCache::new(size)),
            standings: Mutex::new(LruCache::new(size)),
        }
    }

    fn partition(&self, customer: CustomerId) -> Partition {
        customer.partition(self.epochs.len() as u32)
    }

    /// To be taken before anything is resolved for a transaction.
    pub(crate) fn epochs(&self) -> Epochs {
        Epochs(self.epochs.iter().map(|epoch| epoch.load(Ordering::SeqCst)).collect())
    }

    /// Learns a partition's epoch from its locked or committed head.
    pub(crate) fn observe(&self, partition: Partition, epoch: u64) {
        if let Some(known) = self.epochs.get(partition.0 as usize) {
            known.fetch_max(epoch, Ordering::SeqCst);
        }
    }

    /// Calls `found` with each key that is cached, `missing` with the others.
    pub(crate) fn leads(
        &self,
        epochs: &Epochs,
        keys: impl Iterator<Item = IdKey>,
        mut found: impl FnMut(IdKey, Lead),
        mut missing: impl FnMut(IdKey),
    ) {
        let mut leads = lock(&self.leads);
        for key in keys {
            match leads.get(&key) {
                Some((lead, epoch)) if *epoch == epochs.of(self.partition(lead.customer)) => {
                    found(key, *lead)
                }
                _ => missing(key),
            }
        }
    }

    /// Keeps leads; `epoch` answers the epoch that each customer's partition had when the lead was read or written.
    pub(crate) fn keep_leads(
        &self,
        leads: impl Iterator<Item = (IdKey, Lead)>,
        epoch: impl Fn(Partition) -> u64,
    ) {
        let mut kept = lock(&self.leads);
        for (key, lead) in leads {
            kept.put(key, (lead, epoch(self.partition(lead.customer))));
        }
    }

    /// A customer's standing.
    pub(crate) fn standing(&self, epochs: &Epochs, customer: CustomerId) -> Option<Standing> {
        match lock(&self.standings).get(&customer) {
            // Both partitions: the customer may have been merged, the survivor erased.
            Some((standing, epoch)) if *epoch == self.both(epochs, customer, *standing) => Some(*standing),
            _ => None,
        }
    }

    pub(crate) fn keep_standing(&self, epochs: &Epochs, customer: CustomerId, standing: Standing) {
        let epoch = self.both(epochs, customer, standing);
        lock(&self.standings).put(customer, (standing, epoch));
    }

    /// Rises when either epoch does.
    fn both(&self, epochs: &Epochs, customer: CustomerId, standing: Standing) -> u64 {
        epochs.of(self.partition(customer)) + epochs.of(self.partition(standing.survivor))
    }
}
