//! Counting what the log says. Everything but refused triggers is read from the records themselves, so the same counts
//! could be made of a live log.

mod sums;

use std::collections::{BTreeMap, BTreeSet};

use elate_delight::survey::Sample;
use elate_domain::system::{
    CaseChanged, GrantRequested, JourneyMoved, MomentJudged, NotificationReceipt, NotificationRequested,
    PlayStepped, PromiseChanged, ScoreCrossed, name,
};
use elate_domain::{CustomerId, Event, PromiseState, Record, Timestamp};
use elate_journeys::model::rows::{EvaluationRow, PlayDecision};
use elate_reach::Reason;
use serde::de::DeserializeOwned;

use crate::report::{Journeys, Money, Plays, Promises, Trouble};
use sums::{MessageKey, MomentSums};

/// What was counted, in one partition or in all.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// The sender's id of each customer.
    names: BTreeMap<CustomerId, String>,
    events: BTreeMap<String, u64>,
    /// Scores in the end.
    pub(crate) scores: Vec<(CustomerId, f64)>,
    /// Judgements by moment id; the newest revision stands.
    judged: BTreeMap<String, MomentJudged>,
    moments: BTreeMap<String, MomentSums>,
    /// Gaps by journey and touchpoint.
    links: BTreeMap<(String, String), Sample>,
    /// Promises by id: moment and present state.
    standing: BTreeMap<String, (String, PromiseState)>,
    at_risk: BTreeSet<String>,
    promises: BTreeMap<String, Promises>,
    plays: BTreeMap<String, Plays>,
    entrants: BTreeSet<(String, CustomerId)>,
    /// Messages on their way: by id.
    on_their_way: BTreeMap<String, MessageKey>,
    messages: BTreeMap<MessageKey, crate::report::Messages>,
    money: BTreeMap<String, Money>,
    /// Cases by id: touchpoint and state.
    open_cases: BTreeMap<String, (String, String)>,
    cases: BTreeMap<String, BTreeMap<String, u64>>,
    journeys: BTreeMap<String, Journeys>,
    crossings: BTreeMap<String, u64>,
    entries: Vec<(Timestamp, CustomerId, PlayStepped)>,
    trouble: Trouble,
}

/// One more under `key`.
fn count(counts: &mut BTreeMap<String, u64>, key: &str) {
    match counts.get_mut(key) {
        Some(count) => *count += 1,
        None => {
            counts.insert(key.to_owned(), 1);
        }
    }
}

/// The payload of one of our own events, which we have written a moment ago.
fn payload<T: DeserializeOwned>(event: &Event) -> Option<T> {
    event.properties.read().ok()
}

impl Tally {
    /// Takes a record of the log.
    pub(crate) fn record(&mut self, record: &Record) {
        let Some(event) = &record.event else { return };
        if event.customer.is_none() {
            return;
        }
        count(&mut self.events, if event.name.is_empty() { event.event_type.as_str() } else { &event.name });
        if let Some(user) = event.user_id.as_ref().filter(|_| event.producer.is_none())
            && !self.names.contains_key(&event.customer)
        {
            self.names.insert(event.customer, user.clone());
        }
        if event.is_system() {
            self.system(record, event);
        }
    }

    fn system(&mut self, record: &Record, event: &Event) {
        match &*event.name {
            name::MOMENT_JUDGED => self.judged(payload(event)),
            name::PROMISE_CHANGED => self.promise(payload(event)),
            name::PLAY_STEPPED => self.stepped(record.received_at, event.customer, payload(event)),
            name::NOTIFICATION_REQUESTED => self.requested(payload(event)),
            name::NOTIFICATION_RECEIPT => self.receipt(payload(event)),
            name::CASE_CHANGED => {
                if let Some(case) = payload::<CaseChanged>(event) {
                    let state = case.state.as_str().to_owned();
                    self.open_cases.insert(case.case_id, (case.touchpoint, state));
                }
            }
            name::JOURNEY_MOVED => self.moved(payload(event)),
            name::SCORE_CROSSED => {
                if let Some(crossed) = payload::<ScoreCrossed>(event) {
                    count(&mut self.crossings, &format!("{} {}", crossed.threshold, crossed.direction));
                }
            }
            name::GRANT_REQUESTED => {
                if let Some(grant) = payload::<GrantRequested>(event) {
                    let money = self.money.entry(grant.budget).or_default();
                    money.requested += 1;
                    money.amount += grant.amount;
                }
            }
            _ => {}
        }
    }

