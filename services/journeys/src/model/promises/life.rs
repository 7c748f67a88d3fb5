//! What events do to promises.

use elate_domain::system::{PromiseChanged, name};
use elate_domain::{Outcome, PromiseState, Timestamp};
use elate_manifest::expression::{EventView, Quantity, Scope, StepCaptures};

use super::{Rules, deadlines, outlook};
use crate::model::ids::Of;
use crate::model::moments::Experience;
use crate::model::rows::{PromiseChangeRow, PromiseRow, Row};
use crate::model::state::{CustomerState, Dates, Promise, limits};
use crate::model::turn::Turn;

/// Lets an event happen to the promises of one manifest.
pub(crate) fn event(state: &mut CustomerState, turn: &mut Turn<'_>, rules: &Rules, event: &EventView) {
    if !rules.events().any(|meant| meant.fits(event)) {
        return;
    }
    let Some(key) = key(rules, state, turn, event) else { return };
    if let Some(place) = find(state, rules, &key) {
        let promise = state.promises.remove(place);
        match ending(rules, state, turn, &promise, event) {
            Some(Ending::Fulfilled) => return fulfil(state, turn, rules, promise, event),
            Some(Ending::Withdrawn) => return withdraw(turn, rules, promise, &format!("{:?}", &*event.name)),
            None => {}
        }
        let promise = pass(rules, state, turn, promise, event);
        state.promises.insert(place, promise);
        return;
    }
    make(state, turn, rules, key, event);
}

enum Ending {
    Fulfilled,
    Withdrawn,
}

fn ending(
    rules: &Rules,
    state: &CustomerState,
    turn: &Turn<'_>,
    promise: &Promise,
    event: &EventView,
) -> Option<Ending> {
    let captures = StepCaptures::new().with(rules.made.0.as_str(), promise.owner.clone());
    let scope = Scope::of_event(event).customer(state.profile.traits()).captures(&captures).now(turn.now);
    if rules.fulfilled.1.matches(event, &scope) {
        return Some(Ending::Fulfilled);
    }
    let withdrawn = rules.withdrawn.as_ref().is_some_and(|meant| meant.matches(event, &scope));
    withdrawn.then_some(Ending::Withdrawn)
}

/// The key that an event carries; `None` where the promise has a key and the event does not carry it.
fn key(rules: &Rules, state: &CustomerState, turn: &Turn<'_>, event: &EventView) -> Option<String> {
    let Some(key) = &rules.key else { return Some(String::new()) };
    let scope = Scope::of_event(event).customer(state.profile.traits()).now(turn.now);
    key.text_of(&scope).ok()
}

fn find(state: &CustomerState, rules: &Rules, key: &str) -> Option<usize> {
    state.promises.iter().position(|promise| promise.moment == rules.facts.moment && promise.key == key)
}

/// Makes a promise, where the event does.
fn make(state: &mut CustomerState, turn: &mut Turn<'_>, rules: &Rules, key: String, event: &EventView) {
    let captures = StepCaptures::new().with(rules.made.0.as_str(), event.clone());
    let scope = Scope::of_event(event).customer(state.profile.traits()).captures(&captures).now(turn.now);
    if !rules.made.1.matches(event, &scope) {
        return;
    }
    let dates = rules.due.time(&scope).ok().map(|due| Dates { first: due, latest: due });
    let moment = &rules.facts.moment;
    let parts = [moment.as_str(), &key, &event.message_id];
    let mut promise = Promise {
        id: turn.id(Of::Promise, &parts),
        moment_id: turn.id(Of::Moment, &parts),
        moment: moment.clone(),
        key,
        state: PromiseState::Open,
        dates,
        owner: event.captured(false),
        judged: 0,
        milestones: Vec::new(),
        reached: Vec::new(),
        created_at: turn.now,
        told: 0,
    };
    if state.promises.len() >= limits::PROMISES {
        // Those without a date say nothing to anybody, so they go first.
        let dateless = state.promises.iter().position(|promise| promise.dates.is_none());
        let oldest = state.promises.remove(dateless.unwrap_or(0));
        state.dropped += 1;
        withdraw(turn, rules, oldest, "too many promises are open");
    }
    report(turn, rules, &mut promise, None, None, &format!("stated by {:?}", &*event.name));
    deadlines::arm(turn, rules, state.profile.traits(), &mut promise);
    state.promises.push(promise);
}

/// An event that neither makes nor ends a promise may be a milestone, or move its date.
fn pass(
    rules: &Rules,
    state: &CustomerState,
    turn: &mut Turn<'_>,
    mut promise: Promise,
    event: &EventView,
) -> Promise {
    let captures = StepCaptures::new().with(rules.made.0.as_str(), promise.owner.clone());
    let traits = state.profile.traits();
    let mut scope = Scope::of_event(event).customer(traits).captures(&captures).now(turn.now);
    if let Some(dates) = promise.dates {
        scope = scope.due(dates.latest);
    }
    for (place, rule) in (0_u32..).zip(&rules.at_risk) {
        if !promise.milestones.contains(&place) && rule.unless.matches(event, &scope) {
            promise.milestones.push(place);
            turn.effects.cancel_timer(deadlines::risk_timer(promise.id, place));
        }
    }
    let learned = rules.learned.as_ref();
    let reached = learned.is_some_and(|rule| {
        outlook::reach(rule, &mut promise, event, |milestone| milestone.matches(event, &scope))
    });
    let moved = rules.moved.as_ref().filter(|moved| moved.on.matches(event, &scope));
    // Stated again by the event that makes promises, it is the same promise with another date.
    let restated = moved.is_none() && rules.made.1.matches(event, &scope);
    let due = match moved {
        Some(moved) => moved.due.time(&scope).ok(),
        None if restated => {
            let captures = StepCaptures::new().with(rules.made.0.as_str(), event.clone());
            rules.due.time(&Scope::of_event(event).customer(traits).captures(&captures).now(turn.now)).ok()
        }
        None => None,
    };
    if reached {
        outlook::look(turn, rules, &mut promise);
    }
    if let Some(due) = due {
        move_to(rules, turn, traits, &mut promise, due, event);
    }
    promise
}

