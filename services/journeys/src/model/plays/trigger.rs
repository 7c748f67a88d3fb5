//! Whether an event starts a play.

use elate_domain::CaseState;
use elate_domain::system::{CaseChanged, JourneyMoved, MomentJudged, PromiseChanged, ScoreCrossed, name};
use elate_manifest::expression::{Condition, EventView, Scope};
use elate_manifest::spec::{
    CaseTrigger, EventMatch, MomentTrigger, PromiseTrigger, ScoreTrigger, StageTrigger, Trigger,
};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use uuid::Uuid;

use super::Play;
use crate::model::cases;
use crate::model::state::CustomerState;
use crate::model::turn::Turn;

/// An event started a play.
#[derive(Debug, Default)]
pub(crate) struct Triggered {
    /// The key that the trigger carries; the play's own goes before it.
    pub(crate) key: String,
    /// The judged moment, where that is the trigger.
    pub(crate) moment: Option<Json>,
    /// The recovery case that the play is about, if it is about one.
    pub(crate) case: Option<Uuid>,
    /// What came, as a sentence.
    pub(crate) told: String,
}

/// What an event is to a play's trigger.
#[derive(Debug)]
pub(crate) enum Told {
    /// It is about something else.
    Elsewhere,
    /// It is of the kind that triggers the play, and does not meet its conditions, with the reason.
    Missed(String),
    /// It triggers the play.
    Triggered(Triggered),
}

/// Whether the event starts the play. Says nothing of whether the customer may enter it.
pub(crate) fn triggered(play: &Play, state: &CustomerState, turn: &Turn<'_>, event: &EventView) -> Told {
    let scope = Scope::of_event(event).customer(state.profile.traits()).now(turn.now);
    match &play.spec.trigger {
        Trigger::Event(meant) => plain(meant, event, &scope),
        Trigger::Moment(trigger) => {
            let Some(judged) = payload(event, name::MOMENT_JUDGED) else { return Told::Elsewhere };
            moment(trigger, state, event, scope, judged)
        }
        Trigger::Promise(trigger) => {
            let Some(changed) = payload(event, name::PROMISE_CHANGED) else { return Told::Elsewhere };
            promise(trigger, state, &scope, changed)
        }
        Trigger::Score(trigger) => {
            let Some(crossed) = payload(event, name::SCORE_CROSSED) else { return Told::Elsewhere };
            score(trigger, &crossed)
        }
        Trigger::Stage(trigger) => {
            let Some(moved) = payload(event, name::JOURNEY_MOVED) else { return Told::Elsewhere };
            stage(trigger, moved)
        }
        // The calendar starts it, not an event.
        Trigger::Schedule(_) => Told::Elsewhere,
        Trigger::Case(trigger) => {
            let Some(changed) = payload(event, name::CASE_CHANGED) else { return Told::Elsewhere };
            case(trigger, changed)
        }
    }
}

fn plain(meant: &EventMatch, event: &EventView, scope: &Scope<'_>) -> Told {
    if !meant.fits(event) {
        return Told::Elsewhere;
    }
    match unmet(meant.condition.as_ref(), scope) {
        None => {
            Told::Triggered(Triggered { told: format!("{:?} came", &*event.name), ..Triggered::default() })
        }
        Some(reason) if meant.on.is_some() => Told::Missed(reason),
        // A trigger without a name looks at every event there is; most are simply about something else.
        Some(_) => Told::Elsewhere,
    }
}

fn moment(
    trigger: &MomentTrigger,
    state: &CustomerState,
    event: &EventView,
    scope: Scope<'_>,
    judged: MomentJudged,
) -> Told {
    if trigger.name != judged.moment.as_str() {
        return Told::Elsewhere;
    }
    let outcome = judged.outcome.as_str();
    if let Some(meant) = trigger.outcome.filter(|meant| *meant != judged.outcome) {
        return Told::Missed(format!("the moment was {outcome}, not {}", meant.as_str()));
    }
    let json = event.properties.get();
    let scope = scope.moment(json);
    if let Some(reason) = unmet(trigger.condition.as_ref(), &scope) {
        return Told::Missed(reason);
    }
    let case = cases::find(state, &judged.touchpoint, &judged.key);
    let told = format!("the moment {} was {outcome}, by {:+.2}", judged.moment, judged.gap);
    Told::Triggered(Triggered { key: judged.key, moment: Some(json.clone()), case, told })
}

