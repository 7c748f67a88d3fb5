//! The automaton that is run: for each state all that one event can do in it, with every way without an event
//! already followed.

use crate::build::{Built, TooLarge};
use crate::check::MAX_STATES;
use crate::graph::{Action, Edge, Graph, Kind, StateId};
use crate::guard::Guard;
use crate::spec::{ClassId, EventTest};
use crate::state::state_bit;

/// What happens to a partial match on an arc.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    /// The step captures the event.
    Take(u16),
    /// The event is passed over.
    Ignore,
    /// A forbidden event: the partial match ends.
    Stop,
}

/// One thing that an event can do in a state.
#[derive(Debug, Clone)]
pub(crate) struct Arc {
    pub(crate) action: Move,
    pub(crate) target: u16,
    pub(crate) guard: Guard,
    /// Open only for so many milliseconds since the previous event.
    pub(crate) gap: Option<i64>,
    /// After taking the event the match is complete as well as carried on.
    pub(crate) completes: Guard,
}

#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) arcs: Vec<Arc>,
    pub(crate) is_final: bool,
    /// Complete when its time is out.
    pub(crate) is_pending: bool,
    /// Milliseconds since the previous event.
    pub(crate) window: Option<i64>,
}

/// What is known about an event from its class alone.
#[derive(Debug, Clone)]
pub(crate) struct ClassFacts {
    /// Tests that surely hold, and tests that surely do not.
    pub(crate) holds: u64,
    pub(crate) fails: u64,
    /// By state: whether an event of the class may change a partial match in it.
    pub(crate) active: Vec<bool>,
    /// The same as bits; see [`state_bit`].
    pub(crate) active_bits: u64,
    /// Whether any partial match may change, and whether a match may begin.
    pub(crate) any_active: bool,
    pub(crate) may_begin: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Automaton {
    pub(crate) states: Vec<State>,
    pub(crate) start: u16,
    pub(crate) tests: Vec<EventTest>,
    /// The tests that look at captures.
    pub(crate) reading_captures: u64,
    /// Classes that tests name, ascending; the facts of class `i` are `facts[i]`, of all others `facts[len]`.
    pub(crate) classes: Vec<ClassId>,
    pub(crate) facts: Vec<ClassFacts>,
}

impl Automaton {
    pub(crate) fn flatten(built: &Built) -> Result<Self, TooLarge> {
        let states = flatten_states(&built.graph)?;
        let start = u16::try_from(built.start).map_err(|_| TooLarge)?;
        let mut classes: Vec<ClassId> = built.tests.iter().filter_map(|test| test.class).collect();
        classes.sort_unstable();
        classes.dedup();
        let reading_captures = (built.tests.iter().enumerate())
            .filter(|(_, test)| test.reads_captures)
            .fold(0, |mask, (number, _)| mask | 1_u64 << number);
        let tests = built.tests.clone();
        let mut automaton = Self { states, start, tests, reading_captures, classes, facts: Vec::new() };
        let known = automaton.classes.clone();
        automaton.facts =
            known.into_iter().map(Some).chain([None]).map(|class| automaton.facts_of(class)).collect();
        Ok(automaton)
    }

    /// Where the facts of a class are.
    pub(crate) fn class_index(&self, class: Option<ClassId>) -> usize {
        let found = class.and_then(|class| self.classes.iter().position(|known| *known == class));
        found.unwrap_or(self.classes.len())
    }

    fn facts_of(&self, class: Option<ClassId>) -> ClassFacts {
        let (mut holds, mut fails) = (0_u64, 0_u64);
        for (number, test) in self.tests.iter().enumerate() {
            if test.class.is_some() && test.class != class {
                fails |= 1 << number;
            } else if test.condition.is_none() {
                holds |= 1 << number;
            }
        }
        let active: Vec<bool> =
            (0..self.states.len()).map(|state| self.is_active(state, holds, fails)).collect();
        let may_begin = self.states[usize::from(self.start)]
            .arcs
            .iter()
            .any(|arc| matches!(arc.action, Move::Take(_)) && arc.guard.possible(holds, fails));
        let any_active = self.resting().into_iter().any(|state| active[usize::from(state)]);
        let active_bits = (0_u16..).zip(&active).filter(|(_, active)| **active);
        let active_bits = active_bits.fold(0, |bits, (state, _)| bits | state_bit(state));
        ClassFacts { holds, fails, active, active_bits, any_active, may_begin }
    }

