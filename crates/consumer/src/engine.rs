//! The loop itself.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use elate_domain::{Clock, Offset, Partition, SourceId};
use futures::{FutureExt, StreamExt};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::ahead::Ahead;
use crate::backoff::Backoff;
use crate::consumer::Status;
use crate::drain::Outbox;
use crate::leases::Leases;
use crate::metrics::Metrics;
use crate::ownership::Holdings;
use crate::processor::{Processor, ProcessorStore};
use crate::run::is_of_concern;
use crate::slice::Slice;
use crate::slot::Slot;
use crate::source::{Followed, LogError};
use crate::tables::{Tables, progress};
use crate::workers::{Report, Reports, Worker};
use crate::working::Cache;
use crate::{Error, Held, LogSource, Settings};

/// Looks at the head that must agree before the loop says that the log has lost records: a replica may lag.
const HEAD_LOOKS: u32 = 5;

/// A worker of one service in one process.
pub(crate) struct Engine<P: Processor> {
    pub(crate) processor: Arc<P>,
    pub(crate) store: Arc<dyn ProcessorStore<P::Row>>,
    pub(crate) log: Arc<dyn LogSource>,
    pub(crate) tables: Tables,
    pub(crate) settings: Settings,
    pub(crate) leases: Arc<Leases>,
    pub(crate) holdings: watch::Receiver<Holdings>,
    pub(crate) outbox: Arc<Outbox>,
    /// The main lane first.
    pub(crate) lanes: Vec<Arc<str>>,
    pub(crate) source: SourceId,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Metrics,
    pub(crate) worker: Worker,
    pub(crate) reports: Arc<Reports>,
    pub(crate) cache: Cache<P::State>,
    pub(crate) slots: BTreeMap<Partition, Slot<P::PartitionState>>,
    pub(crate) stream: Option<Ahead>,
    pub(crate) failures: u32,
}

