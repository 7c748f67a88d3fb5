//! Plays: what is done when something happens to a customer.
//!
//! | file | what it decides |
//! |---|---|
//! | `trigger` | whether an event starts a play, and with which key |
//! | `schedule` | when the calendar starts a play |
//! | `entry` | whether the customer may enter, and why not |
//! | `checks` | the conditions of an entry, each with what it evaluated to |
//! | `holdout` | who is held out, and who is compared with them |
//! | `hand_over` | steps that put something on the timeline |
//! | `run` | steps, from the entry or the end of a wait to the next wait |
//! | `react` | what events and time do to instances that wait |
//! | `migration` | how an instance is moved to a newer wording |
//! | `wait` | when a wait ends |
//! | `path` | where a step stands |
//! | `log` | what is said of it all |
//!
//! Plays are started by the calendar and by events, Elate's own judgements included: those are acted on when they come back from
//! the log, so that a live run, a replay and a simulation do the same in the same order.

mod checks;
mod entry;
mod hand_over;
mod holdout;
mod log;
mod migration;
mod path;
mod react;
mod rollout;
mod run;
mod schedule;
mod trigger;
mod wait;

use elate_manifest::expression::Value;
use elate_manifest::spec;
use elate_manifest::spec::Trigger;

use super::definitions::Definitions;

pub(crate) use entry::{Standing, evaluate, missed};
pub(crate) use holdout::{Groups, global_group};
pub(crate) use migration::{goes_on, migrate};
pub(crate) use react::{event as react, wait_ended};
pub(crate) use rollout::watch;
pub(crate) use schedule::{arm as arm_schedules, due as schedule_due, is_scheduled};
pub(crate) use trigger::{Told, Triggered, triggered};

/// A play as it was worded in one version.
#[derive(Debug, Clone)]
pub(crate) struct Play {
    /// The Play manifest.
    pub(crate) name: String,
    pub(crate) spec: spec::Play,
}

impl Play {
    /// The moment whose judgements or promises trigger it.
    pub(crate) fn triggering_moment(&self) -> Option<&str> {
        match &self.spec.trigger {
            Trigger::Moment(trigger) => Some(trigger.name.as_str()),
            Trigger::Promise(trigger) => Some(trigger.moment.as_str()),
            Trigger::Score(_)
            | Trigger::Stage(_)
            | Trigger::Case(_)
            | Trigger::Event(_)
            | Trigger::Schedule(_) => None,
        }
    }

    /// What tells to which instance an event belongs: the play's own key where it reads the event, or else the key of
    /// the moment that triggers it.
    pub(crate) fn event_key<'a>(&'a self, definitions: &'a Definitions) -> Option<&'a Value> {
        let own = self.spec.key.as_ref().filter(|key| key.uses().reads("event"));
        own.or_else(|| definitions.moment(self.triggering_moment()?)?.key.as_ref())
    }
}
