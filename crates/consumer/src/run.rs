//! The synchronous heart: slices of partitions in, changed customers and output out. No clock, no await.

use std::collections::HashMap;

use elate_domain::{
    CustomerId, Event, EventType, Offset, Partition, Record, Timestamp, WorkspaceId, system::name,
};
use elate_proto::record::Front;

use crate::Error;
use crate::emission::Origin;
use crate::envelope::{Boundary, Replay};
use crate::lifecycle;
use crate::processor::{Input, Processor};
use crate::rebuild;
use crate::replay;
use crate::slice::{Agenda, Item, Output, Slice, Track};
use crate::step::{Attempt, Ground, apply, attempt, set_aside};
use crate::tables::letters::DeadLetterRow;
use crate::working::{CustomerKey, Entry, Working};

/// The name that dead letters of unreadable records stand under: their workspace is not known.
const UNREADABLE: &str = "unreadable";

/// What a record is to the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Concern {
    /// The partition as a whole.
    Partition,
    /// A step of its customer.
    Step,
    /// The loop moves the customer's state away.
    MergedAway,
    /// A state arrives.
    StateMoved,
    /// The customer goes.
    Erased,
    /// The customer is built again.
    Redrive,
    /// Nobody here needs it.
    Nobody,
}

/// What `event` is to the service.
pub(crate) fn concern<P: Processor>(processor: &P, event: &Event) -> Concern {
    concern_of(processor, event.customer, event.event_type, &event.name)
}

/// Whether a stored record must be decoded. What does not concern anybody here only keeps its place.
pub(crate) fn is_of_concern<P: Processor>(processor: &P, record: &[u8]) -> bool {
    let Front { customer, kind, .. } = elate_proto::record::front(record);
    kind.is_none_or(|(event_type, name)| concern_of(processor, customer, event_type, name) != Concern::Nobody)
}

/// Only our own records are more than data: an outside event may have any name.
fn concern_of<P: Processor>(
    processor: &P,
    customer: CustomerId,
    event_type: EventType,
    name: &str,
) -> Concern {
    if customer.is_none() {
        return Concern::Partition;
    }
    if event_type == EventType::System {
        match name {
            name::MERGED_AWAY => return Concern::MergedAway,
            name::STATE_MOVED => return Concern::StateMoved,
            name::ERASED => return Concern::Erased,
            name::REDRIVE => return Concern::Redrive,
            name::ERASURE_RECEIPT => return Concern::Nobody,
            _ => {}
        }
    }
    if processor.wants(event_type, name) { Concern::Step } else { Concern::Nobody }
}

impl Concern {
    /// Whether the customer's state is needed.
    pub(crate) fn needs_state(self) -> bool {
        match self {
            Self::Step | Self::MergedAway | Self::StateMoved | Self::Erased | Self::Redrive => true,
            Self::Partition | Self::Nobody => false,
        }
    }

    /// Whether the record gets a slice of its own: what comes after must see its commit.
    pub(crate) fn stands_alone(self) -> bool {
        match self {
            Self::Partition | Self::Erased | Self::Redrive => true,
            Self::Step | Self::MergedAway | Self::StateMoved | Self::Nobody => false,
        }
    }
}

/// Runs all slices. Where a step failed, `out.suspects` is not empty and nothing else of the result may be used.
pub(crate) fn run<P: Processor>(
    ground: &Ground<'_, P>,
    slices: &[Slice<P::PartitionState>],
    working: &mut Working<P::State>,
    out: &mut Output<P::Row>,
) -> Result<Vec<Track<P::PartitionState>>, Error> {
    let mut agendas: Vec<Agenda> = slices.iter().map(|slice| Agenda::new(slice.until)).collect();
    let places = slices.iter().enumerate().map(|(at, slice)| (slice.held.partition, at));
    let places: HashMap<Partition, usize> = places.collect();
    for (index, entry) in
        working.entries.iter().enumerate().filter(|(_, entry)| !entry.envelope.timers.is_empty())
    {
        let found = places.get(&entry.partition);
        let Some(agenda) = found.and_then(|&at| agendas.get_mut(at)) else { continue };
        for (key, timer) in &entry.envelope.timers {
            agenda.note(timer.deadline, entry.key.customer, index, key);
        }
    }
    let runs = slices.iter().zip(agendas);
    runs.map(|(slice, mut agenda)| run_slice(ground, slice, working, &mut agenda, out)).collect()
}

