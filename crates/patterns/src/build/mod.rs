//! From a specification to the graph of states, step by step from the last to the first.

mod absences;
mod guards;

use std::collections::HashMap;

use crate::check::MAX_STATES;
use crate::graph::{Action, Graph, Kind, StateId};
use crate::guard::Guard;
use crate::spec::{Contiguity, EventTest, PatternSpec, StepKind, StepSpec};

/// The graph of a whole pattern, with what its numbers stand for.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) graph: Graph,
    pub(crate) start: StateId,
    pub(crate) tests: Vec<EventTest>,
    pub(crate) names: Vec<String>,
}

/// The graph would be larger than is supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// The group whose steps are being built.
#[derive(Clone, Copy)]
struct Group<'a> {
    spec: &'a StepSpec,
    /// Whether this is the first repetition of it: the one that follows the step before the group.
    first: bool,
}

/// Where the builder stands: a step among its siblings.
#[derive(Clone, Copy)]
struct Place<'a> {
    steps: &'a [StepSpec],
    index: usize,
    group: Option<Group<'a>>,
    following: Option<&'a StepSpec>,
}

impl<'a> Place<'a> {
    fn step(self) -> &'a StepSpec {
        &self.steps[self.index]
    }

    fn heads_group(self) -> Option<Group<'a>> {
        self.group.filter(|_| self.index == 0)
    }
}

pub(crate) struct Builder {
    graph: Graph,
    tests: Vec<EventTest>,
    names: Vec<String>,
    stops: HashMap<String, StateId>,
    /// For a greedy loop with an end condition: the state after it as it is once the end came.
    after_end: HashMap<StateId, StateId>,
    too_large: bool,
    has_window: bool,
}

pub(crate) fn build(spec: &PatternSpec) -> Result<Built, TooLarge> {
    let mut builder = Builder {
        graph: Graph::default(),
        tests: Vec::new(),
        names: Vec::new(),
        stops: HashMap::new(),
        after_end: HashMap::new(),
        too_large: false,
        has_window: spec.within_ms.is_some(),
    };
    builder.collect_names(&spec.steps);
    let end = builder.graph.add(Kind::Final, None, None);
    let start = builder.sequence(&spec.steps, None, None, end);
    if builder.too_large {
        return Err(TooLarge);
    }
    Ok(Built { graph: builder.graph, start, tests: builder.tests, names: builder.names })
}

impl Builder {
    fn collect_names(&mut self, steps: &[StepSpec]) {
        for step in steps {
            match &step.kind {
                StepKind::Group(inner) => self.collect_names(inner),
                StepKind::Event(_) if !step.absent => self.names.push(step.name.clone()),
                StepKind::Event(_) => {}
            }
        }
    }

