//! Whether a customer may enter a play, and why not. Every answer is kept.

use elate_manifest::expression::{EventView, Scope};
use elate_manifest::spec::Reentry;
use elate_reach::assign::{self, HoldoutGroup};

use super::{Play, Triggered, log, run};
use crate::model::cases;
use crate::model::definitions::Definitions;
use crate::model::ids::Of;
use crate::model::kept;
use crate::model::partition::WorkspaceState;
use crate::model::rows::PlayDecision;
use crate::model::state::{CustomerState, PlayInstance, limits};
use crate::model::turn::Turn;

/// What stands around the customer: the definitions in force and the switches.
#[derive(Clone, Copy)]
pub(crate) struct Standing<'a> {
    pub(crate) workspace: &'a WorkspaceState,
    pub(crate) definitions: &'a Definitions,
}

/// Why a customer was refused, or let in.
struct Answer {
    decision: PlayDecision,
    reason: &'static str,
    detail: String,
    /// In the sample that the held-out are compared with.
    measured: bool,
}

impl Answer {
    fn refused(reason: &'static str, detail: impl Into<String>) -> Self {
        Self { decision: PlayDecision::Refused, reason, detail: detail.into(), measured: false }
    }
}

/// Lets the customer in, or says why not.
pub(crate) fn evaluate(
    state: &mut CustomerState,
    turn: &mut Turn<'_>,
    standing: Standing<'_>,
    play: &Play,
    triggered: Triggered,
    event: &EventView,
) {
    let Some(key) = key(state, turn, play, &triggered, event) else {
        let answer = Answer::refused("no_key", "the event does not carry the play's key");
        return keep(state, turn, standing, play, "", event, &answer, None);
    };
    let answer = decide(state, turn, standing, play, &triggered, &key, event);
    if answer.decision == PlayDecision::Refused {
        return keep(state, turn, standing, play, &key, event, &answer, None);
    }
    let id = turn.id(Of::Play, &[&play.name, &key, &event.source, &event.message_id]);
    keep(state, turn, standing, play, &key, event, &answer, Some(id));
    remember(state, turn, play, &key);
    let mut instance = PlayInstance {
        id,
        play: play.name.clone(),
        key,
        version: standing.definitions.version,
        entered_at: turn.now,
        trigger: kept(event, false),
        moment: triggered.moment,
        last_event: None,
        last_wait: None,
        at: String::new(),
        until: None,
        logged: 0,
        sent: false,
    };
    let held_out = answer.decision == PlayDecision::HeldOut;
    if let Some(case) = triggered.case {
        cases::take_up(state, turn, case, &play.name, held_out);
    }
    if held_out {
        return log::held_out(turn, &mut instance, &answer.detail);
    }
    log::entered(turn, &mut instance, answer.measured, &answer.detail);
    if state.plays.len() >= limits::PLAYS {
        let oldest = state.plays.remove(0);
        state.dropped += 1;
        run::leave(turn, oldest, "too many plays at once");
    }
    run::begin(state, turn, standing, play, instance);
}

fn key(
    state: &CustomerState,
    turn: &Turn<'_>,
    play: &Play,
    triggered: &Triggered,
    event: &EventView,
) -> Option<String> {
    let Some(key) = &play.spec.key else { return Some(triggered.key.clone()) };
    let mut scope = Scope::of_event(event).customer(state.profile.traits()).now(turn.now);
    if let Some(moment) = &triggered.moment {
        scope = scope.moment(moment);
    }
    key.text_of(&scope).ok()
}

fn decide(
    state: &mut CustomerState,
    turn: &Turn<'_>,
    standing: Standing<'_>,
    play: &Play,
    triggered: &Triggered,
    key: &str,
    event: &EventView,
) -> Answer {
    if !turn.live {
        return Answer::refused("historical", "imported history starts no plays");
    }
    if standing.workspace.paused_plays.contains(&play.name) {
        return Answer::refused("paused", "the play is paused");
    }
    if let Some(refused) = entered_before(state, turn, play, key) {
        return refused;
    }
    if let Some(audience) = &play.spec.audience {
        let mut scope = Scope::of_event(event).customer(state.profile.traits()).now(turn.now);
        if let Some(moment) = &triggered.moment {
            scope = scope.moment(moment);
        }
        let answer = audience.evaluate(&scope);
        if answer.failed {
            return Answer::refused("audience_unknown", format!("could not be told: {}", audience.text()));
        }
        if !answer.holds {
            return Answer::refused("audience", format!("not true: {}", audience.text()));
        }
    }
    assign(state, turn, standing, play)
}

