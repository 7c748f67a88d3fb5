//! The workspace's rules for reaching customers.

use std::collections::BTreeMap;
use std::time::Duration;

use elate_domain::HumanDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::play::PlayCaps;
use super::rollout::Cohort;
use super::scalar::{LocalTime, Percent, Zone};
use super::schemas;
use super::step::MessageClass;
use super::survey::SurveyKind;
use crate::Name;

/// The workspace's rules for reaching customers. There is one, named `default`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The workspace's own zone.
    pub zone: Zone,
    /// The zones in which customers live: one whose zone is unknown is written to when it is open in all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<Zone>,
    /// When nobody is written to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<QuietHours>,
    /// What customers can subscribe to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<Topic>,
    /// How often a customer is written to at most; all rules hold at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caps: Vec<Cap>,
    /// What survey answers are compared with.
    #[serde(default)]
    pub surveys: SurveyBaselines,
    /// How long customers are left alone between surveys.
    #[serde(default)]
    pub survey_fatigue: SurveyFatigue,
    /// The share of customers that no play ever reaches, but for service plays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub global_holdout: Option<GlobalHoldout>,
    /// How many plays a customer may enter and be in, all of them together. Service plays neither obey nor count;
    /// where several could begin at once, the higher priority goes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plays: Option<PlayCaps>,
    /// Groups of customers that see plays before all others; a play's rollout names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cohorts: Vec<Cohort>,
}

impl Policy {
    /// The topic of a name.
    pub fn topic(&self, name: &str) -> Option<&Topic> {
        self.topics.iter().find(|topic| topic.name == name)
    }
}

/// When nobody is written to, in the recipient's own zone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// From this time of day …
    pub from: LocalTime,
    /// … to this one, of the next day where it is earlier.
    pub to: LocalTime,
    /// Classes of messages that may go all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<MessageClass>,
}

/// Something that customers can subscribe to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// The name, as plays give it.
    pub name: Name,
    /// For people, on the page where they choose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What holds for those who never said anything.
    pub consent: Consent,
}

/// What holds for customers who never said anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// They must ask for it.
    OptIn,
    /// They get it until they refuse.
    OptOut,
}

/// How often a customer is written to at most.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cap {
    /// Names the rule, in reasons.
    pub name: Name,
    /// Over this channel only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Name>,
    /// On this topic only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<Name>,
    /// At most so many.
    #[schemars(range(min = 1))]
    pub limit: u32,
    /// In which time.
    pub per: CapPeriod,
    /// Classes that do not obey this cap.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_obeyed_by: Vec<MessageClass>,
    /// Classes that do not count towards this cap.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_counted: Vec<MessageClass>,
}

/// The time of a cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CapPeriod {
    /// So many calendar days in the recipient's zone, today included.
    CalendarDays(u16),
    /// A window that ends now.
    Rolling(#[schemars(with = "schemas::Duration")] HumanDuration),
}

/// What survey answers are compared with: the workspace's usual answers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SurveyBaselines {
    /// The usual answer to "how likely are you to recommend us", 0 to 10.
    #[schemars(range(min = 0, max = 10))]
    pub nps: f64,
    /// The usual satisfaction, 1 to 5.
    #[schemars(range(min = 1, max = 5))]
    pub csat: f64,
    /// The usual ease, 1 to 7.
    #[schemars(range(min = 1, max = 7))]
    pub ces: f64,
}

impl Default for SurveyBaselines {
    /// A little above the middle of each scale, where answers usually are.
    fn default() -> Self {
        Self { nps: 7.5, csat: 4.0, ces: 5.0 }
    }
}

/// How long customers are left alone between surveys. A survey may have limits of its own in the place of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SurveyFatigue {
    /// No question for so long after the last one of any survey. `0s` is no limit.
    #[schemars(with = "schemas::Duration")]
    pub any: HumanDuration,
    /// No question of a kind for so long after the last one of that kind; left out, there is no such limit.
    #[schemars(with = "BTreeMap<SurveyKind, schemas::Duration>")]
    pub kinds: BTreeMap<SurveyKind, HumanDuration>,
}

impl Default for SurveyFatigue {
    /// Seven days between any two questions.
    fn default() -> Self {
        Self { any: HumanDuration(Duration::from_secs(7 * 86_400)), kinds: BTreeMap::new() }
    }
}

/// The share of customers that no play ever reaches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GlobalHoldout {
    /// The share.
    pub percent: Percent,
    /// Seeds the assignment.
    pub seed: String,
}
