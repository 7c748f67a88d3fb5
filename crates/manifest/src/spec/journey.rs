//! Journeys.

use elate_domain::{HumanDuration, Stage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EventMatch, schemas};
use crate::Name;
use crate::expression::Value;

/// A journey of customers over several products and channels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Journey {
    /// What tells the instances of one customer apart, such as an order; without it a customer has one instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Value>,
    /// The stages, in the order in which they are designed to come.
    #[schemars(with = "Vec<schemas::Stage>")]
    pub stages: Vec<Stage>,
    /// Where the customer meets the company.
    pub touchpoints: Vec<Touchpoint>,
    /// What begins an instance; without it, the first visit of any touchpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<EventMatch>,
    /// What completes an instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion: Option<EventMatch>,
    /// What ends an instance without completion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abandon: Option<Abandon>,
    /// How recovery cases of this journey are judged.
    #[serde(default)]
    pub recovery: Recovery,
}

impl Journey {
    /// The touchpoint of a name.
    pub fn touchpoint(&self, name: &str) -> Option<&Touchpoint> {
        self.touchpoints.iter().find(|touchpoint| touchpoint.name == name)
    }
}

/// One touchpoint of a journey.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Touchpoint {
    /// Unique in the journey.
    pub name: Name,
    /// The stage that it belongs to; a visit moves the instance there.
    #[schemars(with = "schemas::Stage")]
    pub stage: Stage,
    /// The product, such as `shop` or `parcel-service`.
    pub product: Name,
    /// The channel, such as `web`, `app`, `store` or `support`.
    pub channel: Name,
    /// What counts as a visit. Without it, the touchpoint is visited by the moments that name it alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<EventMatch>,
}

/// When an instance counts as given up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Abandon {
    /// Nothing happened for so long.
    #[schemars(with = "schemas::Duration")]
    pub after: HumanDuration,
}

/// How a recovery case is judged.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recovery {
    /// How long the next moments on the link are awaited; a case that sees none by then is lost.
    #[serde(default = "Recovery::default_window")]
    #[schemars(with = "schemas::Duration")]
    pub window: HumanDuration,
}

impl Recovery {
    fn default_window() -> HumanDuration {
        HumanDuration(std::time::Duration::from_secs(14 * 86_400))
    }
}

impl Default for Recovery {
    fn default() -> Self {
        Self { window: Self::default_window() }
    }
}
