//! How often a survey asks one customer.

use elate_domain::{HumanDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Asked, Reason, Reply, Scope};

/// How often one customer is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Cadence {
    /// Once, answered or not.
    #[default]
    Once,
    /// Again after `wait` until there is an answer or a no, `most` times in all.
    UntilAnswered {
        /// Between two questions.
        wait: HumanDuration,
        /// How often at most.
        most: u32,
    },
    /// In rounds, as for NPS every quarter: a round begins `every` after the one before began, and in a round the
    /// customer is reminded until there is an answer or a no.
    Recurring {
        /// From the beginning of a round to that of the next.
        every: HumanDuration,
        /// How many reminders after the first question of a round.
        #[serde(default)]
        reminders: u32,
        /// Between a question and its reminder.
        #[serde(default)]
        wait: HumanDuration,
    },
    /// Whenever the limits allow it: after each delivery, each call.
    Always,
}

impl Cadence {
    /// Why a survey with this cadence does not ask.
    pub(super) fn refuses(&self, survey: &str, history: &[Asked], now: Timestamp) -> Option<Reason> {
        let mut own: Vec<&Asked> = history.iter().filter(|asked| asked.survey == survey).collect();
        own.sort_by_key(|asked| asked.at);
        match *self {
            Self::Always => None,
            Self::Once => until_answered(&own, 1, HumanDuration::default(), now),
            Self::UntilAnswered { wait, most } => until_answered(&own, most, wait, now),
            Self::Recurring { every, reminders, wait } => {
                let round = latest_round(&own, every);
                let next = round.first()?.at.plus_millis(every.as_millis());
                if now >= next {
                    return None;
                }
                match until_answered(round, reminders.saturating_add(1), wait, now)? {
                    // What ends a survey that asks until it is answered ends only a round here.
                    Reason::Answered { .. } | Reason::Declined { .. } | Reason::AskedOften { .. } => {
                        Some(Reason::NextRound { until: next })
                    }
                    // The next round does not wait for a reminder of this one.
                    Reason::TooSoon { scope, until } => {
                        Some(Reason::TooSoon { scope, until: until.min(next) })
                    }
                    other => Some(other),
                }
            }
        }
    }
}

/// Of questions in order of time: those of the latest round.
fn latest_round<'a, 'b>(own: &'a [&'b Asked], every: HumanDuration) -> &'a [&'b Asked] {
    let mut start = 0;
    for place in 1..own.len() {
        if own[place].at >= own[start].at.plus_millis(every.as_millis()) {
            start = place;
        }
    }
    &own[start..]
}

fn until_answered(asked: &[&Asked], most: u32, wait: HumanDuration, now: Timestamp) -> Option<Reason> {
    for question in asked {
        match question.reply {
            Reply::Answered(at) => return Some(Reason::Answered { at }),
            Reply::Declined(at) => return Some(Reason::Declined { at }),
            Reply::None => {}
        }
    }
    let times = u32::try_from(asked.len()).unwrap_or(u32::MAX);
    if times >= most {
        return Some(Reason::AskedOften { times });
    }
    let until = asked.last()?.at.plus_millis(wait.as_millis());
    (now < until).then_some(Reason::TooSoon { scope: Scope::Survey, until })
}
