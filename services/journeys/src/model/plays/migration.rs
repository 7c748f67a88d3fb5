//! Moving instances to a newer wording of their play: only by command, one instance at a time.
//!
//! An instance in a state waits, and goes on at the same place: the newer wording must have a wait there too. How long
//! that one lasts counts from when the instance began to wait; where it is over by that already, it ends at once.

use elate_domain::system::PlayMigrationCommanded;
use elate_manifest::spec::{PlayStep, Wait};
use uuid::Uuid;

use super::log;
use super::react::Find;
use super::{Play, Standing, path, run, wait};
use crate::model::state::CustomerState;
use crate::model::turn::Turn;

/// The wait at which an instance could go on in a wording, or why there is none.
pub(crate) fn goes_on<'a>(to: &'a Play, at: &str) -> Result<&'a Wait, String> {
    match path::step(&to.spec.steps, at) {
        Some(PlayStep::Wait(wait)) => Ok(wait),
        Some(other) => Err(format!("the step {at} is `{}` there, and no wait", other.kind())),
        None => Err(format!("there is no step {at}")),
    }
}

/// Does what a command says. An instance that is over, or runs that wording already, is left alone.
pub(crate) fn migrate(
    state: &mut CustomerState,
    turn: &mut Turn<'_>,
    standing: Standing<'_>,
    find: &Find<'_>,
    command: &PlayMigrationCommanded,
) {
    let Ok(id) = Uuid::parse_str(&command.instance_id) else { return };
    let Some(place) = state.plays.iter().position(|known| known.id == id && known.play == command.play)
    else {
        return;
    };
    let mut instance = state.plays[place].clone();
    // A version that is not in force yet is no wording to run.
    if instance.version >= command.version || command.version > standing.definitions.version {
        return;
    }
    let to = find(&instance.play, command.version);
    let answer = to.as_deref().ok_or_else(|| "that version has no such play".to_owned());
    let found = answer.and_then(|play| goes_on(play, &instance.at).cloned());
    let wait = match found {
        Ok(wait) => wait,
        Err(reason) => {
            log::migration(turn, &mut instance, "not_migrated", &reason);
            state.plays[place] = instance;
            return;
        }
    };
    let before = find(&instance.play, instance.version);
    let same = before.is_some_and(|play| goes_on(&play, &instance.at) == Ok(&wait));
    let reason = format!("from version {} to {}", instance.version, command.version);
    instance.version = command.version;
    if let Some(since) = instance.since.filter(|_| !same) {
        let zones = wait::Zones { customer: state.profile.time_zone(), workspace: standing.definitions.zone };
        instance.until = wait::end(&wait, since, zones).at;
        match instance.until {
            Some(until) => turn.effects.set_timer(run::timer(instance.id), until.max(turn.now)),
            None => turn.effects.cancel_timer(run::timer(instance.id)),
        }
    }
    log::migration(turn, &mut instance, "migrated", &reason);
    state.plays[place] = instance;
}
