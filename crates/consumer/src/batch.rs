//! One micro-batch: what is due, the states, the run, the commit.

use std::collections::HashSet;
use std::time::Instant;

use elate_domain::{Offset, Partition, Timestamp};

use crate::Error;
use crate::commit::{Commit, Plan};
use crate::engine::Engine;
use crate::envelope::{decode, encode};
use crate::metrics::Committed;
use crate::packed::{Packer, unpack};
use crate::processor::Processor;
use crate::rebuild;
use crate::run::{Concern, concern, run};
use crate::slice::{Output, Slice, Track};
use crate::slot::Slot;
use crate::step::Ground;
use crate::tables::customer::{self, CustomerRow, DueCustomer};
use crate::tables::letters::DeadLetterRow;
use crate::tables::progress::Advance;
use crate::working::{CustomerKey, Entry, Image, Working};

/// What a run of a batch has brought.
type Ran<P> = (
    Vec<Track<<P as Processor>::PartitionState>>,
    Working<<P as Processor>::State>,
    Output<<P as Processor>::Row>,
);

/// When the first timer after this batch is due, by partition.
type Floors = Vec<(Partition, Option<Timestamp>)>;

impl<P: Processor> Engine<P> {
    /// Processes slices and commits them.
    pub(crate) async fn process(
        &mut self,
        mut slices: Vec<Slice<P::PartitionState>>,
        began: Instant,
    ) -> Result<(), Error> {
        let (due, floors) = self.due(&mut slices).await?;
        let keys = self.keys(&slices, &due);
        let (tracks, mut working, output) = self.run_with_care(&mut slices, &keys).await?;
        let records: usize = slices.iter().map(|slice| slice.items.len()).sum();
        let mut figures = Committed {
            records,
            skipped: output.skipped,
            timers: output.timers_fired,
            dead: output.dead.len(),
            ..Committed::default()
        };
        let released = output.released.clone();
        let plan = self.plan(&tracks, &mut working, output)?;
        let commit_began = Instant::now();
        let (service, lane) = (P::SERVICE, &self.lanes[0]);
        let (tables, store, outbox) = (&self.tables, &self.store, &self.outbox);
        let commit = Commit { tables, store, outbox, service, lane, worker: self.worker };
        commit.write(plan).await?;
        figures.commit = commit_began.elapsed();
        self.committed(tracks, working, floors);
        for (partition, workspace) in released {
            // Deadlines were changed in the table alone.
            self.cache.forget_images(partition, &workspace);
            self.set_floor(partition, Some(Timestamp(i64::MIN)));
        }
        figures.turn = began.elapsed();
        self.metrics.committed(figures);
        Ok(())
    }

    /// The customers with timers due within the slices. Where more are due than a batch takes, the slice is cut: the
    /// earliest timers fire, and the records after them wait.
    async fn due(
        &mut self,
        slices: &mut [Slice<P::PartitionState>],
    ) -> Result<(Vec<DueCustomer>, Floors), Error> {
        let asked: Vec<(Partition, Timestamp)> = slices
            .iter()
            .filter(|slice| {
                let slot = self.slots.get(&slice.held.partition);
                slot.and_then(|slot| slot.floor).is_some_and(|floor| floor <= slice.until)
            })
            .map(|slice| (slice.held.partition, slice.until))
            .collect();
        if asked.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let limit = (self.settings.batch_timers / asked.len()).max(1);
        let found = customer::due(&self.tables, &asked, limit).await?;
        let mut floors = Floors::new();
        for &(partition, _) in &asked {
            let Some(slice) = slices.iter_mut().find(|slice| slice.held.partition == partition) else {
                continue;
            };
            let due: Vec<_> = found.due.iter().filter(|due| due.partition == partition).collect();
            let next = found.next.iter().find(|(other, _)| *other == partition).map(|(_, time)| *time);
            let Some(last) = due.last().filter(|_| due.len() >= limit) else {
                floors.push((partition, next));
                continue;
            };
            floors.push((partition, Some(last.due)));
            slice.horizon = Some((last.due, last.key.customer));
            slice.until = last.due;
            let cut = slice.items.partition_point(|item| item.record.received_at < last.due);
            let rest = slice.items.split_off(cut);
            // A record that stands alone waits for the timers before it, so this slice is of timers.
            slice.alone &= rest.is_empty();
            // A replay reads again what it did not come to.
            if let (Some(slot), None) = (self.slots.get_mut(&partition), &slice.replay) {
                slot.put_back(rest);
            }
        }
        Ok((found.due, floors))
    }

