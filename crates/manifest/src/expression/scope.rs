//! What an expression can see.

use std::sync::atomic::{AtomicU32, Ordering};

use cel::ExecutionError;
use cel::common::types::{CelList, CelNull, CelString};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use elate_domain::Timestamp;
use serde_json::Value as Json;

use super::convert::{self, Fields, Object};
use super::event::EventView;
use super::limits::MAX_ELEMENTS;

/// The earlier steps of a match.
pub trait Captured: Send + Sync {
    /// Whether there is a step of that name at all. A step that took no event yet is `null`, or an empty list.
    fn knows(&self, step: &str) -> bool;
    /// Whether the step is repeated, and so a list.
    fn is_repeated(&self, step: &str) -> bool;
    /// The last event that the step took.
    fn last(&self, step: &str) -> Option<&EventView>;
    /// All events that the step took, first to last.
    fn all(&self, step: &str) -> Vec<&EventView>;
}

/// No earlier steps.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCaptures;

impl Captured for NoCaptures {
    fn knows(&self, _: &str) -> bool {
        false
    }
    fn is_repeated(&self, _: &str) -> bool {
        false
    }
    fn last(&self, _: &str) -> Option<&EventView> {
        None
    }
    fn all(&self, _: &str) -> Vec<&EventView> {
        Vec::new()
    }
}

/// Earlier steps as a plain list of (step, repeated, events).
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct StepCaptures(Vec<(String, bool, Vec<EventView>)>);

impl StepCaptures {
    /// No steps.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a step that takes one event.
    #[must_use]
    pub fn with(mut self, step: &str, event: EventView) -> Self {
        self.0.push((step.to_owned(), false, vec![event]));
        self
    }

    /// Adds a step, with all events that it took, first to last.
    pub fn push(&mut self, step: &str, repeated: bool, events: Vec<EventView>) {
        self.0.push((step.to_owned(), repeated, events));
    }

    /// The steps with their events.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[EventView])> {
        self.0.iter().map(|(step, _, events)| (step.as_str(), events.as_slice()))
    }

    fn find(&self, step: &str) -> Option<&(String, bool, Vec<EventView>)> {
        self.0.iter().find(|(name, ..)| name == step)
    }
}

impl Captured for StepCaptures {
    fn knows(&self, step: &str) -> bool {
        self.find(step).is_some()
    }
    fn is_repeated(&self, step: &str) -> bool {
        self.find(step).is_some_and(|(_, repeated, _)| *repeated)
    }
    fn last(&self, step: &str) -> Option<&EventView> {
        self.find(step).and_then(|(.., events)| events.last())
    }
    fn all(&self, step: &str) -> Vec<&EventView> {
        self.find(step).map(|(.., events)| events.iter().collect()).unwrap_or_default()
    }
}

/// What an expression can see: `event`, `customer`, the earlier steps of a match by their names, `moment`,
/// `instance`, `due` and `now`. Whatever is not given is missing.
///
/// | variable | what it is |
/// |---|---|
/// | `event` | the event at hand: `name`, `type`, `occurred_at`, `received_at`, `message_id`, `source`, `user_id`, `anonymous_id`, `properties`, `traits`, `context` |
/// | `customer` | the customer's traits: `customer.first_name` |
/// | a step's name | the event that the step took, with the same fields; a list where the step is repeated (`looked[0].properties.page`, `size(looked)`) |
/// | `moment` | the judged moment: the properties of its event (`moment.gap`, `moment.outcome`) |
/// | `instance` | the play's instance: `instance.key`, `instance.entered_at`, `instance.trigger` (the event that started it) |
/// | `due` | the due time of the promise at hand |
/// | `now` | log time |
#[derive(Default)]
pub struct Scope<'a> {
    event: Option<&'a EventView>,
    customer: Option<&'a Json>,
    captures: Option<&'a dyn Captured>,
    moment: Option<&'a Json>,
    instance: Option<&'a Json>,
    due: Option<Timestamp>,
    now: Option<Timestamp>,
    failures: AtomicU32,
}

impl<'a> Scope<'a> {
    /// A scope in which nothing is seen yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A scope that sees an event.
    pub fn of_event(event: &'a EventView) -> Self {
        Self { event: Some(event), ..Self::default() }
    }

    /// Sees the event at hand.
    #[must_use]
    pub fn event(mut self, event: &'a EventView) -> Self {
        self.event = Some(event);
        self
    }

    /// Sees the customer's traits.
    #[must_use]
    pub fn customer(mut self, traits: &'a Json) -> Self {
        self.customer = Some(traits);
        self
    }

    /// Sees the earlier steps of a match.
    #[must_use]
    pub fn captures(mut self, captures: &'a dyn Captured) -> Self {
        self.captures = Some(captures);
        self
    }

    /// Sees a judged moment.
    #[must_use]
    pub fn moment(mut self, moment: &'a Json) -> Self {
        self.moment = Some(moment);
        self
    }

