//! What is kept between records.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use elate_domain::system::{DefinitionsPublished, NotificationRequested, PauseChanged};
use elate_domain::{Cause, Timestamp, WorkspaceId};
use elate_reach::CustomerReach;
use elate_reach::caps::SendHistory;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::rules::Rules;
use super::surveys::Remembered;

/// Ids of messages that a customer's state remembers; the table's key knows the older ones.
pub const MAX_SEEN: usize = 512;
/// Traits that are kept as addresses.
pub const MAX_ADDRESSES: usize = 16;
/// Suppressed addresses that are remembered: those in use, and some that a customer has left behind.
pub const MAX_SUPPRESSED: usize = 64;

/// A customer, as notifications knows it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CustomerState {
    /// Consent and zone. Addresses and the history of sends are kept beside it.
    #[serde(default)]
    pub reach: CustomerReach,
    /// What was handed over, by class of the message.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sent: BTreeMap<String, SendHistory>,
    /// Traits that look like addresses: trait → address.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub addresses: BTreeMap<String, String>,
    /// Addresses that are written to no more, by their hash: one that is given up leaves no address behind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub suppressed: BTreeMap<u64, Timestamp>,
    /// BCP 47 language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// Messages that are on their way.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub open: BTreeMap<String, Open>,
    /// Hashes of the ids of messages that were asked for, oldest first.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub seen: VecDeque<u64>,
    /// Questions of surveys that the customer was asked, oldest first.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub surveys: VecDeque<Remembered>,
}

/// Where an open message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Held by the chain until its timer.
    Held,
    /// With the dispatcher, which will say what became of it.
    Ready,
    /// An attempt failed; waits for its timer.
    Retrying,
}

/// A message on its way. What the template sees is in the table, not here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Open {
    /// What was asked for, without the data of the template.
    pub request: NotificationRequested,
    /// When.
    pub requested_at: Timestamp,
    /// Where it is.
    pub phase: Phase,
    /// Attempts that were made.
    #[serde(default)]
    pub attempts: u32,
    /// Its play took it back while it was with the dispatcher.
    #[serde(default)]
    pub cancelled: bool,
    /// Hash of the address that the dispatcher was given; absent where it was not the customer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<u64>,
    /// The reason of the hold that the timeline knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<String>,
    /// The record that asked.
    pub cause: Cause,
}

impl CustomerState {
    /// Takes note of a message id. `false` where it was seen before.
    pub fn claim(&mut self, notification_id: &str) -> bool {
        let hash = hash(notification_id);
        if self.seen.contains(&hash) {
            return false;
        }
        self.seen.push_back(hash);
        while self.seen.len() > MAX_SEEN {
            self.seen.pop_front();
        }
        true
    }

    /// Writes no more to an address from `at` on. `false` where that was so before.
    pub fn suppress(&mut self, address: u64, at: Timestamp) -> bool {
        let is_new = self.suppressed.insert(address, at).is_none();
        while self.suppressed.len() > MAX_SUPPRESSED {
            let oldest = self.suppressed.iter().min_by_key(|(_, at)| **at).map(|(address, _)| *address);
            self.suppressed.retain(|address, _| Some(*address) != oldest);
        }
        is_new
    }

    /// Whether an address is written to no more.
    pub fn is_suppressed(&self, address: &str) -> bool {
        !self.suppressed.is_empty() && self.suppressed.contains_key(&address_hash(address))
    }
}

/// What stands for an address in a list of suppressed ones. Hosts take upper and lower case for the same.
pub fn address_hash(address: &str) -> u64 {
    hash(&address.trim().to_lowercase())
}

fn hash(id: &str) -> u64 {
    let digest = Sha256::digest(id.as_bytes());
    digest.iter().take(8).fold(0, |hash, byte| (hash << 8) | u64::from(*byte))
}

/// What holds for all customers of a partition: the rules of each workspace.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PartitionState {
    /// Rules by workspace.
    #[serde(default)]
    pub rules: BTreeMap<WorkspaceId, Arc<Rules>>,
}

impl PartitionState {
    /// The rules in force; none where nothing was published.
    pub fn rules(&self, workspace: &WorkspaceId) -> Arc<Rules> {
        self.rules.get(workspace).map(Arc::clone).unwrap_or_default()
    }

    /// Takes over a publication. What is paused stays paused.
    pub fn publish(&mut self, workspace: &WorkspaceId, published: &DefinitionsPublished) {
        let mut rules = Rules::of(published);
        rules.policy.pauses = self.rules(workspace).policy.pauses.clone();
        self.rules.insert(workspace.clone(), Arc::new(rules));
    }

    /// Takes over a switch that was thrown.
    pub fn pause(&mut self, workspace: &WorkspaceId, change: &PauseChanged) {
        let rules = self.rules.entry(workspace.clone()).or_default();
        Arc::make_mut(rules).policy.pauses.apply(change);
    }
}
