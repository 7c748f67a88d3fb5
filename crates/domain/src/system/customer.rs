//! Events of a customer's identity, preferences and rights.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::CustomerId;

/// On the loser's timeline: from here on, everything goes to the survivor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergedAway {
    /// The older customer, who stays.
    pub survivor: CustomerId,
    /// Why: `anonymous_linked` or the rule that joined them.
    pub reason: String,
}

/// The state that a service kept for a merged-away customer, on its way to the survivor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StateMoved {
    /// The service whose state it is; others ignore the event.
    pub service: String,
    /// The customer who was merged away.
    pub loser: CustomerId,
    /// The service's own state, as JSON.
    pub state: serde_json::Value,
}

/// A customer is erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// The request; receipts name it.
    pub erasure_id: String,
}

/// A service's answer to an erasure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureReceipt {
    /// The request.
    pub erasure_id: String,
    /// The service that has purged.
    pub service: String,
    /// Rows removed.
    pub purged: u64,
}

/// A command to rebuild a customer from the log after a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redrive {
    /// The service that set the customer aside.
    pub service: String,
}

/// What a customer allows and prefers; absent parts stay as they were.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PreferencesChanged {
    /// Consent per channel (`email`, `webhook`, …): subscribed or not.
    #[serde(default)]
    pub channels: BTreeMap<String, bool>,
    /// Consent per topic, over all channels.
    #[serde(default)]
    pub topics: BTreeMap<String, bool>,
    /// IANA time zone, e.g. `Europe/Vienna`.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// BCP 47 language, e.g. `de-AT`.
    #[serde(default)]
    pub locale: Option<String>,
    /// How it was said: `unsubscribe_link`, `api`, `import`, …
    #[serde(default)]
    pub via: String,
}
