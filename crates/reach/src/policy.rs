//! The rules of a workspace, and what is paused in it.

use std::collections::{BTreeMap, BTreeSet};

use elate_domain::system::{PauseChanged, PauseScope};
use serde::{Deserialize, Serialize};

use crate::caps::CapRule;
use crate::consent::TopicMode;
use crate::message::Message;
use crate::quiet::QuietWindow;
use crate::reason::Reason;
use crate::zone::ZoneSettings;

/// Quiet hours for some or all messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuietRule {
    /// The windows, in the recipient's zone.
    pub windows: Vec<QuietWindow>,
    /// Only these channels; empty means all.
    #[serde(default)]
    pub channels: BTreeSet<String>,
}

/// What is paused right now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pauses {
    /// All sending.
    #[serde(default)]
    pub all: bool,
    /// These channels.
    #[serde(default)]
    pub channels: BTreeSet<String>,
    /// These plays.
    #[serde(default)]
    pub plays: BTreeSet<String>,
}

impl Pauses {
    /// Takes a switch that was thrown in.
    pub fn apply(&mut self, event: &PauseChanged) {
        self.set(event.scope, &event.target, event.paused);
    }

    /// Pauses or resumes; `target` is the channel or play and ignored for everything.
    pub fn set(&mut self, scope: PauseScope, target: &str, paused: bool) {
        let set = match scope {
            PauseScope::All => {
                self.all = paused;
                return;
            }
            PauseScope::Channel => &mut self.channels,
            PauseScope::Play => &mut self.plays,
        };
        if paused {
            set.insert(target.to_owned());
        } else {
            set.remove(target);
        }
    }

    /// The reason to hold a message, if anything that covers it is paused.
    pub(crate) fn covering(&self, message: &Message) -> Option<Reason> {
        if self.all {
            Some(Reason::PausedAll)
        } else if self.channels.contains(&message.channel) {
            Some(Reason::PausedChannel)
        } else if self.plays.contains(&message.play) {
            Some(Reason::PausedPlay)
        } else {
            None
        }
    }
}

/// The rules of a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Policy {
    /// Topics and how they are agreed to.
    #[serde(default)]
    pub topics: BTreeMap<String, TopicMode>,
    /// Frequency caps; all of them apply.
    #[serde(default)]
    pub caps: Vec<CapRule>,
    /// Quiet hours; all of them apply.
    #[serde(default)]
    pub quiet: Vec<QuietRule>,
    /// The workspace's zones.
    #[serde(default)]
    pub zones: ZoneSettings,
    /// What is paused.
    #[serde(default)]
    pub pauses: Pauses,
}
