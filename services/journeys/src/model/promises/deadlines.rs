//! What time does to promises.

use elate_delight::gap::GAP_CLAMP;
use elate_domain::{PromiseState, Timestamp};
use elate_manifest::expression::{Quantity, Scope, StepCaptures};
use serde_json::Value as Json;
use uuid::Uuid;

use super::life::{judged_against, report};
use super::{Rules, outlook};
use crate::model::moments::Experience;
use crate::model::state::{CustomerState, Promise};
use crate::model::turn::Turn;

/// Which deadline of a promise has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alarm {
    /// A milestone should have been reached: its place among the rules.
    Risk(u32),
    /// It is miserable now.
    Due,
    /// Nobody waits any longer.
    GiveUp,
    /// It is time to look what was learned.
    Outlook,
}

impl Alarm {
    /// Reads what follows `promise:<id>:` in a timer's key.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "due" => Some(Self::Due),
            "give_up" => Some(Self::GiveUp),
            "outlook" => Some(Self::Outlook),
            other => other.strip_prefix("risk:")?.parse().ok().map(Self::Risk),
        }
    }
}

pub(super) fn risk_timer(promise: Uuid, rule: u32) -> String {
    format!("promise:{promise}:risk:{rule}")
}

fn due_timer(promise: Uuid) -> String {
    format!("promise:{promise}:due")
}

fn give_up_timer(promise: Uuid) -> String {
    format!("promise:{promise}:give_up")
}

/// Sets, or sets anew, the timers of a pending promise.
pub(super) fn arm(turn: &mut Turn<'_>, rules: &Rules, traits: &Json, promise: &mut Promise) {
    let Some(dates) = promise.dates else { return };
    let captures = StepCaptures::new().with(rules.made.0.as_str(), promise.owner.clone());
    let scope =
        Scope::of_event(&promise.owner).customer(traits).captures(&captures).due(dates.latest).now(turn.now);
    for (place, rule) in (0_u32..).zip(&rules.at_risk) {
        let concerned = promise.state == PromiseState::Open
            && !promise.milestones.contains(&place)
            && rule.condition.as_ref().is_none_or(|condition| condition.holds(&scope));
        match rule.by.time(&scope) {
            Ok(by) if concerned => turn.set_timer(risk_timer(promise.id, place), by),
            _ => turn.effects.cancel_timer(risk_timer(promise.id, place)),
        }
    }
    turn.set_timer(due_timer(promise.id), felt_from(turn, rules, promise, dates.latest));
    outlook::look(turn, rules, promise);
}

/// From when on it is miserable that nothing has come.
fn felt_from(turn: &Turn<'_>, rules: &Rules, promise: &Promise, latest: Timestamp) -> Timestamp {
    // Moved forward, it is not miserable before the latest date; moved back, not before the blend of dates is missed.
    let due = judged_against(rules, promise).map_or(latest, |blend| blend.max(latest));
    due.plus_millis(rules.patience_millis(turn))
}

/// Takes all timers of a promise back.
pub(super) fn disarm(turn: &mut Turn<'_>, rules: &Rules, promise: Uuid) {
    for (place, _) in (0_u32..).zip(&rules.at_risk) {
        turn.effects.cancel_timer(risk_timer(promise, place));
    }
    turn.effects.cancel_timer(due_timer(promise));
    turn.effects.cancel_timer(give_up_timer(promise));
    if rules.learned.is_some() {
        turn.effects.cancel_timer(outlook::timer(promise));
    }
}

/// A deadline of the promise at `place` has passed.
pub(crate) fn fire(
    state: &mut CustomerState,
    turn: &mut Turn<'_>,
    rules: &Rules,
    place: usize,
    alarm: Alarm,
) {
    match alarm {
        Alarm::Risk(rule) => risk(state, turn, rules, place, rule),
        Alarm::Due => due(state, turn, rules, place),
        Alarm::GiveUp => give_up(state, turn, rules, place),
        Alarm::Outlook => {
            if let Some(promise) = state.promises.get_mut(place) {
                outlook::look(turn, rules, promise);
            }
        }
    }
}

