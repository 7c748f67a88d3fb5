//! Plays: what is done when something happens to a customer.

use elate_domain::{CaseState, HumanDuration, Outcome, PromiseState, Stage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::scalar::{LocalDate, LocalTime, Percent, Zone};
use super::{EventMatch, PlayMeasure, PlayStep, Recurrence, Rollout, schemas};
use crate::Name;
use crate::expression::{Condition, Value};

/// Trigger, audience and steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Play {
    /// What starts it.
    pub trigger: Trigger,
    /// Who may enter: a condition on the customer, `event` (the one that triggered) and, where it triggered,
    /// `moment`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<Condition>,
    /// What tells instances of one customer apart: the same key never starts twice. Left out, it is the key of the
    /// moment, promise or case that triggered, and for other triggers the customer alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Value>,
    /// Whether a customer may enter again, with another key or after the instance has ended.
    #[serde(default)]
    pub reentry: Reentry,
    /// Events that end an instance at once, in the middle of a wait too. They see `event` and `instance`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exit_on: Vec<EventMatch>,
    /// The share that is left without the play, so that its effect can be measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holdout: Option<Holdout>,
    /// How it is measured what the play brings, against its control group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<PlayMeasure>,
    /// How it goes to more and more customers; left out, it goes to all of them at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Box<Rollout>>,
    /// Which play goes first where several could: the higher number. It takes what is left of the policy's limits.
    #[serde(default)]
    pub priority: i32,
    /// How often a customer may enter it, and how many instances may run at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caps: Option<PlayCaps>,
    /// It belongs to something that the customer has bought or asked for: the global holdout and the policy's limits
    /// on plays leave it alone. It sends no marketing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub service: bool,
    /// What is done, in order.
    pub steps: Vec<PlayStep>,
}

/// What starts a play: exactly one of these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A moment was judged.
    Moment(MomentTrigger),
    /// A promise came into a state.
    Promise(PromiseTrigger),
    /// The delight score crossed a threshold.
    Score(ScoreTrigger),
    /// A stage of a journey was entered.
    Stage(StageTrigger),
    /// A recovery case came into a state.
    Case(CaseTrigger),
    /// Any event.
    Event(EventMatch),
    /// The times of a rule come, for each customer by itself.
    Schedule(ScheduleTrigger),
}

/// The times of a rule: days of a recurrence, and a time of day in the customer's zone. A customer's first time is
/// the next one after something happened to the customer under these definitions; applied with a replay, after
/// something happened within it. `event` is then named `elate.schedule.due`, with `play` and `due`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleTrigger {
    /// A recurrence rule of RFC 5545, of days: `FREQ=WEEKLY;BYDAY=MO`.
    pub rule: Recurrence,
    /// The day from which it is counted, and before which there is none.
    pub start: LocalDate,
    /// The time of day.
    pub at: LocalTime,
    /// The zone instead of the customer's; where that is unknown, it is the workspace's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Zone>,
}

/// A moment was judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MomentTrigger {
    /// The moment.
    pub name: Name,
    /// With this outcome; left out, with any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schemas::Outcome>")]
    pub outcome: Option<Outcome>,
    /// A condition on `moment` and `event` (the judgement).
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
}

/// A promise came into a state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PromiseTrigger {
    /// The moment that knows the promise.
    pub moment: Name,
    /// The state.
    #[schemars(with = "schemas::PromiseState")]
    pub state: PromiseState,
    /// A condition on `event` (the change).
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
}

/// The delight score crossed a threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScoreTrigger {
    /// The threshold, above 0 and below 100; the Score manifest must list it.
    pub threshold: f64,
    /// In which direction.
    pub direction: Direction,
}

/// A direction of the score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From above to below.
    Below,
    /// From below to above.
    Above,
}

impl Direction {
    /// The word, as it stands in events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Below => "below",
            Self::Above => "above",
        }
    }
}

/// A stage of a journey was entered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageTrigger {
    /// The journey.
    pub journey: Name,
    /// The stage.
    #[schemars(with = "schemas::Stage")]
    pub stage: Stage,
}

/// A recovery case came into a state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseTrigger {
    /// Of this journey only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journey: Option<Name>,
    /// At this touchpoint only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub touchpoint: Option<Name>,
    /// The state.
    #[serde(default = "open")]
    #[schemars(with = "schemas::CaseState")]
    pub state: CaseState,
}

fn open() -> CaseState {
    CaseState::Open
}

/// Whether a customer may enter again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reentry {
    /// Never: once is enough. The default.
    #[default]
    Never,
    /// Whenever it is triggered with a new key.
    Always,
    /// So long after the last entry.
    After(#[schemars(with = "schemas::Duration")] HumanDuration),
}

/// How often a customer may enter a play, and how many instances of a customer may run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlayCaps {
    /// So many entries in a time, whatever the keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entries: Option<EntryCap>,
    /// So many instances at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 64))]
    pub running: Option<u32>,
}

/// At most so many entries in a rolling time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EntryCap {
    /// So many.
    #[schemars(range(min = 1, max = 64))]
    pub limit: u32,
    /// In a time that ends now.
    #[schemars(with = "schemas::Duration")]
    pub per: HumanDuration,
}

/// The share that is left without the play.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Holdout {
    /// The share.
    pub percent: Percent,
    /// Seeds the assignment; left out, the play's name. Plays with one seed hold out the same customers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
}
