//! Journeys: where a customer stands on the way, told by the touchpoints that were visited.

use elate_domain::system::{JourneyMoved, MomentJudged, name};
use elate_domain::{HumanDuration, Stage};
use elate_manifest::expression::{EventView, Scope, Value};
use elate_manifest::spec::EventMatch;
use uuid::Uuid;

use super::ids::Of;
use super::moves::{self, Cause, MoveKind};
use super::rows::{JourneyPhase, JourneyRow, Row};
use super::state::{CustomerState, JourneyInstance, limits};
use super::turn::Turn;

/// What a Journey manifest says.
#[derive(Debug, Clone)]
pub(crate) struct Journey {
    pub(crate) name: String,
    pub(crate) key: Option<Value>,
    pub(crate) entry: Option<EventMatch>,
    pub(crate) completion: Option<EventMatch>,
    pub(crate) abandon_after: Option<HumanDuration>,
    /// The stages in the order of the design. An entry without a touchpoint stands at the first.
    pub(crate) stages: Vec<Stage>,
    pub(crate) touchpoints: Vec<Touchpoint>,
    /// How long the recovery cases of its links are watched, in milliseconds.
    pub(crate) recovery_window_millis: i64,
}

/// One touchpoint of a journey.
#[derive(Debug, Clone)]
pub(crate) struct Touchpoint {
    pub(crate) name: String,
    pub(crate) stage: Stage,
    pub(crate) product: String,
    pub(crate) channel: String,
    pub(crate) on: Option<EventMatch>,
}

impl Journey {
    /// All events that it listens to.
    pub(crate) fn events(&self) -> impl Iterator<Item = &EventMatch> {
        let visits = self.touchpoints.iter().filter_map(|touchpoint| touchpoint.on.as_ref());
        self.entry.iter().chain(&self.completion).chain(visits)
    }

    fn key_of(&self, scope: &Scope<'_>) -> Option<String> {
        match &self.key {
            Some(key) => key.text_of(scope).ok(),
            None => Some(String::new()),
        }
    }
}

/// A visit: the stage, the touchpoint where there is one, and what made it.
struct Visit<'a> {
    stage: Stage,
    touchpoint: Option<&'a Touchpoint>,
    cause: Cause<'a>,
}

impl Visit<'_> {
    /// Which way an instance goes by this visit.
    fn kind(&self, journey: &Journey, instance: &JourneyInstance) -> MoveKind {
        let place = |stage: &str| journey.stages.iter().position(|designed| designed.as_str() == stage);
        let touchpoint = self.touchpoint.map(|touchpoint| touchpoint.name.as_str());
        match place(self.stage.as_str()).cmp(&place(&instance.stage)) {
            std::cmp::Ordering::Greater => MoveKind::Forward,
            std::cmp::Ordering::Less => MoveKind::Backward,
            std::cmp::Ordering::Equal if touchpoint.is_none_or(|name| name == instance.touchpoint) => {
                MoveKind::Repeated
            }
            std::cmp::Ordering::Equal => MoveKind::Within,
        }
    }
}

/// The timer by which an instance is given up.
fn timer(instance: Uuid) -> String {
    format!("journey:{instance}:abandon")
}

/// Lets an event happen on a journey.
pub(crate) fn event(state: &mut CustomerState, turn: &mut Turn<'_>, journey: &Journey, event: &EventView) {
    if !journey.events().any(|meant| meant.fits(event)) {
        return;
    }
    let traits = state.profile.shared();
    let scope = Scope::of_event(event).customer(&traits).now(turn.now);
    let Some(key) = journey.key_of(&scope) else { return };
    let meant =
        |events: &Option<EventMatch>| events.as_ref().is_some_and(|meant| meant.matches(event, &scope));
    let touchpoint = journey.touchpoints.iter().find(|touchpoint| meant(&touchpoint.on));
    let enters = meant(&journey.entry);
    let completes = meant(&journey.completion);
    let stage =
        touchpoint.map(|touchpoint| touchpoint.stage).or(journey.stages.first().copied().filter(|_| enters));
    let cause = Cause {
        occurred_at: event.occurred_at,
        touchpoint: touchpoint.map_or("", |touchpoint| touchpoint.name.as_str()),
        event: Some(event),
        traits: Some(&*traits),
    };
    if let Some(stage) = stage {
        let may_enter = enters || (journey.entry.is_none() && !is_completed(state, journey, &key));
        visit(
            state,
            turn,
            journey,
            &key,
            &Visit { stage, touchpoint, cause },
            may_enter.then_some(&*event.message_id),
        );
    }
    if completes {
        complete(state, turn, journey, &key, &cause);
    }
}

/// A judged moment is a visit of its touchpoint too.
pub(crate) fn judged(
    state: &mut CustomerState,
    turn: &mut Turn<'_>,
    journey: &Journey,
    moment: &MomentJudged,
) {
    let found = journey.touchpoints.iter().find(|touchpoint| touchpoint.name == moment.touchpoint);
    // Touchpoints with events of their own are visited by those; a judgement may come long after the visit.
    let Some(touchpoint) = found.filter(|touchpoint| touchpoint.on.is_none()) else { return };
    if moment.revision > 0 {
        return;
    }
    let cause = Cause { touchpoint: &touchpoint.name, ..Cause::time(moment.occurred_at) };
    let seen = Visit { stage: touchpoint.stage, touchpoint: Some(touchpoint), cause };
    visit(state, turn, journey, &moment.key, &seen, None);
}

