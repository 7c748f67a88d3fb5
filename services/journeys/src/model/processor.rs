//! The processor: hands records and deadlines to the parts that they concern.
//!
//! Most events concern no definition. For those only the name is looked up; nothing of them is read, and the state
//! notes no more than how new they were.

use std::time::Duration;

use elate_consumer::{Effects, Input, Merged, Processor, StepError};
use elate_domain::system::{
    DefinitionsPublished, ImportMark, PauseChanged, PreferencesChanged, RolloutDecided, name,
};
use elate_domain::{CustomerId, Event, EventType, Record, Timestamp, WorkspaceId};
use elate_manifest::expression::EventView;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::definitions::{Cache, Definitions, Target};
use super::hear::{Timeliness, judged, start_plays, tell};
use super::moments::{self, Kind};
use super::partition::{PartitionState, WorkspaceState};
use super::plays::{self, Standing};
use super::promises::Alarm;
use super::rows::{DefinitionsRow, MergedRow, Owner, RolloutRow, Row};
use super::state::CustomerState;
use super::turn::Turn;
use super::{ALLOWED_LATENESS_MILLIS, cases, journeys, merge, promises};

/// The processor of the journeys service.
#[derive(Debug, Default)]
pub struct Journeys {
    cache: Cache,
}

impl Processor for Journeys {
    const SERVICE: &'static str = "journeys";
    type State = CustomerState;
    type PartitionState = PartitionState;
    type Row = Row;

    fn control(
        &self,
        partition: &mut PartitionState,
        record: &Record,
        event: &Event,
        effects: &mut Effects<Row>,
    ) -> Result<(), StepError> {
        let workspace = &event.workspace;
        match &*event.name {
            name::DEFINITIONS_PUBLISHED => publish(partition, record, event, effects)?,
            name::POPULATION_LEARNED => partition.learn(workspace, payload(event)?),
            name::ROLLOUT_DECIDED => decide(partition, event, effects)?,
            name::PAUSE_CHANGED => partition.pause(workspace, payload::<PauseChanged>(event)?),
            name::IMPORT_BEGUN => partition.import(workspace, payload::<ImportMark>(event)?, true),
            name::IMPORT_ENDED => partition.import(workspace, payload::<ImportMark>(event)?, false),
            _ => {}
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
        let kept = partition.workspace(input.workspace());
        match input {
            Input::Record { record, event } => self.record(kept, state, record, event, effects),
            Input::Timer { workspace, customer, key, deadline } => {
                if let Some(kept) = kept {
                    let turn = turn(workspace, customer, deadline, true, kept, effects);
                    self.timer(kept, state, turn, key);
                }
                Ok(())
            }
        }
    }

    fn merge(
        &self,
        _partition: &PartitionState,
        survivor: &mut CustomerState,
        loser: Merged<CustomerState>,
        effects: &mut Effects<Row>,
    ) -> Result<(), StepError> {
        merge::merge(survivor, loser.state);
        merge::rearm(survivor, loser.now, effects);
        effects.row(Row::Merged(MergedRow {
            workspace: loser.workspace,
            loser: loser.loser,
            survivor: loser.survivor,
        }));
        Ok(())
    }

    fn replay_window(&self, partition: &PartitionState, record: &Record, event: &Event) -> Option<Duration> {
        if &*event.name != name::DEFINITIONS_PUBLISHED {
            return None;
        }
        let published: DefinitionsPublished = payload(event).ok()?;
        let kept = partition.workspace(&event.workspace)?;
        // A version that was in force already brings nothing new; neither does one that changes only plays that events
        // start.
        let brings =
            kept.version == published.version && kept.since_offset == record.offset && !kept.fresh.is_empty();
        (brings && published.replay_millis > 0).then(|| Duration::from_millis(published.replay_millis))
    }

    fn replay(
        &self,
        partition: &PartitionState,
        state: &mut CustomerState,
        input: Input<'_>,
        effects: &mut Effects<Row>,
    ) -> Result<(), StepError> {
        let Some(kept) = partition.workspace(input.workspace()) else { return Ok(()) };
        match input {
            Input::Record { record, event } => {
                let definitions = self.cache.definitions(&event.workspace, kept);
                let mut turn =
                    turn(&event.workspace, event.customer, record.received_at, false, kept, effects);
                plays::arm_schedules(state, &mut turn, &definitions);
                let fresh = |target: Target| kept.fresh.contains(&definitions.id_of(target));
                let targets = definitions.interests.of(event).filter(|target| fresh(*target));
                let view = EventView::new(event, record.received_at);
                tell(
                    state,
                    &mut turn,
                    &definitions,
                    targets,
                    &view,
                    Timeliness { late: false, historical: true },
                );
            }
            Input::Timer { workspace, customer, key, deadline } => {
                let turn = turn(workspace, customer, deadline, false, kept, effects);
                self.timer(kept, state, turn, key);
            }
        }
        Ok(())
    }
}

impl Journeys {
    /// The definitions that are in force in a workspace.
    pub(crate) fn definitions(
        &self,
        workspace: &WorkspaceId,
        kept: &WorkspaceState,
    ) -> std::sync::Arc<Definitions> {
        self.cache.definitions(workspace, kept)
    }

