//! What a customer agreed to, per channel and topic.
//!
//! A choice covers everything, a channel, a topic, or one topic over one channel. An unsubscription stands until a
//! *later* subscription of the same or a narrower scope: whoever leaves all e-mail and then asks for the newsletter
//! by e-mail gets that and nothing else; whoever leaves the newsletter and then joins e-mail does not get it back.

use std::collections::BTreeMap;

use elate_domain::Timestamp;
use serde::{Deserialize, Serialize};

use crate::reason::Reason;

/// How a topic is agreed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TopicMode {
    /// Only after an explicit subscription.
    OptIn,
    /// Until an unsubscription.
    #[default]
    OptOut,
    /// Part of the service itself (receipts, safety): cannot be left as a topic, only as a channel.
    Service,
}

/// What a message is, as far as consent and quiet hours care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageClass {
    /// Advertises.
    #[default]
    Marketing,
    /// Belongs to what the customer bought.
    Service,
    /// Belongs to it and cannot wait: may override quiet hours.
    Urgent,
}

impl MessageClass {
    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Marketing => "marketing",
            Self::Service => "service",
            Self::Urgent => "urgent",
        }
    }
}

impl std::str::FromStr for MessageClass {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "marketing" => Ok(Self::Marketing),
            "service" => Ok(Self::Service),
            "urgent" => Ok(Self::Urgent),
            other => Err(format!("{other:?} is none of marketing, service, urgent")),
        }
    }
}

/// A yes or no, and when it was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// Yes or no.
    pub subscribed: bool,
    /// When.
    pub at: Timestamp,
}

impl Choice {
    /// The later of two; of two at the same time, the no.
    fn newer(self, other: Self) -> Self {
        let other_wins = other.at > self.at || (other.at == self.at && !other.subscribed);
        if other_wins { other } else { self }
    }
}

/// All choices of one customer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Consent {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    everything: Option<Choice>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    channels: BTreeMap<String, Choice>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    topics: BTreeMap<String, Choice>,
    /// Channel → topic.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pairs: BTreeMap<String, BTreeMap<String, Choice>>,
}

impl Consent {
    /// Records a choice; `None` for `channel` or `topic` means all of them. A choice older than the one already
    /// there changes nothing.
    pub fn record(&mut self, channel: Option<&str>, topic: Option<&str>, choice: Choice) {
        match (channel, topic) {
            (None, None) => self.everything = Some(self.everything.map_or(choice, |held| held.newer(choice))),
            (Some(channel), None) => put(&mut self.channels, channel, choice),
            (None, Some(topic)) => put(&mut self.topics, topic, choice),
            (Some(channel), Some(topic)) => {
                put(self.pairs.entry(channel.to_owned()).or_default(), topic, choice);
            }
        }
    }

    /// The choice recorded for exactly this scope.
    pub fn choice(&self, channel: Option<&str>, topic: Option<&str>) -> Option<Choice> {
        match (channel, topic) {
            (None, None) => self.everything,
            (Some(channel), None) => self.channels.get(channel).copied(),
            (None, Some(topic)) => self.topics.get(topic).copied(),
            (Some(channel), Some(topic)) => self.pairs.get(channel)?.get(topic).copied(),
        }
    }

    /// Joins the choices of a merged customer: the later one counts for each scope.
    pub fn merge(&mut self, other: Self) {
        if let Some(choice) = other.everything {
            self.record(None, None, choice);
        }
        for (channel, choice) in other.channels {
            self.record(Some(&channel), None, choice);
        }
        for (topic, choice) in other.topics {
            self.record(None, Some(&topic), choice);
        }
        for (channel, topics) in other.pairs {
            for (topic, choice) in topics {
                self.record(Some(&channel), Some(&topic), choice);
            }
        }
    }

    /// Whether a message of `class` may go over `channel` on `topic`; a message without a topic needs only the
    /// channel.
    ///
    /// # Errors
    /// The reason to refuse.
    pub fn check(
        &self,
        channel: &str,
        topic: Option<(&str, TopicMode)>,
        class: MessageClass,
    ) -> Result<(), Reason> {
        let of_channel = self.choice(Some(channel), None);
        let of_topic = topic.and_then(|(name, _)| self.choice(None, Some(name)));
        let of_pair = topic.and_then(|(name, _)| self.choice(Some(channel), Some(name)));
        if class == MessageClass::Marketing && refuses(self.everything, &[of_channel, of_topic, of_pair]) {
            return Err(Reason::UnsubscribedEverything);
        }
        if refuses(of_channel, &[of_pair]) {
            return Err(Reason::UnsubscribedChannel);
        }
        let Some((_, mode)) = topic else { return Ok(()) };
        if mode == TopicMode::Service {
            return Ok(());
        }
        if refuses(of_topic, &[of_pair]) || refuses(of_pair, &[]) {
            return Err(Reason::UnsubscribedTopic);
        }
        let opted_in = [of_topic, of_pair].into_iter().flatten().any(|choice| choice.subscribed);
        if mode == TopicMode::OptIn && !opted_in {
            return Err(Reason::NotOptedIn);
        }
        Ok(())
    }
}

/// Whether a choice is a no that no later yes of a narrower scope took back.
fn refuses(choice: Option<Choice>, narrower: &[Option<Choice>]) -> bool {
    let Some(no) = choice.filter(|choice| !choice.subscribed) else { return false };
    !narrower.iter().flatten().any(|yes| yes.subscribed && yes.at > no.at)
}

fn put(choices: &mut BTreeMap<String, Choice>, key: &str, choice: Choice) {
    let newest = choices.get(key).map_or(choice, |held| held.newer(choice));
    choices.insert(key.to_owned(), newest);
}
