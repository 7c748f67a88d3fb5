//! The events of the workload through a set of patterns, on one thread or several.

use std::collections::HashMap;

use elate_patterns::{
    Captures, ClassId, ConditionId, Match, Occurrence, Outcome, PatternSet, Scratch, SetOutcomes, SetState,
    Times,
};

use crate::workload::{self, Event, Sum};

pub(crate) type Id = [u8; 10];

/// Records in one micro-batch at the most, as the consumer's settings have it.
pub(crate) const BATCH: usize = 32_768;

/// What is measured.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    /// Patterns of the workload.
    pub(crate) patterns: usize,
    pub(crate) others: Others,
    pub(crate) threads: usize,
    pub(crate) states: States,
}

/// Patterns that no event of the workload concerns.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Others {
    None,
    /// So many of which nothing has begun.
    Idle(usize),
    /// So many of which something is open for every customer.
    Open(usize),
}

impl Others {
    pub(crate) fn count(self) -> usize {
        match self {
            Self::None => 0,
            Self::Idle(count) | Self::Open(count) => count,
        }
    }
}

/// Where customers' states are between events.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum States {
    InMemory,
    /// Read from bytes before each batch that touches them, and written to bytes after it.
    Encoded,
}

/// Customers' states of one thread.
pub(crate) enum Customers {
    Live(HashMap<Id, SetState<u32>>),
    Stored(HashMap<Id, Vec<u8>>),
}

/// What one thread does: it looks at all events and takes those of its customers.
pub(crate) struct Worker<'a> {
    set: &'a PatternSet,
    scratch: Scratch,
    out: SetOutcomes<u32>,
    pub(crate) sums: Vec<Sum>,
}

/// The states before the first event, by thread.
pub(crate) fn prepare(set: &PatternSet, events: &[Event], plan: Plan) -> Vec<Customers> {
    (0..plan.threads)
        .map(|part| {
            let mut worker = Worker::new(set, plan);
            let mut states: HashMap<Id, SetState<u32>> = HashMap::new();
            if let Others::Open(others) = plan.others {
                for event in events.iter().filter(|event| is_of(event, part, plan.threads)) {
                    states.entry(event.id).or_insert_with(|| worker.opened(others));
                }
            }
            if plan.states == States::InMemory {
                return Customers::Live(states);
            }
            Customers::Stored(states.iter().map(|(id, state)| (*id, write(state))).collect())
        })
        .collect()
}

/// All events from the first to the last match; the sums by pattern.
pub(crate) fn run(set: &PatternSet, events: &[Event], customers: Vec<Customers>, plan: Plan) -> Vec<Sum> {
    let parts: Vec<Vec<Sum>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (customers.into_iter().enumerate())
            .map(|(part, mut customers)| {
                scope.spawn(move || {
                    let mut worker = Worker::new(set, plan);
                    worker.events(events, &mut customers, part, plan.threads);
                    worker.end(customers);
                    worker.sums
                })
            })
            .collect();
        workers.into_iter().filter_map(|worker| worker.join().ok()).collect()
    });
    total(parts, plan.patterns)
}

/// What all threads have found, by pattern.
pub(crate) fn total(parts: Vec<Vec<Sum>>, patterns: usize) -> Vec<Sum> {
    let mut total = vec![Sum::default(); patterns];
    for part in parts {
        for (total, sum) in total.iter_mut().zip(part) {
            total.add(sum);
        }
    }
    total
}

/// Some more events; the states after them.
pub(crate) fn follow(
    set: &PatternSet,
    events: &[Event],
    customers: Vec<Customers>,
    plan: Plan,
) -> Vec<Customers> {
    let mut worker = Worker::new(set, plan);
    let step = |(part, mut customers)| {
        worker.events(events, &mut customers, part, plan.threads);
        customers
    };
    customers.into_iter().enumerate().map(step).collect()
}

pub(crate) fn is_of(event: &Event, part: usize, parts: usize) -> bool {
    usize::from(event.id[9]) % parts == part
}

