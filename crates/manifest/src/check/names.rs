//! Which variables an expression may read where it stands.

use super::Problems;
use crate::expression::{Condition, Uses, Value};
use crate::problem::nearest;
use crate::spec::EventMatch;

/// The fields of events.
const EVENT_FIELDS: [&str; 11] = [
    "name",
    "type",
    "occurred_at",
    "received_at",
    "message_id",
    "source",
    "user_id",
    "anonymous_id",
    "properties",
    "traits",
    "context",
];

/// The variables that can be seen at one place.
#[derive(Clone, Default)]
pub(super) struct Visible<'a> {
    names: Vec<&'a str>,
    /// Those of them that are events.
    events: Vec<&'a str>,
}

impl<'a> Visible<'a> {
    /// Plain variables.
    pub(super) fn of(names: &[&'a str]) -> Self {
        let events = names.iter().copied().filter(|name| *name == "event").collect();
        Self { names: names.to_vec(), events }
    }

    /// One more, which is an event.
    pub(super) fn and_event(mut self, name: &'a str) -> Self {
        self.names.push(name);
        self.events.push(name);
        self
    }

    /// One more, which may be a list of events.
    pub(super) fn and(mut self, name: &'a str) -> Self {
        self.names.push(name);
        self
    }
}

impl Problems {
    pub(super) fn value(&mut self, path: &str, value: &Value, visible: &Visible<'_>) {
        self.uses(path, value.uses(), visible);
    }

    pub(super) fn condition(&mut self, path: &str, condition: Option<&Condition>, visible: &Visible<'_>) {
        if let Some(condition) = condition {
            self.uses(path, condition.uses(), visible);
        }
    }

    pub(super) fn event_match(&mut self, path: &str, event: &EventMatch, visible: &Visible<'_>) {
        self.condition(&format!("{path}.where"), event.condition.as_ref(), visible);
        if let Some(names) = &event.on {
            self.event_names(&format!("{path}.on"), names.iter());
        }
    }

    pub(super) fn event_names<'n>(&mut self, path: &str, names: impl Iterator<Item = &'n str>) {
        for name in names {
            if name.trim().is_empty() || name.chars().count() > 200 {
                self.add(path, format!("{name:?} is no name of an event"), "1 to 200 characters");
            }
        }
    }

    fn uses(&mut self, path: &str, uses: &Uses, visible: &Visible<'_>) {
        for variable in uses.variables() {
            if !visible.names.contains(&variable) {
                let hint = match nearest(variable, visible.names.iter().copied()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("known here: {}", visible.names.join(", ")),
                };
                self.add(path, format!("there is no `{variable}` here"), hint);
                continue;
            }
            if visible.events.contains(&variable) {
                self.event_fields(path, uses, variable);
            }
        }
    }

    /// `event.total` is a likely slip for `event.properties.total`.
    fn event_fields(&mut self, path: &str, uses: &Uses, variable: &str) {
        for field in uses.fields(variable) {
            if field != "*" && !EVENT_FIELDS.contains(&field) {
                let hint = match nearest(field, EVENT_FIELDS) {
                    Some(meant) => format!("did you mean `{variable}.{meant}`?"),
                    None => format!("did you mean `{variable}.properties.{field}`?"),
                };
                self.add(path, format!("an event has no `{field}`"), hint);
            }
        }
    }
}
