//! What the loop does for every service: control records, merges, erasures.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use elate_domain::system::{Erased, ImportMark, MergedAway, StateMoved, name};
use elate_domain::{CustomerId, Event, RawJson, Record};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::emission::Origin;
use crate::envelope::{Envelope, PartitionEnvelope, Replay, Timer, decode, encode};
use crate::imports::End;
use crate::processor::{Effects, Emission, Merged, Processor, StepError};
use crate::run::settle;
use crate::slice::{Agenda, Erasure, Output, Track};
use crate::step::{Attempt, Ground, attempt, compose, emit, guarded};
use crate::tables::letters::DeadLetterRow;
use crate::working::{CustomerKey, Entry};

/// What travels from a merged-away customer to the survivor.
#[derive(Serialize, Deserialize)]
#[serde(bound(serialize = "S: Serialize", deserialize = "S: DeserializeOwned"))]
struct Moved<S> {
    state: S,
    timers: BTreeMap<String, Timer>,
}

/// Takes a record that concerns the partition as a whole.
pub(crate) fn control<P: Processor>(
    ground: &Ground<'_, P>,
    track: &mut Track<P::PartitionState>,
    record: &Record,
    event: &Event,
    out: &mut Output<P::Row>,
) {
    note_import(track, record, event, out);
    let before = Arc::clone(&track.envelope);
    let mut reason = String::new();
    for _ in 0..2 {
        let mut envelope = PartitionEnvelope::clone(&before);
        let mut effects = Effects::default();
        let tried = guarded(|| ground.processor.control(&mut envelope.state, record, event, &mut effects));
        match tried {
            Ok(()) => {
                envelope.replay = window(ground, &envelope, record, event);
                track.envelope = Arc::new(envelope);
                track.envelope_changed = true;
                controlled(ground, track, record, event, effects, out);
                return;
            }
            Err(failure) => reason = failure,
        }
    }
    let (partition, offset) = (record.partition, record.offset);
    tracing::error!(%partition, %offset, %reason, "control record set aside");
    let key = CustomerKey { workspace: event.workspace.clone(), customer: CustomerId::NONE };
    out.dead.push(DeadLetterRow { key, partition, offset, reason, at: record.received_at });
}

/// Imports of the workspace begin and end.
fn note_import<R, PS: Clone>(track: &mut Track<PS>, record: &Record, event: &Event, out: &mut Output<R>) {
    let begins = event.name.as_ref() == name::IMPORT_BEGUN;
    if !event.is_system() || !(begins || event.name.as_ref() == name::IMPORT_ENDED) {
        return;
    }
    let Ok(mark) = event.properties.read::<ImportMark>() else { return };
    let imports = &mut Arc::make_mut(&mut track.envelope).imports;
    if begins {
        imports.begin(&event.workspace, mark.import_id, mark.effects);
    } else if imports.end(
        &event.workspace,
        &mark.import_id,
        End { offset: record.offset, time: record.received_at },
    ) {
        out.released.push((record.partition, event.workspace.clone()));
    }
    track.envelope_changed = true;
}

/// The replay that a control record asks for.
fn window<P: Processor>(
    ground: &Ground<'_, P>,
    envelope: &PartitionEnvelope<P::PartitionState>,
    record: &Record,
    event: &Event,
) -> Option<Replay> {
    let window = ground.processor.replay_window(&envelope.state, record, event)?;
    let millis = i64::try_from(window.as_millis()).unwrap_or(i64::MAX);
    (millis > 0).then(|| Replay {
        at: elate_domain::Offset::START,
        until: record.offset,
        ends_at: record.received_at,
        since: record.received_at.plus_millis(-millis),
        workspace: event.workspace.clone(),
    })
}

/// Takes in the effects of a control record. It has no customer, so it has no timers, and names whom it emits for.
fn controlled<P: Processor>(
    ground: &Ground<'_, P>,
    track: &mut Track<P::PartitionState>,
    record: &Record,
    event: &Event,
    effects: Effects<P::Row>,
    out: &mut Output<P::Row>,
) {
    out.rows.extend(effects.rows);
    let origin = Origin::Record { record, event, import: None, historical: event.historical };
    let key = CustomerKey { workspace: event.workspace.clone(), customer: CustomerId::NONE };
    for (index, said) in effects.emissions.into_iter().enumerate() {
        emit(ground, track, &key, None, &origin, index, said, out);
    }
}

/// The customer was merged into another: what is kept travels there.
pub(crate) fn merged_away<P: Processor>(
    ground: &Ground<'_, P>,
    track: &mut Track<P::PartitionState>,
    entry: &mut Entry<P::State>,
    origin: &Origin<'_>,
    silent: bool,
    out: &mut Output<P::Row>,
) {
    let Origin::Record { event, record, .. } = origin else { return };
    if entry.envelope.merged_into.is_some() || entry.envelope.erased || entry.poisoned {
        return;
    }
    let Ok(merge) = event.properties.read::<MergedAway>() else {
        tracing::error!(partition = %record.partition, offset = %record.offset, "merge can't be read");
        return;
    };
    let known = entry.image.is_some() || entry.touched;
    let envelope = std::mem::take(&mut entry.envelope);
    entry.touched = true;
    entry.envelope.merged_into = Some(merge.survivor);
    // Of a customer of whom nothing is known nothing travels.
    if !known || silent {
        return;
    }
    let moved = Moved { state: envelope.state, timers: envelope.timers };
    forward(ground, track, &entry.key, origin, merge.survivor, entry.key.customer, &moved, out);
}

