//! One step of a processor: tried, and its effects taken in.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use elate_domain::{Event, Producer, SourceId, Timestamp};

use crate::emission::{Addressee, Origin, hour_of, is_too_deep, sequence_value};
use crate::envelope::{Boundary, Envelope};
use crate::metrics::Metrics;
use crate::processor::{Effects, Emission, Processor, StepError, TimerChange};
use crate::settings::Settings;
use crate::slice::{Agenda, Output, Track};
use crate::tables::letters::{DeadLetterRow, HeldRow};
use crate::tables::outbox::OutboxRow;
use crate::working::{CustomerKey, Entry};

/// Timers in a row that may be set at or before their own instant.
const MAX_SPINS: u32 = 100;

/// What stays the same over a run.
pub(crate) struct Ground<'a, P> {
    pub(crate) processor: &'a P,
    pub(crate) settings: &'a Settings,
    pub(crate) source: &'a SourceId,
    pub(crate) lane: &'a Arc<str>,
    pub(crate) metrics: &'a Metrics,
    /// Customers whose step failed before: each of their steps is tried with a way back.
    pub(crate) careful: &'a HashSet<CustomerKey>,
}

/// What became of an attempt.
pub(crate) enum Attempt<R> {
    /// It worked.
    Done(Effects<R>),
    /// It failed, and may have left the state half changed: run the batch again with care.
    Suspect,
    /// It failed twice, alone; the state is as before.
    Failed(String),
}

/// Runs `work`, and takes a panic for a failure. The panic's text stays out: it may quote the record.
pub(crate) fn guarded(work: impl FnOnce() -> Result<(), StepError>) -> Result<(), String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error.reason),
        Err(_) => Err("the step panicked".to_owned()),
    }
}

/// Tries a step on the entry's state.
pub(crate) fn attempt<P: Processor>(
    ground: &Ground<'_, P>,
    entry: &mut Entry<P::State>,
    origin: &Origin<'_>,
    step: impl Fn(&mut P::State, &mut Effects<P::Row>) -> Result<(), StepError>,
) -> Attempt<P::Row> {
    entry.touched = true;
    let checked = |state: &mut P::State, effects: &mut Effects<P::Row>| {
        guarded(|| step(state, effects).and_then(|()| check_spins(origin, effects)))
    };
    if !ground.careful.contains(&entry.key) {
        let mut effects = Effects::default();
        return match checked(&mut entry.envelope.state, &mut effects) {
            Ok(()) => Attempt::Done(effects),
            Err(_) => {
                entry.poisoned = true;
                Attempt::Suspect
            }
        };
    }
    let before = entry.envelope.state.clone();
    let mut reason = String::new();
    for _ in 0..2 {
        let mut effects = Effects::default();
        match checked(&mut entry.envelope.state, &mut effects) {
            Ok(()) => return Attempt::Done(effects),
            Err(failure) => {
                reason = failure;
                entry.envelope.state = before.clone();
            }
        }
    }
    Attempt::Failed(reason)
}

/// A timer that keeps setting timers for its own instant would fire for ever.
fn check_spins<R>(origin: &Origin<'_>, effects: &Effects<R>) -> Result<(), StepError> {
    let Origin::Timer { timer, .. } = origin else { return Ok(()) };
    let goes_round = |change: &TimerChange| match change {
        TimerChange::Set { deadline, .. } => *deadline <= timer.deadline,
        TimerChange::Cancel { .. } => false,
    };
    if timer.spins >= MAX_SPINS && effects.timers.iter().any(goes_round) {
        return Err(StepError { reason: format!("more than {MAX_SPINS} timers in a row at one instant") });
    }
    Ok(())
}

/// The outcome of a failed step: the customer waits for a redrive.
pub(crate) fn set_aside<S, R, PS>(
    track: &Track<PS>,
    entry: &mut Entry<S>,
    boundary: Boundary,
    reason: String,
    at: Timestamp,
    out: &mut Output<R>,
) {
    let (key, partition, offset) = (entry.key.clone(), track.partition(), boundary.offset);
    tracing::warn!(workspace = %key.workspace, %partition, %offset, %reason, "customer set aside");
    out.dead.push(DeadLetterRow { key, partition, offset, reason, at });
    entry.envelope.aside = Some(boundary);
    entry.touched = true;
}

