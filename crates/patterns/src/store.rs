//! Captured events, shared between partial matches: chains of nodes that share their beginnings, with each
//! event kept once.

use serde::{Deserialize, Serialize};

use crate::output::Capture;

/// No node; the end of a chain.
pub(crate) const NONE: u32 = u32::MAX;

/// One link: an event that a step took, after the chain before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Node {
    step: u16,
    event: u32,
    /// The link before; in a free node the next free one.
    previous: u32,
    /// Partial matches and later links that hold this one; 0 in a free node.
    holders: u32,
}

/// An event as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept<E> {
    pub(crate) event: E,
    pub(crate) at: i64,
    /// Its place in the order of processing.
    pub(crate) sequence: u64,
    holders: u32,
}

/// All chains of one state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Store<E> {
    nodes: Vec<Node>,
    events: Vec<Option<Kept<E>>>,
    free_node: u32,
    free_events: Vec<u32>,
    live: u32,
}

impl<E> Default for Store<E> {
    fn default() -> Self {
        Self { nodes: Vec::new(), events: Vec::new(), free_node: NONE, free_events: Vec::new(), live: 0 }
    }
}

impl<E> Store<E> {
    /// How many links are held.
    pub(crate) fn live(&self) -> u32 {
        self.live
    }

    /// Keeps an event, held once, by the caller.
    pub(crate) fn keep(&mut self, event: E, at: i64, sequence: u64) -> u32 {
        let kept = Some(Kept { event, at, sequence, holders: 1 });
        if let Some(slot) = self.free_events.pop() {
            self.events[slot as usize] = kept;
            return slot;
        }
        self.events.push(kept);
        (self.events.len() - 1) as u32
    }

    /// Adds a link after `previous`, held once, by the caller.
    pub(crate) fn link(&mut self, step: u16, event: u32, previous: u32) -> u32 {
        if previous != NONE {
            self.nodes[previous as usize].holders += 1;
        }
        if let Some(kept) = &mut self.events[event as usize] {
            kept.holders += 1;
        }
        self.live += 1;
        let node = Node { step, event, previous, holders: 1 };
        if self.free_node == NONE {
            self.nodes.push(node);
            return (self.nodes.len() - 1) as u32;
        }
        let slot = self.free_node;
        self.free_node = self.nodes[slot as usize].previous;
        self.nodes[slot as usize] = node;
        slot
    }

    /// One more holder.
    pub(crate) fn hold(&mut self, node: u32) {
        if node != NONE {
            self.nodes[node as usize].holders += 1;
        }
    }

    /// One holder less; what nobody holds any more is freed, up the chain.
    pub(crate) fn release(&mut self, mut node: u32) {
        while node != NONE {
            let link = &mut self.nodes[node as usize];
            link.holders -= 1;
            if link.holders > 0 {
                return;
            }
            let Node { event, previous, .. } = *link;
            link.previous = self.free_node;
            self.free_node = node;
            self.live -= 1;
            // the links before hold other events, so that this clears the store only after the last link
            self.release_event(event);
            node = previous;
        }
    }

    /// One holder of an event less.
    pub(crate) fn release_event(&mut self, event: u32) {
        let slot = &mut self.events[event as usize];
        let Some(kept) = slot else { return };
        kept.holders -= 1;
        if kept.holders == 0 {
            *slot = None;
            self.free_events.push(event);
            if self.free_events.len() == self.events.len() {
                self.clear();
            }
        }
    }

    /// Without an event there is no link either.
    fn clear(&mut self) {
        self.nodes.clear();
        self.events.clear();
        self.free_events.clear();
        self.free_node = NONE;
    }

    /// Whether most of the room is for links that are gone.
    pub(crate) fn is_sparse(&self) -> bool {
        self.nodes.len() >= 64 && self.live as usize * 4 < self.nodes.len()
    }

    /// Gives up the room of what is gone; returns the new number of each link by its old one.
    pub(crate) fn compact(&mut self) -> Vec<u32> {
        let nodes = renumber(self.nodes.iter().map(|node| node.holders > 0));
        let events = renumber(self.events.iter().map(Option::is_some));
        self.nodes.retain(|node| node.holders > 0);
        for node in &mut self.nodes {
            node.event = events[node.event as usize];
            node.previous = nodes.get(node.previous as usize).copied().unwrap_or(NONE);
        }
        self.events.retain(Option::is_some);
        self.nodes.shrink_to_fit();
        self.events.shrink_to_fit();
        self.free_node = NONE;
        self.free_events = Vec::new();
        nodes
    }

    /// The chain from its last event back to its first.
    pub(crate) fn chain(&self, node: u32) -> Chain<'_, E> {
        Chain { store: self, node }
    }

    /// When the last event of a chain occurred.
    pub(crate) fn last_at(&self, node: u32) -> i64 {
        self.chain(node).next().map_or(i64::MIN, |(_, kept)| kept.at)
    }

    /// The chain as captures, first to last.
    pub(crate) fn captures(&self, node: u32) -> Vec<Capture<E>>
    where
        E: Clone,
    {
        let mut captures: Vec<Capture<E>> = self
            .chain(node)
            .map(|(step, kept)| Capture { step, at: kept.at, event: kept.event.clone() })
            .collect();
        captures.reverse();
        captures
    }
}

/// New numbers for what is live, in the old order.
fn renumber(live: impl Iterator<Item = bool>) -> Vec<u32> {
    let mut next = 0;
    live.map(|is_live| {
        let number = if is_live { next } else { NONE };
        next += u32::from(is_live);
        number
    })
    .collect()
}

/// Walks a chain backwards.
#[derive(Debug)]
pub(crate) struct Chain<'a, E> {
    store: &'a Store<E>,
    node: u32,
}

impl<'a, E> Iterator for Chain<'a, E> {
    type Item = (u16, &'a Kept<E>);

    fn next(&mut self) -> Option<Self::Item> {
        let link = self.store.nodes.get(self.node as usize)?;
        self.node = link.previous;
        let kept = self.store.events.get(link.event as usize)?.as_ref()?;
        Some((link.step, kept))
    }
}