    /// The customers that the slices touch, each once, with the partition.
    fn keys(
        &self,
        slices: &[Slice<P::PartitionState>],
        due: &[DueCustomer],
    ) -> Vec<(CustomerKey, Partition)> {
        let mut seen: HashSet<CustomerKey> = HashSet::new();
        let mut keys = Vec::new();
        for slice in slices {
            for item in &slice.items {
                let Some(event) = &item.record.event else { continue };
                if !concern(self.processor.as_ref(), event).needs_state() {
                    continue;
                }
                let key = CustomerKey { workspace: event.workspace.clone(), customer: event.customer };
                if seen.insert(key.clone()) {
                    keys.push((key, slice.held.partition));
                }
            }
        }
        for due in due {
            if seen.insert(due.key.clone()) {
                keys.push((due.key.clone(), due.partition));
            }
        }
        keys
    }

    /// Runs the slices; where a step fails, once more, with a way back for the customers concerned.
    async fn run_with_care(
        &mut self,
        slices: &mut [Slice<P::PartitionState>],
        keys: &[(CustomerKey, Partition)],
    ) -> Result<Ran<P>, Error> {
        let mut careful = Self::no_care();
        loop {
            let mut output = Output::default();
            let mut working = self.load(keys, &mut output).await?;
            self.load_histories(slices, &working).await?;
            let ground = Ground {
                processor: self.processor.as_ref(),
                settings: &self.settings,
                source: &self.source,
                lane: &self.lanes[0],
                metrics: &self.metrics,
                careful: &careful,
            };
            let tracks = run(&ground, slices, &mut working, &mut output)?;
            if output.suspects.is_empty() {
                return Ok((tracks, working, output));
            }
            // What ran is thrown away: a failed step may have left anything behind.
            careful.extend(output.suspects);
        }
    }

    /// The customers' states: from the cache, or with one query.
    pub(crate) async fn load(
        &mut self,
        keys: &[(CustomerKey, Partition)],
        output: &mut Output<P::Row>,
    ) -> Result<Working<P::State>, Error> {
        let mut working = Working::with_capacity(keys.len());
        let mut missing = Vec::new();
        for (key, partition) in keys {
            match self.cache.take(key) {
                Some(entry) => working.insert(entry),
                None => {
                    missing.push(key.clone());
                    working.insert(Entry::new(key.clone(), *partition));
                }
            }
        }
        self.metrics.looked_up(keys.len() - missing.len(), missing.len());
        if missing.is_empty() {
            return Ok(working);
        }
        for (key, state) in customer::load(&self.tables, &missing).await? {
            let found = working.find(&key).and_then(|index| working.entries.get_mut(index));
            let Some(entry) = found else { continue };
            let read = unpack("customer", state).and_then(|state| {
                entry.image = Some(Image::loaded(&state));
                decode("customer", &state)
            });
            match read {
                Ok(envelope) => entry.envelope = envelope,
                Err(error) => self.unreadable(entry, &error, output),
            }
        }
        Ok(working)
    }

