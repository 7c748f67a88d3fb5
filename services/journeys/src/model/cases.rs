//! Recovery cases: opened by a miserable moment, closed by what the customer lived through next on the same link.
//!
//! A case watches its link (the touchpoint) for a window. The first moment in it that is neutral or better means
//! *recovered*, and a miserable one, before or after that, *relapsed*: at once, so that a play can act on it. At the
//! window's end a case that saw nothing is *lost*. What stands then stands: the link's moments within the window
//! were neutral or better and none was miserable, or it is not recovered. Judgements come back from the log as events
//! like any other, so moments of every service count.

use elate_domain::system::{CaseChanged, MomentJudged, name};
use elate_domain::{CaseState, Outcome, Timestamp};
use uuid::Uuid;

use super::ids::Of;
use super::rows::{CaseRow, Row};
use super::state::{Case, CustomerState, limits};
use super::turn::Turn;

/// The timer that closes a case's window.
pub(crate) fn timer(case: Uuid) -> String {
    format!("case:{case}:window")
}

/// Takes a judged moment: it may close cases of its link, and open one. `window_millis` is for how long a case that
/// this moment opens is watched.
pub(crate) fn judged(
    state: &mut CustomerState,
    turn: &mut Turn<'_>,
    moment: &MomentJudged,
    window_millis: i64,
) {
    if moment.touchpoint.is_empty() {
        return;
    }
    revise(state, turn, moment);
    watch(state, turn, moment);
    // A revision tells of the same misery again, for which a case was opened at the first judgement.
    if moment.outcome == Outcome::Miserable && moment.revision == 0 {
        open(state, turn, moment, window_millis);
    }
}

/// A judgement that turned out better than it seemed closes the case that it had opened.
fn revise(state: &mut CustomerState, turn: &mut Turn<'_>, moment: &MomentJudged) {
    if moment.outcome == Outcome::Miserable {
        return;
    }
    let opened = |case: &Case| case.moment_id == moment.moment_id;
    while let Some(place) = state.cases.iter().position(opened) {
        let mut case = state.cases.remove(place);
        case.better_at.get_or_insert(moment.occurred_at);
        close(turn, case, CaseState::Recovered, "the moment that opened it was judged again, and better");
    }
}

/// The cases that are open on the moment's link take note of it.
fn watch(state: &mut CustomerState, turn: &mut Turn<'_>, moment: &MomentJudged) {
    let mut place = 0;
    while let Some(case) = state.cases.get_mut(place) {
        let concerned = case.touchpoint == moment.touchpoint
            && case.moment_id != moment.moment_id
            // Moments that were experienced before the failure say nothing about the recovery.
            && moment.occurred_at >= case.opened_at;
        if concerned && moment.outcome == Outcome::Miserable {
            let case = state.cases.remove(place);
            close(turn, case, CaseState::Relapsed, "another miserable moment on the same link");
            continue;
        }
        if concerned && case.state != CaseState::Recovered {
            case.better_at = Some(moment.occurred_at);
            case.state = CaseState::Recovered;
            let case = case.clone();
            report(turn, &case, Some(turn.now), "the next moment on the link was neutral or better");
        }
        place += 1;
    }
}

fn open(state: &mut CustomerState, turn: &mut Turn<'_>, moment: &MomentJudged, window_millis: i64) {
    let same = |case: &Case| case.touchpoint == moment.touchpoint && case.key == moment.key;
    if state.cases.iter().any(same) {
        return;
    }
    let id = turn.id(Of::Case, &[&moment.touchpoint, &moment.key, &moment.moment_id]);
    let case = Case {
        id,
        journey: moment.journey.clone(),
        touchpoint: moment.touchpoint.clone(),
        key: moment.key.clone(),
        state: CaseState::Open,
        moment_id: moment.moment_id.clone(),
        opened_at: moment.occurred_at,
        closes_at: moment.occurred_at.plus_millis(window_millis),
        better_at: None,
        play: None,
        held_out: false,
    };
    if state.cases.len() >= limits::CASES {
        let oldest = state.cases.remove(0);
        state.dropped += 1;
        turn.effects.cancel_timer(timer(oldest.id));
        if oldest.state.is_open() {
            close(turn, oldest, CaseState::Lost, "too many open cases");
        }
    }
    turn.set_timer(timer(id), case.closes_at);
    report(turn, &case, None, "a miserable moment");
    state.cases.push(case);
}

/// A play has taken up the case that a moment opened, or would have, were the customer not held out.
pub(crate) fn take_up(
    state: &mut CustomerState,
    turn: &mut Turn<'_>,
    case: Uuid,
    play: &str,
    held_out: bool,
) {
    let Some(case) = state.cases.iter_mut().find(|known| known.id == case) else { return };
    // The first play that treats a case owns it; being held out of one does not hinder another.
    if case.state != CaseState::Open || (held_out && case.play.is_some()) {
        return;
    }
    case.play = Some(play.to_owned());
    case.held_out = held_out;
    if !held_out {
        case.state = CaseState::Acting;
    }
    let case = case.clone();
    let reason = if held_out { "held out of the play" } else { "a play was started" };
    report(turn, &case, None, reason);
}

/// The case of a touchpoint and key that is under way, if there is one.
pub(crate) fn find(state: &CustomerState, touchpoint: &str, key: &str) -> Option<Uuid> {
    let found = state.cases.iter().find(|case| case.touchpoint == touchpoint && case.key == key);
    found.map(|case| case.id)
}

/// The window of a case has closed.
pub(crate) fn window_closed(state: &mut CustomerState, turn: &mut Turn<'_>, case: Uuid) {
    let Some(place) = state.cases.iter().position(|known| known.id == case) else { return };
    let case = state.cases.remove(place);
    // A recovery that lasted to the end was told when it began.
    if case.state != CaseState::Recovered {
        close(turn, case, CaseState::Lost, "no further moment on the link within the window");
    }
}

fn close(turn: &mut Turn<'_>, mut case: Case, to: CaseState, reason: &str) {
    case.state = to;
    turn.effects.cancel_timer(timer(case.id));
    report(turn, &case, Some(turn.now), reason);
}

fn report(turn: &mut Turn<'_>, case: &Case, closed_at: Option<Timestamp>, reason: &str) {
    let changed = CaseChanged {
        case_id: case.id.to_string(),
        journey: case.journey.clone(),
        touchpoint: case.touchpoint.clone(),
        key: case.key.clone(),
        state: case.state,
        moment_id: case.moment_id.clone(),
        opened_at: case.opened_at,
        play: case.play.clone(),
        held_out: case.held_out,
        better_at: case.better_at,
        reason: reason.to_owned(),
    };
    turn.emit(name::CASE_CHANGED, turn.now, &changed);
    turn.row(Row::Case(CaseRow {
        owner: turn.owner.clone(),
        case_id: case.id,
        journey: case.journey.clone(),
        touchpoint: case.touchpoint.clone(),
        key: case.key.clone(),
        state: case.state,
        moment_id: case.moment_id.clone(),
        opened_at: case.opened_at,
        closed_at,
        play: case.play.clone(),
        held_out: case.held_out,
        reason: reason.to_owned(),
    }));
}
