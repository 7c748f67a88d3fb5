//! At risk as learned: from how long promises before it still took after their last milestone.
//!
//! The chance to be late rises while nothing comes, so the instant at which it will exceed what the manifest puts up
//! with is known in advance; a timer waits for it. Where too little is known, the promise says so, and is looked at
//! once more half-way to its date, when others may have taught more.

use elate_domain::{PromiseState, Timestamp};
use elate_manifest::expression::EventView;
use elate_manifest::spec::{EventMatch, LearnedRisk};
use uuid::Uuid;

use super::Rules;
use super::life::report;
use crate::model::rows::{Measure, Outlook, OutlookRow, Row, SampleRow};
use crate::model::state::Promise;
use crate::model::turn::Turn;

/// A look half-way is not taken within this time of the last one, in milliseconds: one minute.
const LEAST_PAUSE_MILLIS: i64 = 60_000;

pub(super) fn timer(promise: Uuid) -> String {
    format!("promise:{promise}:outlook")
}

/// Notes that milestones were reached which are learned from; answers whether any was.
pub(super) fn reach(
    rule: &LearnedRisk,
    promise: &mut Promise,
    event: &EventView,
    is_meant: impl Fn(&EventMatch) -> bool,
) -> bool {
    let mut any = false;
    for (place, milestone) in (0_u32..).zip(&rule.milestones) {
        if !promise.reached.iter().any(|(known, _)| *known == place) && is_meant(milestone) {
            promise.reached.push((place, event.occurred_at));
            any = true;
        }
    }
    any
}

/// The last milestone: its name, and when it was reached. The making is the first.
fn last(rule: &LearnedRisk, promise: &Promise) -> (String, Timestamp) {
    let found = promise.reached.iter().max_by_key(|(place, at)| (*at, *place));
    let named = found.and_then(|(place, at)| Some((rule.milestones.get(*place as usize)?.described(), *at)));
    named.unwrap_or_else(|| (String::new(), promise.owner.occurred_at))
}

/// Looks how the promise stands by what was learned: puts it at risk, or sets the timer for when it will be.
pub(super) fn look(turn: &mut Turn<'_>, rules: &Rules, promise: &mut Promise) {
    let Some(rule) = &rules.learned else { return };
    let (PromiseState::Open, Some(dates)) = (promise.state, promise.dates) else {
        return turn.effects.cancel_timer(timer(promise.id));
    };
    let (after, since) = last(rule, promise);
    let allowed = dates.latest.millis_since(since) as f64;
    let elapsed = turn.now.millis_since(since).max(0) as f64;
    let way = turn.learned(&rules.facts).and_then(|learned| learned.way(&after));
    let samples = way.map_or(0, |way| way.samples);
    let known = way.filter(|_| samples >= rule.least);
    let chance = known.map(|way| way.chance_late(elapsed, allowed));
    turn.row(Row::Outlook(OutlookRow {
        owner: turn.owner.clone(),
        promise_id: promise.id,
        outlook: Outlook { after: after.clone(), samples, least: rule.least, chance, at: turn.now },
    }));
    match (known, chance) {
        (Some(_), Some(chance)) if chance > rule.chance => {
            turn.effects.cancel_timer(timer(promise.id));
            promise.state = PromiseState::AtRisk;
            let reason = reason(&after, chance, samples);
            report(turn, rules, promise, Some(PromiseState::Open), None, &reason);
        }
        (Some(way), _) => {
            let at_risk_from = way.at_risk_from(allowed, rule.chance).filter(|from| *from > elapsed);
            set(turn, promise.id, at_risk_from.map(|from| since.plus_millis(from.ceil() as i64)));
        }
        (None, _) => {
            let half = dates.latest.millis_since(turn.now) / 2;
            set(turn, promise.id, (half >= LEAST_PAUSE_MILLIS).then(|| turn.now.plus_millis(half)));
        }
    }
}

fn set(turn: &mut Turn<'_>, promise: Uuid, at: Option<Timestamp>) {
    match at {
        Some(at) => turn.set_timer(timer(promise), at),
        None => turn.effects.cancel_timer(timer(promise)),
    }
}

fn reason(after: &str, chance: f64, samples: u32) -> String {
    let after = if after.is_empty() { "it was made" } else { after };
    format!("{:.0} % likely to be late after {after}, by {samples} promises before it", chance * 100.0)
}

/// The promise was fulfilled, or given up: what it took from each milestone is learned from.
pub(super) fn observe(turn: &mut Turn<'_>, rules: &Rules, promise: &Promise, ended_at: Timestamp) {
    let Some(rule) = &rules.learned else { return };
    let made = (String::new(), promise.owner.occurred_at);
    let reached = promise.reached.iter();
    let named =
        reached.filter_map(|(place, at)| Some((rule.milestones.get(*place as usize)?.described(), *at)));
    for (milestone, at) in std::iter::once(made).chain(named) {
        // What is told of after the end was no milestone on the way to it.
        let took = ended_at.millis_since(at);
        if took < 0 {
            continue;
        }
        turn.row(Row::Sample(SampleRow {
            owner: turn.owner.clone(),
            moment: promise.moment.clone(),
            wording: rules.facts.wording,
            measure: Measure::Way(milestone),
            id: promise.id,
            value: took as f64,
            at: turn.now,
        }));
    }
}
