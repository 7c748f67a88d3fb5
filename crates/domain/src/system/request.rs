//! Events by which plays ask other services for something, a survey or a reward, and what became of a survey.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// A play asks for a survey.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SurveyRequested {
    /// Stable for (instance, step): the claim that is taken once.
    pub survey_id: String,
    /// The survey's name.
    pub survey: String,
    /// The play.
    #[serde(default)]
    pub play: String,
    /// The instance.
    #[serde(default)]
    pub instance_id: String,
    /// Path of the step.
    #[serde(default)]
    pub step: String,
    /// Instance key.
    #[serde(default)]
    pub key: String,
    /// Not asked after this time.
    pub expires_at: Timestamp,
    /// What the survey sees besides the customer.
    #[serde(default)]
    pub data: serde_json::Value,
    /// The customer's traits at that time.
    #[serde(default)]
    pub customer: serde_json::Value,
}

/// A survey's question was handed over to a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SurveyAsked {
    /// The claim of the request; the answer's `submission_id`.
    pub survey_id: String,
    /// The survey's name.
    pub survey: String,
    /// What it asks: `nps`, `csat`, `ces`, `comment` or `choice`.
    pub kind: String,
    /// The channel that it was asked over.
    #[serde(default)]
    pub channel: String,
}

/// A survey did not ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SurveySkipped {
    /// The claim of the request.
    pub survey_id: String,
    /// The survey's name.
    pub survey: String,
    /// Why, e.g. `too_soon`, `answered`, `survey_missing`.
    pub reason: String,
    /// When the reason ends by itself; absent where it lasts.
    #[serde(default)]
    pub until: Option<Timestamp>,
    /// More for people: whose limit it was.
    #[serde(default)]
    pub detail: String,
}

/// A play asks for a reward from a budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GrantRequested {
    /// Stable for (instance, step): the claim that is taken once.
    pub grant_id: String,
    /// The budget's name.
    pub budget: String,
    /// How much, in the budget's unit; above 0.
    pub amount: f64,
    /// What it is for.
    #[serde(default)]
    pub reason: String,
    /// The play.
    #[serde(default)]
    pub play: String,
    /// The instance.
    #[serde(default)]
    pub instance_id: String,
    /// Path of the step.
    #[serde(default)]
    pub step: String,
    /// Instance key.
    #[serde(default)]
    pub key: String,
    /// Not granted after this time.
    pub expires_at: Timestamp,
    /// What is kept with it.
    #[serde(default)]
    pub data: serde_json::Value,
}