fn run_slice<P: Processor>(
    ground: &Ground<'_, P>,
    slice: &Slice<P::PartitionState>,
    working: &mut Working<P::State>,
    agenda: &mut Agenda,
    out: &mut Output<P::Row>,
) -> Result<Track<P::PartitionState>, Error> {
    let mut track = Track::new(slice);
    if let Some(replay) = &slice.replay {
        run_replay(ground, slice, replay, &mut track, working, agenda, out)?;
        return Ok(track);
    }
    for item in &slice.items {
        fire(ground, &mut track, working, agenda, item.record.received_at, slice.horizon, out);
        take(ground, slice, &mut track, working, agenda, item, out)?;
        track.position = item.record.offset;
        track.time = track.time.max(item.record.received_at);
    }
    if !slice.alone {
        fire(ground, &mut track, working, agenda, slice.until, slice.horizon, out);
    }
    if slice.horizon.is_none() {
        track.time = track.time.max(slice.until);
    }
    Ok(track)
}

/// A slice of the past: the partition stays where it is, the replay moves on.
fn run_replay<P: Processor>(
    ground: &Ground<'_, P>,
    slice: &Slice<P::PartitionState>,
    replay: &Replay,
    track: &mut Track<P::PartitionState>,
    working: &mut Working<P::State>,
    agenda: &mut Agenda,
    out: &mut Output<P::Row>,
) -> Result<(), Error> {
    for item in &slice.items {
        fire(ground, track, working, agenda, item.record.received_at, slice.horizon, out);
        let Item { record, .. } = item;
        let Some(event) = record.event.as_ref().filter(|_| replay::takes(ground.processor, replay, item))
        else {
            continue;
        };
        let key = CustomerKey { workspace: event.workspace.clone(), customer: event.customer };
        let (index, entry) = found(working, &key)?;
        let import = track.envelope.imports.at(&event.workspace, record.offset).filter(|_| event.historical);
        let origin = Origin::Record { record, event, import, historical: event.historical };
        let input = Input::Record { record, event };
        replay::step(ground, track, entry, index, agenda, &origin, input, out);
    }
    fire(ground, track, working, agenda, slice.until, slice.horizon, out);
    let envelope = std::sync::Arc::make_mut(&mut track.envelope);
    envelope.replay = replay::advance(replay, &slice.items, slice.horizon.is_some());
    track.envelope_changed = true;
    Ok(())
}

/// The entry of a customer; the batch has loaded all that its records name.
fn found<'a, S>(working: &'a mut Working<S>, key: &CustomerKey) -> Result<(usize, &'a mut Entry<S>), Error> {
    let missing = || Error::Corrupt { what: "working set", reason: "a customer is missing".to_owned() };
    let index = working.find(key).ok_or_else(missing)?;
    let entry = working.entries.get_mut(index).ok_or_else(missing)?;
    Ok((index, entry))
}

/// Takes one record.
fn take<P: Processor>(
    ground: &Ground<'_, P>,
    slice: &Slice<P::PartitionState>,
    track: &mut Track<P::PartitionState>,
    working: &mut Working<P::State>,
    agenda: &mut Agenda,
    item: &Item,
    out: &mut Output<P::Row>,
) -> Result<(), Error> {
    let record = &item.record;
    if let Some(reason) = &item.broken {
        unreadable(record, reason, out);
        return Ok(());
    }
    // A tombstone only keeps its place.
    let Some(event) = &record.event else { return Ok(()) };
    let concern = concern(ground.processor, event);
    if concern == Concern::Partition {
        lifecycle::control(ground, track, record, event, out);
        return Ok(());
    }
    if !concern.needs_state() {
        return Ok(());
    }
    let key = CustomerKey { workspace: event.workspace.clone(), customer: event.customer };
    let (index, entry) = found(working, &key)?;
    match concern {
        Concern::Erased => lifecycle::erased(ground, track, entry, record, event, out),
        Concern::Redrive => {
            rebuild::redrive(ground, track, entry, index, record, event, &slice.history, agenda, out);
        }
        Concern::Step | Concern::MergedAway | Concern::StateMoved => {
            let import = track.envelope.imports.current(&event.workspace);
            let turn = Turn { record, event, concern, import, silent: false };
            customer(ground, track, entry, index, agenda, turn, out);
        }
        Concern::Partition | Concern::Nobody => {}
    }
    Ok(())
}

/// A record of a customer, and how it is taken.
#[derive(Clone, Copy)]
pub(crate) struct Turn<'a> {
    pub(crate) record: &'a Record,
    pub(crate) event: &'a Event,
    pub(crate) concern: Concern,
    /// The import that was open there.
    pub(crate) import: Option<u32>,
    /// Its effects have happened already.
    pub(crate) silent: bool,
}

