//! Whether a play has come as far as a customer, and who counts for its rollout.

use elate_manifest::expression::{EventView, Scope};
use elate_manifest::spec::{Cohort, Rollout};

use super::checks::Refusal;
use super::{Play, Standing};
use crate::model::rollouts::{CountRow, Exposure, RolloutState};
use crate::model::rows::{Check, Row, Verdict};
use crate::model::state::CustomerState;
use crate::model::turn::Turn;

/// Rollouts that a customer counts for at most; the one that ends first is forgotten.
const MAX_EXPOSURES: usize = 16;

/// Who asks.
#[derive(Clone, Copy)]
pub(super) struct Asking<'a> {
    pub(super) standing: Standing<'a>,
    pub(super) play: &'a Play,
    pub(super) id: &'a str,
    pub(super) event: &'a EventView,
}

/// Asks whether the play has come as far as this customer, and whether another one has taken its place. Only those who
/// would enter otherwise are asked about: they count, on the one side or the other.
pub(super) fn ask(
    state: &mut CustomerState,
    turn: &mut Turn<'_>,
    asking: Asking<'_>,
    checks: &mut Vec<Check>,
) -> Option<Refusal> {
    if let Some(refusal) = replaced(state, turn, asking) {
        checks.push(Check::new("rollout", Verdict::Failed, refusal.1.as_str()));
        return Some(refusal);
    }
    let rollout = asking.play.spec.rollout.as_ref()?;
    let known = asking.standing.workspace.rollouts.get(&asking.play.name)?;
    let answer = place(state, turn, asking, rollout, known);
    let (verdict, told) = match &answer {
        Ok(told) => (Verdict::Passed, told.clone()),
        Err((_, told)) => (Verdict::Failed, told.clone()),
    };
    checks.push(Check::new("rollout", verdict, told));
    answer.err()
}

fn place(
    state: &mut CustomerState,
    turn: &mut Turn<'_>,
    asking: Asking<'_>,
    rollout: &Rollout,
    known: &RolloutState,
) -> Result<String, Refusal> {
    use elate_domain::system::RolloutStage::{Finished, Held, RolledBack, Running};
    match known.stage {
        RolledBack => return Err(("rolled_back", "the play was rolled back".to_owned())),
        Finished => return Ok("the play goes to everybody".to_owned()),
        Running | Held => {}
    }
    if let Some(cohort) = cohort(state, turn, asking, rollout) {
        return Ok(format!("the cohort {cohort} goes first"));
    }
    let seed = seed(asking.play, rollout);
    // Who is in stays in, also where two customers turned out to be one with another place on the line.
    let stayed = state.rollouts.get(&asking.play.name).filter(|known_| known_.run == known.run);
    let stayed = stayed.map(|exposure| exposure.treated);
    if stayed.unwrap_or_else(|| known.treats(seed, asking.id)) {
        expose(state, turn, asking, rollout, known, true);
        return Ok(format!("in the {} % that get the play", known.percent));
    }
    if known.compares(seed, asking.id) {
        expose(state, turn, asking, rollout, known, false);
        return Err(("rollout_control", format!("compared with the {} % that get the play", known.percent)));
    }
    Err(("rollout", format!("not among the {} % that get the play", known.percent)))
}

/// Another play has taken the place of this one for the customer.
fn replaced(state: &CustomerState, turn: &Turn<'_>, asking: Asking<'_>) -> Option<Refusal> {
    let standing = asking.standing;
    standing.definitions.plays.iter().find_map(|other| {
        let rollout = other.spec.rollout.as_ref()?;
        rollout.replaces.as_ref().filter(|replaces| **replaces == *asking.play.name)?;
        let known = standing.workspace.rollouts.get(&other.name)?;
        let stayed = state.rollouts.get(&other.name).filter(|exposure| exposure.run == known.run);
        let open = known.stage.is_open();
        let treated = match stayed.filter(|_| open) {
            Some(exposure) => exposure.treated,
            None => known.treats(seed(other, rollout), asking.id),
        };
        let theirs = Asking { play: other, ..asking };
        let first = open && cohort(state, turn, theirs, rollout).is_some();
        (treated || first).then(|| ("replaced", format!("{} has taken its place", other.name)))
    })
}

fn seed<'a>(play: &'a Play, rollout: &'a Rollout) -> &'a str {
    rollout.seed.as_deref().unwrap_or(&play.name)
}

/// The cohort by which the customer goes first.
fn cohort<'a>(
    state: &CustomerState,
    turn: &Turn<'_>,
    asking: Asking<'a>,
    rollout: &Rollout,
) -> Option<&'a str> {
    let scope = Scope::of_event(asking.event).customer(state.profile.traits()).now(turn.now);
    let member = |cohort: &Cohort| {
        let invited = cohort.invited.iter().any(|id| id.parse() == Ok(turn.owner.customer));
        invited || cohort.who.as_ref().is_some_and(|who| who.holds(&scope))
    };
    let cohorts = asking.standing.definitions.cohorts.iter();
    let mut named = cohorts.filter(|cohort| rollout.first.contains(&cohort.name));
    named.find(|cohort| member(cohort)).map(|cohort| cohort.name.as_str())
}

/// Counts a customer for the step at which they came, once a run.
fn expose(
    state: &mut CustomerState,
    turn: &mut Turn<'_>,
    asking: Asking<'_>,
    rollout: &Rollout,
    known: &RolloutState,
    treated: bool,
) {
    let play = &asking.play.name;
    if state.rollouts.get(play).is_some_and(|exposure| exposure.run == known.run) {
        return;
    }
    let exposure = Exposure {
        run: known.run,
        percent: known.percent,
        treated,
        from: turn.now,
        until: turn.now.plus(rollout.watch.0),
        hit: Vec::new(),
    };
    turn.row(Row::Count(count(turn, play, &exposure, "")));
    state.rollouts.insert(play.clone(), exposure);
    if state.rollouts.len() > MAX_EXPOSURES {
        let first = state.rollouts.iter().min_by_key(|(play, known)| (known.until, *play));
        if let Some(first) = first.map(|(play, _)| play.clone()) {
            state.rollouts.remove(&first);
            state.dropped += 1;
        }
    }
}

fn count(turn: &Turn<'_>, play: &str, exposure: &Exposure, metric: &str) -> CountRow {
    CountRow {
        workspace: turn.owner.workspace.clone(),
        play: play.to_owned(),
        run: exposure.run,
        percent: exposure.percent,
        treated: exposure.treated,
        metric: metric.to_owned(),
    }
}

/// Lets an event count for the guardrails of the rollouts that the customer counts for, each once.
pub(crate) fn watch(
    state: &mut CustomerState,
    turn: &mut Turn<'_>,
    standing: Standing<'_>,
    event: &EventView,
) {
    let traits = state.profile.shared();
    let scope = Scope::of_event(event).customer(&traits).now(turn.now);
    for (name, exposure) in &mut state.rollouts {
        let watched = exposure.until > turn.now && event.occurred_at >= exposure.from;
        let known = standing.workspace.rollouts.get(name).filter(|known| known.run == exposure.run);
        let rollout = standing.definitions.play(name).and_then(|play| play.spec.rollout.as_ref());
        let (true, Some(rollout), Some(_)) = (watched, rollout, known) else { continue };
        for guardrail in &rollout.guardrails {
            let metric = guardrail.metric.as_str();
            let fresh = !exposure.hit.iter().any(|known| known == metric);
            if fresh && guardrail.event_match().matches(event, &scope) {
                exposure.hit.push(metric.to_owned());
                turn.row(Row::Count(count(turn, name, exposure, metric)));
            }
        }
    }
}