/// Emits a state to the survivor.
#[allow(clippy::too_many_arguments, reason = "the parts of a run, borrowed apart")]
fn forward<P: Processor>(
    ground: &Ground<'_, P>,
    track: &mut Track<P::PartitionState>,
    key: &CustomerKey,
    origin: &Origin<'_>,
    survivor: CustomerId,
    loser: CustomerId,
    moved: &Moved<P::State>,
    out: &mut Output<P::Row>,
) {
    let Origin::Record { event, .. } = origin else { return };
    match encode("moved state", moved) {
        Ok(bytes) => {
            let state = serde_json::Value::String(STANDARD.encode(bytes));
            let payload = StateMoved { service: P::SERVICE.to_owned(), loser, state };
            let said = Emission {
                name: Arc::from(name::STATE_MOVED),
                customer: Some(survivor),
                occurred_at: event.occurred_at,
                properties: RawJson::of(&payload),
            };
            emit(ground, track, key, None, origin, 0, said, out);
        }
        Err(error) => tracing::error!(%error, "state of a merged customer is lost"),
    }
}

/// The state of a merged-away customer arrives.
#[allow(clippy::too_many_arguments, reason = "the parts of a run, borrowed apart")]
pub(crate) fn state_moved<P: Processor>(
    ground: &Ground<'_, P>,
    track: &mut Track<P::PartitionState>,
    entry: &mut Entry<P::State>,
    index: usize,
    agenda: &mut Agenda,
    origin: &Origin<'_>,
    silent: bool,
    out: &mut Output<P::Row>,
) {
    let Origin::Record { event, record, .. } = origin else { return };
    let payload = match event.properties.read::<StateMoved>() {
        Ok(payload) if payload.service == P::SERVICE => payload,
        _ => return,
    };
    let moved = unpack::<P::State>(&payload);
    if let (Some(survivor), Ok(moved)) = (entry.envelope.merged_into, &moved) {
        // The survivor was merged away itself while the state was on its way.
        forward(ground, track, &entry.key, origin, survivor, payload.loser, moved, out);
        return;
    }
    if entry.is_closed() {
        out.skipped += 1;
        return;
    }
    let envelope = Arc::clone(&track.envelope);
    let tried = attempt(ground, entry, origin, |state, effects| {
        let Moved { state: theirs, .. } = unpack::<P::State>(&payload)?;
        let loser = Merged {
            workspace: event.workspace.clone(),
            survivor: event.customer,
            loser: payload.loser,
            state: theirs,
            now: record.received_at,
        };
        ground.processor.merge(&envelope.state, state, loser, effects)
    });
    if let (Attempt::Done(_), Ok(moved)) = (&tried, moved) {
        take_timers(track, entry, index, agenda, moved.timers);
    }
    settle(ground, track, entry, index, agenda, origin, tried, silent, out);
}

fn unpack<S: DeserializeOwned>(payload: &StateMoved) -> Result<Moved<S>, StepError> {
    let failed = |reason: String| StepError { reason: format!("the moved state can't be read: {reason}") };
    let text = payload.state.as_str().ok_or_else(|| failed("it is no text".to_owned()))?;
    let bytes = STANDARD.decode(text).map_err(|error| failed(error.to_string()))?;
    decode("moved state", &bytes).map_err(|error| failed(error.to_string()))
}

/// The loser's timers go on under the survivor; where both have one of the same key, the survivor's stays.
fn take_timers<S, PS>(
    track: &Track<PS>,
    entry: &mut Entry<S>,
    index: usize,
    agenda: &mut Agenda,
    timers: BTreeMap<String, Timer>,
) {
    for (key, timer) in timers {
        if entry.envelope.timers.contains_key(&key) {
            continue;
        }
        if !track.envelope.imports.holds(&entry.key.workspace, timer.import) {
            agenda.note(timer.deadline, entry.key.customer, index, &key);
        }
        entry.envelope.timers.insert(key, timer);
    }
}

/// The customer is erased. The row that stays says nothing but that.
pub(crate) fn erased<P: Processor>(
    ground: &Ground<'_, P>,
    track: &mut Track<P::PartitionState>,
    entry: &mut Entry<P::State>,
    record: &Record,
    event: &Event,
    out: &mut Output<P::Row>,
) {
    let Ok(erased) = event.properties.read::<Erased>() else {
        tracing::error!(partition = %record.partition, offset = %record.offset, "erasure can't be read");
        return;
    };
    entry.envelope = Envelope { erased: true, ..Envelope::default() };
    entry.touched = true;
    let origin = Origin::Record { record, event, import: None, historical: event.historical };
    let said = Emission {
        name: Arc::from(name::ERASURE_RECEIPT),
        customer: None,
        occurred_at: record.received_at,
        properties: RawJson::default(),
    };
    let receipt = compose(ground, track, &entry.key, &origin, 0, said);
    let (partition, sequence) = (track.partition(), track.next_sequence - 1);
    let (key, erasure_id) = (entry.key.clone(), erased.erasure_id);
    out.erasures.push(Erasure { key, receipt, erasure_id, partition, sequence });
}
