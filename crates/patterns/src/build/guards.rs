//! When events are taken and when they are passed over.

use super::{Builder, Group, Place};
use crate::guard::{Guard, MAX_TESTS};
use crate::spec::{Contiguity, EventTest, StepKind, StepSpec};

impl Builder {
    pub(super) fn test(&mut self, test: EventTest) -> Guard {
        if test == EventTest::ANY {
            return Guard::always();
        }
        let known = self.tests.iter().position(|known| *known == test);
        let number = known.unwrap_or_else(|| {
            self.tests.push(test);
            self.tests.len() - 1
        });
        if number >= MAX_TESTS {
            self.too_large = true;
            return Guard::never();
        }
        Guard::test(1 << number)
    }

    pub(super) fn own_guard(&mut self, place: Place<'_>) -> Guard {
        match place.step().kind {
            StepKind::Event(test) => self.test(test),
            StepKind::Group(_) => Guard::always(),
        }
    }

    /// A guard within a group: not once the group's end came.
    pub(super) fn inside(&mut self, guard: Guard, group: Option<Group<'_>>) -> Guard {
        let until = group.and_then(|group| group.spec.until);
        self.unless_until(Some(guard), until, true).unwrap_or_else(Guard::always)
    }

    pub(super) fn take_guard(&mut self, place: Place<'_>) -> Guard {
        let own = self.own_guard(place);
        self.inside(own, place.group)
    }

    pub(super) fn ignore_guard(&mut self, place: Place<'_>) -> Option<Guard> {
        let contiguity = match place.heads_group() {
            Some(group) if group.first => group.spec.contiguity,
            Some(group) => inner_contiguity(group.spec),
            None => place.step().contiguity,
        };
        self.passing(place, contiguity)
    }

    pub(super) fn inner_ignore_guard(&mut self, place: Place<'_>) -> Option<Guard> {
        let spec = place.heads_group().map_or(place.step(), |group| group.spec);
        self.passing(place, inner_contiguity(spec))
    }

    /// When an event may be passed over.
    pub(super) fn passing(&mut self, place: Place<'_>, contiguity: Contiguity) -> Option<Guard> {
        let guard = match contiguity {
            Contiguity::Strict => None,
            Contiguity::Relaxed => Some(self.own_guard(place).not()),
            Contiguity::Any => Some(Guard::always()),
        };
        self.unless_until(guard, place.group.and_then(|group| group.spec.until), false)
    }

    pub(super) fn unless_until(
        &mut self,
        guard: Option<Guard>,
        until: Option<EventTest>,
        take: bool,
    ) -> Option<Guard> {
        let Some(until) = until else { return guard };
        let not_ended = self.test(until).not();
        match guard {
            Some(guard) => Some(not_ended.and(&guard)),
            None => take.then_some(not_ended),
        }
    }
}

fn inner_contiguity(step: &StepSpec) -> Contiguity {
    step.repeat.map_or(Contiguity::Relaxed, |repeat| repeat.contiguity)
}