    /// The states in which a partial match can wait for an event.
    fn resting(&self) -> Vec<u16> {
        let arcs = self.states.iter().flat_map(|state| &state.arcs);
        let resting = arcs.filter(|arc| arc.action != Move::Stop).map(|arc| arc.target);
        resting.filter(|state| !self.states[usize::from(*state)].is_final).collect()
    }

    /// Whether an event may do anything in a state but be passed over.
    fn is_active(&self, state: usize, holds: u64, fails: u64) -> bool {
        let mut possible = self.states[state].arcs.iter().filter(|arc| arc.guard.possible(holds, fails));
        let (Some(arc), None) = (possible.next(), possible.next()) else { return true };
        let stays = arc.action == Move::Ignore && usize::from(arc.target) == state;
        !(stays && arc.guard.certain(holds, fails))
    }
}

/// How many ways without an event are followed in all, so that compiling takes no longer than an instant.
const MAX_WAYS: usize = 1 << 18;

/// How much more an automaton may become.
struct Left {
    arcs: usize,
    ways: usize,
}

fn flatten_states(graph: &Graph) -> Result<Vec<State>, TooLarge> {
    let mut left = Left { arcs: 16 * MAX_STATES, ways: MAX_WAYS };
    let mut states = Vec::with_capacity(graph.states.len());
    for (id, node) in graph.states.iter().enumerate() {
        let arcs = if node.kind == Kind::Stop { Vec::new() } else { arcs_of(graph, id, &mut left)? };
        left.arcs = left.arcs.checked_sub(arcs.len()).ok_or(TooLarge)?;
        states.push(State {
            arcs,
            is_final: node.kind == Kind::Final,
            is_pending: node.kind == Kind::Pending,
            window: node.window,
        });
    }
    Ok(states)
}

/// Depth first, the last way on first. The order is part of the meaning where skip strategies choose between
/// matches that begin alike.
fn arcs_of(graph: &Graph, from: StateId, left: &mut Left) -> Result<Vec<Arc>, TooLarge> {
    let mut arcs = Vec::new();
    walk(graph, from, left, |node, edge, path, left| {
        let action = match (edge.action, graph.states[edge.target].kind, node.step) {
            (Action::Take, Kind::Stop, _) => Move::Stop,
            (Action::Take, _, Some(step)) => Move::Take(step),
            (Action::Ignore, ..) => Move::Ignore,
            (Action::Take, _, None) | (Action::Proceed, ..) => return Ok(()),
        };
        let guard = path.and(&edge.guard);
        if guard.is_never() {
            return Ok(());
        }
        if guard.is_cut() {
            return Err(TooLarge);
        }
        let completes = match action {
            Move::Take(_) => completes(graph, edge.target, left)?,
            Move::Ignore | Move::Stop => Guard::never(),
        };
        let target = u16::try_from(edge.target).map_err(|_| TooLarge)?;
        arcs.push(Arc { action, target, guard, gap: edge.gap, completes });
        Ok(())
    })?;
    Ok(arcs)
}

/// When a match is complete by merely having come into a state.
fn completes(graph: &Graph, from: StateId, left: &mut Left) -> Result<Guard, TooLarge> {
    let mut complete = Guard::never();
    walk(graph, from, left, |_, edge, path, _| {
        if edge.action == Action::Proceed && graph.is_final(edge.target) {
            complete = complete.or(&path.and(&edge.guard));
        }
        Ok(())
    })?;
    if complete.is_cut() { Err(TooLarge) } else { Ok(complete) }
}

/// Visits the edges of a state and of all states that can be reached from it without an event.
fn walk(
    graph: &Graph,
    from: StateId,
    left: &mut Left,
    mut visit: impl FnMut(&crate::graph::Node, &Edge, &Guard, &mut Left) -> Result<(), TooLarge>,
) -> Result<(), TooLarge> {
    let mut ways = vec![(from, Guard::always())];
    while let Some((state, path)) = ways.pop() {
        let node = &graph.states[state];
        for edge in &node.edges {
            left.ways = left.ways.checked_sub(1).ok_or(TooLarge)?;
            visit(node, edge, &path, left)?;
            if edge.action == Action::Proceed {
                let further = path.and(&edge.guard);
                if further.is_cut() {
                    return Err(TooLarge);
                }
                if !further.is_never() {
                    ways.push((edge.target, further));
                }
            }
        }
    }
    Ok(())
}
