//! Plays that the calendar starts: a timer for each customer, set to the next time of the rule.
//!
//! A customer's timers are set by the first event under the definitions that bring the play, and set anew when the
//! definitions or the customer's zone change. Whoever nothing happens to is not known here, and is not in any audience.

use std::sync::Arc;

use chrono::{Days, NaiveDate};
use chrono_tz::Tz;
use elate_domain::{EventType, RawJson, Timestamp};
use elate_manifest::expression::{EventView, LazyJson};
use elate_manifest::spec::{ScheduleTrigger, Trigger};
use elate_reach::local;
use serde_json::json;

use super::wait::{Zones, zone_of};
use super::{Play, Standing, Triggered, evaluate};
use crate::model::definitions::Definitions;
use crate::model::state::{CustomerState, Schedules};
use crate::model::turn::Turn;

/// The name of the event that conditions and templates see.
const DUE: &str = "elate.schedule.due";
/// Named as its source.
const SOURCE: &str = "elate-journeys";

/// The timer of a play's next time.
fn timer(play: &str) -> String {
    format!("schedule:{play}")
}

/// What the calendar starts, of a play that it does start.
fn trigger(play: &Play) -> Option<&ScheduleTrigger> {
    match &play.spec.trigger {
        Trigger::Schedule(schedule) => Some(schedule),
        Trigger::Moment(_)
        | Trigger::Promise(_)
        | Trigger::Score(_)
        | Trigger::Stage(_)
        | Trigger::Case(_)
        | Trigger::Event(_) => None,
    }
}

/// Whether the calendar starts the play.
pub(crate) fn is_scheduled(play: &Play) -> bool {
    trigger(play).is_some()
}

/// Sets the customer's timers, where they do not stand as these definitions and the customer's zone want them.
pub(crate) fn arm(state: &mut CustomerState, turn: &mut Turn<'_>, definitions: &Definitions) {
    if definitions.scheduled.is_empty() && state.schedules.plays.is_empty() {
        return;
    }
    let zone = state.profile.time_zone();
    if state.schedules.version == definitions.version && state.schedules.zone.as_deref() == zone {
        return;
    }
    let zone = zone.map(str::to_owned);
    let mut plays = Vec::with_capacity(definitions.scheduled.len());
    for play in &definitions.scheduled {
        if set(turn, definitions, play, zone.as_deref()) {
            plays.push(play.name.clone());
        }
    }
    for gone in state.schedules.plays.iter().filter(|name| !plays.contains(name)) {
        turn.effects.cancel_timer(timer(gone));
    }
    state.schedules = Schedules { version: definitions.version, zone, plays };
}

/// Sets the timer of a play to its next time; answers whether there is one.
fn set(turn: &mut Turn<'_>, definitions: &Definitions, play: &Play, zone: Option<&str>) -> bool {
    let Some(schedule) = trigger(play) else { return false };
    let zones = Zones { customer: zone, workspace: definitions.zone };
    let Some(at) = next(schedule, zone_of(schedule.zone, zones).0, turn.now) else { return false };
    turn.effects.set_timer(timer(&play.name), at);
    true
}

/// The first time of a schedule after `after`.
fn next(schedule: &ScheduleTrigger, zone: Tz, after: Timestamp) -> Option<Timestamp> {
    let today = local::clock(zone, after).date();
    // Yesterday's too: where the clock is set back over midnight, its time may still be ahead.
    let from = today.checked_sub_days(Days::new(1)).unwrap_or(NaiveDate::MIN);
    let days = schedule.rule.days(schedule.start.0, from);
    let mut times = days.map(|day| local::instants(zone, day.and_time(schedule.at.0)).first());
    times.find(|at| *at > after)
}

/// A time of a play has come, or had when its timer was set.
pub(crate) fn due(state: &mut CustomerState, turn: &mut Turn<'_>, standing: Standing<'_>, play: &str) {
    let definitions = standing.definitions;
    let found = definitions.scheduled.iter().find(|scheduled| scheduled.name == play);
    let Some((play, schedule)) = found.and_then(|play| Some((play, trigger(play)?))) else {
        state.schedules.plays.retain(|name| name != play);
        return;
    };
    let zones = Zones { customer: state.profile.time_zone(), workspace: definitions.zone };
    let (zone, whose) = zone_of(schedule.zone, zones);
    let now = turn.now;
    if let Some(at) = next(schedule, zone, now) {
        turn.effects.set_timer(timer(&play.name), at);
    }
    // The rule may have changed since the timer was set; while history is being built up nothing is started.
    let is_time = next(schedule, zone, now.plus_millis(-1)) == Some(now);
    if !is_time || !turn.live {
        return;
    }
    let told =
        format!("{} by the clock of {zone} ({whose}), by {}", schedule.at.0.format("%H:%M"), schedule.rule);
    let event = event(&play.name, now);
    evaluate(state, turn, standing, play, Triggered { told, ..Triggered::default() }, &event);
}

/// What conditions and templates see of a time that has come.
fn event(play: &str, now: Timestamp) -> EventView {
    let properties = RawJson::of(&json!({ "play": play, "due": now }));
    EventView {
        name: Arc::from(DUE),
        event_type: EventType::System,
        occurred_at: now,
        received_at: now,
        message_id: Arc::from(format!("schedule:{play}:{}", now.0)),
        source: Arc::from(SOURCE),
        user_id: None,
        anonymous_id: None,
        properties: LazyJson::new(properties),
        traits: LazyJson::default(),
        context: LazyJson::default(),
    }
}
