//! The definitions of a workspace, compiled: read once a version, used for every event.

mod cache;
mod compile;
mod interests;

use std::collections::HashMap;
use std::sync::Arc;

use chrono_tz::Tz;
use elate_manifest::pattern::Vocabulary;
use elate_manifest::spec::{Cohort, PlayCaps};

pub(crate) use cache::Cache;
pub(crate) use compile::{definitions as compile, play as compile_play};
pub(crate) use interests::{Interests, Target};

use super::journeys::Journey;
use super::moments::{Kind, MomentDefinition};
use super::plays::Play;
use super::promises::Rules;

/// All definitions of one version of a workspace.
#[derive(Debug, Default)]
pub(crate) struct Definitions {
    /// The version.
    pub(crate) version: u64,
    pub(crate) moments: Vec<MomentDefinition>,
    pub(crate) journeys: Vec<Journey>,
    /// The higher priority first, then by name: the order in which they are tried.
    pub(crate) plays: Vec<Arc<Play>>,
    /// Those of them that the calendar starts.
    pub(crate) scheduled: Vec<Arc<Play>>,
    /// Event names and conditions that the patterns share.
    pub(crate) words: Vocabulary,
    pub(crate) interests: Interests,
    /// The workspace's own zone.
    pub(crate) zone: Option<Tz>,
    /// Seed and share of the customers that no play reaches.
    pub(crate) global_holdout: Option<(String, f64)>,
    /// What a customer's plays are limited to, all of them together.
    pub(crate) play_caps: Option<PlayCaps>,
    /// Groups of customers that see plays before all others.
    pub(crate) cohorts: Vec<Cohort>,
    /// Moments by name.
    by_name: HashMap<String, usize>,
    /// Manifests that could not be read, with the reason: of a later version of the software, as publication
    /// refuses all others.
    pub(crate) unreadable: Vec<String>,
}

/// For how long a recovery case is watched where no journey says so, in milliseconds: 14 days.
const RECOVERY_WINDOW_MILLIS: i64 = 14 * 86_400_000;

impl Definitions {
    /// What a target is, as `Kind/name`.
    pub(crate) fn id_of(&self, target: Target) -> String {
        match target {
            Target::Moment(place) => {
                self.moments.get(place as usize).map(|moment| format!("Moment/{}", moment.facts.moment))
            }
            Target::Journey(place) => {
                self.journeys.get(place as usize).map(|journey| format!("Journey/{}", journey.name))
            }
            Target::Play(place) => self.plays.get(place as usize).map(|play| format!("Play/{}", play.name)),
        }
        .unwrap_or_default()
    }

    /// The moment of a name.
    pub(crate) fn moment(&self, name: &str) -> Option<&MomentDefinition> {
        self.by_name.get(name).map(|place| &self.moments[*place])
    }

    /// The rules of the promises of a moment.
    pub(crate) fn promises(&self, moment: &str) -> Option<&Rules> {
        match &self.moment(moment)?.kind {
            Kind::Promise(rules) => Some(rules),
            Kind::Single(_) | Kind::Pattern(_) => None,
        }
    }

    /// The journey of a name.
    pub(crate) fn journey(&self, name: &str) -> Option<&Journey> {
        self.journeys.iter().find(|journey| journey.name == name)
    }

    /// For how long a recovery case of a journey is watched, in milliseconds.
    pub(crate) fn recovery_window_millis(&self, journey: &str) -> i64 {
        self.journey(journey).map_or(RECOVERY_WINDOW_MILLIS, |journey| journey.recovery_window_millis)
    }

    /// The play of a name.
    pub(crate) fn play(&self, name: &str) -> Option<&Arc<Play>> {
        self.plays.iter().find(|play| play.name == name)
    }
}
