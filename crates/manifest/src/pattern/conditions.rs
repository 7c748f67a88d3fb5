//! The bridge between the engine, which knows numbers of conditions, and expressions.

use elate_patterns::{Captures, ConditionId, Conditions};

use super::vocabulary::{StepTable, Vocabulary};
use crate::expression::{Captured, EventView, Scope};

/// Evaluates the conditions of a workspace's patterns for one event of one customer.
#[derive(Debug)]
pub struct PatternConditions<'a> {
    words: &'a Vocabulary,
    event: &'a EventView,
    customer: &'a serde_json::Value,
    failures: u32,
}

impl<'a> PatternConditions<'a> {
    /// For an event and the customer's traits.
    pub fn new(words: &'a Vocabulary, event: &'a EventView, customer: &'a serde_json::Value) -> Self {
        Self { words, event, customer, failures: 0 }
    }

    /// How many conditions could not be told, because a property was missing or of another type.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

impl<E: AsRef<EventView> + Send + Sync> Conditions<E> for PatternConditions<'_> {
    fn holds(&mut self, id: ConditionId, _: &E, captures: &Captures<'_, E>) -> bool {
        let Some(test) = self.words.test(id) else { return false };
        let captures = MatchCaptures { captures, steps: &test.steps };
        let scope = Scope::of_event(self.event).customer(self.customer).captures(&captures);
        let holds = test.event.matches(self.event, &scope);
        self.failures += scope.failures();
        holds
    }
}

/// The events of a partial match, as expressions see them.
#[derive(Debug, Clone, Copy)]
pub struct MatchCaptures<'a, E> {
    /// The engine's captures.
    pub captures: &'a Captures<'a, E>,
    /// The pattern's steps.
    pub steps: &'a StepTable,
}

impl<E: AsRef<EventView> + Send + Sync> Captured for MatchCaptures<'_, E> {
    fn knows(&self, step: &str) -> bool {
        self.steps.knows(step)
    }
    fn is_repeated(&self, step: &str) -> bool {
        self.steps.is_repeated(step)
    }
    fn last(&self, step: &str) -> Option<&EventView> {
        self.captures.last(step).map(AsRef::as_ref)
    }
    fn all(&self, step: &str) -> Vec<&EventView> {
        self.captures.all(step).into_iter().map(AsRef::as_ref).collect()
    }
}
