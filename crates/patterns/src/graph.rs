//! The graph of states that a specification is turned into, before it is flattened into an automaton.
//!
//! Its shape follows the model of Flink CEP (states with *take*, *ignore* and *proceed* edges, after
//! Agrawal et al., "Efficient Pattern Matching over Event Streams", SIGMOD 2008), because matches are to be
//! the same in every case that both define.

use crate::guard::Guard;

/// An index into [`Graph::states`].
pub(crate) type StateId = usize;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    /// The match is complete.
    Final,
    /// A forbidden event came: the partial match ends without a trace.
    Stop,
    /// Complete as soon as the time is out.
    Pending,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// The event is captured.
    Take,
    /// The event is passed over.
    Ignore,
    /// On without an event; the event at hand is then tried there.
    Proceed,
}

#[derive(Debug, Clone)]
pub(crate) struct Edge {
    pub(crate) action: Action,
    pub(crate) target: StateId,
    pub(crate) guard: Guard,
    /// Open only for so many milliseconds since the previous event.
    pub(crate) gap: Option<i64>,
}

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// The step whose events it takes.
    pub(crate) step: Option<u16>,
    /// Milliseconds since the previous event for which one may stay in it.
    pub(crate) window: Option<i64>,
    pub(crate) edges: Vec<Edge>,
}

#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(crate) states: Vec<Node>,
}

impl Graph {
    pub(crate) fn add(&mut self, kind: Kind, step: Option<u16>, window: Option<i64>) -> StateId {
        self.states.push(Node { kind, step, window, edges: Vec::new() });
        self.states.len() - 1
    }

    pub(crate) fn edge(&mut self, from: StateId, action: Action, target: StateId, guard: Guard) {
        self.states[from].edges.push(Edge { action, target, guard, gap: None });
    }

    /// An edge on which an event is captured.
    pub(crate) fn take(&mut self, from: StateId, target: StateId, guard: Guard, gap: Option<i64>) {
        self.states[from].edges.push(Edge { action: Action::Take, target, guard, gap });
    }

    pub(crate) fn is_final(&self, state: StateId) -> bool {
        self.states[state].kind == Kind::Final
    }

    /// A second state like the first; edges of the first to itself become edges of the second to itself.
    pub(crate) fn copy(&mut self, state: StateId) -> StateId {
        let mut node = self.states[state].clone();
        let copy = self.states.len();
        for edge in &mut node.edges {
            if edge.target == state {
                edge.target = copy;
            }
        }
        self.states.push(node);
        copy
    }

    /// Lets nothing leave a state while a guard holds.
    pub(crate) fn forbid(&mut self, state: StateId, guard: &Guard) {
        let not = guard.not();
        for edge in &mut self.states[state].edges {
            edge.guard = edge.guard.and(&not);
        }
    }
}