/// Takes in the effects of a step. `silent` keeps timers only: the rest has happened already.
#[allow(clippy::too_many_arguments, reason = "the parts of a run, borrowed apart")]
pub(crate) fn apply<P: Processor>(
    ground: &Ground<'_, P>,
    track: &mut Track<P::PartitionState>,
    entry: &mut Entry<P::State>,
    index: usize,
    agenda: &mut Agenda,
    origin: &Origin<'_>,
    effects: Effects<P::Row>,
    silent: bool,
    out: &mut Output<P::Row>,
) {
    for change in effects.timers {
        match change {
            TimerChange::Set { key, deadline } => {
                let timer = origin.timer(deadline);
                if !track.envelope.imports.holds(&entry.key.workspace, timer.import) {
                    agenda.note(deadline, entry.key.customer, index, &key);
                }
                entry.envelope.timers.insert(key, timer);
            }
            TimerChange::Cancel { key } => {
                entry.envelope.timers.remove(&key);
            }
        }
    }
    if silent {
        return;
    }
    out.rows.extend(effects.rows);
    for (index, said) in effects.emissions.into_iter().enumerate() {
        let allowed = Some((&mut entry.envelope, ground.settings.emitted_per_hour));
        emit(ground, track, &entry.key, allowed, origin, index, said, out);
    }
}

/// Puts an event on its way, unless the loop guard holds it. Events of the loop itself pass no rate limit.
#[allow(clippy::too_many_arguments, reason = "the parts of a run, borrowed apart")]
pub(crate) fn emit<P: Processor>(
    ground: &Ground<'_, P>,
    track: &mut Track<P::PartitionState>,
    key: &CustomerKey,
    rate: Option<(&mut Envelope<P::State>, u32)>,
    origin: &Origin<'_>,
    index: usize,
    said: Emission,
    out: &mut Output<P::Row>,
) {
    let event = compose(ground, track, key, origin, index, said);
    let reason = if event.customer.is_none() {
        Some("no_customer")
    } else if is_too_deep(&event) {
        Some("hops")
    } else if rate.is_some_and(|(envelope, most)| !within_rate(envelope, most, origin)) {
        Some("rate")
    } else {
        None
    };
    let record = elate_proto::record::encode(&event);
    if let Some(reason) = reason {
        ground.metrics.held(reason);
        tracing::warn!(workspace = %key.workspace, name = %event.name, reason, "event held by the loop guard");
        out.held.push(HeldRow {
            key: CustomerKey { workspace: event.workspace, customer: event.customer },
            partition: track.partition(),
            message_id: event.message_id,
            name: event.name.as_ref().to_owned(),
            reason,
            at: origin.now(),
            record,
        });
        // The number was not used up: what is emitted next takes it.
        track.next_sequence -= 1;
        return;
    }
    out.outbox.push(OutboxRow {
        lane: Arc::clone(ground.lane),
        partition: track.partition(),
        sequence: track.next_sequence - 1,
        workspace: event.workspace,
        customer: event.customer,
        record,
    });
}

/// Makes the event, with the next number of the partition's lane.
pub(crate) fn compose<P: Processor>(
    ground: &Ground<'_, P>,
    track: &mut Track<P::PartitionState>,
    key: &CustomerKey,
    origin: &Origin<'_>,
    index: usize,
    said: Emission,
) -> Event {
    let producer = Producer {
        service: Arc::clone(ground.lane),
        partition: track.partition(),
        generation: track.generation,
        sequence: sequence_value(track.take_sequence()),
    };
    let to = Addressee { workspace: &key.workspace, customer: key.customer, source: ground.source };
    origin.event(to, producer, index, said)
}

/// Counts an event of the customer against its hour of log time. Imports are not counted: all their log time is the
/// same hour, and a chain among them ends at the limit of hops.
fn within_rate<S>(envelope: &mut Envelope<S>, most: u32, origin: &Origin<'_>) -> bool {
    if origin.historical() {
        return true;
    }
    // A timer that was overdue does not open an hour that is over.
    let hour = hour_of(origin.now()).max(envelope.hour);
    if hour != envelope.hour {
        (envelope.hour, envelope.emitted) = (hour, 0);
    }
    if envelope.emitted >= most {
        return false;
    }
    envelope.emitted += 1;
    true
}
