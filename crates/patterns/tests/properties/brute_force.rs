//! Finds the matches of simple patterns by trying every choice of events. It knows nothing of automata: it
//! says, of each choice, whether it satisfies the definition.

use elate_patterns::{ClassId, Contiguity, EventTest, PatternSpec, StepSpec};

/// A step that takes one event, and the absence before it, if there is one.
#[derive(Debug, Clone)]
pub(crate) struct Simple {
    pub(crate) class: u32,
    pub(crate) contiguity: Contiguity,
    pub(crate) absence: Option<Absence>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Absence {
    pub(crate) class: u32,
    pub(crate) strict: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct SimplePattern {
    pub(crate) steps: Vec<Simple>,
    /// A class that must not come before the time is out.
    pub(crate) last_absence: Option<u32>,
    pub(crate) within: Option<i64>,
}

/// Class and time.
pub(crate) type Events = Vec<(u32, i64)>;

/// The chosen events and, for what time brought about, the deadline.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) matches: Vec<(Vec<usize>, Option<i64>)>,
    pub(crate) timeouts: Vec<(Vec<usize>, i64)>,
}

impl Found {
    pub(crate) fn sort(&mut self) {
        self.matches.sort();
        self.timeouts.sort();
    }
}

impl SimplePattern {
    pub(crate) fn spec(&self) -> PatternSpec {
        let mut steps = Vec::new();
        for (number, step) in self.steps.iter().enumerate() {
            if let Some(absence) = step.absence {
                let contiguity = if absence.strict { Contiguity::Strict } else { Contiguity::Relaxed };
                let test = EventTest::class(ClassId(absence.class));
                steps.push(StepSpec { contiguity, ..StepSpec::absent(format!("not{number}"), test) });
            }
            let test = EventTest::class(ClassId(step.class));
            steps.push(StepSpec {
                contiguity: step.contiguity,
                ..StepSpec::event(format!("s{number}"), test)
            });
        }
        if let Some(class) = self.last_absence {
            steps.push(StepSpec::absent("never", EventTest::class(ClassId(class))));
        }
        PatternSpec { steps, within_ms: self.within, ..PatternSpec::default() }
    }

    /// All matches and timeouts in events at times that do not fall, up to the time `end`.
    pub(crate) fn search(&self, events: &Events, end: i64) -> Found {
        let mut found = Found::default();
        for first in 0..events.len() {
            if events[first].0 == self.steps[0].class {
                self.extend(events, end, vec![first], &mut found);
            }
        }
        found.sort();
        found
    }

    fn extend(&self, events: &Events, end: i64, chosen: Vec<usize>, found: &mut Found) {
        let deadline = self.within.map(|within| events[chosen[0]].1 + within);
        // from here on events are too late
        let horizon = deadline
            .and_then(|deadline| events.iter().position(|(_, at)| *at >= deadline))
            .unwrap_or(events.len());
        let last = chosen[chosen.len() - 1];
        let passed = deadline.filter(|deadline| *deadline <= end);
        if chosen.len() == self.steps.len() {
            match self.last_absence {
                None => found.matches.push((chosen, None)),
                Some(class) => {
                    let silent = events[last + 1..horizon].iter().all(|event| event.0 != class);
                    if let Some(deadline) = passed.filter(|_| silent) {
                        found.matches.push((chosen, Some(deadline)));
                    }
                }
            }
            return;
        }
        let step = &self.steps[chosen.len()];
        for next in last + 1..horizon {
            if events[next].0 == step.class && step.allows(&events[last + 1..next], Some(events[next].0)) {
                let longer = chosen.iter().copied().chain([next]).collect();
                self.extend(events, end, longer, found);
            }
        }
        // still waiting for the step when the time is out
        if let Some(deadline) = passed.filter(|_| step.allows(&events[last + 1..horizon], None)) {
            found.timeouts.push((chosen, deadline));
        }
    }
}

impl Simple {
    /// Whether one may have waited through these events for this step, and then have taken `taken`.
    fn allows(&self, between: &[(u32, i64)], taken: Option<u32>) -> bool {
        let mut passed = between.iter().map(|event| event.0);
        let skipped = match self.contiguity {
            Contiguity::Strict => between.is_empty(),
            Contiguity::Relaxed => passed.clone().all(|class| class != self.class),
            Contiguity::Any => true,
        };
        let forbidden = match self.absence {
            None => false,
            Some(absence) if absence.strict => passed.chain(taken).next() == Some(absence.class),
            Some(absence) => passed.any(|class| class == absence.class),
        };
        skipped && !forbidden
    }
}