/// The same key never starts twice; a customer enters again only as the play allows.
fn entered_before(state: &CustomerState, turn: &Turn<'_>, play: &Play, key: &str) -> Option<Answer> {
    let running = state.plays.iter().any(|instance| instance.play == play.name && instance.key == key);
    if running {
        return Some(Answer::refused("already_running", "an instance of this key is under way"));
    }
    let entered = state.memory.get(&play.name).map_or(&[][..], |memory| memory.entered.as_slice());
    if !key.is_empty() && entered.iter().any(|(known, _)| known == key) {
        return Some(Answer::refused("same_key", format!("{key:?} has entered before")));
    }
    let (_, last) = entered.last()?;
    match play.spec.reentry {
        Reentry::Always => None,
        Reentry::Never => {
            Some(Answer::refused("re_entry", format!("entered on {last}, and may never again")))
        }
        Reentry::After(pause) => {
            let from = last.plus(pause.0);
            let refused =
                Answer::refused("re_entry", format!("entered on {last}, and may again from {from}"));
            (turn.now < from).then_some(refused)
        }
    }
}

/// Holds the customer out, or lets it in. Decided once for a customer: a share that is changed later, a re-entry and
/// a merge do not change sides.
fn assign(state: &mut CustomerState, turn: &Turn<'_>, standing: Standing<'_>, play: &Play) -> Answer {
    let id = turn.owner.customer.to_string();
    let rule = holdout_rule(standing.definitions, play, &id);
    let global = *state.held_out.get_or_insert(rule == Some("global"));
    let memory = state.memory.entry(play.name.clone()).or_default();
    let own = *memory.held_out.get_or_insert(own_group(play, &id) == HoldoutGroup::HeldOut);
    if global || own {
        let (reason, detail) = if global {
            ("held_out_global", "in the share of customers that no play reaches")
        } else {
            ("held_out", "in the play's control group")
        };
        return Answer {
            decision: PlayDecision::HeldOut,
            reason,
            detail: detail.to_owned(),
            measured: false,
        };
    }
    let measured = own_group(play, &id) == HoldoutGroup::Measured;
    Answer { decision: PlayDecision::Entered, reason: "triggered", detail: "triggered".to_owned(), measured }
}

/// By which rule an id would be held out: `global`, `play`, or by none.
pub(crate) fn holdout_rule(definitions: &Definitions, play: &Play, id: &str) -> Option<&'static str> {
    let global = definitions.global_holdout.as_ref();
    if global.is_some_and(|(seed, share)| assign::holdout(seed, id, *share) == HoldoutGroup::HeldOut) {
        return Some("global");
    }
    (own_group(play, id) == HoldoutGroup::HeldOut).then_some("play")
}

fn own_group(play: &Play, id: &str) -> HoldoutGroup {
    let Some(holdout) = &play.spec.holdout else { return HoldoutGroup::Treated };
    let seed = holdout.seed.as_deref().unwrap_or(&play.name);
    assign::holdout(seed, id, holdout.percent.share())
}

fn remember(state: &mut CustomerState, turn: &Turn<'_>, play: &Play, key: &str) {
    let memory = state.memory.entry(play.name.clone()).or_default();
    memory.entered.retain(|(known, _)| known != key);
    if memory.entered.len() >= limits::KEYS {
        memory.entered.remove(0);
    }
    memory.entered.push((key.to_owned(), turn.now));
}

#[allow(clippy::too_many_arguments, reason = "an answer is about all of these")]
fn keep(
    state: &mut CustomerState,
    turn: &mut Turn<'_>,
    standing: Standing<'_>,
    play: &Play,
    key: &str,
    event: &EventView,
    answer: &Answer,
    instance: Option<uuid::Uuid>,
) {
    let memory = state.memory.entry(play.name.clone()).or_default();
    memory.evaluations += 1;
    let evaluation = log::Evaluation {
        sequence: memory.evaluations,
        decision: answer.decision,
        reason: answer.reason,
        detail: &answer.detail,
        key,
        instance,
        version: standing.definitions.version,
    };
    log::evaluated(turn, &play.name, event, &evaluation);
}
