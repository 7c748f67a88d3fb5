//! The customers that one micro-batch works on, and the cache between batches.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};

use elate_domain::{CustomerId, Partition, Timestamp, WorkspaceId};
use lru::LruCache;
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use crate::Error;
use crate::envelope::Envelope;
use crate::imports::Imports;
use crate::packed::Packer;
use crate::tables::customer::CustomerRow;

/// A customer of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CustomerKey {
    pub(crate) workspace: WorkspaceId,
    pub(crate) customer: CustomerId,
}

impl Hash for CustomerKey {
    /// The customer alone: ids are unique over all workspaces but for accidents, and this runs for every record.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.customer.hash(state);
    }
}

/// How an envelope is stored at present, to tell whether it must be written again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Image {
    hash: u64,
    size: usize,
    next_due: Option<Timestamp>,
    held_due: Option<Timestamp>,
}

/// A customer in memory.
#[derive(Debug)]
pub(crate) struct Entry<S> {
    pub(crate) key: CustomerKey,
    pub(crate) partition: Partition,
    pub(crate) envelope: Envelope<S>,
    /// A step ran.
    pub(crate) touched: bool,
    /// A step failed in this run; what the envelope holds is not to be trusted.
    pub(crate) poisoned: bool,
    /// How it is stored; `None` where nothing is.
    pub(crate) image: Option<Image>,
}

impl<S: Default> Entry<S> {
    pub(crate) fn new(key: CustomerKey, partition: Partition) -> Self {
        let envelope = Envelope::default();
        Self { key, partition, envelope, touched: false, poisoned: false, image: None }
    }
}

impl<S> Entry<S> {
    /// Whether records and timers pass it by.
    pub(crate) fn is_closed(&self) -> bool {
        let envelope = &self.envelope;
        envelope.aside.is_some() || envelope.merged_into.is_some() || envelope.erased || self.poisoned
    }

    /// The first deadlines: of timers that may fire, and of those that an import holds.
    fn dues(&self, imports: &Imports) -> (Option<Timestamp>, Option<Timestamp>) {
        if self.is_closed() {
            return (None, None);
        }
        let (mut next, mut held) = (None::<Timestamp>, None::<Timestamp>);
        for timer in self.envelope.timers.values() {
            let first = if imports.holds(&self.key.workspace, timer.import) { &mut held } else { &mut next };
            *first = Some(first.map_or(timer.deadline, |known| known.min(timer.deadline)));
        }
        (next, held)
    }

    /// When the first timer that may fire is due.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.image.and_then(|image| image.next_due)
    }
}

impl<S: Serialize> Entry<S> {
    /// The row to write; `None` where it is stored like this already.
    pub(crate) fn row(
        &mut self,
        imports: &Imports,
        packer: &mut Packer,
    ) -> Result<Option<CustomerRow>, Error> {
        if !self.touched {
            return Ok(None);
        }
        let state = packer.encode("customer", &self.envelope)?;
        let (next_due, held_due) = self.dues(imports);
        let image = Image { hash: xxh3_64(state), size: state.len(), next_due, held_due };
        if self.image == Some(image) {
            return Ok(None);
        }
        self.image = Some(image);
        let (key, partition) = (self.key.clone(), self.partition);
        Ok(Some(CustomerRow { key, partition, next_due, held_due, state: packer.pack() }))
    }
}

/// The customers of one micro-batch.
#[derive(Debug)]
pub(crate) struct Working<S> {
    index: HashMap<CustomerKey, usize>,
    pub(crate) entries: Vec<Entry<S>>,
}

impl<S> Working<S> {
    pub(crate) fn with_capacity(count: usize) -> Self {
        Self { index: HashMap::with_capacity(count), entries: Vec::with_capacity(count) }
    }

    pub(crate) fn find(&self, key: &CustomerKey) -> Option<usize> {
        self.index.get(key).copied()
    }

    pub(crate) fn insert(&mut self, entry: Entry<S>) {
        self.index.insert(entry.key.clone(), self.entries.len());
        self.entries.push(entry);
    }
}

/// Decoded customers that were used last. Holds only what the database holds too.
pub(crate) struct Cache<S> {
    entries: LruCache<CustomerKey, Entry<S>>,
    bytes: usize,
    most_entries: usize,
    most_bytes: usize,
}

impl<S> Cache<S> {
    pub(crate) fn new(most_entries: usize, most_bytes: usize) -> Self {
        Self { entries: LruCache::unbounded(), bytes: 0, most_entries, most_bytes }
    }

    /// Takes an entry out: it is being changed, and comes back when that is committed.
    pub(crate) fn take(&mut self, key: &CustomerKey) -> Option<Entry<S>> {
        let entry = self.entries.pop(key)?;
        self.bytes = self.bytes.saturating_sub(size(&entry));
        Some(entry)
    }

    /// Puts a committed entry in; the least used make room.
    pub(crate) fn put(&mut self, mut entry: Entry<S>) {
        // Nothing is stored for it: the next look at the database says so as well.
        if entry.image.is_none() {
            return;
        }
        entry.touched = false;
        self.bytes += size(&entry);
        if let Some(old) = self.entries.put(entry.key.clone(), entry) {
            self.bytes = self.bytes.saturating_sub(size(&old));
        }
        while self.entries.len() > self.most_entries || self.bytes > self.most_bytes {
            let Some((_, least)) = self.entries.pop_lru() else { return };
            self.bytes = self.bytes.saturating_sub(size(&least));
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }

    /// Forgets a partition that somebody else may write from now on.
    pub(crate) fn forget(&mut self, partition: Partition) {
        self.entries.retain(|_, entry| entry.partition != partition);
        self.bytes = self.entries.iter().map(|(_, entry)| size(entry)).sum();
    }

    /// Forgets how rows are stored that a statement has changed behind the cache.
    pub(crate) fn forget_images(&mut self, partition: Partition, workspace: &WorkspaceId) {
        self.entries.retain(|key, entry| entry.partition != partition || key.workspace != *workspace);
        self.bytes = self.entries.iter().map(|(_, entry)| size(entry)).sum();
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

/// The encoded size; an entry costs some even where it is small.
fn size<S>(entry: &Entry<S>) -> usize {
    entry.image.map_or(0, |image| image.size) + 128
}

impl Image {
    /// Of a row that was just read. Its deadlines are not read with it, so the first change writes it in any case.
    pub(crate) fn loaded(state: &[u8]) -> Self {
        Self { hash: 0, size: state.len(), next_due: None, held_due: None }
    }
}