/// Moves the instance of a key, or begins one where the visit may (`entry` is then the message that began it).
fn visit(
    state: &mut CustomerState,
    turn: &mut Turn<'_>,
    journey: &Journey,
    key: &str,
    visit: &Visit<'_>,
    entry: Option<&str>,
) {
    let place = state.journeys.iter().position(|known| known.journey == journey.name && known.key == key);
    let Some(place) = place else {
        if let Some(message_id) = entry {
            enter(state, turn, journey, key, visit, message_id);
        }
        return;
    };
    let now = turn.now;
    let instance = &mut state.journeys[place];
    let touchpoint = visit.touchpoint.map_or("", |touchpoint| touchpoint.name.as_str());
    let kind = visit.kind(journey, instance);
    let from = std::mem::replace(&mut instance.stage, visit.stage.as_str().to_owned());
    let moved = from != instance.stage || (!touchpoint.is_empty() && touchpoint != instance.touchpoint);
    if !touchpoint.is_empty() {
        instance.touchpoint = touchpoint.to_owned();
    }
    instance.moved_at = now;
    moves::tell(turn, instance, kind, &visit.cause);
    let instance = instance.clone();
    arm(turn, journey, &instance);
    if moved {
        report(turn, &instance, "moved", JourneyPhase::Active, Some(from));
    }
}

fn enter(
    state: &mut CustomerState,
    turn: &mut Turn<'_>,
    journey: &Journey,
    key: &str,
    visit: &Visit<'_>,
    message_id: &str,
) {
    if state.journeys.len() >= limits::JOURNEYS {
        let mut oldest = state.journeys.remove(0);
        state.dropped += 1;
        turn.effects.cancel_timer(timer(oldest.id));
        let given_up = Cause::time(turn.now);
        moves::tell(turn, &mut oldest, MoveKind::Abandoned, &given_up);
        report(turn, &oldest, "abandoned", JourneyPhase::Abandoned, None);
    }
    let mut instance = JourneyInstance {
        id: turn.id(Of::Journey, &[&journey.name, key, message_id]),
        journey: journey.name.clone(),
        key: key.to_owned(),
        stage: visit.stage.as_str().to_owned(),
        touchpoint: visit.touchpoint.map_or_else(String::new, |touchpoint| touchpoint.name.clone()),
        entered_at: turn.now,
        moved_at: turn.now,
        began_at: Some(visit.cause.occurred_at),
        moves: 0,
    };
    moves::tell(turn, &mut instance, MoveKind::Entered, &visit.cause);
    arm(turn, journey, &instance);
    report(turn, &instance, "entered", JourneyPhase::Active, None);
    state.journeys.push(instance);
}

fn complete(state: &mut CustomerState, turn: &mut Turn<'_>, journey: &Journey, key: &str, cause: &Cause<'_>) {
    let place = state.journeys.iter().position(|known| known.journey == journey.name && known.key == key);
    let Some(place) = place else { return };
    let mut instance = state.journeys.remove(place);
    turn.effects.cancel_timer(timer(instance.id));
    moves::tell(turn, &mut instance, MoveKind::Completed, cause);
    report(turn, &instance, "completed", JourneyPhase::Completed, None);
    if key.is_empty() {
        return;
    }
    if state.completed.len() >= limits::COMPLETED {
        state.completed.remove(0);
    }
    state.completed.push((journey.name.clone(), key.to_owned()));
}

fn is_completed(state: &CustomerState, journey: &Journey, key: &str) -> bool {
    state.completed.iter().any(|(known, of)| *known == journey.name && of == key)
}

/// Nothing happened for as long as the journey allows.
pub(crate) fn abandoned(state: &mut CustomerState, turn: &mut Turn<'_>, instance: Uuid) {
    let Some(place) = state.journeys.iter().position(|known| known.id == instance) else { return };
    let mut instance = state.journeys.remove(place);
    let silence = Cause::time(turn.now);
    moves::tell(turn, &mut instance, MoveKind::Abandoned, &silence);
    report(turn, &instance, "abandoned", JourneyPhase::Abandoned, None);
}

fn arm(turn: &mut Turn<'_>, journey: &Journey, instance: &JourneyInstance) {
    if let Some(after) = journey.abandon_after {
        turn.set_timer(timer(instance.id), turn.now.plus(after.0));
    }
}

fn report(
    turn: &mut Turn<'_>,
    instance: &JourneyInstance,
    change: &str,
    phase: JourneyPhase,
    from: Option<String>,
) {
    let ends = phase != JourneyPhase::Active;
    let moved = JourneyMoved {
        journey: instance.journey.clone(),
        instance_id: instance.id.to_string(),
        key: instance.key.clone(),
        change: change.to_owned(),
        from: if ends { Some(instance.stage.clone()) } else { from },
        to: (!ends).then(|| instance.stage.clone()),
        touchpoint: Some(instance.touchpoint.clone()).filter(|touchpoint| !touchpoint.is_empty()),
    };
    turn.emit(name::JOURNEY_MOVED, turn.now, &moved);
    turn.row(Row::Journey(JourneyRow {
        owner: turn.owner.clone(),
        instance_id: instance.id,
        journey: instance.journey.clone(),
        key: instance.key.clone(),
        phase,
        stage: instance.stage.clone(),
        touchpoint: instance.touchpoint.clone(),
        began_at: instance.began_at,
        entered_at: instance.entered_at,
        moved_at: turn.now,
    }));
}
