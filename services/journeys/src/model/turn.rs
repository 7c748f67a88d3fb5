//! One turn of a customer: whose it is, when, and what it wants done.

use elate_consumer::Effects;
use elate_domain::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use std::collections::BTreeMap;

use super::ids;
use super::learning::Learned;
use super::moments::Facts;
use super::rows::{Owner, Row};

/// What every part of a step is given.
pub(crate) struct Turn<'a> {
    /// Whose turn.
    pub(crate) owner: Owner,
    /// Log time.
    pub(crate) now: Timestamp,
    /// Whether plays may start and messages be asked for; not while history is being built up.
    pub(crate) live: bool,
    /// What all customers have taught, by moment.
    pub(crate) learned: &'a BTreeMap<String, Learned>,
    /// What is to be done.
    pub(crate) effects: &'a mut Effects<Row>,
}

impl<'a> Turn<'a> {
    /// What all customers have taught about a moment, as it is worded.
    pub(crate) fn learned(&self, facts: &Facts) -> Option<&'a Learned> {
        self.learned.get(&facts.moment).filter(|learned| learned.is_about(facts.wording))
    }
}

impl Turn<'_> {
    /// The id of something of this customer.
    pub(crate) fn id(&self, kind: ids::Of, parts: &[&str]) -> Uuid {
        ids::of(kind, &self.owner.workspace, self.owner.customer, parts)
    }

    /// Puts a system event on the customer's timeline.
    pub(crate) fn emit<T: Serialize>(&mut self, name: &'static str, occurred_at: Timestamp, payload: &T) {
        self.effects.emit(name, occurred_at, payload);
    }

    /// Writes a row.
    pub(crate) fn row(&mut self, row: Row) {
        self.effects.row(row);
    }

    /// Sets a timer. One that would be overdue waits for what may still cancel it.
    pub(crate) fn set_timer(&mut self, key: String, deadline: Timestamp) {
        let deadline = if deadline <= self.now {
            self.now.plus_millis(super::ALLOWED_LATENESS_MILLIS)
        } else {
            deadline
        };
        self.effects.set_timer(key, deadline);
    }
}