impl<'a> Worker<'a> {
    pub(crate) fn new(set: &'a PatternSet, plan: Plan) -> Self {
        let sums = vec![Sum::default(); plan.patterns];
        Self { set, scratch: Scratch::default(), out: Vec::new(), sums }
    }

    /// A state in which each of the other patterns has begun.
    fn opened(&mut self, others: usize) -> SetState<u32> {
        let mut state = SetState::default();
        for (class, at) in workload::opening(others) {
            self.step(&mut state, class, at, 0, 0);
        }
        state
    }

    fn events(&mut self, events: &[Event], customers: &mut Customers, part: usize, parts: usize) {
        match customers {
            Customers::Live(states) => {
                for event in events.iter().filter(|event| is_of(event, part, parts)) {
                    self.event(states.entry(event.id).or_default(), event);
                }
            }
            Customers::Stored(stored) => {
                for batch in events.chunks(BATCH * parts) {
                    let mut working: HashMap<Id, SetState<u32>> = HashMap::new();
                    for event in batch.iter().filter(|event| is_of(event, part, parts)) {
                        let load = || stored.get(&event.id).map(|bytes| read(bytes)).unwrap_or_default();
                        self.event(working.entry(event.id).or_insert_with(load), event);
                    }
                    for (id, state) in &working {
                        stored.insert(*id, write(state));
                    }
                }
            }
        }
    }

    /// Time runs out for everybody.
    fn end(&mut self, customers: Customers) {
        match customers {
            Customers::Live(states) => states.into_values().for_each(|state| self.end_of(state)),
            Customers::Stored(stored) => stored.values().for_each(|bytes| self.end_of(read(bytes))),
        }
    }

    pub(crate) fn event(&mut self, state: &mut SetState<u32>, event: &Event) {
        self.step(state, ClassId(event.class), event.at, event.amount, event.sequence);
    }

    fn step(&mut self, state: &mut SetState<u32>, class: ClassId, at: i64, amount: u32, sequence: u32) {
        let mut conditions = |id: ConditionId, _: &u32, _: &Captures<'_, u32>| amount >= workload::amount(id);
        let times = Times::same(at);
        let mut occurrence =
            Occurrence::new(&sequence, Some(class), times, &mut conditions, &mut self.scratch);
        self.set.step(state, &mut occurrence, &mut self.out);
        self.count();
    }

    pub(crate) fn end_of(&mut self, mut state: SetState<u32>) {
        self.set.advance(&mut state, i64::MAX - 1, &mut self.out);
        self.count();
    }

    fn count(&mut self) {
        for (key, outcome) in self.out.drain(..) {
            if let Outcome::Matched(Match { captures, .. }) = outcome
                && let (Some(first), Some(last)) = (captures.first(), captures.last())
            {
                self.sums[key.0 as usize].found(first.event, last.event);
            }
        }
    }
}

/// As the consumer stores states: MessagePack with field names.
pub(crate) fn write(state: &SetState<u32>) -> Vec<u8> {
    rmp_serde::to_vec_named(state).unwrap_or_default()
}

/// A state that can't be read would be seen in the sums.
pub(crate) fn read(bytes: &[u8]) -> SetState<u32> {
    rmp_serde::from_slice(bytes).unwrap_or_default()
}

/// Bytes of a state on average, and of the largest one.
pub(crate) fn stored_bytes(customers: &[Customers]) -> (usize, usize) {
    let sizes = customers.iter().flat_map(|customers| -> Vec<usize> {
        match customers {
            Customers::Live(states) => states.values().map(|state| write(state).len()).collect(),
            Customers::Stored(stored) => stored.values().map(Vec::len).collect(),
        }
    });
    let sizes: Vec<usize> = sizes.collect();
    let all: usize = sizes.iter().sum();
    (all / sizes.len().max(1), sizes.into_iter().max().unwrap_or(0))
}
