//! What happens, told as it happens: the events that Elate itself puts on the timelines, a line each.

use std::collections::BTreeMap;

use elate_domain::Timestamp;
use elate_domain::system::{
    CaseChanged, MomentJudged, NotificationReceipt, PlayStepped, PromiseChanged, ScoreCrossed, name,
};
use elate_domain::{CaseState, CustomerId, Outcome, PromiseState};
use elate_proto::events::v1::Record;
use serde::de::DeserializeOwned;

/// The system events that are told.
pub const NAMES: &[&str] = &[
    name::MOMENT_JUDGED,
    name::PROMISE_CHANGED,
    name::CASE_CHANGED,
    name::PLAY_STEPPED,
    name::NOTIFICATION_RECEIPT,
    name::SCORE_CROSSED,
];

/// What was told so far.
#[derive(Debug, Default)]
pub struct Told {
    /// Events of each sort.
    pub counts: BTreeMap<&'static str, usize>,
    /// The first customer whose case recovered, and when.
    pub recovered: Option<(CustomerId, Timestamp)>,
    /// When each customer's first promise was broken.
    pub broken: BTreeMap<CustomerId, Timestamp>,
}

impl Told {
    /// The line for a record; `None` for what is too ordinary to be told, which is counted all the same.
    pub fn tell(&mut self, customer: CustomerId, at: Timestamp, record: &Record) -> Option<String> {
        let what = match record.name.as_str() {
            name::MOMENT_JUDGED => self.moment(&read(record)?),
            name::PROMISE_CHANGED => self.promise(customer, at, &read(record)?),
            name::CASE_CHANGED => self.case(customer, at, &read(record)?),
            name::PLAY_STEPPED => self.play(&read(record)?),
            name::NOTIFICATION_RECEIPT => self.receipt(&read(record)?),
            name::SCORE_CROSSED => self.crossed(&read(record)?),
            _ => None,
        }?;
        Some(format!("{at}  {what}"))
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    fn moment(&mut self, judged: &MomentJudged) -> Option<String> {
        let again = if judged.revision > 0 { " (judged again)" } else { "" };
        let (count, word) = match judged.outcome {
            Outcome::Magical => ("magical moments", "magical"),
            Outcome::Miserable => ("miserable moments", "miserable"),
            Outcome::Neutral => {
                self.count("neutral moments");
                return None;
            }
        };
        self.count(count);
        Some(format!("moment   {} was {word}, gap {:+.2}{again}", judged.moment, judged.gap))
    }

    fn promise(&mut self, customer: CustomerId, at: Timestamp, promise: &PromiseChanged) -> Option<String> {
        match promise.state {
            PromiseState::Open | PromiseState::Kept | PromiseState::Exceeded => {
                self.count(if promise.state == PromiseState::Open {
                    "promises made"
                } else {
                    "promises kept"
                });
                return None;
            }
            PromiseState::Broken => {
                self.count("promises broken");
                self.broken.entry(customer).or_insert(at);
            }
            PromiseState::AtRisk => self.count("promises at risk"),
            PromiseState::Late | PromiseState::Withdrawn => {}
        }
        Some(format!(
            "promise  {} {}: due {}, {}",
            promise.moment, promise.state, promise.due, promise.reason
        ))
    }

    fn case(&mut self, customer: CustomerId, at: Timestamp, case: &CaseChanged) -> Option<String> {
        if case.state == CaseState::Recovered {
            self.count("cases recovered");
            self.recovered.get_or_insert((customer, case.better_at.unwrap_or(at)));
        } else if case.state == CaseState::Open {
            self.count("cases opened");
        }
        Some(format!("case     {} {}: {}", case.touchpoint, case.state, case.reason))
    }

    fn play(&mut self, step: &PlayStepped) -> Option<String> {
        match step.change.as_str() {
            "entered" => self.count("plays entered"),
            "held_out" => self.count("held out"),
            "exited" | "completed" => {}
            _ => return None,
        }
        Some(format!("play     {} {} {}", step.play, step.change, step.reason))
    }

    fn receipt(&mut self, receipt: &NotificationReceipt) -> Option<String> {
        match receipt.state.as_str() {
            "sent" => self.count("messages sent"),
            "held" => self.count("messages held"),
            "refused" => self.count("messages refused"),
            _ => {}
        }
        let until = receipt.next_at.map(|at| format!(" until {at}")).unwrap_or_default();
        let reason = if receipt.reason.is_empty() { String::new() } else { format!(": {}", receipt.reason) };
        Some(format!("message  {} {}{reason}{until}", receipt.template, receipt.state))
    }

    fn crossed(&mut self, crossed: &ScoreCrossed) -> Option<String> {
        self.count("score crossings");
        Some(format!(
            "score    {:.1} → {:.1}, {} {}",
            crossed.before, crossed.after, crossed.direction, crossed.threshold
        ))
    }
}

fn read<T: DeserializeOwned>(record: &Record) -> Option<T> {
    serde_json::from_slice(&record.properties).ok()
}