/// Moves the date, where that is done before it was due: afterwards it is no notice, and changes nothing.
fn move_to(
    rules: &Rules,
    turn: &mut Turn<'_>,
    traits: &serde_json::Value,
    promise: &mut Promise,
    due: Timestamp,
    event: &EventView,
) {
    let Some(dates) = promise.dates else {
        promise.dates = Some(Dates { first: due, latest: due });
        report(turn, rules, promise, None, None, &format!("stated by {:?}", &*event.name));
        return deadlines::arm(turn, rules, traits, promise);
    };
    if !promise.state.is_pending() || event.occurred_at >= dates.latest || due == dates.latest {
        return;
    }
    promise.dates = Some(Dates { latest: due, ..dates });
    let state = promise.state;
    report(turn, rules, promise, Some(state), None, &format!("moved by {:?}", &*event.name));
    deadlines::arm(turn, rules, traits, promise);
}

/// The promise is fulfilled: its moment is judged, or judged again.
fn fulfil(
    state: &mut CustomerState,
    turn: &mut Turn<'_>,
    rules: &Rules,
    promise: Promise,
    event: &EventView,
) {
    let captures = StepCaptures::new()
        .with(rules.made.0.as_str(), promise.owner.clone())
        .with(rules.fulfilled.0.as_str(), event.clone());
    let traits = state.profile.shared();
    let scope = Scope::of_event(event).customer(&traits).captures(&captures).now(turn.now);
    let quantity = rules.experience.quantity(&scope).unwrap_or(Quantity::Time(event.occurred_at));
    let experience = Experience {
        moment_id: promise.moment_id,
        revision: promise.judged,
        key: promise.key.clone(),
        quantity,
        occurred_at: event.occurred_at,
        promise: judged_against(rules, &promise).map(|due| due.0 as f64),
        promise_id: promise.dates.map(|_| promise.id),
        provisional: false,
        because: vec![promise.owner.message_id.to_string(), event.message_id.to_string()],
    };
    let judgement = rules.facts.judge(state, turn, &scope, experience);
    deadlines::disarm(turn, rules, promise.id);
    outlook::observe(turn, rules, &promise, event.occurred_at);
    let Some(dates) = promise.dates else { return };
    let before = promise.state;
    let after = match before {
        PromiseState::Broken => PromiseState::Broken,
        _ if event.occurred_at > dates.latest => PromiseState::Late,
        _ if judgement.is_some_and(|judged| judged.outcome == Outcome::Magical) => PromiseState::Exceeded,
        _ => PromiseState::Kept,
    };
    let mut promise = Promise { state: after, ..promise };
    let reason = format!("fulfilled by {:?}", &*event.name);
    report(turn, rules, &mut promise, Some(before), Some(event.occurred_at), &reason);
}

/// The promise is taken back, or void. What was judged already stays.
fn withdraw(turn: &mut Turn<'_>, rules: &Rules, promise: Promise, reason: &str) {
    deadlines::disarm(turn, rules, promise.id);
    if promise.dates.is_none() {
        return;
    }
    let before = promise.state;
    // Broken stays in history, whatever comes after.
    let state = if before == PromiseState::Broken { before } else { PromiseState::Withdrawn };
    let mut promise = Promise { state, ..promise };
    report(turn, rules, &mut promise, Some(before), None, &format!("withdrawn: {reason}"));
}

/// What the promise is judged against: its date, or the blend of dates where it was moved.
pub(super) fn judged_against(rules: &Rules, promise: &Promise) -> Option<Timestamp> {
    let Dates { first, latest } = promise.dates?;
    Some(elate_delight::habit::moved_promise(first, latest, rules.keep_first()))
}

/// Says what became of a promise.
pub(super) fn report(
    turn: &mut Turn<'_>,
    rules: &Rules,
    promise: &mut Promise,
    before: Option<PromiseState>,
    fulfilled_at: Option<Timestamp>,
    reason: &str,
) {
    let Some(dates) = promise.dates else { return };
    turn.row(Row::PromiseChange(PromiseChangeRow {
        owner: turn.owner.clone(),
        promise_id: promise.id,
        sequence: promise.told,
        at: turn.now,
        state: promise.state,
        due: dates.latest,
        reason: reason.to_owned(),
    }));
    promise.told += 1;
    let facts = &rules.facts;
    let changed = PromiseChanged {
        promise_id: promise.id.to_string(),
        moment: promise.moment.clone(),
        key: promise.key.clone(),
        state: promise.state,
        before,
        due: dates.latest,
        first_due: dates.first,
        fulfilled_at,
        reason: reason.to_owned(),
        touchpoint: facts.touchpoint.clone(),
        journey: facts.journey.clone(),
    };
    turn.emit(name::PROMISE_CHANGED, turn.now, &changed);
    turn.row(Row::Promise(PromiseRow {
        owner: turn.owner.clone(),
        promise_id: promise.id,
        moment: promise.moment.clone(),
        key: promise.key.clone(),
        state: promise.state,
        due: dates.latest,
        first_due: dates.first,
        fulfilled_at,
        reason: reason.to_owned(),
        outlook: None,
        touchpoint: facts.touchpoint.clone(),
        journey: facts.journey.clone(),
        created_at: promise.created_at,
        updated_at: turn.now,
    }));
}
