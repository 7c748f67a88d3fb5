//! Plays: what is done when something happens to a customer.

use std::collections::BTreeMap;

use elate_domain::{CaseState, HumanDuration, Outcome, PromiseState, Stage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::scalar::{LocalTime, Percent, Zone};
use super::{EventMatch, schemas};
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
    /// Which play goes first where several could: the higher number.
    #[serde(default)]
    pub priority: i32,
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

/// One step. Its path is its place: `0`, `2.then.1`, `3.split.b.0`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlayStep {
    /// Waits.
    Wait(Wait),
    /// Goes one way or the other.
    Branch(Branch),
    /// Goes one of several ways, by weight; a customer always the same one.
    Split(Vec<SplitArm>),
    /// Sends a message.
    Send(Send),
    /// Puts an event on the customer's timeline.
    Emit(Emit),
    /// Ends the instance.
    Exit(Exit),
    /// A survey; not supported yet.
    Ask(Unsupported),
    /// A reward from a budget; not supported yet.
    Grant(Unsupported),
    /// A task for a human or a system; not supported yet.
    Task(Unsupported),
}

impl PlayStep {
    /// The kind as it stands in step records.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Wait(_) => "wait",
            Self::Branch(_) => "branch",
            Self::Split(_) => "split",
            Self::Send(_) => "send",
            Self::Emit(_) => "emit",
            Self::Exit(_) => "exit",
            Self::Ask(_) => "ask",
            Self::Grant(_) => "grant",
            Self::Task(_) => "task",
        }
    }
}

/// Waits for one of: a time to pass (`for`), a local time (`until`), an event (`event` with `timeout`).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    /// So long.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schemas::Duration>")]
    pub duration: Option<HumanDuration>,
    /// Until the next such time of day in the customer's zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<LocalTime>,
    /// The zone for `until` instead of the customer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Zone>,
    /// For an event that carries the instance's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventMatch>,
    /// At most so long for the event; the instance then goes on, and a branch can ask
    /// `instance.last_wait == "timeout"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schemas::Duration>")]
    pub timeout: Option<HumanDuration>,
}

/// Goes one way or the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Branch {
    /// The condition; it sees `event` (the last one that the instance took), `customer`, `moment` and `instance`.
    #[serde(rename = "if")]
    pub condition: Condition,
    /// Where it holds.
    #[serde(default)]
    pub then: Vec<PlayStep>,
    /// Where it does not.
    #[serde(default, rename = "else", skip_serializing_if = "Vec::is_empty")]
    pub otherwise: Vec<PlayStep>,
}

/// One way of a split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitArm {
    /// Names the way, in step records and reports.
    pub name: Name,
    /// Its share among the weights.
    pub weight: f64,
    /// What is done there.
    #[serde(default)]
    pub steps: Vec<PlayStep>,
}

/// Sends a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Send {
    /// The Channel manifest.
    pub channel: Name,
    /// The Template manifest.
    pub template: Name,
    /// The subscription topic, one of the Policy's; left out, none is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<Name>,
    /// What sort of message it is.
    #[serde(default)]
    pub class: MessageClass,
    /// Not handed over later than so long after the step.
    #[serde(default = "a_day")]
    #[schemars(with = "schemas::Duration")]
    pub expires: HumanDuration,
    /// More that the template sees, as `data.<name>`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, Value>,
}

fn a_day() -> HumanDuration {
    HumanDuration(std::time::Duration::from_secs(86_400))
}

/// What sort of message it is.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum MessageClass {
    /// Wants to sell: needs consent.
    #[default]
    Marketing,
    /// Belongs to something that the customer has bought or asked for.
    Service,
    /// Cannot wait: may go in quiet hours where the Policy says so.
    Urgent,
}

impl MessageClass {
    /// The word, as it stands in events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Marketing => "marketing",
            Self::Service => "service",
            Self::Urgent => "urgent",
        }
    }
}

/// Puts an event on the customer's timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Emit {
    /// Its name; names that begin with `elate.` are Elate's own.
    #[schemars(length(min = 1, max = 200))]
    pub name: String,
    /// Its properties, each an expression.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, Value>,
}

/// Ends the instance.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exit {
    /// Why, for the record.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// What a step that is not supported yet says; it is refused whatever it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Unsupported(pub serde_json::Value);
