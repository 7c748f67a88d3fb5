//! Captured events, shared between partial matches: chains of nodes that share their beginnings, with each
//! event kept once.

use crate::output::Capture;

/// No node; the end of a chain.
pub(crate) const NONE: u32 = u32::MAX;

/// One link: an event that a step took, after the chain before it.
#[derive(Debug, Clone, Copy)]
struct Node {
    step: u16,
    event: u32,
    /// The link before; in a free node the next free one.
    previous: u32,
    /// Partial matches and later links that hold this one; 0 in a free node.
    holders: u32,
}

/// An event as it is kept.
#[derive(Debug, Clone)]
pub(crate) struct Kept<E> {
    pub(crate) event: E,
    pub(crate) at: i64,
    /// Its place in the order of processing.
    pub(crate) sequence: u64,
    holders: u32,
}

/// Room for an event.
#[derive(Debug, Clone)]
enum Slot<E> {
    Kept(Kept<E>),
    /// The next free one.
    Free(u32),
}

/// All chains of one state.
#[derive(Debug, Clone)]
pub(crate) struct Store<E> {
    nodes: Vec<Node>,
    events: Vec<Slot<E>>,
    free_node: u32,
    free_event: u32,
    live: u32,
    kept: u32,
}

impl<E> Default for Store<E> {
    fn default() -> Self {
        Self { nodes: Vec::new(), events: Vec::new(), free_node: NONE, free_event: NONE, live: 0, kept: 0 }
    }
}

impl<E> Store<E> {
    /// How many links are held.
    pub(crate) fn live(&self) -> u32 {
        self.live
    }

    /// Keeps an event, held once, by the caller.
    pub(crate) fn keep(&mut self, event: E, at: i64, sequence: u64) -> u32 {
        self.kept += 1;
        let kept = Slot::Kept(Kept { event, at, sequence, holders: 1 });
        match self.events.get_mut(self.free_event as usize) {
            Some(slot) => {
                let place = self.free_event;
                if let Slot::Free(next) = std::mem::replace(slot, kept) {
                    self.free_event = next;
                }
                place
            }
            None => {
                self.events.push(kept);
                (self.events.len() - 1) as u32
            }
        }
    }

    /// Adds a link after `previous`, held once, by the caller.
    pub(crate) fn link(&mut self, step: u16, event: u32, previous: u32) -> u32 {
        if previous != NONE {
            self.nodes[previous as usize].holders += 1;
        }
        if let Slot::Kept(kept) = &mut self.events[event as usize] {
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
        let Slot::Kept(kept) = slot else { return };
        kept.holders -= 1;
        if kept.holders == 0 {
            *slot = Slot::Free(self.free_event);
            self.free_event = event;
            self.kept -= 1;
            if self.kept == 0 {
                self.clear();
            }
        }
    }

    /// Without an event there is no link either.
    fn clear(&mut self) {
        self.nodes.clear();
        self.events.clear();
        self.free_node = NONE;
        self.free_event = NONE;
    }

    /// Whether most of the room is for links that are gone.
    pub(crate) fn is_sparse(&self) -> bool {
        self.nodes.len() >= 64 && self.live as usize * 4 < self.nodes.len()
    }

    /// Gives up the room of what is gone; returns the new number of each link by its old one.
    pub(crate) fn compact(&mut self) -> Vec<u32> {
        let nodes = renumber(self.nodes.iter().map(|node| node.holders > 0));
        let events = renumber(self.events.iter().map(|slot| matches!(slot, Slot::Kept(_))));
        self.nodes.retain(|node| node.holders > 0);
        for node in &mut self.nodes {
            node.event = events[node.event as usize];
            node.previous = nodes.get(node.previous as usize).copied().unwrap_or(NONE);
        }
        self.events.retain(|slot| matches!(slot, Slot::Kept(_)));
        self.nodes.shrink_to_fit();
        self.events.shrink_to_fit();
        self.free_node = NONE;
        self.free_event = NONE;
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

    /// The chains that end in these links, numbered anew: each link after the one that it follows.
    pub(crate) fn renumbered(&self, ends: impl Iterator<Item = u32>) -> Renumbered<'_, E> {
        let mut result = Renumbered {
            nodes: vec![0; self.nodes.len()],
            links: Vec::with_capacity(self.live as usize),
            events: Vec::with_capacity(self.kept as usize),
        };
        let mut events = vec![NONE; self.events.len()];
        let mut way = Vec::new();
        for end in ends {
            let mut node = end;
            while result.of(node) == 0 && node != NONE {
                way.push(node);
                node = self.nodes[node as usize].previous;
            }
            while let Some(node) = way.pop() {
                let Node { step, event, previous, .. } = self.nodes[node as usize];
                let Slot::Kept(kept) = &self.events[event as usize] else { continue };
                let number = &mut events[event as usize];
                if *number == NONE {
                    *number = result.events.len() as u32;
                    result.events.push(kept);
                }
                result.links.push((step, *number, result.of(previous)));
                result.nodes[node as usize] = result.links.len() as u32;
            }
        }
        result
    }

    /// Chains as they were written, with no holders but each other; `None` where one leads nowhere.
    pub(crate) fn restore(
        links: &[(u16, u32, u32)],
        events: impl Iterator<Item = (E, i64, u64)>,
    ) -> Option<Self> {
        let kept = |(event, at, sequence)| Slot::Kept(Kept { event, at, sequence, holders: 0 });
        let mut store = Self { events: events.map(kept).collect(), ..Self::default() };
        store.nodes.reserve_exact(links.len());
        for (step, event, previous) in links {
            let previous = previous.wrapping_sub(1);
            if previous != NONE {
                store.nodes.get_mut(previous as usize)?.holders += 1;
            }
            let Slot::Kept(kept) = store.events.get_mut(*event as usize)? else { return None };
            kept.holders += 1;
            store.nodes.push(Node { step: *step, event: *event, previous, holders: 0 });
        }
        store.live = store.nodes.len() as u32;
        store.kept = store.events.len() as u32;
        Some(store)
    }

    /// One more holder of a link that may not be there.
    pub(crate) fn hold_restored(&mut self, node: u32) -> bool {
        let found = self.nodes.get_mut(node as usize);
        found.map(|link| link.holders += 1).is_some()
    }
}

/// Chains numbered anew.
#[derive(Debug)]
pub(crate) struct Renumbered<'a, E> {
    /// New number + 1 by old number; 0 where there is none yet.
    nodes: Vec<u32>,
    /// Step, event, the link before + 1.
    pub(crate) links: Vec<(u16, u32, u32)>,
    pub(crate) events: Vec<&'a Kept<E>>,
}

impl<E> Renumbered<'_, E> {
    /// The new number of a link, + 1; 0 for none.
    pub(crate) fn of(&self, node: u32) -> u32 {
        self.nodes.get(node as usize).copied().unwrap_or(0)
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
        match self.store.events.get(link.event as usize)? {
            Slot::Kept(kept) => Some((link.step, kept)),
            Slot::Free(_) => None,
        }
    }
}
