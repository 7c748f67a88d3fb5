//! What a Moment manifest says of every judgement: where it belongs, and how it is judged.

use elate_delight::gap::{Expectations, Judgement, Rule, Thresholds, judge};
use elate_delight::habit;
use elate_domain::system::{MomentJudged, name};
use elate_domain::{Better, Stage, Timestamp, Truth};
use elate_manifest::expression::{Quantity, Scope, Value};
use uuid::Uuid;

use crate::model::learning::Learned;
use crate::model::rows::{Measure, MomentRow, Row, SampleRow};
use crate::model::state::CustomerState;
use crate::model::turn::Turn;

/// How moments of one manifest are judged.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    /// The Moment manifest.
    pub(crate) moment: String,
    /// Version of the definitions.
    pub(crate) version: u64,
    pub(crate) truth: Truth,
    pub(crate) journey: String,
    pub(crate) stage: Stage,
    pub(crate) touchpoint: String,
    pub(crate) product: String,
    pub(crate) channel: String,
    pub(crate) weight: f64,
    pub(crate) better: Better,
    /// One unit of gap; where it is learned, its least, which holds until enough was learned.
    pub(crate) tolerance: Option<f64>,
    /// The unit of gap is learned.
    pub(crate) learns_tolerance: bool,
    /// Tells wordings of the moment apart by what is learned from it.
    pub(crate) wording: i64,
    pub(crate) thresholds: Thresholds,
    pub(crate) since: Option<Value>,
    pub(crate) standard: Option<Value>,
    /// Half-life of the habit, in moments.
    pub(crate) habit: Option<f64>,
}

/// One experience, ready to be judged.
#[derive(Debug)]
pub(crate) struct Experience {
    pub(crate) moment_id: Uuid,
    pub(crate) revision: u32,
    pub(crate) key: String,
    pub(crate) quantity: Quantity,
    pub(crate) occurred_at: Timestamp,
    /// What was promised, in the unit of the experience.
    pub(crate) promise: Option<f64>,
    pub(crate) promise_id: Option<Uuid>,
    pub(crate) provisional: bool,
    pub(crate) because: Vec<String>,
}

impl Facts {
    /// One unit of gap, as of now; `None` where a manifest of a later version of the software does not say it.
    pub(crate) fn tolerance_in(&self, turn: &Turn<'_>) -> Option<f64> {
        if !self.learns_tolerance {
            return self.tolerance;
        }
        let learned = turn.learned(self).and_then(Learned::spread);
        learned.map(|spread| spread.max(self.tolerance.unwrap_or_default())).or(self.tolerance)
    }

    /// Judges an experience and says so on the timeline. `scope` is what the expressions of the other expectations
    /// see. `None`, and nothing is said, where nothing was expected or the units do not fit.
    pub(crate) fn judge(
        &self,
        state: &mut CustomerState,
        turn: &mut Turn<'_>,
        scope: &Scope<'_>,
        experience: Experience,
    ) -> Option<Judgement> {
        let tolerance = self.tolerance_in(turn).filter(|tolerance| *tolerance > 0.0)?;
        let value = experience.quantity.as_f64();
        // Habits of times are learned on the duration since something, and added back to it.
        let base = match experience.quantity {
            Quantity::Time(_) => self.since.as_ref()?.time(scope).ok().map(|since| since.0 as f64),
            Quantity::Number(_) | Quantity::Duration(_) => Some(0.0),
        };
        // Who has no past of their own expects what people like them are used to.
        let used_to = |state: &CustomerState, turn: &Turn<'_>| {
            let own = state.habits.get(&self.moment).copied();
            own.or_else(|| turn.learned(self).and_then(Learned::level))
        };
        let habit = self.habit.and_then(|_| Some(used_to(state, turn)? + base?));
        let standard = self.standard.as_ref().and_then(|standard| standard.quantity(scope).ok());
        let expectations = Expectations {
            promise: experience.promise,
            standard: standard.filter(|s| same_unit(*s, experience.quantity)).map(Quantity::as_f64),
            habit,
        };
        let rule = Rule { better: self.better, tolerance, thresholds: self.thresholds };
        let judged = judge(&rule, value, &expectations);
        // "Still nothing" is no experience to get used to, and a revision must not be learned twice.
        if let (Some(half_life), Some(base), false) = (self.habit, base, experience.provisional) {
            let level = habit::update(used_to(state, turn), value - base, tolerance, half_life);
            state.habits.insert(self.moment.clone(), level);
        }
        if let (Some(base), false) = (base, experience.provisional) {
            self.observe(turn, &experience, value - base);
        }
        let judgement = judged.ok()?;
        self.report(turn, &experience, &judgement, tolerance);
        Some(judgement)
    }

    /// Writes what the population learns from, where it does.
    fn observe(&self, turn: &mut Turn<'_>, experience: &Experience, value: f64) {
        if !self.learns_tolerance && self.habit.is_none() {
            return;
        }
        turn.row(Row::Sample(SampleRow {
            owner: turn.owner.clone(),
            moment: self.moment.clone(),
            wording: self.wording,
            measure: Measure::Experience,
            id: experience.moment_id,
            value,
            at: turn.now,
        }));
    }

    fn report(&self, turn: &mut Turn<'_>, experience: &Experience, judgement: &Judgement, tolerance: f64) {
        let judged = MomentJudged {
            moment_id: experience.moment_id.to_string(),
            revision: experience.revision,
            moment: self.moment.clone(),
            definitions_version: self.version,
            truth: self.truth,
            journey: self.journey.clone(),
            stage: self.stage,
            touchpoint: self.touchpoint.clone(),
            product: self.product.clone(),
            channel: self.channel.clone(),
            key: experience.key.clone(),
            occurred_at: experience.occurred_at,
            experienced: experience.quantity.as_f64(),
            expected: Some(judgement.expected.value),
            expectation: Some(judgement.expected.source),
            unit: unit(experience.quantity).to_owned(),
            tolerance,
            gap: judgement.gap,
            outcome: judgement.outcome,
            weight: self.weight,
            provisional: experience.provisional,
            promise_id: experience.promise_id.map(|id| id.to_string()),
            because: experience.because.clone(),
        };
        turn.emit(name::MOMENT_JUDGED, experience.occurred_at, &judged);
        turn.row(Row::Moment(MomentRow {
            owner: turn.owner.clone(),
            moment_id: experience.moment_id,
            moment: self.moment.clone(),
            key: experience.key.clone(),
            revision: experience.revision,
            journey: self.journey.clone(),
            touchpoint: self.touchpoint.clone(),
            occurred_at: experience.occurred_at,
            gap: judgement.gap,
            outcome: judgement.outcome,
            provisional: experience.provisional,
            promise_id: experience.promise_id,
            judged_at: turn.now,
        }));
    }
}

/// Whether two quantities can be compared.
pub(crate) fn same_unit(one: Quantity, other: Quantity) -> bool {
    unit(one) == unit(other)
}

fn unit(quantity: Quantity) -> &'static str {
    match quantity {
        Quantity::Number(_) => "number",
        Quantity::Duration(_) => "duration",
        Quantity::Time(_) => "time",
    }
}
