//! Limits against asking too often, and who obeys which.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use elate_domain::{HumanDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Asked, Reason, Survey};
use crate::record::FeedbackKind;

/// How long a customer is left alone after any question, where nothing else is said.
const DAYS_OF_REST: u64 = 7;

/// A limit: both parts hold where both are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// No question for so long after the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<HumanDuration>,
    /// No more questions than so many in a rolling window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<Most>,
}

impl Limit {
    /// No question for so long after the last one.
    pub fn wait(time: Duration) -> Self {
        Self { wait: Some(HumanDuration(time)), most: None }
    }
}

/// So many in so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Most {
    /// How many questions.
    pub count: NonZeroU32,
    /// In which time. A question leaves the window exactly so long after it was asked.
    pub within: HumanDuration,
}

/// A workspace's limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fatigue {
    /// Over all surveys.
    #[serde(default = "rest")]
    pub global: Limit,
    /// Over all surveys of a kind.
    #[serde(default)]
    pub kinds: BTreeMap<FeedbackKind, Limit>,
}

fn rest() -> Limit {
    Limit::wait(Duration::from_secs(DAYS_OF_REST * 86_400))
}

impl Default for Fatigue {
    /// Seven days between any two questions.
    fn default() -> Self {
        Self { global: rest(), kinds: BTreeMap::new() }
    }
}

impl Fatigue {
    /// No limits at all.
    pub fn none() -> Self {
        Self { global: Limit::default(), kinds: BTreeMap::new() }
    }
}

/// Whether a survey obeys a limit that is not its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Obeys {
    /// It does.
    #[default]
    Yes,
    /// It does not.
    No,
    /// It obeys this one in its place.
    Instead(Limit),
}

impl Obeys {
    fn limit(self, common: Option<Limit>) -> Option<Limit> {
        match self {
            Self::Yes => common,
            Self::No => None,
            Self::Instead(limit) => Some(limit),
        }
    }
}

/// Whose limit it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The survey's own.
    Survey,
    /// That of its kind.
    Kind,
    /// The workspace's.
    Global,
}

/// The first limit that is in the way.
pub(super) fn refuse(
    survey: &Survey,
    fatigue: &Fatigue,
    history: &[Asked],
    now: Timestamp,
) -> Option<Reason> {
    let of_kind = survey.kind_limit.limit(fatigue.kinds.get(&survey.kind).copied());
    let of_all = survey.global_limit.limit(Some(fatigue.global));
    let is_own = |asked: &Asked| asked.survey == survey.name;
    // Its own questions always count for a survey, or it could ask without end.
    let own = times(history, is_own);
    let kind = times(history, |asked| asked.kind == survey.kind && (asked.counts || is_own(asked)));
    let all = times(history, |asked| asked.counts || is_own(asked));
    let limits = [
        (Scope::Survey, Some(survey.limit), own),
        (Scope::Kind, of_kind, kind),
        (Scope::Global, of_all, all),
    ];
    limits.into_iter().find_map(|(scope, limit, times)| held(limit?, scope, &times, now))
}

/// When they were asked, the latest first.
fn times(history: &[Asked], takes: impl Fn(&Asked) -> bool) -> Vec<Timestamp> {
    let mut times: Vec<Timestamp> =
        history.iter().filter(|asked| takes(asked)).map(|asked| asked.at).collect();
    times.sort_unstable_by(|one, other| other.cmp(one));
    times
}

fn held(limit: Limit, scope: Scope, times: &[Timestamp], now: Timestamp) -> Option<Reason> {
    if let (Some(wait), Some(last)) = (limit.wait, times.first()) {
        let until = last.plus_millis(wait.as_millis());
        if now < until {
            return Some(Reason::TooSoon { scope, until });
        }
    }
    let most = limit.most?;
    // Room for one more is made when the `count`-th latest leaves the window.
    let in_the_way = times.get(most.count.get() as usize - 1)?;
    let until = in_the_way.plus_millis(most.within.as_millis());
    (now < until).then_some(Reason::TooMany { scope, until })
}