impl<P: Processor> Engine<P> {
    /// Works until `stop`, and ends at a commit. An error needs a person.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), Error> {
        let mut backoff = Backoff::new(&self.settings);
        while !stop.is_cancelled() {
            match self.turn(&stop).await {
                Ok(()) => {
                    backoff.reset();
                    self.failures = 0;
                }
                // The services that this one stands on may stop before it has seen that it shall.
                Err(error) if stop.is_cancelled() && !error.is_fatal() => {
                    debug!(%error, "turn failed while stopping");
                    return Ok(());
                }
                Err(error) => {
                    self.failures += 1;
                    let above = matches!(error, Error::AboveHead { .. });
                    if error.is_fatal() && (!above || self.failures >= HEAD_LOOKS) {
                        return Err(error);
                    }
                    warn!(%error, failures = self.failures, "turn failed, reading again");
                    self.metrics.failed();
                    self.reset(&error).await;
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = backoff.pause() => {}
                    }
                }
            }
            self.report();
        }
        Ok(())
    }

    /// Forgets everything that the database may know better.
    async fn reset(&mut self, error: &Error) {
        self.cache.clear();
        self.slots.clear();
        self.stream = None;
        if let Error::Fenced { .. } = error {
            // Whoever fenced us holds the partition: see what is still ours.
            if let Err(error) = self.leases.look().await {
                warn!(%error, "leases could not be looked at");
            }
        }
    }

    /// One turn: own what is ours, take in what there is, process it.
    async fn turn(&mut self, stop: &CancellationToken) -> Result<(), Error> {
        self.give_back().await?;
        self.own().await?;
        if self.slots.is_empty() {
            tokio::select! {
                _ = self.holdings.changed() => {}
                () = stop.cancelled() => {}
            }
            return Ok(());
        }
        self.listen().await?;
        if let Some(partition) = self.replaying() {
            return self.replay(partition).await;
        }
        if !self.receive(stop).await? {
            return Ok(());
        }
        // The log takes less than we make: wait, rather than pile it up.
        tokio::select! {
            () = self.outbox.room(self.settings.outbox_records) => {}
            () = stop.cancelled() => return Ok(()),
        }
        let began = Instant::now();
        let slices = self.slices();
        if slices.is_empty() { Ok(()) } else { self.process(slices, began).await }
    }

    /// Gives back what is above the share.
    async fn give_back(&mut self) -> Result<(), Error> {
        let mut surplus = self.leases.surplus();
        surplus.retain(|partition| self.worker.takes(*partition));
        if surplus.is_empty() {
            return Ok(());
        }
        info!(partitions = surplus.len(), "giving partitions back");
        surplus.iter().for_each(|partition| self.drop_slot(*partition));
        self.leases.release(&surplus).await
    }

    fn drop_slot(&mut self, partition: Partition) {
        if self.slots.remove(&partition).is_some() {
            self.stream = None;
        }
        self.cache.forget(partition);
        self.outbox.disown(partition);
    }

    /// Brings the slots in line with the leases.
    async fn own(&mut self) -> Result<(), Error> {
        let holdings = Arc::clone(&self.holdings.borrow_and_update());
        let gone: Vec<_> = self
            .slots
            .values()
            .filter(|slot| holdings.get(&slot.partition()) != Some(&slot.held.epoch))
            .map(Slot::partition)
            .collect();
        gone.into_iter().for_each(|partition| self.drop_slot(partition));
        let new: Vec<_> = holdings
            .iter()
            .filter(|(partition, _)| self.worker.takes(**partition) && !self.slots.contains_key(partition))
            .map(|(&partition, &epoch)| Held { partition, epoch })
            .collect();
        if new.is_empty() {
            return Ok(());
        }
        let loaded = progress::load(&self.tables, &new).await?;
        if loaded.len() < new.len() {
            self.leases.look().await?;
        }
        for progress in loaded {
            let partition = progress.held.partition;
            self.slots.insert(partition, Slot::load(progress)?);
            self.outbox.own(partition, &self.lanes);
        }
        // What is followed for the others comes again.
        self.stream = None;
        Ok(())
    }

    /// Opens the stream, if there is none.
    async fn listen(&mut self) -> Result<(), Error> {
        if self.stream.is_some() {
            return Ok(());
        }
        let shape = self.log.shape().await?;
        for slot in self.slots.values_mut() {
            slot.check(&shape, &self.settings)?;
        }
        let from: Vec<(Partition, Offset)> =
            self.slots.values().map(|slot| (slot.partition(), slot.followed)).collect();
        self.stream = Some(Ahead::new(self.log.follow(from, &shape.generation).await?));
        Ok(())
    }

    fn waiting(&self) -> usize {
        self.slots.values().map(Slot::waiting).sum()
    }

    /// Takes in what the stream has; waits only while there is nothing to do. Answers whether there is.
    async fn receive(&mut self, stop: &CancellationToken) -> Result<bool, Error> {
        let mut has_work = self.slots.values().any(Slot::has_work);
        let mut bytes = 0;
        while self.waiting() < self.settings.batch_records && bytes < self.settings.batch_bytes {
            let Some(stream) = self.stream.as_mut() else { return Ok(has_work) };
            let next = if has_work {
                match stream.next().now_or_never() {
                    Some(next) => next,
                    None => break,
                }
            } else {
                tokio::select! {
                    next = stream.next() => next,
                    _ = self.holdings.changed() => return Ok(false),
                    () = self.leases.called() => return Ok(false),
                    () = stop.cancelled() => return Ok(false),
                }
            };
            let ended = || LogError::Unavailable { reason: "the stream ended".to_owned() };
            bytes += self.take_in(next.ok_or_else(ended)??)?;
            has_work = self.slots.values().any(Slot::has_work);
            if !has_work {
                self.report();
            }
        }
        Ok(has_work)
    }

    fn take_in(&mut self, followed: Followed) -> Result<usize, Error> {
        let mut bytes = 0;
        let processor = Arc::clone(&self.processor);
        for batch in followed.batches {
            if let Some(slot) = self.slots.get_mut(&batch.partition) {
                bytes += slot.follow(batch, |record| is_of_concern(processor.as_ref(), record))?;
            }
        }
        for mark in followed.marks {
            if let Some(slot) = self.slots.get_mut(&mark.partition) {
                slot.mark(mark);
            }
        }
        Ok(bytes)
    }

    /// A slice of every partition that has work, equal parts of a batch.
    fn slices(&mut self) -> Vec<Slice<P::PartitionState>> {
        let busy = self.slots.values().filter(|slot| slot.has_work()).count().max(1);
        let records = (self.settings.batch_records / busy).max(1);
        let bytes = (self.settings.batch_bytes / busy).max(1);
        let processor = Arc::clone(&self.processor);
        self.slots.values_mut().filter_map(|slot| slot.take(processor.as_ref(), records, bytes)).collect()
    }

    /// Lag, for metrics and readiness.
    fn report(&self) {
        let now = self.clock.now();
        let mut behind = 0;
        for slot in self.slots.values() {
            let (records, seconds) = slot.lag(now);
            behind += records;
            self.metrics.lag(slot.partition(), records, seconds);
        }
        let status = Status { partitions: self.slots.len(), behind, failures: self.failures };
        let total = self.reports.take(self.worker, Report { status, cached: self.cache.len() });
        self.metrics.all_workers(total);
    }

    /// A partition whose history is being replayed; it comes before everything else.
    fn replaying(&self) -> Option<Partition> {
        self.slots.values().find(|slot| slot.envelope.replay.is_some()).map(Slot::partition)
    }

    /// No customers that need care.
    pub(crate) fn no_care() -> HashSet<crate::working::CustomerKey> {
        HashSet::new()
    }
}
