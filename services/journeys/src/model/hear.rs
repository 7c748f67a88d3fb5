//! What an event is to the definitions that it may concern.

use elate_domain::system::{MomentJudged, name};
use elate_manifest::expression::EventView;
use elate_manifest::pattern::PatternConditions;
use elate_patterns::{Occurrence, Scratch};

use super::definitions::{Definitions, Target};
use super::moments::{self, Kind, Seen};
use super::plays::{self, Standing, Told};
use super::state::CustomerState;
use super::turn::Turn;
use super::{cases, journeys, kept, promises};
use crate::metrics;

/// When an event came, compared with others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeliness {
    /// Too late for patterns.
    pub(super) late: bool,
    /// Part of an import, or of a replay.
    pub(super) historical: bool,
}

/// A judgement came back from the log: recovery cases and journeys take note of it.
pub(super) fn judged(
    state: &mut CustomerState,
    turn: &mut Turn<'_>,
    definitions: &Definitions,
    moment: &MomentJudged,
) {
    cases::judged(state, turn, moment, definitions.recovery_window_millis(&moment.journey));
    if let Some(journey) = definitions.journey(&moment.journey) {
        journeys::judged(state, turn, journey, moment);
    }
}

/// Lets an event happen to the moments and journeys that it may concern.
pub(super) fn tell(
    state: &mut CustomerState,
    turn: &mut Turn<'_>,
    definitions: &Definitions,
    targets: impl Iterator<Item = Target>,
    event: &EventView,
    timeliness: Timeliness,
) {
    let listens = definitions.interests.has_name(name::PATTERN_TIMED_OUT);
    let mut patterns = Vec::new();
    for target in targets {
        match target {
            Target::Moment(place) => {
                let Some(moment) = definitions.moments.get(place as usize) else { continue };
                match &moment.kind {
                    Kind::Promise(rules) => promises::event(state, turn, rules, event),
                    Kind::Single(single) if !timeliness.late => {
                        moments::judge(state, turn, moment, single, event)
                    }
                    Kind::Pattern(pattern) if !timeliness.late => patterns.push((moment, pattern)),
                    Kind::Single(_) | Kind::Pattern(_) => {}
                }
            }
            Target::Journey(place) if !timeliness.late => {
                if let Some(journey) = definitions.journeys.get(place as usize) {
                    journeys::event(state, turn, journey, event);
                }
            }
            Target::Journey(_) | Target::Play(_) => {}
        }
    }
    if patterns.is_empty() {
        return;
    }
    let keeps_context = patterns.iter().any(|(_, pattern)| pattern.compiled.keeps_context);
    let captured = kept(event, keeps_context);
    let traits = state.profile.shared();
    let mut conditions = PatternConditions::new(&definitions.words, event, &traits);
    let mut scratch = Scratch::default();
    let class = definitions.words.class_of(&event.name);
    let times = moments::times(event);
    let occurrence = Occurrence::new(&captured, class, times, &mut conditions, &mut scratch)
        .overdue(moments::overdue(timeliness.historical));
    let mut seen = Seen { event, occurrence, historical: timeliness.historical };
    for (moment, pattern) in patterns {
        moments::step(state, turn, moment, pattern, &mut seen, listens);
    }
    let failures = conditions.failures();
    if failures > 0 {
        metrics::CONDITIONS_FAILED.counter(metrics::NO_LABELS).increment(u64::from(failures));
    }
}

/// Starts the plays that an event triggers, in the order of their priority.
pub(super) fn start_plays(
    state: &mut CustomerState,
    turn: &mut Turn<'_>,
    standing: Standing<'_>,
    targets: impl Iterator<Item = Target>,
    event: &EventView,
    late: bool,
) {
    let places = targets.filter_map(|target| match target {
        Target::Play(place) => Some(place as usize),
        Target::Moment(_) | Target::Journey(_) => None,
    });
    let mut places: Vec<usize> = places.collect();
    // Plays stand in the order of their priority.
    places.sort_unstable();
    for place in places {
        let Some(play) = standing.definitions.plays.get(place) else { continue };
        match plays::triggered(play, state, turn, event) {
            Told::Elsewhere => {}
            Told::Missed(reason) => plays::missed(turn, standing, play, "trigger", &reason, event),
            Told::Triggered(_) if late => {
                plays::missed(turn, standing, play, "late", "came too late to start anything", event);
            }
            Told::Triggered(triggered) => plays::evaluate(state, turn, standing, play, triggered, event),
        }
    }
}