    /// A state that can't be read sets its customer aside; a redrive builds it again from the first record.
    fn unreadable(&self, entry: &mut Entry<P::State>, error: &Error, output: &mut Output<P::Row>) {
        let slot = self.slots.get(&entry.partition);
        let offset = slot.map_or(Offset::START, |slot| slot.offset).next();
        let at = slot.map_or(Timestamp(0), Slot::processed_to);
        entry.envelope.aside = Some(crate::envelope::Boundary { offset, timer: None });
        entry.touched = true;
        let (key, partition, reason) = (entry.key.clone(), entry.partition, error.to_string());
        tracing::error!(%partition, %offset, %reason, "state can't be read, customer set aside");
        output.dead.push(DeadLetterRow { key, partition, offset, reason, at });
    }

    /// The records of customers that are to be built again.
    async fn load_histories(
        &mut self,
        slices: &mut [Slice<P::PartitionState>],
        working: &Working<P::State>,
    ) -> Result<(), Error> {
        for slice in slices.iter_mut().filter(|slice| slice.history.is_empty()) {
            let [item] = slice.items.as_slice() else { continue };
            let Some(event) = &item.record.event else { continue };
            if concern(self.processor.as_ref(), event) != Concern::Redrive || !rebuild::is_for::<P>(event) {
                continue;
            }
            let key = CustomerKey { workspace: event.workspace.clone(), customer: event.customer };
            let entry = working.find(&key).and_then(|index| working.entries.get(index));
            if entry.is_some_and(|entry| entry.envelope.aside.is_some()) {
                let up_to = Offset(item.record.offset.0.saturating_sub(1));
                let partition = slice.held.partition;
                slice.history =
                    self.log.read_customer(&event.workspace, event.customer, partition, up_to).await?;
            }
        }
        Ok(())
    }

    /// Encodes what is to be written.
    fn plan(
        &self,
        tracks: &[Track<P::PartitionState>],
        working: &mut Working<P::State>,
        output: Output<P::Row>,
    ) -> Result<Plan<P::Row>, Error> {
        let mut partitions = Vec::new();
        let mut advances = Vec::with_capacity(tracks.len());
        for track in tracks {
            if track.envelope_changed {
                partitions.push((track.partition(), encode("partition", track.envelope.as_ref())?));
            }
            let slot = self.slots.get(&track.partition());
            advances.push(Advance {
                held: track.held,
                log_generation: slot.map(|slot| slot.log_generation.clone()).unwrap_or_default(),
                from: track.from,
                to: track.position,
                time: track.time,
                next_sequence: track.next_sequence,
            });
        }
        let customers = self.changed(tracks, working)?;
        Ok(Plan { advances, partitions, customers, output })
    }

    fn changed(
        &self,
        tracks: &[Track<P::PartitionState>],
        working: &mut Working<P::State>,
    ) -> Result<Vec<CustomerRow>, Error> {
        let mut rows = Vec::with_capacity(working.entries.len());
        let mut packer = Packer::default();
        for entry in working.entries.iter_mut().filter(|entry| entry.touched) {
            let track = tracks.iter().find(|track| track.partition() == entry.partition);
            let Some(track) = track else { continue };
            rows.extend(entry.row(&track.envelope.imports, &mut packer)?);
        }
        Ok(rows)
    }

    /// The batch is in the database: memory follows.
    fn committed(
        &mut self,
        tracks: Vec<Track<P::PartitionState>>,
        working: Working<P::State>,
        floors: Floors,
    ) {
        for track in tracks {
            if let Some(slot) = self.slots.get_mut(&track.partition()) {
                slot.commit(track);
            }
        }
        for (partition, floor) in floors {
            self.set_floor(partition, floor);
        }
        for entry in working.entries {
            if let (Some(due), Some(slot)) = (entry.next_due(), self.slots.get_mut(&entry.partition)) {
                slot.floor = Some(slot.floor.map_or(due, |floor| floor.min(due)));
            }
            self.cache.put(entry);
        }
    }

    fn set_floor(&mut self, partition: Partition, floor: Option<Timestamp>) {
        if let Some(slot) = self.slots.get_mut(&partition) {
            slot.floor = floor;
        }
    }
}
