//! A message that wants to go out.

use elate_domain::Timestamp;
use elate_domain::system::NotificationRequested;
use serde::{Deserialize, Serialize};

use crate::consent::MessageClass;

/// A message expires after this time unless it says otherwise: 24 hours.
pub const DEFAULT_EXPIRY_MILLIS: i64 = 24 * 3_600_000;

/// What the budget's owner said, as far as the log knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Budget {
    /// The message costs nothing that is budgeted.
    #[default]
    NotNeeded,
    /// Asked for, not answered.
    Pending,
    /// Reserved.
    Granted,
    /// Spent.
    Exhausted,
}

/// Whether somebody can carry the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// At least one healthy provider.
    #[default]
    Available,
    /// Providers, but none is healthy before this time.
    UnavailableUntil(Timestamp),
    /// The channel has none.
    Missing,
}

/// A message that wants to go out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its id, the same for every attempt.
    pub id: String,
    /// The play that sends it; empty for none.
    #[serde(default)]
    pub play: String,
    /// The channel.
    pub channel: String,
    /// The subscription topic, where one is needed.
    #[serde(default)]
    pub topic: Option<String>,
    /// What it is.
    #[serde(default)]
    pub class: MessageClass,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// Not handed over at or after this time; default [`DEFAULT_EXPIRY_MILLIS`] after it was asked for.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// Whether frequency caps hold it back.
    pub obeys_caps: bool,
    /// Whether it takes room from later messages.
    pub counts_towards_caps: bool,
    /// Whether it carries its own address (a test send).
    #[serde(default)]
    pub has_own_address: bool,
    /// Taken back by its play.
    #[serde(default)]
    pub cancelled: bool,
    /// Whether the play's own rules let it pass.
    pub play_allows: bool,
    /// Budget.
    #[serde(default)]
    pub budget: Budget,
    /// Provider.
    #[serde(default)]
    pub provider: Provider,
}

impl Message {
    /// A message with everything else as usual: marketing, obeys caps and counts towards them.
    pub fn new(id: impl Into<String>, channel: impl Into<String>, requested_at: Timestamp) -> Self {
        Self {
            id: id.into(),
            play: String::new(),
            channel: channel.into(),
            topic: None,
            class: MessageClass::Marketing,
            requested_at,
            expires_at: None,
            obeys_caps: true,
            counts_towards_caps: true,
            has_own_address: false,
            cancelled: false,
            play_allows: true,
            budget: Budget::NotNeeded,
            provider: Provider::Available,
        }
    }

    /// The message that a play asked for at `at`. A class that is not known is taken for marketing, the strictest.
    /// Service and urgent messages do not obey caps and do not count towards them; the caller may say otherwise.
    pub fn requested(event: &NotificationRequested, at: Timestamp) -> Self {
        let class = event.class.parse().unwrap_or_default();
        let is_marketing = class == MessageClass::Marketing;
        Self {
            play: event.play.clone(),
            topic: (!event.topic.is_empty()).then(|| event.topic.clone()),
            class,
            expires_at: event.expires_at,
            obeys_caps: is_marketing,
            counts_towards_caps: is_marketing,
            has_own_address: event.to.is_some(),
            ..Self::new(event.notification_id.as_str(), event.channel.as_str(), at)
        }
    }

    /// When it may no longer be handed over.
    pub fn expiry(&self) -> Timestamp {
        self.expires_at.unwrap_or_else(|| self.requested_at.plus_millis(DEFAULT_EXPIRY_MILLIS))
    }
}