    fn record(
        &self,
        kept: Option<&WorkspaceState>,
        state: &mut CustomerState,
        record: &Record,
        event: &Event,
        effects: &mut Effects<Row>,
    ) -> Result<(), StepError> {
        let late = note(state, event)?;
        let Some(kept) = kept.filter(|kept| kept.version > 0) else { return Ok(()) };
        let definitions = self.definitions(&event.workspace, kept);
        let targets = definitions.interests.of(event);
        let is_judgement = &*event.name == name::MOMENT_JUDGED;
        let live = !event.historical || kept.historical_effects();
        let mut turn = turn(&event.workspace, event.customer, record.received_at, live, kept, effects);
        plays::arm_schedules(state, &mut turn, &definitions);
        let standing = Standing { workspace: kept, definitions: &definitions };
        if live && !state.rollouts.is_empty() {
            plays::watch(state, &mut turn, standing, &EventView::new(event, record.received_at));
        }
        if targets.clone().next().is_none() && state.plays.is_empty() && !is_judgement {
            return Ok(());
        }
        let view = EventView::new(event, record.received_at);
        if is_judgement {
            judged(state, &mut turn, &definitions, &payload(event)?);
        }
        let timeliness = Timeliness { late, historical: event.historical };
        tell(state, &mut turn, &definitions, targets.clone(), &view, timeliness);
        if live && !state.plays.is_empty() {
            let find = |name: &str, version| self.cache.play(&event.workspace, kept, name, version);
            if &*event.name == name::PLAY_MIGRATION_COMMANDED {
                plays::migrate(state, &mut turn, standing, &find, &payload(event)?);
            }
            plays::react(state, &mut turn, standing, &find, &view);
        }
        start_plays(state, &mut turn, standing, targets, &view, late);
        Ok(())
    }

    fn timer(&self, kept: &WorkspaceState, state: &mut CustomerState, mut turn: Turn<'_>, key: &str) {
        let workspace = turn.owner.workspace.clone();
        let definitions = self.definitions(&workspace, kept);
        let Some((family, rest)) = key.split_once(':') else { return };
        let standing = Standing { workspace: kept, definitions: &definitions };
        let (id, what) = rest.split_once(':').unwrap_or((rest, ""));
        match (family, Uuid::parse_str(id)) {
            ("pattern", _) => advance(state, &mut turn, &definitions, rest),
            ("promise", Ok(id)) => alarm(state, &mut turn, &definitions, id, Alarm::parse(what)),
            ("case", Ok(id)) => cases::window_closed(state, &mut turn, id),
            ("journey", Ok(id)) => journeys::abandoned(state, &mut turn, id),
            ("schedule", _) => plays::schedule_due(state, &mut turn, standing, rest),
            ("play", Ok(id)) => {
                let find = |name: &str, version| self.cache.play(&workspace, kept, name, version);
                plays::wait_ended(state, &mut turn, standing, &find, id);
            }
            // A timer of an earlier version of the software.
            _ => {}
        }
    }
}

fn turn<'a>(
    workspace: &WorkspaceId,
    customer: CustomerId,
    now: Timestamp,
    live: bool,
    kept: &'a WorkspaceState,
    effects: &'a mut Effects<Row>,
) -> Turn<'a> {
    let owner = Owner { workspace: workspace.clone(), customer };
    Turn { owner, now, live, learned: &kept.learned, effects }
}