fn promise(
    trigger: &PromiseTrigger,
    state: &CustomerState,
    scope: &Scope<'_>,
    changed: PromiseChanged,
) -> Told {
    if trigger.moment != changed.moment.as_str() {
        return Told::Elsewhere;
    }
    let found = changed.state.as_str();
    if trigger.state != changed.state {
        return Told::Missed(format!("the promise is {found}, not {}", trigger.state.as_str()));
    }
    // A moved date tells of the promise again, in the state that it is in already.
    if changed.before == Some(changed.state) {
        return Told::Missed(format!("the promise was {found} before"));
    }
    if let Some(reason) = unmet(trigger.condition.as_ref(), scope) {
        return Told::Missed(reason);
    }
    let case = cases::find(state, &changed.touchpoint, &changed.key);
    let told = format!("the promise of {} is {found}", changed.moment);
    Told::Triggered(Triggered { key: changed.key, case, told, moment: None })
}

fn score(trigger: &ScoreTrigger, crossed: &ScoreCrossed) -> Told {
    let told = format!("the score went {} {}", crossed.direction, crossed.threshold);
    // Thresholds are copied from manifests, never computed, so they are equal to the bit.
    if crossed.threshold == trigger.threshold && crossed.direction == trigger.direction.as_str() {
        return Told::Triggered(Triggered { told, ..Triggered::default() });
    }
    Told::Missed(format!("{told}, not {} {}", trigger.direction.as_str(), trigger.threshold))
}

fn stage(trigger: &StageTrigger, moved: JourneyMoved) -> Told {
    if trigger.journey != moved.journey.as_str() {
        return Told::Elsewhere;
    }
    let stage = trigger.stage.as_str();
    let to = moved.to.as_deref().unwrap_or("its end");
    if to != stage || moved.from.as_deref() == Some(stage) {
        return Told::Missed(format!("the journey moved to {to}, and did not enter {stage}"));
    }
    let told = format!("{stage} was entered on the journey {}", moved.journey);
    Told::Triggered(Triggered { key: moved.key, told, ..Triggered::default() })
}

fn case(trigger: &CaseTrigger, changed: CaseChanged) -> Told {
    let of =
        |meant: &Option<elate_manifest::Name>, found: &str| meant.as_ref().is_none_or(|name| *name == *found);
    if !of(&trigger.journey, &changed.journey) || !of(&trigger.touchpoint, &changed.touchpoint) {
        return Told::Elsewhere;
    }
    let found = changed.state.as_str();
    if trigger.state != changed.state {
        return Told::Missed(format!("the recovery case is {found}, not {}", trigger.state.as_str()));
    }
    // That a play was withheld is told of an open case too; it was open before.
    if changed.state == CaseState::Open && changed.play.is_some() {
        return Told::Missed("the recovery case was open before".to_owned());
    }
    let told = format!("the recovery case of {} is {found}", changed.touchpoint);
    let case = changed.case_id.parse().ok();
    Told::Triggered(Triggered { key: changed.key, case, told, moment: None })
}

/// Why a condition does not hold; `None` where it does.
pub(super) fn unmet(condition: Option<&Condition>, scope: &Scope<'_>) -> Option<String> {
    let condition = condition?;
    let answer = condition.evaluate(scope);
    let how = if answer.failed { "could not be told" } else { "not true" };
    (!answer.holds).then(|| format!("{how}: {}", condition.text()))
}

/// The payload of one of Elate's own events.
fn payload<T: DeserializeOwned>(event: &EventView, name: &str) -> Option<T> {
    if &*event.name != name {
        return None;
    }
    serde_json::from_slice(event.properties.raw().as_bytes()).ok()
}
