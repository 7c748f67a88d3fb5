//! Absences: where they hold while a step is waited for, and where they are over.

use super::{Builder, Place};
use crate::graph::{Action, Edge, Kind, StateId};
use crate::spec::Contiguity;

impl Builder {
    /// The relaxed absences that hold while the step at `place` is waited for: the one right before it, and
    /// those before optional steps that were left out.
    pub(super) fn absences_before<'a>(&self, place: Place<'a>) -> Vec<Place<'a>> {
        let mut absences = Vec::new();
        for index in (0..place.index).rev() {
            let before = Place { index, ..place };
            let is_absence = before.step().absent && before.step().contiguity != Contiguity::Strict;
            if is_absence {
                absences.push(before);
            } else if !before.step().optional {
                break;
            }
        }
        absences
    }

    pub(super) fn add_stops(&mut self, place: Place<'_>, state: StateId) {
        for absence in self.absences_before(place) {
            let forbidden = self.take_guard(absence);
            let stop = self.stop(absence, &forbidden);
            self.graph.edge(state, Action::Proceed, stop, forbidden);
        }
    }

    pub(super) fn add_following_stop(&mut self, place: Place<'_>, state: StateId) {
        let Some(following) = place.following else { return };
        if !following.absent || following.contiguity == Contiguity::Strict {
            return;
        }
        let absence = Place { steps: std::slice::from_ref(following), index: 0, ..place };
        let forbidden = self.take_guard(absence);
        let stop = self.stop(absence, &forbidden);
        self.graph.edge(state, Action::Proceed, stop, forbidden);
    }

    /// The state after an optional step, once the step was taken: absences before it are over.
    pub(super) fn without_passed_absences(&mut self, place: Place<'_>, state: StateId) -> StateId {
        let absences = self.absences_before(place);
        if absences.is_empty() || !place.step().optional {
            return state;
        }
        let over: Vec<StateId> =
            absences.iter().filter_map(|absence| self.stops.get(&absence.step().name).copied()).collect();
        self.copy_without(state, &over)
    }

    fn copy_without(&mut self, state: StateId, over: &[StateId]) -> StateId {
        let node = self.graph.states[state].clone();
        let copy = self.add(node.kind, node.step, node.window);
        if self.too_large {
            return state;
        }
        for edge in node.edges {
            let target = match edge.action {
                Action::Proceed if over.contains(&edge.target) => continue,
                Action::Proceed if self.graph.states[edge.target].kind == Kind::Stop => edge.target,
                Action::Proceed => self.copy_without(edge.target, over),
                Action::Take | Action::Ignore if edge.target == state => copy,
                Action::Take | Action::Ignore => edge.target,
            };
            let edge = Edge { target, ..edge };
            self.graph.states[copy].edges.push(edge);
        }
        copy
    }
}
