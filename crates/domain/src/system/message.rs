//! Events of messages: asked for, cancelled, and what became of them.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// A play (or a test send) asks for a message to the customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NotificationRequested {
    /// Stable for (instance, step): the claim that is taken once.
    pub notification_id: String,
    /// The play; empty for a test send.
    #[serde(default)]
    pub play: String,
    /// The instance.
    #[serde(default)]
    pub instance_id: String,
    /// Path of the step.
    #[serde(default)]
    pub step: String,
    /// Channel manifest.
    pub channel: String,
    /// Template manifest.
    pub template: String,
    /// Subscription topic; empty means none is needed.
    #[serde(default)]
    pub topic: String,
    /// `marketing`, `service` or `urgent`.
    #[serde(default)]
    pub class: String,
    /// Not handed over after this time.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// What the template sees besides the customer: trigger event, moment, play.
    #[serde(default)]
    pub data: serde_json::Value,
    /// The customer's traits as the play saw them.
    #[serde(default)]
    pub customer: serde_json::Value,
    /// Overrides the customer's own address, for test sends.
    #[serde(default)]
    pub to: Option<String>,
}

/// Cancel the messages of an instance that were not handed over yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationCancelled {
    /// The play instance that ended.
    pub instance_id: String,
    /// Why.
    pub reason: String,
}

/// A command to send a message again that failed for good or whose outcome is unknown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NotificationRedriven {
    /// What was asked for at first.
    pub request: NotificationRequested,
    /// Attempts that were made; the next one follows on.
    #[serde(default)]
    pub attempts: u32,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationReceipt {
    /// The message.
    pub notification_id: String,
    /// `held`, `refused`, `attempt_failed`, `sent`, `failed`, `outcome_unknown`, `expired`, `cancelled`.
    pub state: String,
    /// Stable reason (`quiet_hours`, `no_consent`, `smtp_550`, …).
    #[serde(default)]
    pub reason: String,
    /// Channel manifest.
    pub channel: String,
    /// Template manifest.
    #[serde(default)]
    pub template: String,
    /// The play.
    #[serde(default)]
    pub play: String,
    /// The instance.
    #[serde(default)]
    pub instance_id: String,
    /// Attempts made so far.
    #[serde(default)]
    pub attempt: u32,
    /// When the next attempt or the release of a hold is due.
    #[serde(default)]
    pub next_at: Option<Timestamp>,
    /// The provider that took or refused it.
    #[serde(default)]
    pub provider: String,
    /// What the provider said (a code and a short text, never a body).
    #[serde(default)]
    pub detail: String,
    /// Topic, for frequency caps.
    #[serde(default)]
    pub topic: String,
}

/// A command: write no more to the customer's address on a channel, or write to it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuppressionSet {
    /// Channel manifest; empty stands for all addresses of the customer.
    #[serde(default)]
    pub channel: String,
    /// Suppressed or lifted.
    pub suppressed: bool,
    /// Why, for the record.
    #[serde(default)]
    pub reason: String,
}

/// From here on nothing is sent to an address of the customer, or something is again. It tells; it commands nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuppressionChanged {
    /// The channel whose address it is; empty where all addresses were meant.
    #[serde(default)]
    pub channel: String,
    /// Suppressed or lifted.
    pub suppressed: bool,
    /// `hard_bounce`, or what the operator gave as a reason.
    #[serde(default)]
    pub reason: String,
    /// What the provider said.
    #[serde(default)]
    pub detail: String,
}
