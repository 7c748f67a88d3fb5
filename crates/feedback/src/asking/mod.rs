//! Whether a customer may be asked now: a survey's cadence, and rules against tiring people out.
//!
//! [`may_ask`] is a pure function of the survey, the workspace's [`Fatigue`] rules, what the customer was asked before
//! and the time. It says *yes*, or *no* with one [`Reason`], and the reason says until when it holds. Whether somebody
//! belongs to the audience, and whether a channel may be used, is decided elsewhere.
//!
//! Three limits hold at once: of the survey itself, of its kind (all NPS surveys), and of the workspace (all surveys).
//! A survey may replace or ignore each of the latter two for itself, and may be left out of what others count: two
//! separate switches, as obeying a limit and counting towards it are two things.

mod cadence;
mod limits;

use elate_domain::{HumanDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::record::FeedbackKind;

pub use cadence::Cadence;
pub use limits::{Fatigue, Limit, Most, Obeys, Scope};

/// A survey, as far as asking is concerned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Survey {
    /// Its name.
    pub name: String,
    /// What it asks.
    pub kind: FeedbackKind,
    /// How often one customer is asked.
    #[serde(default)]
    pub cadence: Cadence,
    /// Nobody is asked before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Nobody is asked at or after this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Nobody is asked for now.
    #[serde(default)]
    pub paused: bool,
    /// Only after another survey.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<After>,
    /// A limit of this survey's own, besides its cadence.
    #[serde(default)]
    pub limit: Limit,
    /// Whether it obeys the limit of its kind.
    #[serde(default)]
    pub kind_limit: Obeys,
    /// Whether it obeys the workspace's limit.
    #[serde(default)]
    pub global_limit: Obeys,
    /// Whether its questions count towards the limits that other surveys obey.
    #[serde(default = "yes")]
    pub counts: bool,
}

fn yes() -> bool {
    true
}

impl Survey {
    /// A survey that asks once and obeys every limit.
    pub fn new(name: impl Into<String>, kind: FeedbackKind) -> Self {
        Self {
            name: name.into(),
            kind,
            cadence: Cadence::default(),
            from: None,
            until: None,
            paused: false,
            after: None,
            limit: Limit::default(),
            kind_limit: Obeys::default(),
            global_limit: Obeys::default(),
            counts: true,
        }
    }
}

/// A survey that must come first, e.g. effort 60 days after NPS.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct After {
    /// The other survey.
    pub survey: String,
    /// Whether it must have been answered, or only asked.
    #[serde(default)]
    pub answered: bool,
    /// How long after its latest question (or answer).
    #[serde(default)]
    pub wait: HumanDuration,
}

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// Nothing yet.
    #[default]
    None,
    /// Answered.
    Answered(Timestamp),
    /// Closed without an answer. A no is respected: no reminder follows.
    Declined(Timestamp),
}

/// A question that a customer was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// By which survey.
    pub survey: String,
    /// Its kind.
    pub kind: FeedbackKind,
    /// When.
    pub at: Timestamp,
    /// What became of it.
    #[serde(default)]
    pub reply: Reply,
    /// Whether it counts towards the limits of other surveys; [`Survey::counts`] at the time.
    #[serde(default = "yes")]
    pub counts: bool,
}

/// Whether to ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Ask.
    Ask,
    /// Don't.
    Not {
        /// Why not.
        reason: Reason,
    },
}

/// Why a customer is not asked. What lasts is said before what passes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The survey is paused.
    Paused,
    /// The survey is over.
    Over {
        /// Since when.
        since: Timestamp,
    },
    /// The customer has answered, and is asked only until then.
    Answered {
        /// When.
        at: Timestamp,
    },
    /// The customer has declined, and is asked only until then.
    Declined {
        /// When.
        at: Timestamp,
    },
    /// Asked as often as the survey asks.
    AskedOften {
        /// How often.
        times: u32,
    },
    /// The survey that must come first has not come, or was not answered.
    NotAfter {
        /// Which one.
        survey: String,
    },
    /// The survey has not begun.
    NotYet {
        /// When it begins.
        until: Timestamp,
    },
    /// The survey that must come first has come, but the time after it has not passed.
    SoonAfter {
        /// When it will have.
        until: Timestamp,
    },
    /// This round is done; the next one begins later.
    NextRound {
        /// When.
        until: Timestamp,
    },
    /// Asked too short a time ago.
    TooSoon {
        /// Whose limit says so.
        scope: Scope,
        /// When that time will have passed.
        until: Timestamp,
    },
    /// Asked too often within a window.
    TooMany {
        /// Whose limit says so.
        scope: Scope,
        /// When the oldest question that is in the way leaves the window.
        until: Timestamp,
    },
}

impl Reason {
    /// When this reason ends by itself; `None` for one that lasts until something happens.
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Self::NotYet { until }
            | Self::SoonAfter { until }
            | Self::NextRound { until }
            | Self::TooSoon { until, .. }
            | Self::TooMany { until, .. } => Some(*until),
            Self::Paused
            | Self::Over { .. }
            | Self::Answered { .. }
            | Self::Declined { .. }
            | Self::AskedOften { .. }
            | Self::NotAfter { .. } => None,
        }
    }
}

/// Whether a customer with this history may be asked now. The order of the history does not matter; what lies after
/// `now` in it counts as happened.
pub fn may_ask(survey: &Survey, fatigue: &Fatigue, history: &[Asked], now: Timestamp) -> Verdict {
    let refused = lifetime(survey, now)
        .or_else(|| survey.cadence.refuses(&survey.name, history, now))
        .or_else(|| follows(survey, history, now))
        .or_else(|| limits::refuse(survey, fatigue, history, now));
    match refused {
        Some(reason) => Verdict::Not { reason },
        None => Verdict::Ask,
    }
}

/// The first time from `now` on at which the customer may be asked if nothing else happens until then; `None` if
/// there is none.
pub fn next_chance(
    survey: &Survey,
    fatigue: &Fatigue,
    history: &[Asked],
    now: Timestamp,
) -> Option<Timestamp> {
    let mut time = now;
    // Every step ends one reason for good, and there are no more of them than rules: the bound is never reached.
    for _ in 0..16 {
        match may_ask(survey, fatigue, history, time) {
            Verdict::Ask => return Some(time),
            Verdict::Not { reason } => time = reason.until().filter(|until| *until > time)?,
        }
    }
    None
}

fn lifetime(survey: &Survey, now: Timestamp) -> Option<Reason> {
    if survey.paused {
        return Some(Reason::Paused);
    }
    if let Some(since) = survey.until.filter(|until| now >= *until) {
        return Some(Reason::Over { since });
    }
    survey.from.filter(|from| now < *from).map(|until| Reason::NotYet { until })
}

fn follows(survey: &Survey, history: &[Asked], now: Timestamp) -> Option<Reason> {
    let after = survey.after.as_ref()?;
    let times =
        history.iter().filter(|asked| asked.survey == after.survey).filter_map(|asked| match asked.reply {
            Reply::Answered(at) if after.answered => Some(at),
            Reply::None | Reply::Declined(_) if after.answered => None,
            Reply::None | Reply::Declined(_) | Reply::Answered(_) => Some(asked.at),
        });
    let Some(latest) = times.max() else {
        return Some(Reason::NotAfter { survey: after.survey.clone() });
    };
    let until = latest.plus_millis(after.wait.as_millis());
    (now < until).then_some(Reason::SoonAfter { until })
}
