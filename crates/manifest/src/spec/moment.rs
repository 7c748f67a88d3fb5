//! Moments of truth.

use elate_domain::{Better, HumanDuration, Stage, Truth};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EventMatch, Pattern, PromiseEvent, PromiseRules, PromiseSource, Tolerance, schemas};
use crate::Name;
use crate::expression::Value;

/// What is experienced, what was expected, and what one unit of difference is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Moment {
    /// Zero, first, second or ultimate moment of truth.
    #[schemars(with = "schemas::Truth")]
    pub truth: Truth,
    /// The journey that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journey: Option<Name>,
    /// The stage in which it is experienced.
    #[schemars(with = "schemas::Stage")]
    pub stage: Stage,
    /// The touchpoint of the journey at which it is experienced.
    pub touchpoint: Name,
    /// The product, where no journey says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<Name>,
    /// The channel, where no journey says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Name>,
    /// The events that make the moment; or `on`; or the promise's own events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<Pattern>,
    /// The single event that makes the moment; expressions see it as `event`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<EventMatch>,
    /// What tells moments of one customer apart, such as an order. With a pattern, the pattern's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Value>,
    /// What was experienced: a number, a duration or a time.
    pub experience: Value,
    /// Which direction is the better one.
    #[schemars(with = "schemas::Better")]
    pub better: Better,
    /// From when a time is counted; required where the experience is a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Value>,
    /// What was expected: the most demanding of what is present.
    pub expect: Expect,
    /// What one unit of difference is.
    pub tolerance: Tolerance,
    /// The least that a learned tolerance can be, and what it is until enough was seen. Required where it is learned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_tolerance: Option<Tolerance>,
    /// From which gap on it is magical or miserable.
    #[serde(default)]
    pub thresholds: Thresholds,
    /// How much the moment counts, from 0 to 100.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 100))]
    pub weight: f64,
    /// When a promise that nobody fulfils is closed, after its due time; without it, 5 tolerances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schemas::Duration>")]
    pub give_up: Option<HumanDuration>,
}

impl Moment {
    /// What tells moments of one customer apart, wherever it is written.
    pub fn correlation_key(&self) -> Option<&Value> {
        self.key.as_ref().or_else(|| self.pattern.as_ref().and_then(|pattern| pattern.key.as_ref()))
    }

    /// The promise of a time with the events that make and fulfil it; `None` for moments without one. A moment
    /// with a promise runs by these rules and not by its pattern.
    pub fn promise_rules(&self) -> Option<PromiseRules<'_>> {
        let source = self.expect.promise.as_ref()?;
        let full = match source {
            PromiseSource::Full(promise) => Some(promise.as_ref()),
            PromiseSource::Stated(_) if self.better == Better::Earlier => None,
            // A stated number or duration is an expectation like any other: nothing is due.
            PromiseSource::Stated(_) => return None,
        };
        let step = |index: usize| self.pattern.as_ref().and_then(|pattern| pattern.steps.get(index));
        let from_step = |index| step(index).and_then(PromiseEvent::of_step);
        let made = full
            .and_then(|promise| promise.made.as_ref())
            .map(PromiseEvent::of_match)
            .or_else(|| from_step(0))?;
        let fulfilled = full
            .and_then(|promise| promise.fulfilled.as_ref())
            .map(PromiseEvent::of_match)
            .or_else(|| from_step(1))?;
        Some(PromiseRules {
            key: self.correlation_key(),
            made,
            fulfilled,
            due: source.due(),
            withdrawn: full.and_then(|promise| promise.withdrawn.as_ref()),
            moved: full.and_then(|promise| promise.moved.as_ref()),
            at_risk: full.map(|promise| promise.at_risk.as_slice()).unwrap_or_default(),
            learned: full.and_then(|promise| promise.learned.as_ref()),
        })
    }
}

fn one() -> f64 {
    1.0
}

/// The sources of the expectation; at least one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// What was stated to this customer: an expression, or a promise with events of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promise: Option<PromiseSource>,
    /// What everybody is entitled to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard: Option<Value>,
    /// What this customer got used to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub habit: Option<Habit>,
}

/// How a habit is learned.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Habit {
    /// After so many moments, half of the old habit is forgotten.
    #[schemars(range(min = 0.1, max = 1000))]
    pub half_life: f64,
}

/// From which gap on a moment is magical or miserable.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// Magical from here up; above 0, at most 5.
    #[serde(default = "one")]
    pub magical: f64,
    /// Miserable from here down; below 0, at least -5.
    #[serde(default = "minus_one")]
    pub miserable: f64,
}

fn minus_one() -> f64 {
    -1.0
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { magical: 1.0, miserable: -1.0 }
    }
}
