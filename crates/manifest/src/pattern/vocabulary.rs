//! The event names and conditions that the patterns of a workspace share.

use std::collections::HashMap;
use std::sync::Arc;

use elate_patterns::{ClassId, ConditionId};

use crate::spec::EventMatch;

/// The steps of one pattern by name, and whether each is a list in expressions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepTable(pub(super) Vec<(String, bool)>);

impl StepTable {
    /// Whether there is a step of that name that takes events.
    pub fn knows(&self, step: &str) -> bool {
        self.0.iter().any(|(name, _)| name == step)
    }

    /// Whether the step may take several events.
    pub fn is_repeated(&self, step: &str) -> bool {
        self.0.iter().any(|(name, repeated)| name == step && *repeated)
    }

    /// The names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

/// A numbered test of an event.
#[derive(Debug, Clone)]
pub(super) struct Test {
    pub(super) event: EventMatch,
    /// The steps that the test's condition may read; empty for one that reads none.
    pub(super) steps: Arc<StepTable>,
}

/// The event names and conditions that the patterns of a workspace share.
#[derive(Debug, Clone, Default)]
pub struct Vocabulary {
    classes: HashMap<String, ClassId>,
    tests: Vec<Test>,
    // By what they say; those that read captures are never shared, their steps differ by pattern.
    shared: HashMap<String, ConditionId>,
}

impl Vocabulary {
    /// A vocabulary without words.
    pub fn new() -> Self {
        Self::default()
    }

    /// The class of an event name; `None` where no pattern asks for the name.
    pub fn class_of(&self, name: &str) -> Option<ClassId> {
        self.classes.get(name).copied()
    }

    /// The class of an event name, made where it is new.
    pub fn class(&mut self, name: &str) -> ClassId {
        if let Some(class) = self.classes.get(name) {
            return *class;
        }
        let class = ClassId(u32::try_from(self.classes.len()).unwrap_or(u32::MAX));
        self.classes.insert(name.to_owned(), class);
        class
    }

    /// How many conditions there are.
    pub fn conditions(&self) -> usize {
        self.tests.len()
    }

    pub(super) fn test(&self, id: ConditionId) -> Option<&Test> {
        self.tests.get(usize::from(id.0))
    }

    /// Numbers a test; `None` when there are more than numbers.
    pub(super) fn add(&mut self, test: Test, reads_captures: bool) -> Option<ConditionId> {
        // Of texts and numbers only, so it serialises.
        let text = serde_json::to_string(&test.event).unwrap_or_default();
        if !reads_captures && let Some(id) = self.shared.get(&text) {
            return Some(*id);
        }
        let id = ConditionId(u16::try_from(self.tests.len()).ok()?);
        self.tests.push(test);
        if !reads_captures {
            self.shared.insert(text, id);
        }
        Some(id)
    }
}