fn risk(state: &mut CustomerState, turn: &mut Turn<'_>, rules: &Rules, place: usize, rule: u32) {
    let Some(promise) = state.promises.get_mut(place) else { return };
    let missed = promise.state == PromiseState::Open && !promise.milestones.contains(&rule);
    let Some(rule) = rules.at_risk.get(rule as usize).filter(|_| missed) else { return };
    promise.state = PromiseState::AtRisk;
    let milestone =
        rule.unless.on.as_ref().map_or_else(|| "the milestone".to_owned(), |names| names.0.join(" or "));
    let reason = rule.reason.clone().unwrap_or_else(|| format!("{milestone} is missing"));
    report(turn, rules, promise, Some(PromiseState::Open), None, &reason);
}

/// It is miserable now, and still nothing has come.
fn due(state: &mut CustomerState, turn: &mut Turn<'_>, rules: &Rules, place: usize) {
    let Some(promise) = state.promises.get_mut(place) else { return };
    let before = promise.state;
    if !before.is_pending() {
        return;
    }
    // A tolerance that is learned may have grown since the timer was set.
    if let Some(dates) = promise.dates.filter(|_| rules.facts.learns_tolerance) {
        let felt_from = felt_from(turn, rules, promise, dates.latest);
        if felt_from > turn.now {
            return turn.set_timer(due_timer(promise.id), felt_from);
        }
    }
    promise.state = PromiseState::Broken;
    judge_silence(state, turn, rules, place, Quantity::Time(turn.now), true);
    let Some(promise) = state.promises.get_mut(place) else { return };
    report(turn, rules, promise, Some(before), None, "nothing had come when it became miserable");
    let promise = promise.clone();
    for (rule, _) in (0_u32..).zip(&rules.at_risk) {
        turn.effects.cancel_timer(risk_timer(promise.id, rule));
    }
    if let Some(due) = judged_against(rules, &promise) {
        turn.set_timer(give_up_timer(promise.id), due.plus_millis(rules.give_up_millis(turn)));
    }
}

/// Nobody waits any longer: the judgement becomes final, and the promise leaves the state.
fn give_up(state: &mut CustomerState, turn: &mut Turn<'_>, rules: &Rules, place: usize) {
    // It stands at the clamp from here on, however short a time `give_up` left it.
    let clamp = GAP_CLAMP * rules.facts.tolerance_in(turn).unwrap_or_default();
    let due = state.promises.get(place).and_then(|promise| judged_against(rules, promise));
    let never = due.map_or(turn.now, |due| due.plus_millis(clamp.ceil() as i64).max(turn.now));
    judge_silence(state, turn, rules, place, Quantity::Time(never), false);
    let mut promise = state.promises.remove(place);
    outlook::observe(turn, rules, &promise, turn.now);
    let before = promise.state;
    report(turn, rules, &mut promise, Some(before), None, "given up: nothing ever came");
}

/// Judges "now, and still nothing".
fn judge_silence(
    state: &mut CustomerState,
    turn: &mut Turn<'_>,
    rules: &Rules,
    place: usize,
    quantity: Quantity,
    provisional: bool,
) {
    let Some(promise) = state.promises.get(place).cloned() else { return };
    let captures = StepCaptures::new().with(rules.made.0.as_str(), promise.owner.clone());
    let traits = state.profile.shared();
    let scope = Scope::of_event(&promise.owner).customer(&traits).captures(&captures).now(turn.now);
    let experience = Experience {
        moment_id: promise.moment_id,
        revision: promise.judged,
        key: promise.key.clone(),
        quantity,
        occurred_at: turn.now,
        promise: judged_against(rules, &promise).map(|due| due.0 as f64),
        promise_id: Some(promise.id),
        provisional,
        because: vec![promise.owner.message_id.to_string()],
    };
    let judged = rules.facts.judge(state, turn, &scope, experience).is_some();
    if let Some(promise) = state.promises.get_mut(place) {
        promise.judged += u32::from(judged);
    }
}