/// Takes one record of a customer.
pub(crate) fn customer<P: Processor>(
    ground: &Ground<'_, P>,
    track: &mut Track<P::PartitionState>,
    entry: &mut Entry<P::State>,
    index: usize,
    agenda: &mut Agenda,
    turn: Turn<'_>,
    out: &mut Output<P::Row>,
) {
    let Turn { record, event, concern, import, silent } = turn;
    let import = import.filter(|_| event.historical);
    let historical = event.historical && !track.envelope.imports.effects(&event.workspace);
    let origin = Origin::Record { record, event, import, historical };
    match concern {
        Concern::MergedAway => lifecycle::merged_away(ground, track, entry, &origin, silent, out),
        Concern::StateMoved => {
            lifecycle::state_moved(ground, track, entry, index, agenda, &origin, silent, out);
        }
        _ if entry.is_closed() => out.skipped += 1,
        _ => {
            let envelope = std::sync::Arc::clone(&track.envelope);
            let tried = attempt(ground, entry, &origin, |state, effects| {
                ground.processor.step(&envelope.state, state, Input::Record { record, event }, effects)
            });
            settle(ground, track, entry, index, agenda, &origin, tried, silent, out);
        }
    }
}

/// Takes in what became of a record's step.
#[allow(clippy::too_many_arguments, reason = "the parts of a run, borrowed apart")]
pub(crate) fn settle<P: Processor>(
    ground: &Ground<'_, P>,
    track: &mut Track<P::PartitionState>,
    entry: &mut Entry<P::State>,
    index: usize,
    agenda: &mut Agenda,
    origin: &Origin<'_>,
    tried: Attempt<P::Row>,
    silent: bool,
    out: &mut Output<P::Row>,
) {
    match tried {
        Attempt::Done(effects) => {
            apply(ground, track, entry, index, agenda, origin, effects, silent, out);
        }
        Attempt::Suspect => out.suspects.push(entry.key.clone()),
        Attempt::Failed(reason) => {
            let boundary = match origin {
                Origin::Record { record, .. } => Boundary { offset: record.offset, timer: None },
                Origin::Timer { key, timer, .. } => Boundary {
                    offset: track.position.next(),
                    timer: Some((timer.deadline, (*key).to_owned())),
                },
            };
            set_aside(track, entry, boundary, reason, origin.now(), out);
        }
    }
}

/// Fires the timers of the partition that are due at `limit`, the earliest first.
fn fire<P: Processor>(
    ground: &Ground<'_, P>,
    track: &mut Track<P::PartitionState>,
    working: &mut Working<P::State>,
    agenda: &mut Agenda,
    limit: Timestamp,
    horizon: Option<(Timestamp, CustomerId)>,
    out: &mut Output<P::Row>,
) {
    while let Some((deadline, _, index, key)) = agenda.next(limit, horizon) {
        let Some(entry) = working.entries.get_mut(index) else { continue };
        let Some(timer) = entry.envelope.timers.get(&key) else { continue };
        // Since it was noted it may have been moved, or an import may have begun to hold it.
        if timer.deadline != deadline || track.envelope.imports.holds(&entry.key.workspace, timer.import) {
            continue;
        }
        fire_one(ground, track, entry, index, agenda, &key, false, out);
    }
}

/// Fires one timer of a customer.
#[allow(clippy::too_many_arguments, reason = "the parts of a run, borrowed apart")]
pub(crate) fn fire_one<P: Processor>(
    ground: &Ground<'_, P>,
    track: &mut Track<P::PartitionState>,
    entry: &mut Entry<P::State>,
    index: usize,
    agenda: &mut Agenda,
    key: &str,
    silent: bool,
    out: &mut Output<P::Row>,
) {
    if entry.is_closed() {
        return;
    }
    let Some(timer) = entry.envelope.timers.remove(key) else { return };
    let (workspace, customer) = (entry.key.workspace.clone(), entry.key.customer);
    // What an import set for a time after its end is of the present.
    let ended = timer.import.and_then(|number| track.envelope.imports.ended(&workspace, number));
    let historical = timer.historical && ended.is_none_or(|end| timer.deadline <= end.time);
    let origin = Origin::Timer { workspace: &workspace, customer, key, timer: &timer, historical };
    out.timers_fired += 1;
    let input = Input::Timer { workspace: &workspace, customer, key, deadline: timer.deadline };
    if track.envelope.replay.is_some() {
        // The partition stands still: only the replay's own timers are due.
        replay::step(ground, track, entry, index, agenda, &origin, input, out);
        return;
    }
    let envelope = std::sync::Arc::clone(&track.envelope);
    let tried = attempt(ground, entry, &origin, |state, effects| {
        ground.processor.step(&envelope.state, state, input, effects)
    });
    settle(ground, track, entry, index, agenda, &origin, tried, silent, out);
}

/// A record that can't be decoded is damage: it is set aside, and the partition goes on.
fn unreadable<R>(record: &Record, reason: &str, out: &mut Output<R>) {
    let (partition, offset): (Partition, Offset) = (record.partition, record.offset);
    tracing::error!(%partition, %offset, reason, "record can't be read");
    if let Ok(workspace) = WorkspaceId::try_new(UNREADABLE) {
        let key = CustomerKey { workspace, customer: CustomerId::NONE };
        let reason = reason.to_owned();
        out.dead.push(DeadLetterRow { key, partition, offset, reason, at: record.received_at });
    }
}
