//! Every reason for which a message is held or refused.

use serde::{Deserialize, Serialize};

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $text:literal),+ $(,)?) => {
        /// Why a message is held or refused. The words are stable: receipts, metrics and reports use them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Reason {
            $($(#[$doc])* #[serde(rename = $text)] $variant),+
        }
        impl Reason {
            /// All reasons, in the order in which the chain asks.
            pub const ALL: &[Self] = &[$(Self::$variant),+];
            /// The stable word.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

reasons!(
    /// Refused: the customer was erased.
    Erased = "erased",
    /// Refused: the customer is on the suppression list (complaint, hard bounce, by hand).
    Suppressed = "suppressed",
    /// Refused: the play ended or took the message back before it was handed over.
    Cancelled = "cancelled",
    /// Refused: the message's time is over.
    Expired = "expired",
    /// Refused: the customer has no address for the channel.
    NoIdentifier = "no_identifier",
    /// Refused: the customer wants no messages at all (service messages are exempt).
    UnsubscribedEverything = "unsubscribed_everything",
    /// Refused: the customer wants nothing over this channel.
    UnsubscribedChannel = "unsubscribed_channel",
    /// Refused: the customer does not want this topic.
    UnsubscribedTopic = "unsubscribed_topic",
    /// Refused: the topic needs an explicit subscription and there is none.
    NotOptedIn = "not_opted_in",
    /// Refused: the topic is not defined, so nobody can have agreed to it.
    UnknownTopic = "unknown_topic",
    /// Refused: a rule of the play itself says no.
    PlayRule = "play_rule",
    /// Held: all sending is paused.
    PausedAll = "paused_all",
    /// Held: the channel is paused.
    PausedChannel = "paused_channel",
    /// Held: the play is paused.
    PausedPlay = "paused_play",
    /// Refused: a frequency cap is reached; the play goes on without the message.
    FrequencyCap = "frequency_cap",
    /// Held: quiet hours in the recipient's zone; goes when they end.
    QuietHours = "quiet_hours",
    /// Refused: quiet hours end only after the message has expired, or never.
    QuietUntilExpiry = "quiet_until_expiry",
    /// Held: the budget's owner has not answered yet.
    BudgetPending = "budget_pending",
    /// Refused: the budget is spent.
    BudgetExhausted = "budget_exhausted",
    /// Refused: the channel has no provider.
    NoProvider = "no_provider",
    /// Held: no provider of the channel is healthy.
    ProviderUnavailable = "provider_unavailable",
);

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Reason {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().copied().find(|reason| reason.as_str() == text);
        found.ok_or_else(|| format!("{text:?} is no reason"))
    }
}
