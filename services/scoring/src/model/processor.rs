//! Which record means what for a customer's score.

use std::sync::Arc;

use elate_consumer::{Effects, Input, Merged, Processor, StepError};
use elate_delight::{Applied, DelightParams, Moment};
use elate_domain::system::{
    self, CaseChanged, DefinitionsPublished, MomentJudged, PromiseChanged, ScoreCrossed, name,
};
use elate_domain::{CaseState, CustomerId, Event, Outcome, Record, Timestamp, Truth, WorkspaceId};
use serde::de::DeserializeOwned;

use super::formula::FormulasRow;
use super::rows::{CaseRow, MomentRow, PromiseRow, Row, ScoreRow};
use super::segments::{self, Segment};
use super::state::{Counted, CustomerState, MAX_REVISABLE, PartitionState, Settings};
use super::sums::{Counts, Link, MAX_ORDINAL, SumsRow, Wow, micro};
use super::{crossing, effect, feedback, formula, purchases};

const DAY_MILLIS: i64 = 86_400_000;
/// The span within which wows of a customer are numbered.
const WOW_SPAN_MILLIS: i64 = 30 * DAY_MILLIS;
const CROSSING_TIMER: &str = "crossing";

/// The scoring service's step function.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scoring;

/// The customer and the time of a step.
struct Step<'a> {
    workspace: &'a WorkspaceId,
    customer: CustomerId,
    settings: Arc<Settings>,
    now: Timestamp,
}

impl Processor for Scoring {
    const SERVICE: &'static str = "scoring";
    type State = CustomerState;
    type PartitionState = PartitionState;
    type Row = Row;

    fn control(
        &self,
        partition: &mut PartitionState,
        _record: &Record,
        event: &Event,
        effects: &mut Effects<Row>,
    ) -> Result<(), StepError> {
        if event.name.as_ref() == name::DEFINITIONS_PUBLISHED {
            let published: DefinitionsPublished = payload(event)?;
            partition.publish(&event.workspace, &published);
            let settings = partition.settings(&event.workspace);
            effect::published(&event.workspace, &settings, effects);
            effects.row(Row::Formulas(Box::new(FormulasRow {
                workspace: event.workspace.clone(),
                definitions_version: settings.definitions_version,
                formulas: settings.formulas.clone(),
            })));
        }
        Ok(())
    }

    fn step(
        &self,
        partition: &PartitionState,
        state: &mut CustomerState,
        input: Input<'_>,
        effects: &mut Effects<Row>,
    ) -> Result<(), StepError> {
        let step = Step {
            workspace: input.workspace(),
            customer: input.customer(),
            settings: partition.settings(input.workspace()),
            now: input.now(),
        };
        if formula::adopt(state, &step.settings.formulas) {
            step.under_another_formula(state, effects);
        }
        match input {
            Input::Timer { key, .. } if effect::is_timer(key) => step.look().over(state, key, effects),
            Input::Timer { .. } => step.fade(state, effects),
            Input::Record { record, event } => {
                step.record(state, record, event, effects)?;
                step.look().heard(state, event, effects)?;
            }
        }
        Ok(())
    }

    fn merge(
        &self,
        partition: &PartitionState,
        survivor: &mut CustomerState,
        loser: Merged<CustomerState>,
        effects: &mut Effects<Row>,
    ) -> Result<(), StepError> {
        let settings = partition.settings(&loser.workspace);
        let mut lost = loser.state;
        formula::align(survivor, &mut lost, &settings.formulas);
        let params = settings.formulas.get(survivor.formula).params;
        let before = survivor.delight.delight(&params, loser.now);
        if survivor.delight.merge(&params, std::mem::take(&mut lost.delight)) == Applied::NeedsRebuild {
            survivor.approximate = true;
        }
        let observed = std::mem::take(&mut lost.effects);
        survivor.join(lost);
        effects.row(Row::Reassign {
            workspace: loser.workspace.clone(),
            loser: loser.loser,
            survivor: loser.survivor,
        });
        let step = Step { workspace: &loser.workspace, customer: loser.survivor, settings, now: loser.now };
        step.score_row(survivor, effects);
        step.changed(survivor, before, None, effects);
        step.look().merged(survivor, observed, effects);
        Ok(())
    }
}

