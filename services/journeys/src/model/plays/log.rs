//! What is said of plays: on the timeline, in the step log, and in answer to "why".

use elate_domain::Timestamp;
use elate_domain::system::{NotificationCancelled, PlayStepped, name};
use elate_manifest::expression::EventView;
use uuid::Uuid;

use crate::model::ids::Of;
use crate::model::rows::{Check, EvaluationRow, PlayDecision, PlayPhase, PlayRow, Row, StepRow};
use crate::model::state::PlayInstance;
use crate::model::turn::Turn;

/// A step that was taken.
#[derive(Debug, Clone, Default)]
pub(super) struct Taken<'a> {
    pub(super) kind: &'a str,
    pub(super) branch: Option<&'a str>,
    pub(super) reason: &'a str,
}

/// An evaluation of a trigger.
pub(super) struct Evaluation<'a> {
    /// `None` for an event that did not trigger it: of those the last one alone is kept.
    pub(super) sequence: Option<u64>,
    pub(super) decision: PlayDecision,
    pub(super) reason: &'static str,
    pub(super) detail: &'a str,
    pub(super) checks: Vec<Check>,
    pub(super) key: &'a str,
    pub(super) instance: Option<Uuid>,
    pub(super) version: u64,
}

/// `samples` says of which control groups, as large as the sample, the customer is compared with.
pub(super) fn entered(
    turn: &mut Turn<'_>,
    instance: &mut PlayInstance,
    samples: Option<&'static str>,
    detail: &str,
) {
    said(turn, instance, "entered", &Taken { kind: "", branch: samples, reason: detail });
}

pub(super) fn held_out(turn: &mut Turn<'_>, instance: &mut PlayInstance, detail: &str) {
    said(turn, instance, "held_out", &Taken { reason: detail, ..Taken::default() });
    row(turn, instance, PlayPhase::HeldOut);
}

/// A step was taken, at the instance's present place.
pub(super) fn step(turn: &mut Turn<'_>, instance: &mut PlayInstance, taken: &Taken<'_>) {
    said(turn, instance, "step", taken);
}

/// The instance runs another wording from here on, or could not be moved to it. It waits either way.
pub(super) fn migration(turn: &mut Turn<'_>, instance: &mut PlayInstance, change: &str, reason: &str) {
    said(turn, instance, change, &Taken { reason, ..Taken::default() });
    row(turn, instance, PlayPhase::Active);
}

/// The instance waits.
pub(super) fn waits(turn: &mut Turn<'_>, instance: &PlayInstance) {
    row(turn, instance, PlayPhase::Active);
}

pub(super) fn completed(turn: &mut Turn<'_>, instance: &mut PlayInstance) {
    instance.until = None;
    said(turn, instance, "completed", &Taken { reason: "all steps are done", ..Taken::default() });
    row(turn, instance, PlayPhase::Completed);
}

pub(super) fn exited(turn: &mut Turn<'_>, instance: &mut PlayInstance, reason: &str) {
    instance.until = None;
    said(turn, instance, "exited", &Taken { reason, ..Taken::default() });
    row(turn, instance, PlayPhase::Exited);
}

/// Takes back the messages of an instance that were not handed over.
pub(super) fn cancel_messages(turn: &mut Turn<'_>, instance: &PlayInstance, reason: &str) {
    let cancelled = NotificationCancelled { instance_id: instance.id.to_string(), reason: reason.to_owned() };
    turn.emit(name::NOTIFICATION_CANCELLED, turn.now, &cancelled);
}

fn said(turn: &mut Turn<'_>, instance: &mut PlayInstance, change: &str, taken: &Taken<'_>) {
    instance.logged += 1;
    let stepped = PlayStepped {
        play: instance.play.clone(),
        definitions_version: instance.version,
        instance_id: instance.id.to_string(),
        key: instance.key.clone(),
        change: change.to_owned(),
        step: instance.at.clone(),
        kind: taken.kind.to_owned(),
        branch: taken.branch.map(str::to_owned),
        reason: taken.reason.to_owned(),
    };
    turn.emit(name::PLAY_STEPPED, turn.now, &stepped);
    turn.row(Row::Step(StepRow {
        owner: turn.owner.clone(),
        instance_id: instance.id,
        sequence: instance.logged,
        at: turn.now,
        step: stepped.step,
        kind: stepped.kind,
        change: stepped.change,
        branch: stepped.branch.unwrap_or_default(),
        reason: stepped.reason,
    }));
}

fn row(turn: &mut Turn<'_>, instance: &PlayInstance, phase: PlayPhase) {
    let waits_until: Option<Timestamp> = instance.until;
    turn.row(Row::Play(PlayRow {
        owner: turn.owner.clone(),
        instance_id: instance.id,
        play: instance.play.clone(),
        key: instance.key.clone(),
        definitions_version: instance.version,
        phase,
        step: instance.at.clone(),
        entered_at: instance.entered_at,
        moved_at: turn.now,
        waits_until,
    }));
}

/// Keeps an answer to "why", in the place of the oldest one.
pub(super) fn evaluated(turn: &mut Turn<'_>, play: &str, event: &EventView, evaluation: Evaluation<'_>) {
    let slot = match evaluation.sequence {
        Some(sequence) => (sequence % EvaluationRow::SLOTS).to_string(),
        None => "near_miss".to_owned(),
    };
    turn.row(Row::Evaluation(EvaluationRow {
        owner: turn.owner.clone(),
        evaluation_id: turn.id(Of::Evaluation, &[play, &slot]),
        play: play.to_owned(),
        sequence: evaluation.sequence.unwrap_or_default(),
        at: turn.now,
        decision: evaluation.decision,
        reason: evaluation.reason.to_owned(),
        detail: evaluation.detail.to_owned(),
        checks: evaluation.checks,
        key: evaluation.key.to_owned(),
        instance_id: evaluation.instance,
        trigger: event.name.to_string(),
        trigger_message_id: event.message_id.to_string(),
        definitions_version: evaluation.version,
    }));
}
