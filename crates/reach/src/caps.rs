//! Frequency caps: at most so many messages in so much time, several rules at once.
//!
//! Whether a message *obeys* caps and whether it *counts towards* them are two switches of the message, since an
//! order confirmation should always go out and still leave less room for advertising.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::{Days, NaiveTime};
use elate_domain::Timestamp;
use serde::{Deserialize, Serialize};

use crate::local;
use crate::zone::Zone;

/// The time over which a rule counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CapWindow {
    /// Calendar days in the recipient's zone, today included: 1 is today, 7 is today and the six days before.
    Days(u32),
    /// The last so many milliseconds.
    RollingMillis(i64),
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapRule {
    /// Its name, for the record.
    pub name: String,
    /// How many messages may go within the window; 0 lets none pass.
    pub limit: u32,
    /// Over which time.
    pub window: CapWindow,
    /// Only these channels; empty means all.
    #[serde(default)]
    pub channels: BTreeSet<String>,
    /// Only these topics; empty means all, messages without a topic included.
    #[serde(default)]
    pub topics: BTreeSet<String>,
}

impl CapRule {
    fn covers(&self, channel: &str, topic: &str) -> bool {
        let within = |set: &BTreeSet<String>, name: &str| set.is_empty() || set.contains(name);
        within(&self.channels, channel) && within(&self.topics, topic)
    }

    /// The first instant that counts at `now`.
    fn counts_from(&self, zone: Zone, now: Timestamp) -> Timestamp {
        match self.window {
            // A window of n milliseconds that ends now begins just after now − n.
            CapWindow::RollingMillis(millis) => now.plus_millis(1 - millis.max(1)),
            CapWindow::Days(days) => {
                let today = local::clock(zone.0, now).date();
                let back = u64::from(days.max(1) - 1);
                let first = today.checked_sub_days(Days::new(back)).unwrap_or(today);
                local::instants(zone.0, first.and_time(NaiveTime::MIN)).first()
            }
        }
    }
}

/// One message that was handed over and counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// Its id: the message itself is never capped by its own earlier attempt.
    pub message_id: String,
    /// When.
    pub at: Timestamp,
    /// Over which channel.
    pub channel: String,
    /// On which topic; empty for none.
    #[serde(default)]
    pub topic: String,
}

/// The messages of one customer that count, oldest first. Bounded: see [`SendHistory::record`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SendHistory {
    #[serde(default)]
    sent: VecDeque<Sent>,
    /// How many were dropped for want of room while they might still have counted.
    #[serde(default)]
    dropped: u64,
}

/// A rule that is full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capped {
    /// The rule's name.
    pub rule: String,
    /// How many messages count within its window.
    pub counted: u32,
}

impl SendHistory {
    /// How many messages are kept for one customer.
    pub const CAPACITY: usize = 256;

    /// Records a message that was handed over; a repeat of an id changes nothing. Beyond [`Self::CAPACITY`] the
    /// oldest message of the most frequent (channel, topic) goes, so that a flood on one channel does not make the
    /// caps of another forget.
    pub fn record(&mut self, sent: Sent) {
        if self.sent.iter().any(|held| held.message_id == sent.message_id) {
            return;
        }
        let place = self.sent.partition_point(|held| held.at <= sent.at);
        self.sent.insert(place, sent);
        if self.sent.len() > Self::CAPACITY {
            self.drop_one();
        }
    }

    /// Forgets what no rule can count any more at `now`.
    pub fn prune(&mut self, rules: &[CapRule], now: Timestamp) {
        // A calendar day may begin up to 26 hours apart in two zones; two days are room enough.
        let horizon = |rule: &CapRule| match rule.window {
            CapWindow::RollingMillis(millis) => millis,
            CapWindow::Days(days) => (i64::from(days) + 2) * 86_400_000,
        };
        let longest = rules.iter().map(horizon).max().unwrap_or(0);
        self.sent.retain(|held| now.millis_since(held.at) <= longest);
    }

    /// Joins the history of a merged customer.
    pub fn merge(&mut self, other: Self) {
        self.dropped += other.dropped;
        for sent in other.sent {
            self.record(sent);
        }
    }

    /// What is kept, oldest first.
    pub fn sent(&self) -> impl Iterator<Item = &Sent> {
        self.sent.iter()
    }

    /// How many messages were dropped for want of room.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The first rule that leaves no room for a message over `channel` on `topic` (empty for none) at `now`.
    pub fn capped(
        &self,
        rules: &[CapRule],
        message_id: &str,
        channel: &str,
        topic: &str,
        zone: Zone,
        now: Timestamp,
    ) -> Option<Capped> {
        for rule in rules.iter().filter(|rule| rule.covers(channel, topic)) {
            let from = rule.counts_from(zone, now);
            let counts = |sent: &&Sent| {
                sent.at >= from && sent.message_id != message_id && rule.covers(&sent.channel, &sent.topic)
            };
            // At most CAPACITY, so it fits.
            let counted = self.sent.iter().filter(counts).count() as u32;
            if counted >= rule.limit {
                return Some(Capped { rule: rule.name.clone(), counted });
            }
        }
        None
    }

    fn drop_one(&mut self) {
        let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for held in &self.sent {
            *counts.entry((&held.channel, &held.topic)).or_default() += 1;
        }
        let largest = counts.values().copied().max().unwrap_or(0);
        let frequent =
            |held: &Sent| counts.get(&(held.channel.as_str(), held.topic.as_str())) == Some(&largest);
        if let Some(place) = self.sent.iter().position(frequent) {
            self.sent.remove(place);
            self.dropped += 1;
        }
    }
}
