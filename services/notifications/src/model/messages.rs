//! The life of a message, as far as log time decides it.
//!
//! A request runs through the chain and is refused, held, or made ready for the dispatcher. Whoever has the message
//! says what became of it: this step while it is held or waits for its next attempt, the dispatcher while it is
//! ready. So each message ends with exactly one receipt.

use elate_consumer::Effects;
use elate_domain::system::{
    NotificationCancelled, NotificationReceipt, NotificationRedriven, NotificationRequested, name,
};
use elate_domain::{Cause, CustomerId, Partition, Timestamp, WorkspaceId};
use elate_reach::caps::Sent;
use elate_reach::{Decision, Message, Reason};
use serde_json::Value as Json;

use super::bounce::HARD_BOUNCE;
use super::chain;
use super::rows::{Change, NewNotification, Ready, Row, Stop};
use super::rules::Rules;
use super::state::{CustomerState, Open, Phase, address_hash};

const TIMER_PREFIX: &str = "notify:";
/// A message of which nothing more is heard is forgotten so long after its expiry: one day.
const FORGET_AFTER_MILLIS: i64 = 86_400_000;

/// The message that a timer is about.
pub(super) fn timer_id(key: &str) -> Option<&str> {
    key.strip_prefix(TIMER_PREFIX)
}

fn timer(id: &str) -> String {
    format!("{TIMER_PREFIX}{id}")
}

/// Where a request comes from.
pub(super) struct Arrival {
    pub(super) partition: Partition,
    pub(super) cause: Cause,
    pub(super) trace_parent: Option<String>,
    pub(super) historical: bool,
}

/// One step for one customer.
pub(super) struct Turn<'a> {
    pub(super) workspace: &'a WorkspaceId,
    pub(super) customer: CustomerId,
    pub(super) rules: &'a Rules,
    pub(super) now: Timestamp,
    pub(super) effects: &'a mut Effects<Row>,
}

