//! Two customers turned out to be one: what was kept for the one who was merged away goes to the one who stays.

use elate_consumer::Effects;
use elate_domain::Timestamp;

use super::moments;
use super::rows::Row;
use super::state::{CustomerState, PlayMemory, limits};

/// Takes over everything that the survivor does not have itself. Where both have something of one kind and key, the
/// survivor's stands: it is the older customer.
pub(crate) fn merge(survivor: &mut CustomerState, loser: CustomerState) {
    survivor.newest = survivor.newest.max(loser.newest);
    survivor.late += loser.late;
    survivor.dropped += loser.dropped;
    survivor.profile.merge(loser.profile);
    for (moment, habit) in loser.habits {
        survivor.habits.entry(moment).or_insert(habit);
    }
    for (moment, slot) in loser.patterns {
        let kept = survivor.patterns.entry(moment).or_insert_with(|| slot.clone());
        if kept.fingerprint == slot.fingerprint {
            for (key, held) in slot.keys {
                kept.keys.entry(key).or_insert(held);
            }
        }
    }
    let dropped = [
        join(&mut survivor.promises, loser.promises, limits::PROMISES, |a, b| {
            a.moment == b.moment && a.key == b.key
        }),
        join(&mut survivor.cases, loser.cases, limits::CASES, |a, b| {
            a.touchpoint == b.touchpoint && a.key == b.key
        }),
        join(&mut survivor.journeys, loser.journeys, limits::JOURNEYS, |a, b| {
            a.journey == b.journey && a.key == b.key
        }),
        join(&mut survivor.plays, loser.plays, limits::PLAYS, |a, b| a.play == b.play && a.key == b.key),
        join(&mut survivor.completed, loser.completed, limits::COMPLETED, |a, b| a == b),
    ];
    survivor.dropped += dropped.iter().sum::<u64>();
    // Timers of the one who was merged away came along; set anew at the next event, they stand as they should.
    survivor.schedules.version = 0;
    survivor.schedules.plays.extend(loser.schedules.plays);
    survivor.held_out = survivor.held_out.or(loser.held_out);
    survivor.dropped += join_times(&mut survivor.entries, loser.entries);
    // Both were counted; from here on one of them is watched.
    for (play, exposure) in loser.rollouts {
        survivor.rollouts.entry(play).or_insert(exposure);
    }
    for (play, memory) in loser.memory {
        remember(survivor.memory.entry(play).or_default(), memory);
    }
}

/// Sets the timers of patterns, of which one alone stands for the two that there were.
pub(crate) fn rearm(survivor: &mut CustomerState, now: Timestamp, effects: &mut Effects<Row>) {
    for (moment, slot) in &mut survivor.patterns {
        let earliest = slot.keys.values().filter_map(|held| held.next_deadline()).min().map(Timestamp);
        if let Some(deadline) = earliest {
            effects.set_timer(moments::timer(moment), deadline.max(now));
        }
        slot.timer = earliest;
    }
}

/// Appends what is not there yet, up to a limit; answers how many were left out.
fn join<T>(kept: &mut Vec<T>, more: Vec<T>, limit: usize, same: impl Fn(&T, &T) -> bool) -> u64 {
    let mut left_out = 0;
    for item in more {
        if kept.iter().any(|known| same(known, &item)) || kept.len() >= limit {
            left_out += 1;
        } else {
            kept.push(item);
        }
    }
    left_out
}

/// Joins the times of entries, the latest last; answers how many old ones went.
fn join_times(kept: &mut Vec<Timestamp>, more: Vec<Timestamp>) -> u64 {
    kept.extend(more);
    kept.sort_unstable();
    let over = kept.len().saturating_sub(limits::ENTRIES);
    kept.drain(..over);
    over as u64
}

fn remember(kept: &mut PlayMemory, loser: PlayMemory) {
    kept.held_out = kept.held_out.or(loser.held_out);
    kept.evaluations = kept.evaluations.max(loser.evaluations);
    let more =
        loser.entered.into_iter().filter(|(key, _)| !kept.entered.iter().any(|(known, _)| known == key));
    let more: Vec<_> = more.collect();
    kept.entered.extend(more);
    kept.entered.sort_by_key(|(_, at)| *at);
    join_times(&mut kept.entries, loser.entries);
    let over = kept.entered.len().saturating_sub(limits::KEYS);
    kept.entered.drain(..over);
}
