//! What a pattern says, before it is compiled: a neutral model without any surface syntax.

use serde::{Deserialize, Serialize};

/// Names one condition of the caller (an expression it compiled); opaque here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConditionId(pub u16);

/// Names one class of events, usually the interned event name; opaque here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClassId(pub u32);

/// Which events a step takes: those of the class (any class if `None`) for which the condition holds
/// (every one if `None`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventTest {
    /// The class an event must have; `None` for any.
    pub class: Option<ClassId>,
    /// The condition that must hold; `None` for none.
    pub condition: Option<ConditionId>,
    /// Whether the condition looks at earlier events of the same match. A condition that does not is
    /// evaluated at most once an event, however many partial matches and patterns ask for it; it must be
    /// given the same flag wherever it is used.
    pub reads_captures: bool,
}

impl EventTest {
    /// Every event.
    pub const ANY: Self = Self { class: None, condition: None, reads_captures: false };

    /// Every event of one class.
    pub const fn class(class: ClassId) -> Self {
        Self { class: Some(class), condition: None, reads_captures: false }
    }

    /// Every event for which a condition holds.
    pub const fn condition(condition: ConditionId) -> Self {
        Self { class: None, condition: Some(condition), reads_captures: false }
    }

    /// The same test, with a condition on top.
    #[must_use]
    pub const fn and(mut self, condition: ConditionId) -> Self {
        self.condition = Some(condition);
        self
    }

    /// The same test, whose condition looks at earlier events of the same match.
    #[must_use]
    pub const fn reading_captures(mut self) -> Self {
        self.reads_captures = true;
        self
    }
}

/// How a step follows the one before it, or one repetition the one before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contiguity {
    /// It must be the very next event.
    Strict,
    /// Events that do not match are skipped; the first that matches is taken.
    #[default]
    Relaxed,
    /// Events that match may be skipped too: every later match is tried.
    Any,
}

/// How often a step or a group is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// At least so often; 1 or more (for "none or more" make the step optional).
    pub min: u32,
    /// At most so often; `None` is without a bound.
    #[serde(default)]
    pub max: Option<u32>,
    /// How one repetition follows the one before it.
    #[serde(default)]
    pub contiguity: Contiguity,
    /// A gap in milliseconds, as in Flink's `times(n, window)`: it holds for every required repetition but
    /// the last, counted from the event before it. `within_ms` of the step is the plainer rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_ms: Option<i64>,
}

impl Repeat {
    /// Exactly `n` times.
    pub const fn times(n: u32) -> Self {
        Self { min: n, max: Some(n), contiguity: Contiguity::Relaxed, within_ms: None }
    }

    /// From `min` to `max` times.
    pub const fn between(min: u32, max: u32) -> Self {
        Self { min, max: Some(max), contiguity: Contiguity::Relaxed, within_ms: None }
    }

    /// Once or more often.
    pub const fn one_or_more() -> Self {
        Self { min: 1, max: None, contiguity: Contiguity::Relaxed, within_ms: None }
    }

    /// The same, with another contiguity between repetitions.
    #[must_use]
    pub const fn contiguity(mut self, contiguity: Contiguity) -> Self {
        self.contiguity = contiguity;
        self
    }
}

/// What a step consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// One event.
    Event(EventTest),
    /// Several steps in sequence that are repeated, or left out, together.
    Group(Vec<StepSpec>),
}

/// One step of a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepSpec {
    /// Unique in the pattern, groups included. A group's own name is used in messages only, and may be empty.
    #[serde(default)]
    pub name: String,
    /// What it takes.
    pub kind: StepKind,
    /// How it follows the step before it; without meaning for the first step.
    #[serde(default)]
    pub contiguity: Contiguity,
    /// The event must *not* come: strict, not as the very next; relaxed, not before the following step is
    /// taken or, at the end of the pattern, before the time is out.
    #[serde(default)]
    pub absent: bool,
    /// It may be left out.
    #[serde(default)]
    pub optional: bool,
    /// How often; `None` is once.
    #[serde(default)]
    pub repeat: Option<Repeat>,
    /// A repeated step keeps an event that the following step would take as well.
    #[serde(default)]
    pub greedy: bool,
    /// An event that ends the repetition; it is not taken by it.
    #[serde(default)]
    pub until: Option<EventTest>,
    /// Milliseconds since the event taken before this one; strictly less.
    #[serde(default)]
    pub within_ms: Option<i64>,
}

impl StepSpec {
    /// A step that takes one event, relaxed.
    pub fn event(name: impl Into<String>, test: EventTest) -> Self {
        Self::new(name.into(), StepKind::Event(test))
    }

    /// A group of steps.
    pub fn group(steps: Vec<StepSpec>) -> Self {
        Self::new(String::new(), StepKind::Group(steps))
    }

    /// A step whose event must not come, relaxed.
    pub fn absent(name: impl Into<String>, test: EventTest) -> Self {
        Self { absent: true, ..Self::event(name, test) }
    }

    fn new(name: String, kind: StepKind) -> Self {
        Self {
            name,
            kind,
            contiguity: Contiguity::default(),
            absent: false,
            optional: false,
            repeat: None,
            greedy: false,
            until: None,
            within_ms: None,
        }
    }
}

/// Which other matches a match rules out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterMatch {
    /// None: overlaps are all reported.
    #[default]
    NoSkip,
    /// Those that begin with the same event.
    SkipToNext,
    /// Those that begin at or before the match's last event.
    SkipPastLast,
    /// Those that begin before the first event of the named step.
    SkipToFirst(String),
    /// Those that begin before the last event of the named step.
    SkipToLast(String),
}

/// Bounds on what one state may hold. What goes beyond is dropped oldest first, and counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Partial matches, and matches that wait for an earlier one, in one state.
    pub max_partial_matches: u32,
    /// Captured events of all partial matches in one state, shared ones counted once.
    pub max_captures: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_partial_matches: 1_000, max_captures: 20_000 }
    }
}

/// A whole pattern.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatternSpec {
    /// The steps, in order.
    pub steps: Vec<StepSpec>,
    /// Milliseconds from the first event to the last, strictly less.
    #[serde(default)]
    pub within_ms: Option<i64>,
    /// Which other matches a match rules out.
    #[serde(default)]
    pub after_match: AfterMatch,
    /// Bounds on the state.
    #[serde(default)]
    pub limits: Limits,
}