impl Turn<'_> {
    /// Takes a request, once.
    pub(super) fn request(
        &mut self,
        state: &mut CustomerState,
        mut request: NotificationRequested,
        arrival: Arrival,
    ) {
        if !state.claim(&request.notification_id) {
            crate::metrics::DUPLICATES.counter(crate::metrics::NO_LABELS).increment(1);
            return;
        }
        let open = |request| Open {
            request,
            requested_at: self.now,
            phase: Phase::Held,
            attempts: 0,
            cancelled: false,
            address: None,
            told: None,
            cause: arrival.cause.clone(),
        };
        let stored = request.clone();
        request.data = Json::Null;
        request.customer = Json::Null;
        let open = open(request);
        let expires_at = self.message(&open).expiry();
        self.effects.row(Row::Insert(Box::new(NewNotification {
            workspace: self.workspace.clone(),
            customer: self.customer,
            partition: arrival.partition,
            request: stored,
            requested_at: self.now,
            expires_at,
            cause: arrival.cause,
            trace_parent: arrival.trace_parent,
        })));
        if arrival.historical {
            return self.end(&open, "refused", "historical", String::new());
        }
        self.decide(state, open);
    }

    /// Sends a message again that failed for good. It goes through the chain like a new one, with a new expiry.
    pub(super) fn redrive(
        &mut self,
        state: &mut CustomerState,
        redriven: NotificationRedriven,
        arrival: Arrival,
    ) {
        let mut request = redriven.request;
        if state.open.contains_key(&request.notification_id) {
            return;
        }
        request.data = Json::Null;
        request.customer = Json::Null;
        request.expires_at = None;
        let open = Open {
            request,
            requested_at: self.now,
            phase: Phase::Held,
            attempts: redriven.attempts,
            cancelled: false,
            address: None,
            told: None,
            cause: arrival.cause,
        };
        self.decide(state, open);
    }

    /// A timer of a message is due.
    pub(super) fn due(&mut self, state: &mut CustomerState, id: &str) {
        let Some(open) = state.open.remove(id) else { return };
        match open.phase {
            Phase::Held | Phase::Retrying => self.decide(state, open),
            // The dispatcher had until long after the expiry to say something.
            Phase::Ready => {}
        }
    }

    /// The customer has said something: what may not go any more is taken back at once.
    pub(super) fn look_again(&mut self, state: &mut CustomerState) {
        let ids: Vec<String> = state.open.keys().cloned().collect();
        for id in ids {
            let Some(open) = state.open.get(&id) else { continue };
            let Decision::Refuse { reason, detail } =
                chain::run(self.rules, state, &self.message(open), self.now)
            else {
                continue;
            };
            self.take_back(state, &id, final_state(reason), reason.as_str(), detail.unwrap_or_default());
        }
    }

    /// A play has ended: its messages that were not handed over are taken back.
    pub(super) fn cancel(&mut self, state: &mut CustomerState, cancelled: &NotificationCancelled) {
        let of_instance = |open: &Open| {
            !open.request.instance_id.is_empty() && open.request.instance_id == cancelled.instance_id
        };
        let ids: Vec<String> =
            state.open.iter().filter(|(_, open)| of_instance(open)).map(|(id, _)| id.clone()).collect();
        for id in ids {
            self.take_back(state, &id, "cancelled", "cancelled", cancelled.reason.clone());
        }
    }

    /// Ends a message that is here, or tells the dispatcher to.
    fn take_back(
        &mut self,
        state: &mut CustomerState,
        id: &str,
        to: &'static str,
        reason: &str,
        detail: String,
    ) {
        let Some(open) = state.open.get_mut(id) else { return };
        if open.phase == Phase::Ready {
            open.cancelled |= to == "cancelled";
            self.effects.row(Row::Stop(Stop {
                workspace: self.workspace.clone(),
                notification_id: id.to_owned(),
                state: to,
                reason: reason.to_owned(),
            }));
        } else if let Some(open) = state.open.remove(id) {
            self.effects.cancel_timer(timer(id));
            self.end(&open, to, reason, detail);
        }
    }

    /// The dispatcher (or this step itself, whose receipts find nothing open) says what became of a message.
    pub(super) fn receipt(&mut self, state: &mut CustomerState, receipt: &NotificationReceipt) {
        let id = receipt.notification_id.as_str();
        match receipt.state.as_str() {
            "attempt_failed" => self.failed_attempt(state, receipt),
            // A message of unknown outcome may have arrived, so it counts.
            "sent" | "outcome_unknown" => {
                if let Some(open) = self.close(state, id) {
                    self.count(state, &open);
                }
            }
            "failed" | "refused" | "expired" | "cancelled" => {
                let closed = self.close(state, id);
                if receipt.reason == HARD_BOUNCE
                    && let Some(address) = closed.and_then(|open| open.address)
                {
                    self.bounced(state, address, receipt);
                }
            }
            _ => {}
        }
    }

    fn close(&mut self, state: &mut CustomerState, id: &str) -> Option<Open> {
        let open = state.open.remove(id)?;
        self.effects.cancel_timer(timer(id));
        Some(open)
    }

    fn failed_attempt(&mut self, state: &mut CustomerState, receipt: &NotificationReceipt) {
        let id = receipt.notification_id.as_str();
        let Some(mut open) = state.open.remove(id) else { return };
        open.attempts = receipt.attempt;
        open.phase = Phase::Retrying;
        let may_not_go =
            matches!(chain::run(self.rules, state, &self.message(&open), self.now), Decision::Refuse { .. });
        let next = receipt.next_at.unwrap_or(self.now);
        if may_not_go || next <= self.now {
            return self.decide(state, open);
        }
        self.effects.set_timer(timer(id), next);
        state.open.insert(id.to_owned(), open);
    }

    /// Counts a message that was handed over, for caps.
    fn count(&self, state: &mut CustomerState, open: &Open) {
        let message = self.message(open);
        let caps: Vec<_> = self.rules.caps.iter().map(|cap| cap.rule.clone()).collect();
        let history = state.sent.entry(message.class.as_str().to_owned()).or_default();
        history.prune(&caps, self.now);
        history.record(Sent {
            message_id: message.id,
            at: self.now,
            channel: message.channel,
            topic: message.topic.unwrap_or_default(),
        });
    }

    /// The message as the chain sees it.
    fn message(&self, open: &Open) -> Message {
        let mut message = Message::requested(&open.request, open.requested_at);
        message.cancelled = open.cancelled;
        if message.expires_at.is_none()
            && let Some(channel) = self.rules.channels.get(&message.channel)
            && channel.kind == "webhook"
        {
            // A webhook lives until its schedule is spent, and a day for holds before its first attempt.
            let schedule = channel.schedule_millis.saturating_add(channel.schedule_millis / 10);
            let span = schedule.saturating_add(elate_reach::message::DEFAULT_EXPIRY_MILLIS);
            message.expires_at = Some(open.requested_at.plus_millis(span));
        }
        message
    }

    /// Runs the chain and does what it says. `open` is not in the state; it is put back where it stays open.
    fn decide(&mut self, state: &mut CustomerState, mut open: Open) {
        let id = open.request.notification_id.clone();
        let message = self.message(&open);
        let decision = chain::run(self.rules, state, &message, self.now);
        match decision {
            Decision::Refuse { reason, detail } => {
                self.effects.cancel_timer(timer(&id));
                self.end(&open, final_state(reason), reason.as_str(), detail.unwrap_or_default());
            }
            Decision::Hold { until, reason, zone } => {
                self.effects.set_timer(timer(&id), until);
                self.hold(&mut open, until, reason, zone.map(|zone| zone.as_str()));
                state.open.insert(id, open);
            }
            Decision::Send { .. } => {
                if !self.template_fits(&open) {
                    self.effects.cancel_timer(timer(&id));
                    return self.end(&open, "refused", "template_missing", String::new());
                }
                self.make_ready(state, &mut open);
                self.effects.set_timer(timer(&id), message.expiry().plus_millis(FORGET_AFTER_MILLIS));
                state.open.insert(id, open);
            }
        }
    }

    fn template_fits(&self, open: &Open) -> bool {
        let kind = self.rules.channels.get(&open.request.channel).map(|channel| channel.kind.as_str());
        self.rules.templates.get(&open.request.template).map(String::as_str) == kind
    }

    fn make_ready(&mut self, state: &CustomerState, open: &mut Open) {
        open.phase = Phase::Ready;
        open.told = None;
        let Some(channel) = self.rules.channels.get(&open.request.channel) else { return };
        let own = channel.address_trait.as_ref().and_then(|name| state.addresses.get(name));
        open.address = own.filter(|_| open.request.to.is_none()).map(|own| address_hash(own));
        let ready = Ready {
            channel: open.request.channel.clone(),
            attempts: open.attempts,
            version: self.rules.version,
            address: open.request.to.clone().or_else(|| own.cloned()).unwrap_or_default(),
            locale: state.locale.clone(),
            resend: channel.resend,
            expires_at: self.message(open).expiry(),
        };
        self.change(open, "ready", "", None, Some(ready));
    }

    fn hold(&mut self, open: &mut Open, until: Timestamp, reason: Reason, zone: Option<&str>) {
        open.phase = Phase::Held;
        self.change(open, "held", reason.as_str(), Some(until), None);
        // A hold that is looked at again every minute is told once.
        if open.told.as_deref() == Some(reason.as_str()) {
            return;
        }
        open.told = Some(reason.as_str().to_owned());
        let detail = zone.map(|zone| format!("zone: {zone}")).unwrap_or_default();
        self.tell(open, "held", reason.as_str(), Some(until), detail);
    }

    fn end(&mut self, open: &Open, state: &'static str, reason: &str, detail: String) {
        self.change(open, state, reason, None, None);
        self.tell(open, state, reason, None, detail);
    }

    fn change(
        &mut self,
        open: &Open,
        state: &'static str,
        reason: &str,
        next_at: Option<Timestamp>,
        ready: Option<Ready>,
    ) {
        self.effects.row(Row::Change(Change {
            workspace: self.workspace.clone(),
            notification_id: open.request.notification_id.clone(),
            state,
            reason: reason.to_owned(),
            changed_at: self.now,
            next_at,
            ready,
        }));
    }

    fn tell(&mut self, open: &Open, state: &str, reason: &str, next_at: Option<Timestamp>, detail: String) {
        let request = &open.request;
        self.effects.emit(
            name::NOTIFICATION_RECEIPT,
            self.now,
            &NotificationReceipt {
                notification_id: request.notification_id.clone(),
                state: state.to_owned(),
                reason: reason.to_owned(),
                channel: request.channel.clone(),
                template: request.template.clone(),
                play: request.play.clone(),
                instance_id: request.instance_id.clone(),
                attempt: open.attempts,
                next_at,
                provider: String::new(),
                detail,
                topic: request.topic.clone(),
            },
        );
    }
}

/// The state that a refusal leads to.
fn final_state(reason: Reason) -> &'static str {
    match reason {
        Reason::Expired => "expired",
        Reason::Cancelled => "cancelled",
        _ => "refused",
    }
}
