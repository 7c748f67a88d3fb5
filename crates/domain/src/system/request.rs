//! Events by which plays ask other services for something: a survey, a reward.

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