impl Step<'_> {
    fn record(
        &self,
        state: &mut CustomerState,
        record: &Record,
        event: &Event,
        effects: &mut Effects<Row>,
    ) -> Result<(), StepError> {
        if !event.is_system() {
            if segments::learn(&mut state.segments, &self.settings.segments, event) {
                self.score_row(state, effects);
            }
            self.active(state, effects);
            if let Some(purchases) = &self.settings.purchases {
                purchases::learn(&mut state.purchases, purchases, event);
            }
            self.answer(event, effects);
            effects.rows.extend(feedback::asked(event, self.customer).map(Row::Asked));
            return Ok(());
        }
        match event.name.as_ref() {
            name::MOMENT_JUDGED => self.moment(state, record, payload(event)?, effects),
            name::SCORE_REBUILT if formula::rebuilt(state, &self.settings.formulas, payload(event)?) => {
                self.under_another_formula(state, effects);
            }
            name::CASE_CHANGED => {
                self.case(state, event, payload(event)?, effects);
            }
            name::SURVEY_ASKED => {
                let asked = feedback::handed_over(event, self.customer, payload(event)?);
                effects.rows.extend(asked.map(Row::Asked));
            }
            name::FEEDBACK_SCORED => {
                let (workspace, scored) = (self.workspace.clone(), payload(event)?);
                effects.row(Row::Scored(Box::new(feedback::ScoredRow { workspace, scored })));
            }
            name::PROMISE_CHANGED => {
                let promise: PromiseChanged = payload(event)?;
                let (workspace, segments) = (self.workspace.clone(), self.segments(state));
                effects.row(Row::Promise(Box::new(PromiseRow { workspace, segments, promise })));
            }
            _ => {}
        }
        Ok(())
    }

    /// What observations of plays see.
    fn look(&self) -> effect::Look<'_> {
        let Self { workspace, customer, settings, now } = self;
        effect::Look { workspace, customer: *customer, settings, now: *now }
    }

    /// The constants of the formula that the customer is under.
    fn params(&self, state: &CustomerState) -> &DelightParams {
        &self.settings.formulas.get(state.formula).params
    }

    /// The customer has come under another formula: readers see the score anew, and decay crosses lines at other times.
    fn under_another_formula(&self, state: &CustomerState, effects: &mut Effects<Row>) {
        if state.delight.count() > 0 {
            self.score_row(state, effects);
            self.arm(state, state.delight.delight(self.params(state), self.now), effects);
        }
    }

    /// Counts the customer as active, once a day of log time.
    fn active(&self, state: &mut CustomerState, effects: &mut Effects<Row>) {
        let day = self.now.0.div_euclid(DAY_MILLIS);
        if state.active_day.is_none_or(|last| last < day) {
            state.active_day = Some(day);
            let (workspace, segments) = (self.workspace.clone(), self.segments(state));
            effects.row(Row::Active { workspace, day, customer: self.customer, segments });
        }
    }

    fn segments(&self, state: &CustomerState) -> Vec<Segment> {
        segments::of(&state.segments, &self.settings.segments)
    }

    fn case(&self, state: &mut CustomerState, event: &Event, case: CaseChanged, effects: &mut Effects<Row>) {
        let recovered = case.state == CaseState::Recovered;
        // A recovery is dated by the good moment that began it, not by the end of the watch.
        let changed_at = case.better_at.filter(|_| recovered).unwrap_or(event.occurred_at);
        if let Some(first) = state.first.as_mut().filter(|first| first.moment_id == case.moment_id) {
            first.recovered_at = recovered.then_some(changed_at);
        }
        effects.row(Row::Case(Box::new(CaseRow {
            workspace: self.workspace.clone(),
            customer: self.customer,
            segments: self.segments(state),
            changed_at,
            case,
        })));
    }

    /// The score as of the newest moment, for readers; nothing where there was no moment.
    fn score_row(&self, state: &CustomerState, effects: &mut Effects<Row>) {
        if state.delight.count() == 0 {
            return;
        }
        let level = state.delight.level(self.params(state));
        effects.row(Row::Score(ScoreRow {
            workspace: self.workspace.clone(),
            customer: self.customer,
            formula: state.formula,
            level,
            delight: level.delight(self.params(state), level.at),
            moments: state.delight.count(),
            last_wow: state.wows.last().copied(),
            segments: self.segments(state),
        }));
    }

    fn answer(&self, event: &Event, effects: &mut Effects<Row>) {
        match feedback::answers(event, self.customer) {
            Some(rows) => effects.rows.extend(rows.into_iter().map(|row| Row::Feedback(Box::new(row)))),
            None => crate::metrics::ANSWERS_UNREADABLE.counter(crate::metrics::NO_LABELS).increment(1),
        }
    }

    fn moment(
        &self,
        state: &mut CustomerState,
        record: &Record,
        judged: MomentJudged,
        effects: &mut Effects<Row>,
    ) {
        let before = state.delight.delight(self.params(state), self.now);
        let moment = Moment {
            id: judged.moment_id.clone(),
            // What is judged to lie ahead of log time counts from now.
            at: judged.occurred_at.min(self.now),
            offset: record.offset.0,
            gap: judged.gap,
            weight: judged.weight,
        };
        let params = &self.settings.formulas.get(state.formula).params;
        let applied = state.delight.apply(params, moment, judged.revision);
        if applied == Applied::NeedsRebuild {
            state.approximate = true;
            crate::metrics::SCORES_APPROXIMATE.counter(crate::metrics::NO_LABELS).increment(1);
        }
        state.first_moment(&judged);
        let wow = self.wow(state, &judged, before);
        self.sums(state, &judged, wow, effects);
        let moment_id = judged.moment_id.clone();
        effects.row(Row::Moment(Box::new(MomentRow {
            workspace: self.workspace.clone(),
            customer: self.customer,
            offset: record.offset.0,
            known_at: self.now,
            judged,
        })));
        self.score_row(state, effects);
        self.changed(state, before, Some(moment_id), effects);
    }

    /// For a wow: its number within 30 days, and what it did to the score.
    fn wow(&self, state: &mut CustomerState, judged: &MomentJudged, before: f64) -> Option<Wow> {
        if judged.outcome != Outcome::Magical {
            return None;
        }
        let at = judged.occurred_at.min(self.now);
        state.wows.retain(|wow| at.millis_since(*wow) < WOW_SPAN_MILLIS || *wow > at);
        let place = state.wows.partition_point(|wow| *wow <= at);
        state.wows.insert(place, at);
        if state.wows.len() > MAX_ORDINAL {
            state.wows.remove(0);
        }
        let ordinal = i64::try_from((place + 1).min(MAX_ORDINAL)).unwrap_or(1);
        let after = state.delight.delight(self.params(state), self.now);
        Some(Wow { ordinal, rise: micro(after - before) })
    }

    /// Adds the moment to the sums of its day, and takes back what it revises.
    fn sums(
        &self,
        state: &mut CustomerState,
        judged: &MomentJudged,
        wow: Option<Wow>,
        effects: &mut Effects<Row>,
    ) {
        let workspace = || self.workspace.clone();
        if let Some(old) = state.revisable.remove(&judged.moment_id) {
            let counts = old.counts().negated();
            let (link, segments) = (old.link, old.segments);
            effects.row(Row::Sums(SumsRow { workspace: workspace(), link, segments, counts, wow: None }));
        }
        let link = Link {
            day: judged.occurred_at.min(self.now).0.div_euclid(DAY_MILLIS),
            journey: judged.journey.clone(),
            stage: judged.stage.as_str().to_owned(),
            touchpoint: judged.touchpoint.clone(),
            product: judged.product.clone(),
            channel: judged.channel.clone(),
        };
        let segments = self.segments(state);
        if judged.provisional {
            if state.revisable.len() >= MAX_REVISABLE {
                state.revisable.pop_first();
                crate::metrics::REVISABLE_DROPPED.counter(crate::metrics::NO_LABELS).increment(1);
            }
            let (outcome, gap, advocacy) = (judged.outcome, judged.gap, judged.truth == Truth::Umot);
            let counted = Counted { link: link.clone(), outcome, gap, advocacy, segments: segments.clone() };
            state.revisable.insert(judged.moment_id.clone(), counted);
        }
        let counts = Counts::of(judged.outcome, judged.truth, judged.gap);
        effects.row(Row::Sums(SumsRow { workspace: workspace(), link, segments, counts, wow }));
    }

    /// Reports thresholds that the score crossed, and sets the timer for the next one that decay will cross.
    fn changed(
        &self,
        state: &mut CustomerState,
        before: f64,
        moment_id: Option<String>,
        effects: &mut Effects<Row>,
    ) {
        let after = state.delight.delight(self.params(state), self.now);
        self.crossings(state, before, after, moment_id.as_ref(), effects);
        self.arm(state, after, effects);
    }

    /// Decay alone has taken the score across a threshold.
    fn fade(&self, state: &mut CustomerState, effects: &mut Effects<Row>) {
        let params = self.params(state);
        let before = state.delight.delight(params, self.now.plus_millis(-1));
        let after = state.delight.delight(params, self.now);
        self.crossings(state, before, after, None, effects);
        self.arm(state, after, effects);
    }

    fn crossings(
        &self,
        state: &mut CustomerState,
        before: f64,
        after: f64,
        moment_id: Option<&String>,
        effects: &mut Effects<Row>,
    ) {
        for crossed in crossing::cross(state, &self.settings.thresholds, before, after) {
            let crossed = ScoreCrossed {
                threshold: crossed.threshold.at,
                direction: crossed.direction.as_str().to_owned(),
                before,
                after,
                moment_id: moment_id.cloned(),
            };
            effects.emit(system::name::SCORE_CROSSED, self.now, &crossed);
        }
    }

    fn arm(&self, state: &CustomerState, score: f64, effects: &mut Effects<Row>) {
        let lines = crossing::lines(state, &self.settings.thresholds, score);
        let next = state.delight.next_crossing(self.params(state), self.now, &lines);
        match next {
            Some(crossing) => effects.set_timer(CROSSING_TIMER, crossing.at),
            None => effects.cancel_timer(CROSSING_TIMER),
        }
    }
}

/// Reads the payload of one of our own events.
fn payload<T: DeserializeOwned>(event: &Event) -> Result<T, StepError> {
    event
        .properties
        .read()
        .map_err(|error| StepError { reason: format!("{} can't be read: {error}", event.name) })
}
