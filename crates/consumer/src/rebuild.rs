//! Redrive: a set-aside customer is built again from its records, under the definitions in force now. What had its
//! effects before the customer was set aside has none this time.

use std::collections::HashSet;

use elate_domain::system::Redrive;
use elate_domain::{Event, Offset, Record, Timestamp};

use crate::envelope::{Boundary, Envelope};
use crate::imports::End;
use crate::processor::Processor;
use crate::run::{Concern, Turn, concern, customer, fire_one};
use crate::slice::{Agenda, Output, Track};
use crate::step::Ground;
use crate::working::Entry;

/// A point of the customer's history before which timers fire.
#[derive(Clone, Copy)]
struct Stop<'a> {
    offset: Offset,
    time: Timestamp,
    record: Option<&'a Record>,
}

/// Takes the redrive record of a customer; nothing where it is for another service or nothing is set aside.
#[allow(clippy::too_many_arguments, reason = "the parts of a run, borrowed apart")]
pub(crate) fn redrive<P: Processor>(
    ground: &Ground<'_, P>,
    track: &mut Track<P::PartitionState>,
    entry: &mut Entry<P::State>,
    index: usize,
    record: &Record,
    event: &Event,
    history: &[Record],
    agenda: &mut Agenda,
    out: &mut Output<P::Row>,
) {
    if !is_for::<P>(event) {
        return;
    }
    let Some(boundary) = entry.envelope.aside.take() else { return };
    entry.envelope = Envelope::default();
    entry.touched = true;
    out.rebuilt.push(entry.key.clone());
    // Every step with a way back: it failed before.
    let careful = HashSet::from([entry.key.clone()]);
    let ground = Ground { careful: &careful, ..*ground };
    let position = track.position;
    let mut own = Agenda::new(record.received_at);
    for stop in stops(track, entry, history, record) {
        track.position = Offset(stop.offset.0.saturating_sub(1));
        fire_due(&ground, track, entry, index, &mut own, stop, &boundary, out);
        if let Some(record) = stop.record {
            replay(&ground, track, entry, index, &mut own, record, &boundary, out);
        }
        if let Some(failed) = entry.envelope.aside.take() {
            entry.envelope.aside = Some(later(boundary, failed));
            break;
        }
    }
    track.position = position;
    for (key, timer) in &entry.envelope.timers {
        agenda.note(timer.deadline, entry.key.customer, index, key);
    }
}

/// Whether the redrive is meant for the service.
pub(crate) fn is_for<P: Processor>(event: &Event) -> bool {
    event.properties.read::<Redrive>().is_ok_and(|redrive| redrive.service == P::SERVICE)
}

/// The customer's records, the ends of imports between them (which release timers), and the redrive itself.
fn stops<'a, PS, S>(
    track: &Track<PS>,
    entry: &Entry<S>,
    history: &'a [Record],
    redrive: &Record,
) -> Vec<Stop<'a>> {
    let ends = track.envelope.imports.ends(&entry.key.workspace).iter();
    let ends = ends.map(|&End { offset, time }| Stop { offset, time, record: None });
    let records = history.iter().map(|record| Stop {
        offset: record.offset,
        time: record.received_at,
        record: Some(record),
    });
    let last = Stop { offset: redrive.offset, time: redrive.received_at, record: None };
    let mut stops: Vec<_> = ends.chain(records).filter(|stop| stop.offset < redrive.offset).collect();
    stops.sort_by_key(|stop| stop.offset);
    stops.push(last);
    stops
}

/// Fires the timers that were due before the stop.
#[allow(clippy::too_many_arguments, reason = "the parts of a run, borrowed apart")]
fn fire_due<P: Processor>(
    ground: &Ground<'_, P>,
    track: &mut Track<P::PartitionState>,
    entry: &mut Entry<P::State>,
    index: usize,
    agenda: &mut Agenda,
    stop: Stop<'_>,
    boundary: &Boundary,
    out: &mut Output<P::Row>,
) {
    loop {
        let imports = &track.envelope.imports;
        let held = |number: Option<u32>| {
            // As it was then: an import that ends at the stop or later holds its timers until there.
            number.is_some_and(|number| {
                imports.ended(&entry.key.workspace, number).is_none_or(|end| end.offset >= stop.offset)
            })
        };
        let due = entry.envelope.timers.iter().filter(|(_, timer)| timer.deadline <= stop.time);
        let due = due.filter(|(_, timer)| !held(timer.import));
        let Some((deadline, key)) = due.map(|(key, timer)| (timer.deadline, key.clone())).min() else {
            return;
        };
        let silent = boundary.is_after_timer(stop.offset, deadline, &key);
        fire_one(ground, track, entry, index, agenda, &key, silent, out);
        if entry.envelope.aside.is_some() {
            return;
        }
    }
}

/// Takes one record of the history.
#[allow(clippy::too_many_arguments, reason = "the parts of a run, borrowed apart")]
fn replay<P: Processor>(
    ground: &Ground<'_, P>,
    track: &mut Track<P::PartitionState>,
    entry: &mut Entry<P::State>,
    index: usize,
    agenda: &mut Agenda,
    record: &Record,
    boundary: &Boundary,
    out: &mut Output<P::Row>,
) {
    let Some(event) = &record.event else { return };
    let concern = concern(ground.processor, event);
    match concern {
        Concern::Step | Concern::StateMoved => {
            let import = track.envelope.imports.at(&event.workspace, record.offset);
            let silent = boundary.is_after_record(record.offset);
            let turn = Turn { record, event, concern, import, silent };
            customer(ground, track, entry, index, agenda, turn, out);
        }
        // An earlier redrive left no trace; a merge or erasure would have closed the customer for good.
        Concern::Partition | Concern::MergedAway | Concern::Erased | Concern::Redrive | Concern::Nobody => {}
    }
}

/// The later of two boundaries: what happened up to there is not to happen again.
fn later(known: Boundary, failed: Boundary) -> Boundary {
    // A timer comes before the record of its offset.
    let place = |boundary: &Boundary| (boundary.offset, boundary.timer.is_none(), boundary.timer.clone());
    if place(&failed) > place(&known) { failed } else { known }
}
