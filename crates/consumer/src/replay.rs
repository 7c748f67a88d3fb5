//! Replay of a partition's history for new definitions: state is built, effects are dropped.
//!
//! A control record asks for it; from there on the partition stands still until the history is through. Each batch
//! of the replay is committed with how far it is, so that a crash costs one batch. The partition's timers were fired
//! up to the control record before the replay began: what is due within it was set by the replay itself.

use std::sync::Arc;
use std::time::Instant;

use elate_domain::{Offset, Partition, Timestamp};
use futures::StreamExt;

use crate::Error;
use crate::engine::Engine;
use crate::envelope::{Boundary, PartitionEnvelope, Replay};
use crate::processor::{Input, Processor};
use crate::run::{Concern, concern, settle};
use crate::slice::{Agenda, Item, Output, Track};
use crate::source::{Batch, LogError};
use crate::step::{Ground, attempt};
use crate::working::Entry;

impl<P: Processor> Engine<P> {
    /// Goes on with the replay of a partition by one batch.
    pub(crate) async fn replay(&mut self, partition: Partition) -> Result<(), Error> {
        let began = Instant::now();
        let Some(slot) = self.slots.get(&partition) else { return Ok(()) };
        let Some(mut replay) = slot.envelope.replay.clone() else { return Ok(()) };
        let generation = slot.log_generation.clone();
        if replay.at == Offset::START {
            replay.at = self.before_window(partition, &replay, &generation).await?;
        }
        let items = self.history(partition, &replay, &generation).await?;
        let Some(slot) = self.slots.get(&partition) else { return Ok(()) };
        let slice = slot.replay_slice(items, replay);
        self.process(vec![slice], began).await
    }

    /// The last offset before the window. Log time never decreases, so it is found by halving.
    async fn before_window(
        &mut self,
        partition: Partition,
        replay: &Replay,
        generation: &str,
    ) -> Result<Offset, Error> {
        let (mut low, mut high) = (0, replay.until.0.saturating_sub(1));
        while low < high {
            let middle = low + (high - low) / 2;
            let batch = self.first_after(partition, Offset(middle), generation).await?;
            if batch.received_at >= replay.since {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Ok(Offset(low))
    }

    async fn first_after(
        &mut self,
        partition: Partition,
        after: Offset,
        generation: &str,
    ) -> Result<Batch, Error> {
        let mut stream = self.log.follow(vec![(partition, after)], generation).await?;
        while let Some(followed) = stream.next().await {
            if let Some(batch) = followed?.batches.into_iter().find(|batch| batch.partition == partition) {
                return Ok(batch);
            }
        }
        Err(LogError::Unavailable { reason: "the stream ended within the history".to_owned() }.into())
    }

    /// The next records of the history, at most a batch of them.
    async fn history(
        &mut self,
        partition: Partition,
        replay: &Replay,
        generation: &str,
    ) -> Result<Vec<Item>, Error> {
        let (mut items, mut bytes, mut at) = (Vec::new(), 0, replay.at);
        let processor = Arc::clone(&self.processor);
        let wanted = |record: &[u8]| crate::run::is_of_concern(processor.as_ref(), record);
        let mut stream = self.log.follow(vec![(partition, at)], generation).await?;
        while at.next() < replay.until
            && items.len() < self.settings.batch_records
            && bytes < self.settings.batch_bytes
        {
            let Some(followed) = stream.next().await else { break };
            for batch in followed?.batches {
                for item in crate::slot::items(batch, wanted) {
                    if item.record.offset == at.next() && item.record.offset < replay.until {
                        at = item.record.offset;
                        bytes += item.size;
                        items.push(item);
                    }
                }
            }
        }
        Ok(items)
    }
}

/// How far the replay is after a slice of it; `None` when it is through.
pub(crate) fn advance(replay: &Replay, items: &[Item], cut: bool) -> Option<Replay> {
    match items.last() {
        Some(last) => Some(Replay { at: last.record.offset, ..replay.clone() }),
        None if cut => Some(replay.clone()),
        None => None,
    }
}

/// Up to which time timers fire with these items: after the last record of the window, up to its end.
pub(crate) fn until(replay: &Replay, items: &[Item]) -> Timestamp {
    items.last().map_or(replay.ends_at, |item| item.record.received_at)
}

/// Whether the replay has a step for a record.
pub(crate) fn takes<P: Processor>(processor: &P, replay: &Replay, item: &Item) -> bool {
    let Some(event) = &item.record.event else { return false };
    event.workspace == replay.workspace && concern(processor, event) == Concern::Step
}

/// Replays one step of a customer, a record or a timer that the replay has set.
#[allow(clippy::too_many_arguments, reason = "the parts of a run, borrowed apart")]
pub(crate) fn step<P: Processor>(
    ground: &Ground<'_, P>,
    track: &mut Track<P::PartitionState>,
    entry: &mut Entry<P::State>,
    index: usize,
    agenda: &mut Agenda,
    origin: &crate::emission::Origin<'_>,
    input: Input<'_>,
    out: &mut Output<P::Row>,
) {
    if entry.is_closed() {
        return;
    }
    let envelope: Arc<PartitionEnvelope<P::PartitionState>> = Arc::clone(&track.envelope);
    let tried = attempt(ground, entry, origin, |state, effects| {
        ground.processor.replay(&envelope.state, state, input, effects)
    });
    settle(ground, track, entry, index, agenda, origin, tried, true, out);
    // Of what came before the replay everything has had its effects.
    if let Some(boundary) = &mut entry.envelope.aside {
        *boundary = Boundary { offset: track.position.next(), timer: None };
    }
}
