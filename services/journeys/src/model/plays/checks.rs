//! The conditions of an entry, each asked whatever the others said, so that "why" has a whole answer.

use elate_domain::Timestamp;
use elate_manifest::expression::{EventView, Scope};
use elate_manifest::spec::{EventMatch, PlayCaps, Reentry};

use super::trigger::unmet;
use super::{Play, Standing, Triggered, holdout};
use crate::model::rows::{Check, Verdict};
use crate::model::state::CustomerState;
use crate::model::turn::Turn;

/// Why a customer is refused: a stable word, and the same as a sentence.
pub(super) type Refusal = (&'static str, String);

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) checks: Vec<Check>,
    /// The first thing that stood against it.
    pub(super) refusal: Option<Refusal>,
}

impl Findings {
    pub(super) fn passed(&mut self, name: &str, detail: impl Into<String>) {
        self.checks.push(Check::new(name, Verdict::Passed, detail));
    }

    pub(super) fn not_asked(&mut self, name: &str, detail: impl Into<String>) {
        self.checks.push(Check::new(name, Verdict::NotAsked, detail));
    }

    pub(super) fn refused(&mut self, name: &str, reason: &'static str, detail: impl Into<String>) {
        self.stands_against(name, Verdict::Failed, reason, detail.into());
    }

    fn stands_against(&mut self, name: &str, verdict: Verdict, reason: &'static str, detail: String) {
        self.checks.push(Check::new(name, verdict, detail.as_str()));
        self.refusal.get_or_insert((reason, detail));
    }

    fn either(&mut self, name: &str, refusal: Option<Refusal>, otherwise: impl Into<String>) {
        match refusal {
            Some((reason, detail)) => self.refused(name, reason, detail),
            None => self.passed(name, otherwise),
        }
    }
}

/// Asks everything but the holdouts, which are decided only for those who would enter.
pub(super) fn ask(
    state: &CustomerState,
    turn: &Turn<'_>,
    standing: Standing<'_>,
    play: &Play,
    triggered: &Triggered,
    key: &str,
    event: &EventView,
) -> Findings {
    let mut found = Findings::default();
    found.passed("trigger", triggered.told.as_str());
    found.passed("key", if key.is_empty() { "the customer alone".to_owned() } else { format!("{key:?}") });
    let history = (!turn.live).then(|| ("historical", "imported history starts no plays".to_owned()));
    found.either("history", history, "it happens now");
    let paused = standing.workspace.paused_plays.contains(&play.name);
    found.either(
        "pause",
        paused.then(|| ("paused", "the play is paused".to_owned())),
        "the play is not paused",
    );
    found.either("running", running(state, play, key), "no instance of this key, now or before");
    found.either("re_entry", re_entry(state, turn.now, play), "the play may be entered");
    caps(&mut found, state, turn.now, standing, play);
    audience(&mut found, state, turn, play, triggered, event);
    found
}

/// What comes after the entry, for the record.
pub(super) fn exits(found: &mut Findings, play: &Play) {
    if play.spec.exit_on.is_empty() {
        return;
    }
    let names = play.spec.exit_on.iter().map(EventMatch::described).collect::<Vec<_>>().join(", ");
    found.not_asked("exits", format!("left at once on {names}"));
}

/// The same key never starts twice.
fn running(state: &CustomerState, play: &Play, key: &str) -> Option<Refusal> {
    if state.plays.iter().any(|instance| instance.play == play.name && instance.key == key) {
        return Some(("already_running", "an instance of this key is under way".to_owned()));
    }
    let entered = entered(state, &play.name);
    let before = !key.is_empty() && entered.iter().any(|(known, _)| known == key);
    before.then(|| ("same_key", format!("{key:?} has entered before")))
}

fn entered<'a>(state: &'a CustomerState, play: &str) -> &'a [(String, Timestamp)] {
    state.memory.get(play).map_or(&[], |memory| memory.entered.as_slice())
}

