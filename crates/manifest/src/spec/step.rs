//! The steps of plays.

use std::collections::BTreeMap;

use elate_domain::HumanDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::scalar::{LocalTime, Zone};
use super::{EventMatch, schemas};
use crate::Name;
use crate::expression::{Condition, Value};

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
    /// Asks for a survey.
    Ask(Ask),
    /// Asks for a reward from a budget.
    Grant(Grant),
    /// Gives a task to a human or a system.
    Task(Task),
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

/// Gives a task to a human or a system: a signed message over a webhook channel. The template sees `data.task.id` and
/// `data.task.title`; what takes the task can answer with an event, for which a `wait` may follow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// What is to be done, for those who do it.
    #[schemars(length(min = 1, max = 200))]
    pub title: String,
    /// The Channel manifest; a webhook.
    pub channel: Name,
    /// The Template manifest that makes its body.
    pub template: Name,
    /// Not handed over later than so long after the step.
    #[serde(default = "a_week")]
    #[schemars(with = "schemas::Duration")]
    pub expires: HumanDuration,
    /// More that the template sees, as `data.<name>`; `task` is taken.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, Value>,
}

fn a_week() -> HumanDuration {
    HumanDuration(std::time::Duration::from_secs(7 * 86_400))
}

/// Asks for a survey, with the event `elate.survey.requested` on the customer's timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// The survey's name.
    pub survey: Name,
    /// Not asked later than so long after the step.
    #[serde(default = "a_week")]
    #[schemars(with = "schemas::Duration")]
    pub expires: HumanDuration,
    /// More that the survey sees.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, Value>,
}

/// Asks for a reward from a budget, with the event `elate.grant.requested` on the customer's timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The budget's name.
    pub budget: Name,
    /// How much, in the budget's unit: an expression that comes to a number above 0.
    pub amount: Value,
    /// What it is for, for the record and for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Not granted later than so long after the step.
    #[serde(default = "a_week")]
    #[schemars(with = "schemas::Duration")]
    pub expires: HumanDuration,
    /// More that is kept with it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, Value>,
}