    fn judged(&mut self, judged: Option<MomentJudged>) {
        let Some(judged) = judged else { return };
        let stands = self.judged.get(&judged.moment_id);
        if stands.is_none_or(|stands| judged.revision >= stands.revision) {
            self.judged.insert(judged.moment_id.clone(), judged);
        }
    }

    fn promise(&mut self, promise: Option<PromiseChanged>) {
        let Some(promise) = promise else { return };
        if promise.state == PromiseState::AtRisk {
            self.at_risk.insert(promise.promise_id.clone());
        }
        self.standing.insert(promise.promise_id, (promise.moment, promise.state));
    }

    fn stepped(&mut self, at: Timestamp, customer: CustomerId, stepped: Option<PlayStepped>) {
        let Some(stepped) = stepped else { return };
        let play = self.plays.entry(stepped.play.clone()).or_default();
        match stepped.change.as_str() {
            "entered" => {
                play.entered += 1;
                play.active += 1;
                self.entrants.insert((stepped.play.clone(), customer));
                self.entries.push((at, customer, stepped));
            }
            "held_out" => {
                play.held_out += 1;
                self.entries.push((at, customer, stepped));
            }
            "step" => count(&mut play.steps, &stepped.kind),
            "exited" => {
                play.active = play.active.saturating_sub(1);
                count(&mut play.exited, &stepped.reason);
            }
            "completed" => {
                play.active = play.active.saturating_sub(1);
                play.completed += 1;
            }
            _ => {}
        }
    }

    /// Takes an answer to the question whether a play is to begin.
    pub(crate) fn evaluated(&mut self, evaluation: &EvaluationRow) {
        if evaluation.decision == PlayDecision::Refused {
            let play = self.plays.entry(evaluation.play.clone()).or_default();
            count(&mut play.refused, &evaluation.reason);
        }
    }

    fn requested(&mut self, request: Option<NotificationRequested>) {
        let Some(request) = request else { return };
        let key = MessageKey { play: request.play, channel: request.channel, template: request.template };
        self.messages.entry(key.clone()).or_default().requested += 1;
        self.on_their_way.insert(request.notification_id, key);
    }

    fn receipt(&mut self, receipt: Option<NotificationReceipt>) {
        let Some(receipt) = receipt else { return };
        let key = MessageKey { play: receipt.play, channel: receipt.channel, template: receipt.template };
        let messages = self.messages.entry(key).or_default();
        match receipt.state.as_str() {
            "held" => return count(&mut messages.held, &receipt.reason),
            "attempt_failed" => return,
            "sent" => messages.sent += 1,
            "expired" => messages.expired += 1,
            "cancelled" => messages.cancelled += 1,
            "refused" if receipt.reason == Reason::FrequencyCap.as_str() => messages.capped += 1,
            "refused" => count(&mut messages.refused, &receipt.reason),
            _ => count(&mut messages.failed, &receipt.reason),
        }
        self.on_their_way.remove(&receipt.notification_id);
    }

    fn moved(&mut self, moved: Option<JourneyMoved>) {
        let Some(moved) = moved else { return };
        let journey = self.journeys.entry(moved.journey).or_default();
        match moved.change.as_str() {
            "entered" => {
                journey.entered += 1;
                journey.active += 1;
            }
            "completed" => {
                journey.completed += 1;
                journey.active = journey.active.saturating_sub(1);
            }
            "abandoned" => {
                journey.abandoned += 1;
                journey.active = journey.active.saturating_sub(1);
            }
            _ => {}
        }
        if let Some(stage) = moved.to {
            count(&mut journey.moves, &stage);
        }
    }

    /// The loop guard has held an event.
    pub(crate) fn held(&mut self, service: &str, event: &str, reason: &str) {
        count(&mut self.trouble.held, &format!("{service}: {event}: {reason}"));
    }

    /// A customer was set aside.
    pub(crate) fn set_aside(&mut self, service: &str, _customer: CustomerId, reason: String) {
        count(&mut self.trouble.set_aside, &format!("{service}: {reason}"));
    }
}
