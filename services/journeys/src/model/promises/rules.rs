//! What a Moment manifest says of its promises.

use elate_domain::HumanDuration;
use elate_manifest::Name;
use elate_manifest::expression::Value;
use elate_manifest::spec::{AtRisk, EventMatch, LearnedRisk};

use crate::model::moments::Facts;
use crate::model::turn::Turn;

/// The rules of the promises of one Moment manifest.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// How the moment of a promise is judged.
    pub(crate) facts: Facts,
    /// What tells promises of one customer apart.
    pub(crate) key: Option<Value>,
    /// What was experienced when it was fulfilled.
    pub(crate) experience: Value,
    /// The event that makes it, and its name in expressions.
    pub(crate) made: (Name, EventMatch),
    /// When it is due.
    pub(crate) due: Value,
    /// The event that fulfils it, and its name in expressions.
    pub(crate) fulfilled: (Name, EventMatch),
    /// What takes it back.
    pub(crate) withdrawn: Option<EventMatch>,
    /// What moves its date.
    pub(crate) moved: Option<Moving>,
    /// Milestones whose absence puts it at risk.
    pub(crate) at_risk: Vec<AtRisk>,
    /// How it is put at risk by what was learned.
    pub(crate) learned: Option<LearnedRisk>,
    /// When an unfulfilled one is closed, after its due time; 5 tolerances where it is not said.
    pub(crate) give_up: Option<HumanDuration>,
}

/// How a date moves.
#[derive(Debug, Clone)]
pub(crate) struct Moving {
    pub(crate) on: EventMatch,
    pub(crate) due: Value,
    /// The share of the first date in what is judged against.
    pub(crate) keep_first: f64,
}

/// Tolerances after which an unfulfilled promise is closed, where the manifest does not say.
const GIVE_UP_TOLERANCES: f64 = 5.0;

impl Rules {
    /// The share of the first date in what is judged against.
    pub(crate) fn keep_first(&self) -> f64 {
        self.moved.as_ref().map_or(elate_delight::habit::FIRST_DATE_SHARE, |moved| moved.keep_first)
    }

    /// How long after the due time the misery is felt, in milliseconds.
    pub(crate) fn patience_millis(&self, turn: &Turn<'_>) -> i64 {
        let tolerance = self.facts.tolerance_in(turn).unwrap_or_default();
        (self.facts.thresholds.miserable.abs() * tolerance).round() as i64
    }

    /// How long after the due time an unfulfilled promise is closed, in milliseconds; never before it is miserable.
    pub(crate) fn give_up_millis(&self, turn: &Turn<'_>) -> i64 {
        let tolerance = self.facts.tolerance_in(turn).unwrap_or_default();
        let by_tolerance = || (GIVE_UP_TOLERANCES * tolerance).round() as i64;
        self.give_up.map_or_else(by_tolerance, HumanDuration::as_millis).max(self.patience_millis(turn))
    }

    /// All events that a promise of these rules may listen to.
    pub(crate) fn events(&self) -> impl Iterator<Item = &EventMatch> {
        let own = [&self.made.1, &self.fulfilled.1];
        own.into_iter()
            .chain(&self.withdrawn)
            .chain(self.moved.as_ref().map(|moved| &moved.on))
            .chain(self.at_risk.iter().map(|rule| &rule.unless))
            .chain(self.learned.iter().flat_map(|rule| &rule.milestones))
    }
}