fn publish(
    partition: &mut PartitionState,
    record: &Record,
    event: &Event,
    effects: &mut Effects<Row>,
) -> Result<(), StepError> {
    let published: DefinitionsPublished = payload(event)?;
    let version = published.version;
    let manifests = serde_json::to_string(&published.manifests)
        .map_err(|error| StepError { reason: format!("the manifests can't be written: {error}") })?;
    if partition.publish(&event.workspace, record.offset, published) {
        effects.row(Row::Definitions(DefinitionsRow {
            workspace: event.workspace.clone(),
            partition: record.partition,
            version,
            offset: record.offset.0,
            switched_at: record.received_at,
            manifests,
        }));
    }
    for (play, begun) in partition.roll_out(&event.workspace) {
        effects.row(Row::Rollout(RolloutRow {
            workspace: event.workspace.clone(),
            at: record.received_at,
            decided: begun.beginning(play),
        }));
    }
    Ok(())
}

/// A decision about a rollout comes into force here.
fn decide(
    partition: &mut PartitionState,
    event: &Event,
    effects: &mut Effects<Row>,
) -> Result<(), StepError> {
    let decided: RolloutDecided = payload(event)?;
    if partition.decide(&event.workspace, &decided) {
        let (workspace, at) = (event.workspace.clone(), event.occurred_at);
        effects.row(Row::Rollout(RolloutRow { workspace, at, decided }));
    }
    Ok(())
}

/// The payload of one of Elate's own events. One that can't be read is set aside with the reason.
fn payload<T: DeserializeOwned>(event: &Event) -> Result<T, StepError> {
    event.properties.read().map_err(|error| StepError { reason: format!("{}: {error}", event.name) })
}

/// Notes what every event tells, whatever the definitions; answers whether it is late.
fn note(state: &mut CustomerState, event: &Event) -> Result<bool, StepError> {
    if event.event_type == EventType::System {
        if &*event.name == name::PREFERENCES_CHANGED {
            state.profile.prefer(payload::<PreferencesChanged>(event)?);
        }
        return Ok(false);
    }
    // What Elate's services emit follows from other events; it neither comes late nor makes others late. That goes
    // for the events of a play's `emit` too, which happen in log time: a customer's recorded past, still on its way,
    // must not depend on how soon they are back.
    if event.producer.is_some() {
        return Ok(false);
    }
    state.profile.identify(event);
    let newest = *state.newest.get_or_insert(event.occurred_at);
    let late = newest.millis_since(event.occurred_at) > ALLOWED_LATENESS_MILLIS;
    state.newest = Some(newest.max(event.occurred_at));
    state.late += u64::from(late);
    Ok(late)
}

/// The deadline of a pattern has passed.
fn advance(state: &mut CustomerState, turn: &mut Turn<'_>, definitions: &Definitions, moment: &str) {
    let found = definitions.moment(moment).map(|definition| (definition, &definition.kind));
    let Some((definition, Kind::Pattern(pattern))) = found else {
        // The definition is gone, or is no pattern any more: what it had begun is of no use.
        state.patterns.remove(moment);
        return;
    };
    let listens = definitions.interests.has_name(name::PATTERN_TIMED_OUT);
    moments::advance(state, turn, definition, pattern, listens);
}

/// A deadline of a promise has passed.
fn alarm(
    state: &mut CustomerState,
    turn: &mut Turn<'_>,
    definitions: &Definitions,
    promise: Uuid,
    alarm: Option<Alarm>,
) {
    let Some(place) = state.promises.iter().position(|known| known.id == promise) else { return };
    match (definitions.promises(&state.promises[place].moment), alarm) {
        (Some(rules), Some(alarm)) => promises::fire(state, turn, rules, place, alarm),
        // Nobody judges it any more, so nobody is promised anything any more.
        (None, _) => {
            state.promises.remove(place);
        }
        (Some(_), None) => {}
    }
}
