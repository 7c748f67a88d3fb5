//! Whether a customer may enter a play, and why not. Every answer is kept.

use elate_manifest::expression::{EventView, Scope};

use super::checks::{self, Findings};
use super::holdout::Groups;
use super::rollout::{self, Asking};
use super::{Play, Triggered, log, run};
use crate::model::cases;
use crate::model::definitions::Definitions;
use crate::model::ids::Of;
use crate::model::kept;
use crate::model::partition::WorkspaceState;
use crate::model::rows::{Check, PlayDecision, Verdict};
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
    checks: Vec<Check>,
    /// In which samples that the held-out are compared with.
    samples: Option<&'static str>,
}

impl Answer {
    fn refused(reason: &'static str, detail: String, checks: Vec<Check>) -> Self {
        Self { decision: PlayDecision::Refused, reason, detail, checks, samples: None }
    }
}

/// What an answer is about.
#[derive(Clone, Copy)]
struct About<'a> {
    play: &'a Play,
    key: &'a str,
    event: &'a EventView,
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
        let detail = "the event does not carry the play's key".to_owned();
        let checks = vec![
            Check::new("trigger", Verdict::Passed, triggered.told),
            Check::new("key", Verdict::Unknown, detail.as_str()),
        ];
        let about = About { play, key: "", event };
        return keep(state, turn, standing, about, Answer::refused("no_key", detail, checks), None);
    };
    let about = About { play, key: &key, event };
    let answer = decide(state, turn, standing, about, &triggered);
    if answer.decision == PlayDecision::Refused {
        return keep(state, turn, standing, about, answer, None);
    }
    let (decision, samples, detail) = (answer.decision, answer.samples, answer.detail.clone());
    let id = turn.id(Of::Play, &[&play.name, &key, &event.source, &event.message_id]);
    keep(state, turn, standing, about, answer, Some(id));
    let held_out = decision == PlayDecision::HeldOut;
    remember(state, turn, standing, play, &key, held_out);
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
        since: None,
        until: None,
        logged: 0,
        sent: false,
    };
    if let Some(case) = triggered.case {
        cases::take_up(state, turn, case, &play.name, held_out);
    }
    if held_out {
        return log::held_out(turn, &mut instance, &detail);
    }
    log::entered(turn, &mut instance, samples, &detail);
    if state.plays.len() >= limits::PLAYS {
        let oldest = state.plays.remove(0);
        state.dropped += 1;
        run::leave(turn, oldest, "too many plays at once");
    }
    run::begin(state, turn, standing, play, instance);
}

/// An event of the trigger's kind did not start the play: the last one of them is remembered, with the reason.
pub(crate) fn missed(
    turn: &mut Turn<'_>,
    standing: Standing<'_>,
    play: &Play,
    reason: &'static str,
    detail: &str,
    event: &EventView,
) {
    let checks = vec![Check::new("trigger", Verdict::Failed, detail)];
    let evaluation = log::Evaluation {
        sequence: None,
        decision: PlayDecision::NotTriggered,
        reason,
        detail,
        checks,
        key: "",
        instance: None,
        version: standing.definitions.version,
    };
    log::evaluated(turn, &play.name, event, evaluation);
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
    turn: &mut Turn<'_>,
    standing: Standing<'_>,
    about: About<'_>,
    triggered: &Triggered,
) -> Answer {
    let About { play, key, event } = about;
    let mut found = checks::ask(state, turn, standing, play, triggered, key, event);
    let id = turn.owner.customer.to_string();
    let groups = Groups::of_customer(state, standing.definitions, play, &id);
    let would_enter = found.refusal.is_none();
    checks::holdouts(&mut found, &groups, would_enter);
    if would_enter && groups.rule().is_none() {
        checks::exits(&mut found, play);
    }
    let Findings { mut checks, refusal } = found;
    if let Some((reason, detail)) = refusal {
        return Answer::refused(reason, detail, checks);
    }
    // Those who are held out count on neither side of a rollout.
    if groups.rule().is_none() {
        let asking = Asking { standing, play, id: &id, event };
        if let Some((reason, detail)) = rollout::ask(state, turn, asking, &mut checks) {
            return Answer::refused(reason, detail, checks);
        }
    }
    groups.keep(state, play);
    let (decision, reason, detail) = match groups.rule() {
        Some("global") => {
            (PlayDecision::HeldOut, "held_out_global", "in the share of customers that no play reaches")
        }
        Some(_) => (PlayDecision::HeldOut, "held_out", "in the play's control group"),
        None => (PlayDecision::Entered, "triggered", "triggered"),
    };
    Answer { decision, reason, detail: detail.to_owned(), checks, samples: groups.samples() }
}

fn remember(
    state: &mut CustomerState,
    turn: &Turn<'_>,
    standing: Standing<'_>,
    play: &Play,
    key: &str,
    held_out: bool,
) {
    let memory = state.memory.entry(play.name.clone()).or_default();
    memory.entered.retain(|(known, _)| known != key);
    if memory.entered.len() >= limits::KEYS {
        memory.entered.remove(0);
    }
    memory.entered.push((key.to_owned(), turn.now));
    // The control group is limited like those that it is compared with.
    if play.spec.caps.is_some_and(|caps| caps.entries.is_some()) {
        push(&mut memory.entries, turn);
    }
    // The policy limits what customers are troubled with: those who are held out are not.
    let limited = standing.definitions.play_caps.is_some_and(|caps| caps.entries.is_some());
    if limited && !play.spec.service && !held_out {
        push(&mut state.entries, turn);
    }
}

fn push(entries: &mut Vec<elate_domain::Timestamp>, turn: &Turn<'_>) {
    if entries.len() >= limits::ENTRIES {
        entries.remove(0);
    }
    entries.push(turn.now);
}

fn keep(
    state: &mut CustomerState,
    turn: &mut Turn<'_>,
    standing: Standing<'_>,
    about: About<'_>,
    answer: Answer,
    instance: Option<uuid::Uuid>,
) {
    let memory = state.memory.entry(about.play.name.clone()).or_default();
    memory.evaluations += 1;
    let evaluation = log::Evaluation {
        sequence: Some(memory.evaluations),
        decision: answer.decision,
        reason: answer.reason,
        detail: &answer.detail,
        checks: answer.checks,
        key: about.key,
        instance,
        version: standing.definitions.version,
    };
    log::evaluated(turn, &about.play.name, about.event, evaluation);
}
