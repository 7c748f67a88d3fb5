//! Surveys: what is asked, over which channel, and how often.

use std::collections::BTreeMap;

use elate_domain::HumanDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::step::MessageClass;
use super::{Percent, Setting, schemas};
use crate::Name;
use crate::expression::Condition;

/// A survey of one question, which `ask` steps of plays name. The question goes out with a template; its link leads to
/// a page that shows the question and takes the answer, which becomes an event `Survey Answered`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Survey {
    /// What it asks.
    pub kind: SurveyKind,
    /// The question, by BCP 47 language.
    pub question: BTreeMap<String, String>,
    /// The language for those whose own is not there; one of `question`.
    pub fallback: String,
    /// Whether the page has a field for a comment besides the score.
    #[serde(default)]
    pub comment: bool,
    /// What the answers are about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub touchpoint: Option<Name>,
    /// The Channel manifest that it goes out over.
    pub channel: Name,
    /// The Template manifest; it sees `survey.question`, `survey.url` and `survey.name`, and `data` of the step.
    pub template: Name,
    /// The subscription topic, one of the Policy's; left out, none is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<Name>,
    /// What sort of message it is.
    #[serde(default = "service")]
    pub class: MessageClass,
    /// The page with the question.
    pub page: SurveyPage,
    /// Only these customers are asked; it sees `customer`, as the customer was when the play asked. Left out, everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<Condition>,
    /// Only so many of them, always the same ones. Left out, all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<Percent>,
    /// How often one customer is asked.
    #[serde(default)]
    pub cadence: SurveyCadence,
    /// Limits against asking too often.
    #[serde(default)]
    pub limits: SurveyLimits,
    /// Whether its questions count towards the limits that other surveys obey.
    #[serde(default = "yes")]
    pub counts: bool,
    /// Nobody is asked for now.
    #[serde(default)]
    pub paused: bool,
}

fn service() -> MessageClass {
    MessageClass::Service
}

fn yes() -> bool {
    true
}

impl Survey {
    /// The question in a customer's language: the language itself, the language without its region, the fallback. Which
    /// one it is comes with it.
    pub fn localised(&self, locale: Option<&str>) -> Option<(&str, &str)> {
        let wanted = locale.unwrap_or_default().replace('_', "-");
        let find =
            |wanted: &str| self.question.iter().find(|(language, _)| language.eq_ignore_ascii_case(wanted));
        let language = wanted.split('-').next().unwrap_or_default();
        let found = find(&wanted).or_else(|| find(language)).or_else(|| find(&self.fallback))?;
        Some((found.0.as_str(), found.1.as_str()))
    }
}

/// What a survey asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SurveyKind {
    /// How likely somebody is to recommend the company, 0 to 10.
    Nps,
    /// How satisfied somebody was, 1 to 5.
    Csat,
    /// How easy something was, 1 to 7.
    Ces,
    /// A text.
    Comment,
}

impl SurveyKind {
    /// The word, as it stands in events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nps => "nps",
            Self::Csat => "csat",
            Self::Ces => "ces",
            Self::Comment => "comment",
        }
    }

    /// Lowest and highest answer; `None` for a text.
    pub fn scale(self) -> Option<(u8, u8)> {
        match self {
            Self::Nps => Some((0, 10)),
            Self::Csat => Some((1, 5)),
            Self::Ces => Some((1, 7)),
            Self::Comment => None,
        }
    }
}

/// The page with the question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SurveyPage {
    /// Where customers reach the notifications service: an https address, or http on this machine.
    pub base_url: Setting,
}

/// How often one customer is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SurveyCadence {
    /// Once, answered or not.
    #[default]
    Once,
    /// Again after `wait` until there is an answer, `most` times in all.
    UntilAnswered {
        /// Between two questions.
        #[schemars(with = "schemas::Duration")]
        wait: HumanDuration,
        /// How often at most.
        #[schemars(range(min = 1))]
        most: u32,
    },
    /// In rounds, as for NPS every quarter; within a round with reminders until there is an answer.
    Recurring {
        /// From the beginning of a round to that of the next.
        #[schemars(with = "schemas::Duration")]
        every: HumanDuration,
        /// How many reminders after the first question of a round.
        #[serde(default)]
        reminders: u32,
        /// Between a question and its reminder.
        #[serde(default)]
        #[schemars(with = "schemas::Duration")]
        wait: HumanDuration,
    },
    /// Whenever the limits allow it: after each delivery, each call.
    Always,
}

/// Limits against asking too often; all hold at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SurveyLimits {
    /// No question of this survey for so long after its last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schemas::Duration>")]
    pub survey: Option<HumanDuration>,
    /// No question of this kind for so long after the last one of any survey; left out, what the Policy says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schemas::Duration>")]
    pub kind: Option<HumanDuration>,
    /// No question at all for so long after the last one of any survey; left out, what the Policy says. `0s` is no
    /// limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schemas::Duration>")]
    pub any: Option<HumanDuration>,
}
