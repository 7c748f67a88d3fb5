//! Which record means what for a customer's score.

use std::sync::Arc;

use elate_consumer::{Effects, Input, Merged, Processor, StepError};
use elate_delight::score::Direction;
use elate_delight::{Applied, Moment};
use elate_domain::system::{self, CaseChanged, DefinitionsPublished, MomentJudged, ScoreCrossed, name};
use elate_domain::{CaseState, CustomerId, Event, Record, Timestamp, WorkspaceId};
use serde::de::DeserializeOwned;

use super::answers;
use super::rows::{AnswerRow, CaseRow, DaySums, Link, MomentRow, Row, ScoreRow};
use super::state::{Counted, CustomerState, MAX_REVISABLE, PartitionState, Settings};

const DAY_MILLIS: i64 = 86_400_000;
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
        _effects: &mut Effects<Row>,
    ) -> Result<(), StepError> {
        if event.name.as_ref() == name::DEFINITIONS_PUBLISHED {
            let published: DefinitionsPublished = payload(event)?;
            partition.publish(&event.workspace, &published);
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
        match input {
            Input::Timer { .. } => step.fade(state, effects),
            Input::Record { record, event } => step.record(state, record, event, effects)?,
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
        let before = survivor.delight.delight(&settings.params, loser.now);
        if survivor.delight.merge(&settings.params, loser.state.delight) == Applied::NeedsRebuild {
            survivor.approximate = true;
        }
        survivor.revisable.extend(loser.state.revisable);
        survivor.active_day = survivor.active_day.max(loser.state.active_day);
        effects.row(Row::Reassign {
            workspace: loser.workspace.clone(),
            loser: loser.loser,
            survivor: loser.survivor,
        });
        let step = Step { workspace: &loser.workspace, customer: loser.survivor, settings, now: loser.now };
        step.changed(survivor, before, None, effects);
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
            self.active(state, effects);
            if answers::is_answer(event) {
                self.answer(event, effects);
            }
            return Ok(());
        }
        match event.name.as_ref() {
            name::MOMENT_JUDGED => self.moment(state, record, payload(event)?, effects),
            name::CASE_CHANGED => {
                let case: CaseChanged = payload(event)?;
                effects.row(Row::Case(Box::new(CaseRow {
                    workspace: self.workspace.clone(),
                    customer: self.customer,
                    // A recovery is dated by the good moment that began it, not by the end of the watch.
                    changed_at: case
                        .better_at
                        .filter(|_| case.state == CaseState::Recovered)
                        .unwrap_or(event.occurred_at),
                    case,
                })));
            }
            _ => {}
        }
        Ok(())
    }

    /// Counts the customer as active, once a day of log time.
    fn active(&self, state: &mut CustomerState, effects: &mut Effects<Row>) {
        let day = self.now.0.div_euclid(DAY_MILLIS);
        if state.active_day.is_none_or(|last| last < day) {
            state.active_day = Some(day);
            effects.row(Row::Active { workspace: self.workspace.clone(), day, customer: self.customer });
        }
    }

    fn answer(&self, event: &Event, effects: &mut Effects<Row>) {
        let Some(answer) = answers::read(event) else {
            crate::metrics::ANSWERS_UNREADABLE.counter(crate::metrics::NO_LABELS).increment(1);
            return;
        };
        let submission =
            answer.submission_id.clone().unwrap_or_else(|| format!("{}:{}", event.source, event.message_id));
        effects.row(Row::Answer(AnswerRow {
            workspace: self.workspace.clone(),
            customer: self.customer,
            submission,
            occurred_at: event.occurred_at,
            answer,
        }));
    }

    fn moment(
        &self,
        state: &mut CustomerState,
        record: &Record,
        judged: MomentJudged,
        effects: &mut Effects<Row>,
    ) {
        let before = state.delight.delight(&self.settings.params, self.now);
        let moment = Moment {
            id: judged.moment_id.clone(),
            // What is judged to lie ahead of log time counts from now.
            at: judged.occurred_at.min(self.now),
            offset: record.offset.0,
            gap: judged.gap,
            weight: judged.weight,
        };
        let applied = state.delight.apply(&self.settings.params, moment, judged.revision);
        if applied == Applied::NeedsRebuild {
            state.approximate = true;
            crate::metrics::SCORES_APPROXIMATE.counter(crate::metrics::NO_LABELS).increment(1);
        }
        self.sums(state, &judged, effects);
        let moment_id = judged.moment_id.clone();
        effects.row(Row::Moment(Box::new(MomentRow {
            workspace: self.workspace.clone(),
            customer: self.customer,
            offset: record.offset.0,
            known_at: self.now,
            judged,
        })));
        let level = state.delight.level(&self.settings.params);
        effects.row(Row::Score(ScoreRow {
            workspace: self.workspace.clone(),
            customer: self.customer,
            partition: record.partition,
            level,
            delight: level.delight(&self.settings.params, level.at),
            moments: state.delight.count(),
        }));
        self.changed(state, before, Some(moment_id), effects);
    }

    /// Adds the moment to the sums of its day, and takes back what it revises.
    fn sums(&self, state: &mut CustomerState, judged: &MomentJudged, effects: &mut Effects<Row>) {
        if let Some(old) = state.revisable.remove(&judged.moment_id) {
            effects.row(Row::Sums(DaySums::of(self.workspace, &old.link, old.outcome, old.gap, -1)));
        }
        let link = Link {
            day: judged.occurred_at.min(self.now).0.div_euclid(DAY_MILLIS),
            journey: judged.journey.clone(),
            stage: judged.stage.as_str().to_owned(),
            touchpoint: judged.touchpoint.clone(),
            product: judged.product.clone(),
            channel: judged.channel.clone(),
        };
        effects.row(Row::Sums(DaySums::of(self.workspace, &link, judged.outcome, judged.gap, 1)));
        if judged.provisional {
            if state.revisable.len() >= MAX_REVISABLE {
                state.revisable.pop_first();
                crate::metrics::REVISABLE_DROPPED.counter(crate::metrics::NO_LABELS).increment(1);
            }
            let counted = Counted { link, outcome: judged.outcome, gap: judged.gap };
            state.revisable.insert(judged.moment_id.clone(), counted);
        }
    }

    /// Reports thresholds that the score crossed, and sets the timer for the next one that decay will cross.
    fn changed(
        &self,
        state: &CustomerState,
        before: f64,
        moment_id: Option<String>,
        effects: &mut Effects<Row>,
    ) {
        let after = state.delight.delight(&self.settings.params, self.now);
        self.crossings(before, after, moment_id.as_ref(), effects);
        self.arm(state, effects);
    }

    /// Decay alone has taken the score across a threshold.
    fn fade(&self, state: &CustomerState, effects: &mut Effects<Row>) {
        let params = &self.settings.params;
        let before = state.delight.delight(params, self.now.plus_millis(-1));
        let after = state.delight.delight(params, self.now);
        self.crossings(before, after, None, effects);
        self.arm(state, effects);
    }

    fn crossings(&self, before: f64, after: f64, moment_id: Option<&String>, effects: &mut Effects<Row>) {
        for threshold in &self.settings.thresholds {
            let crossed = Direction::of(before, after, threshold.at);
            let Some(direction) = crossed.filter(|&direction| threshold.reports(direction)) else { continue };
            let crossed = ScoreCrossed {
                threshold: threshold.at,
                direction: direction.as_str().to_owned(),
                before,
                after,
                moment_id: moment_id.cloned(),
            };
            effects.emit(system::name::SCORE_CROSSED, self.now, &crossed);
        }
    }

    fn arm(&self, state: &CustomerState, effects: &mut Effects<Row>) {
        let lines: Vec<f64> = self.settings.thresholds.iter().map(|threshold| threshold.at).collect();
        let next = state.delight.next_crossing(&self.settings.params, self.now, &lines);
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