fn re_entry(state: &CustomerState, now: Timestamp, play: &Play) -> Option<Refusal> {
    let (_, last) = entered(state, &play.name).last()?;
    match play.spec.reentry {
        Reentry::Always => None,
        Reentry::Never => Some(("re_entry", format!("entered on {last}, and may never again"))),
        Reentry::After(pause) => {
            let from = last.plus(pause.0);
            (now < from).then(|| ("re_entry", format!("entered on {last}, and may again from {from}")))
        }
    }
}

fn caps(found: &mut Findings, state: &CustomerState, now: Timestamp, standing: Standing<'_>, play: &Play) {
    if let Some(caps) = play.spec.caps {
        let running = state.plays.iter().filter(|instance| instance.play == play.name).count();
        let entries = state.memory.get(&play.name).map_or(&[][..], |memory| memory.entries.as_slice());
        let entries = entries.iter().copied();
        either_cap(
            found,
            capped(caps, running, entries, now, "of this play"),
            "the play's limits are not reached",
        );
    }
    let Some(caps) = standing.definitions.play_caps else { return };
    if play.spec.service {
        return found.not_asked("caps", "a service play: the policy's limits leave it alone");
    }
    let counts = |name: &str| standing.definitions.play(name).is_none_or(|other| !other.spec.service);
    let running = state.plays.iter().filter(|instance| counts(&instance.play)).count();
    let entries = state.entries.iter().copied();
    either_cap(
        found,
        capped(caps, running, entries, now, "of all plays"),
        "the policy's limits are not reached",
    );
}

fn either_cap(found: &mut Findings, refusal: Option<Refusal>, otherwise: &str) {
    found.either("caps", refusal, otherwise);
}

fn capped(
    caps: PlayCaps,
    running: usize,
    entries: impl Iterator<Item = Timestamp>,
    now: Timestamp,
    whose: &str,
) -> Option<Refusal> {
    if let Some(limit) = caps.running.filter(|limit| running >= *limit as usize) {
        return Some((
            "running_cap",
            format!("{running} instances {whose} are under way; {limit} are allowed"),
        ));
    }
    let cap = caps.entries?;
    let since = now.plus_millis(-cap.per.as_millis());
    let count = entries.filter(|entered| *entered > since).count();
    let reached = count >= cap.limit as usize;
    reached.then(|| {
        ("entry_cap", format!("{count} entries {whose} within {}; {} are allowed", cap.per, cap.limit))
    })
}

fn audience(
    found: &mut Findings,
    state: &CustomerState,
    turn: &Turn<'_>,
    play: &Play,
    triggered: &Triggered,
    event: &EventView,
) {
    let Some(audience) = &play.spec.audience else { return };
    let mut scope = Scope::of_event(event).customer(state.profile.traits()).now(turn.now);
    if let Some(moment) = &triggered.moment {
        scope = scope.moment(moment);
    }
    let answer = audience.evaluate(&scope);
    if answer.holds {
        return found.passed("audience", format!("true: {}", audience.text()));
    }
    let (verdict, reason) =
        if answer.failed { (Verdict::Unknown, "audience_unknown") } else { (Verdict::Failed, "audience") };
    let detail = unmet(Some(audience), &scope).unwrap_or_default();
    found.stands_against("audience", verdict, reason, detail);
}

/// What the holdouts would say of somebody who is refused for another reason. Nothing is decided by that.
pub(super) fn holdouts(found: &mut Findings, groups: &holdout::Groups, decided: bool) {
    let say = |found: &mut Findings, name: &str, held_out: bool, whose: &str| {
        let would = if decided { "" } else { "would be " };
        let (verdict, where_) = match held_out {
            true => (Verdict::Failed, "in"),
            false => (Verdict::Passed, "not in"),
        };
        found.checks.push(Check::new(name, verdict, format!("{would}{where_} {whose}")));
    };
    match groups.global {
        Some(group) => {
            say(found, "global_holdout", group.held_out(), "the share of customers that no play reaches");
        }
        None => found.not_asked("global_holdout", "a service play: the global holdout leaves it alone"),
    }
    say(found, "holdout", groups.own.held_out(), "the play's control group");
}