    /// Sees a play's instance.
    #[must_use]
    pub fn instance(mut self, instance: &'a Json) -> Self {
        self.instance = Some(instance);
        self
    }

    /// Sees the due time of a promise.
    #[must_use]
    pub fn due(mut self, due: Timestamp) -> Self {
        self.due = Some(due);
        self
    }

    /// Sees log time.
    #[must_use]
    pub fn now(mut self, now: Timestamp) -> Self {
        self.now = Some(now);
        self
    }

    /// How many evaluations in this scope could not be done: a property missing, a type that does not fit.
    pub fn failures(&self) -> u32 {
        self.failures.load(Ordering::Relaxed)
    }

    pub(super) fn count_failure(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    fn variable(&self, name: &str) -> Option<Box<dyn Val + '_>> {
        let (root, rest) = match name.split_once('.') {
            Some((root, rest)) => (root, Some(rest)),
            None => (name, None),
        };
        match root {
            "event" => self.event.and_then(|event| field_of(event, rest)),
            "customer" => self.customer.and_then(|json| leaf(json, rest)),
            "moment" => self.moment.and_then(|json| leaf(json, rest)),
            "instance" => self.instance.and_then(|json| leaf(json, rest)),
            "due" if rest.is_none() => self.due.and_then(convert::from_time),
            "now" if rest.is_none() => self.now.and_then(convert::from_time),
            step => self.captures.and_then(|captures| step_of(captures, step, rest)),
        }
    }
}

impl VariableResolver for Scope<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        self.variable(variable.strip_prefix('.').unwrap_or(variable)).map(CowVal::Owned)
    }
}

fn step_of<'v>(captures: &'v dyn Captured, step: &str, rest: Option<&str>) -> Option<Box<dyn Val + 'v>> {
    if !captures.knows(step) {
        return None;
    }
    if captures.is_repeated(step) {
        let events = captures.all(step);
        if rest.is_some() || events.len() > MAX_ELEMENTS {
            return None;
        }
        let events = events.into_iter().map(|event| Box::new(Object::new(event)) as Box<dyn Val + 'v>);
        return Some(Box::new(CelList::from(events.collect::<Vec<_>>())));
    }
    match captures.last(step) {
        Some(event) => field_of(event, rest),
        // An optional step that was not taken: `looked == null` can be asked, its fields are missing.
        None if rest.is_none() => Some(Box::new(CelNull)),
        None => None,
    }
}

fn field_of<'v>(event: &'v EventView, path: Option<&str>) -> Option<Box<dyn Val + 'v>> {
    let Some(path) = path else { return Some(Box::new(Object::new(event))) };
    let (field, rest) = match path.split_once('.') {
        Some((field, rest)) => (field, Some(rest)),
        None => (path, None),
    };
    match field {
        "properties" => leaf(event.properties.get(), rest),
        "traits" => leaf(event.traits.get(), rest),
        "context" => leaf(event.context.get(), rest),
        _ if rest.is_none() => event.field(field).ok().flatten(),
        _ => None,
    }
}

/// Walks down plain names, and converts only what is found there.
fn leaf<'v>(json: &'v Json, path: Option<&str>) -> Option<Box<dyn Val + 'v>> {
    let mut at = json;
    for name in path.into_iter().flat_map(|path| path.split('.')) {
        at = at.as_object()?.get(name)?;
    }
    convert::from_json(at).ok()
}

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

fn text<'v>(text: &'v str) -> Box<dyn Val + 'v> {
    Box::new(CelString::from(text))
}

impl Fields for &EventView {
    fn field<'v>(self, name: &str) -> Result<Option<Box<dyn Val + 'v>>, ExecutionError>
    where
        Self: 'v,
    {
        Ok(match name {
            "name" => Some(text(&self.name)),
            "type" => Some(text(self.event_type.as_str())),
            "occurred_at" => convert::from_time(self.occurred_at),
            "received_at" => convert::from_time(self.received_at),
            "message_id" => Some(text(&self.message_id)),
            "source" => Some(text(&self.source)),
            "user_id" => self.user_id.as_deref().map(text),
            "anonymous_id" => self.anonymous_id.as_deref().map(text),
            "properties" => Some(convert::from_json(self.properties.get())?),
            "traits" => Some(convert::from_json(self.traits.get())?),
            "context" => Some(convert::from_json(self.context.get())?),
            _ => None,
        })
    }

    fn names<'v>(self) -> Vec<&'v str>
    where
        Self: 'v,
    {
        let absent = |name: &str| {
            (name == "user_id" && self.user_id.is_none())
                || (name == "anonymous_id" && self.anonymous_id.is_none())
        };
        EVENT_FIELDS.into_iter().filter(|name| !absent(name)).collect()
    }

    fn len(self) -> usize {
        self.names().len()
    }
}
