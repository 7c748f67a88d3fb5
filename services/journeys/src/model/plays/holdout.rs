//! Who is held out, and who is in the sample of the same size that the held-out are compared with.

use elate_reach::assign::{self, HoldoutGroup};

use super::Play;
use crate::model::definitions::Definitions;
use crate::model::state::CustomerState;

/// Where somebody stands in a holdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Group(pub(crate) HoldoutGroup);

impl Group {
    pub(crate) fn held_out(self) -> bool {
        self.0 == HoldoutGroup::HeldOut
    }

    /// The stable word: `held_out`, `measured` or `treated`.
    pub(crate) fn word(self) -> &'static str {
        match self.0 {
            HoldoutGroup::HeldOut => "held_out",
            HoldoutGroup::Measured => "measured",
            HoldoutGroup::Treated => "treated",
        }
    }

    fn measured(self) -> bool {
        self.0 == HoldoutGroup::Measured
    }

    /// What was decided at an earlier entry stands, whatever the share is by now.
    fn decided(self, before: Option<bool>) -> Self {
        match before {
            Some(true) => Self(HoldoutGroup::HeldOut),
            // Held out by a share that was raised since: treated, and outside the comparison.
            Some(false) if self.held_out() => Self(HoldoutGroup::Treated),
            Some(false) | None => self,
        }
    }
}

/// Where somebody stands towards a play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Groups {
    /// In the workspace's holdout; `None` for a service play, which it leaves alone.
    pub(crate) global: Option<Group>,
    /// In the play's own.
    pub(crate) own: Group,
}

impl Groups {
    /// Where an id would be put.
    pub(crate) fn of(definitions: &Definitions, play: &Play, id: &str) -> Self {
        let global = (!play.spec.service).then(|| global_group(definitions, id));
        Self { global, own: own_group(play, id) }
    }

    /// Where a customer stands: as decided, or else where the hash puts it.
    pub(super) fn of_customer(
        state: &CustomerState,
        definitions: &Definitions,
        play: &Play,
        id: &str,
    ) -> Self {
        let Self { global, own } = Self::of(definitions, play, id);
        let own_before = state.memory.get(&play.name).and_then(|memory| memory.held_out);
        Self { global: global.map(|group| group.decided(state.held_out)), own: own.decided(own_before) }
    }

    /// By which rule: `global`, `play`, or by none.
    pub(crate) fn rule(self) -> Option<&'static str> {
        match self {
            Self { global: Some(group), .. } if group.held_out() => Some("global"),
            Self { own, .. } => own.held_out().then_some("play"),
        }
    }

    /// In which samples, as the record of an entry says it.
    pub(super) fn samples(self) -> Option<&'static str> {
        match (self.own.measured(), self.global.is_some_and(Group::measured)) {
            (true, true) => Some("measured_both"),
            (true, false) => Some("measured"),
            (false, true) => Some("measured_global"),
            (false, false) => None,
        }
    }

    /// Keeps the decision, so that a share that is changed later, a re-entry and a merge do not change sides.
    pub(super) fn keep(self, state: &mut CustomerState, play: &Play) {
        if let Some(group) = self.global {
            state.held_out.get_or_insert(group.held_out());
        }
        let memory = state.memory.entry(play.name.clone()).or_default();
        memory.held_out.get_or_insert(self.own.held_out());
    }
}

/// Where an id stands in the workspace's holdout.
pub(crate) fn global_group(definitions: &Definitions, id: &str) -> Group {
    let holdout = definitions.global_holdout.as_ref();
    Group(holdout.map_or(HoldoutGroup::Treated, |(seed, share)| assign::holdout(seed, id, *share)))
}

fn own_group(play: &Play, id: &str) -> Group {
    let Some(holdout) = &play.spec.holdout else { return Group(HoldoutGroup::Treated) };
    let seed = holdout.seed.as_deref().unwrap_or(&play.name);
    Group(assign::holdout(seed, id, holdout.percent.share()))
}