    /// All of `steps`, leading to `sink`; returns where they begin.
    fn sequence<'a>(
        &mut self,
        steps: &'a [StepSpec],
        group: Option<Group<'a>>,
        mut following: Option<&'a StepSpec>,
        sink: StateId,
    ) -> StateId {
        let mut sink = sink;
        for index in (0..steps.len()).rev() {
            // what is too large already need not become larger
            if self.too_large {
                return sink;
            }
            let place = Place { steps, index, group, following };
            let step = place.step();
            if index == 0 || !step.absent {
                sink = self.pattern(place, sink);
            } else if step.contiguity == Contiguity::Strict {
                sink = self.not_next(place, sink);
            } else if self.graph.is_final(sink) && (step.within_ms.is_some() || self.has_window) {
                sink = self.not_at_end(place);
            }
            // a relaxed absence in the middle is in the guards of the step after it
            following = Some(step);
        }
        sink
    }

    fn not_next(&mut self, place: Place<'_>, sink: StateId) -> StateId {
        let forbidden = self.take_guard(place);
        let state = self.state(place, Kind::Normal, true);
        let stop = self.stop(place, &forbidden);
        // at the end of the pattern one more event is needed to know
        let action = if self.graph.is_final(sink) { Action::Ignore } else { Action::Proceed };
        self.graph.edge(state, action, sink, forbidden.not());
        self.graph.edge(state, Action::Proceed, stop, forbidden);
        state
    }

    fn not_at_end(&mut self, place: Place<'_>) -> StateId {
        let forbidden = self.take_guard(place);
        let state = self.state(place, Kind::Pending, true);
        let stop = self.stop(place, &forbidden);
        self.graph.edge(state, Action::Ignore, state, forbidden.not());
        self.graph.edge(state, Action::Proceed, stop, forbidden);
        state
    }

    fn pattern(&mut self, place: Place<'_>, sink: StateId) -> StateId {
        let state = match place.step().repeat {
            None => self.once(place, true, sink, sink),
            Some(repeat) if repeat.max.is_none() => {
                let after = self.without_passed_absences(place, sink);
                let looping = self.looping(place, after);
                self.times(place, looping, sink, repeat.min, repeat.min)
            }
            Some(repeat) => self.times(place, sink, sink, repeat.min, repeat.max.unwrap_or(repeat.min)),
        };
        self.add_stops(place, state);
        state
    }

    /// A single step or group, as it stands.
    fn once(&mut self, place: Place<'_>, first: bool, sink: StateId, proceed: StateId) -> StateId {
        let (take, ignore) = (self.take_guard(place), self.ignore_guard(place));
        self.single(place, first, sink, Some(proceed), &take, ignore.as_ref(), place.step().optional)
    }

    /// `from` to `to` repetitions, leading to `sink`, which may be left for `proceed` when they suffice.
    fn times(&mut self, place: Place<'_>, sink: StateId, proceed: StateId, from: u32, to: u32) -> StateId {
        let step = place.step();
        let inner = self.inner_ignore_guard(place);
        let inner = self.unless_until(inner, step.until, false);
        let take = Some(self.take_guard(place));
        let take = self.unless_until(take, step.until, true).unwrap_or_else(Guard::always);
        if step.greedy && from != to {
            self.graph.forbid(proceed, &take);
        }
        let mut last = sink;
        for _ in from..to {
            last = self.single(place, false, last, Some(proceed), &take, inner.as_ref(), true);
            self.add_following_stop(place, last);
        }
        for _ in 1..from {
            last = self.single(place, false, last, None, &take, inner.as_ref(), false);
            self.add_following_stop(place, last);
        }
        let ignore = self.ignore_guard(place);
        self.single(place, true, last, Some(proceed), &take, ignore.as_ref(), step.optional)
    }

    #[expect(clippy::too_many_arguments, reason = "one place where all parts of a step meet")]
    fn single(
        &mut self,
        place: Place<'_>,
        first: bool,
        sink: StateId,
        proceed: Option<StateId>,
        take: &Guard,
        ignore: Option<&Guard>,
        optional: bool,
    ) -> StateId {
        if self.too_large {
            return sink;
        }
        let step = place.step();
        if let StepKind::Group(inner) = &step.kind {
            let group = Group { spec: step, first };
            let head = self.sequence(inner, Some(group), place.following, sink);
            if let Some(proceed) = proceed.filter(|_| optional) {
                let on = self.inside(Guard::always(), place.group);
                self.graph.edge(head, Action::Proceed, proceed, on);
            }
            return head;
        }
        // a repetition that need not come cannot time the match out: its time closes only the way to it
        let needed = step.repeat.is_none() || !optional;
        let gap = step.within_ms.filter(|_| !needed);
        let state = self.state(place, Kind::Normal, needed);
        // an event that is taken ends the absences before an optional step; passing it by does not
        let after = self.without_passed_absences(place, sink);
        self.graph.take(state, after, take.clone(), gap);
        if let Some(proceed) = proceed.filter(|_| optional) {
            self.leave(place, state, proceed);
        }
        let Some(ignore) = ignore else { return state };
        let heads_optional = place.heads_group().is_some_and(|group| group.first && group.spec.optional);
        if !optional && !heads_optional {
            self.graph.edge(state, Action::Ignore, state, ignore.clone());
            return state;
        }
        // a twin without the way past the step, so that one way past it is tried once only
        let waiting = self.waiting(step);
        self.graph.take(waiting, after, take.clone(), gap);
        self.graph.edge(waiting, Action::Ignore, waiting, ignore.clone());
        self.add_stops(place, waiting);
        self.graph.edge(state, Action::Ignore, waiting, ignore.clone());
        state
    }

    /// The way on from a step that need not be taken (again).
    fn leave(&mut self, place: Place<'_>, state: StateId, proceed: StateId) {
        let on = self.inside(Guard::always(), place.group);
        let until = place.step().until.filter(|_| place.step().greedy);
        let Some(until) = until else {
            self.graph.edge(state, Action::Proceed, proceed, on);
            return;
        };
        let ended = self.test(until);
        if let Some(after_end) = self.after_end.get(&proceed).copied() {
            self.graph.edge(state, Action::Proceed, after_end, on.and(&ended));
        }
        self.graph.edge(state, Action::Proceed, proceed, on.and(&ended.not()));
    }

    /// The part of an unbounded repetition that is taken again and again.
    fn looping(&mut self, place: Place<'_>, sink: StateId) -> StateId {
        let step = place.step();
        if let StepKind::Group(inner) = &step.kind {
            return self.looping_group(place, inner, sink);
        }
        let ignore = self.inner_ignore_guard(place);
        let ignore = self.unless_until(ignore, step.until, false);
        let take = Some(self.take_guard(place));
        let take = self.unless_until(take, step.until, true).unwrap_or_else(Guard::always);
        let state = self.state(place, Kind::Normal, false);
        if step.greedy && step.until.is_some() {
            let copy = self.graph.copy(sink);
            self.after_end.insert(sink, copy);
        }
        self.leave(place, state, sink);
        if step.greedy {
            let plain = self.take_guard(place);
            self.graph.forbid(sink, &plain);
        }
        self.graph.take(state, state, take.clone(), step.within_ms);
        self.add_following_stop(place, state);
        if let Some(ignore) = ignore {
            let waiting = self.waiting(step);
            self.graph.take(waiting, state, take, step.within_ms);
            self.graph.edge(waiting, Action::Ignore, waiting, ignore.clone());
            self.graph.edge(state, Action::Ignore, waiting, ignore);
            self.add_following_stop(place, waiting);
        }
        state
    }

    fn looping_group(&mut self, place: Place<'_>, inner: &[StepSpec], sink: StateId) -> StateId {
        let group = Group { spec: place.step(), first: false };
        let again = self.graph.add(Kind::Normal, None, None);
        let head = self.sequence(inner, Some(group), place.following, again);
        let on = self.inside(Guard::always(), place.group);
        self.graph.edge(head, Action::Proceed, sink, on.clone());
        self.graph.edge(again, Action::Proceed, head, on);
        head
    }

    /// A state in which a step is taken; `needed` if there is no way past it.
    fn state(&mut self, place: Place<'_>, kind: Kind, needed: bool) -> StateId {
        let step = place.step();
        let number = self.step_number(step);
        // the gap of a repetition does not hold for the state that is made first: the last repetition
        let is_first_made = !self.graph.states.iter().any(|state| number.is_some() && state.step == number);
        let gap = step.repeat.and_then(|repeat| repeat.within_ms).filter(|_| !is_first_made);
        let window = match (step.within_ms.filter(|_| needed), gap) {
            (Some(step), Some(gap)) => Some(step.min(gap)),
            (step, gap) => step.or(gap),
        };
        self.add(kind, number, window)
    }

    /// A state in which a step is waited for after an event was passed over. It has no time of its own: the
    /// match may also go on without the step.
    fn waiting(&mut self, step: &StepSpec) -> StateId {
        let number = self.step_number(step);
        self.add(Kind::Normal, number, None)
    }

    fn add(&mut self, kind: Kind, step: Option<u16>, window: Option<i64>) -> StateId {
        // what is too large is reported at the end; growing stops at once
        if self.graph.states.len() >= MAX_STATES {
            self.too_large = true;
            return 0;
        }
        self.graph.add(kind, step, window)
    }

    fn step_number(&self, step: &StepSpec) -> Option<u16> {
        if step.absent {
            return None;
        }
        self.names.iter().position(|name| *name == step.name).map(|number| number as u16)
    }

    fn stop(&mut self, place: Place<'_>, forbidden: &Guard) -> StateId {
        let name = place.step().name.clone();
        if let Some(state) = self.stops.get(&name) {
            return *state;
        }
        let state = self.add(Kind::Stop, None, None);
        self.graph.edge(state, Action::Take, state, forbidden.clone());
        self.stops.insert(name, state);
        state
    }
}
