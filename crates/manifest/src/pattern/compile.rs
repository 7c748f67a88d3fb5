//! A pattern as a manifest writes it becomes a pattern of the engine.

use std::sync::Arc;

use elate_patterns::{self as engine, EventTest, Limits, PatternSpec, Repeat, StepKind, StepSpec};

use super::vocabulary::{StepTable, Test, Vocabulary};
use crate::expression::{Uses, Value};
use crate::spec::{AfterMatch, Contiguity, EventMatch, Pattern, Step, Times};

/// Partial matches of one customer, pattern and key that are always kept.
const PARTIAL_MATCHES: u32 = 100;
/// Events of such partial matches, counted for each, that are always kept.
const CAPTURES: u32 = 2_000;
/// The longest match for which room is made.
const MOST_NEEDED: u32 = 250;

/// A pattern, ready to run.
#[derive(Debug, Clone)]
pub struct CompiledPattern {
    /// The automaton.
    pub pattern: Arc<engine::Pattern>,
    /// What correlates the steps; on `event` and `customer`.
    pub key: Option<Value>,
    /// The steps by name.
    pub steps: Arc<StepTable>,
    /// Whether a condition reads the `context` of an earlier step, so that captures have to keep it.
    pub keeps_context: bool,
}

/// Why a pattern is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternProblem {
    /// Where in the pattern: `steps[2].within`.
    pub path: String,
    /// What is wrong.
    pub reason: String,
    /// What would be right.
    pub hint: String,
}

/// Compiles a pattern with the workspace's vocabulary, or says everything that is wrong with it.
pub fn compile(pattern: &Pattern, words: &mut Vocabulary) -> Result<CompiledPattern, Vec<PatternProblem>> {
    let mut table = StepTable::default();
    collect_steps(&pattern.steps, false, &mut table);
    let steps = Arc::new(table);
    let mut compiler = Compiler {
        words,
        steps: Arc::clone(&steps),
        reached: Vec::new(),
        uses: Uses::default(),
        problems: Vec::new(),
    };
    let spec = PatternSpec {
        steps: compiler.steps(&pattern.steps, "steps"),
        within_ms: pattern.within.map(|within| within.as_millis()),
        after_match: after_match(&pattern.after_match),
        limits: limits(&pattern.steps),
    };
    let Compiler { uses, mut problems, .. } = compiler;
    problems.extend(engine::Pattern::problems(&spec).into_iter().map(|error| PatternProblem {
        path: our_path(&error.path),
        reason: error.cause.to_string(),
        hint: error.hint().to_owned(),
    }));
    if !problems.is_empty() {
        return Err(problems);
    }
    match engine::Pattern::compile(&spec) {
        Ok(compiled) => {
            let keeps_context = steps.names().any(|step| uses.reads_field(step, "context"));
            Ok(CompiledPattern {
                pattern: Arc::new(compiled),
                key: pattern.key.clone(),
                steps,
                keeps_context,
            })
        }
        Err(error) => Err(vec![PatternProblem {
            path: our_path(&error.path),
            reason: error.cause.to_string(),
            hint: error.hint().to_owned(),
        }]),
    }
}

/// What one customer may carry of one pattern and key: the least that anybody needs, and more where a match needs
/// many events. An attempt begins with each event that may be the first, and each keeps what it took: so what is
/// held grows with the square of the events of a match.
fn limits(steps: &[Step]) -> Limits {
    let needed = needed(steps).min(MOST_NEEDED);
    Limits {
        max_partial_matches: PARTIAL_MATCHES.max(2 * needed),
        max_captures: CAPTURES.max(needed * (needed + 1)),
    }
}

/// How many events a match takes at least.
fn needed(steps: &[Step]) -> u32 {
    let of = |step: &Step| match (&step.group, step.times) {
        _ if step.absent || step.optional => 0,
        (Some(group), times) => needed(group).saturating_mul(times.map_or(1, Times::min)),
        (None, times) => times.map_or(1, Times::min),
    };
    steps.iter().map(of).fold(0, u32::saturating_add)
}

/// The engine's names for places, as manifests call them.
fn our_path(path: &str) -> String {
    path.replace("].steps", "].group")
}

fn collect_steps(steps: &[Step], in_repeated: bool, table: &mut StepTable) {
    for step in steps {
        let repeated = in_repeated || step.times.is_some();
        if let Some(group) = &step.group {
            collect_steps(group, repeated, table);
        } else if let (Some(name), false) = (&step.name, step.absent) {
            table.0.push((name.to_string(), repeated));
        }
    }
}

struct Compiler<'a> {
    words: &'a mut Vocabulary,
    steps: Arc<StepTable>,
    /// The steps that may have taken events before the one at hand.
    reached: Vec<String>,
    uses: Uses,
    problems: Vec<PatternProblem>,
}

impl Compiler<'_> {
    fn steps(&mut self, steps: &[Step], path: &str) -> Vec<StepSpec> {
        steps.iter().enumerate().map(|(index, step)| self.step(step, &format!("{path}[{index}]"))).collect()
    }

    fn step(&mut self, step: &Step, path: &str) -> StepSpec {
        let kind = match &step.group {
            Some(group) => {
                if step.on.is_some() || step.event_type.is_some() || step.condition.is_some() {
                    self.refuse(
                        path,
                        "is a group and an event at once",
                        "move `on` and `where` to a step of the group",
                    );
                }
                if step.times.is_some() {
                    // one repetition sees what the one before it took
                    let mut table = StepTable::default();
                    collect_steps(group, true, &mut table);
                    self.reached.extend(table.names().map(str::to_owned));
                }
                StepKind::Group(self.steps(group, &format!("{path}.group")))
            }
            None => {
                let own = step.name.as_ref().filter(|_| !step.absent).map(ToString::to_string);
                if step.times.is_some() {
                    self.reached.extend(own.clone());
                }
                let kind = StepKind::Event(self.test(&step.event_match(), path));
                self.reached.extend(own);
                kind
            }
        };
        let until = step.until.as_ref().map(|until| self.test(until, &format!("{path}.until")));
        StepSpec {
            name: step.name.as_ref().map(ToString::to_string).unwrap_or_default(),
            kind,
            contiguity: contiguity(step.contiguity),
            absent: step.absent,
            optional: step.optional,
            repeat: step.times.map(|times| Repeat {
                min: times.min(),
                max: times.max(),
                contiguity: contiguity(step.repeat_contiguity),
                within_ms: None,
            }),
            greedy: step.greedy,
            until,
            within_ms: step.within.map(|within| within.as_millis()),
        }
    }

    /// One name alone is a class, which the engine tells apart by itself; everything else is a condition.
    fn test(&mut self, event: &EventMatch, path: &str) -> EventTest {
        let mut rest = event.clone();
        let class = match event.on.as_ref().map(|names| names.0.as_slice()) {
            Some([name]) => {
                rest.on = None;
                Some(self.words.class(name))
            }
            Some(_) | None => None,
        };
        if rest == EventMatch::default() {
            return EventTest { class, condition: None, reads_captures: false };
        }
        if rest.condition.as_ref().is_some_and(|condition| condition.is_never()) {
            self.refuse(&format!("{path}.where"), "never holds", "say when it does, or leave the step out");
        }
        let uses = rest.condition.as_ref().map(|condition| condition.uses().clone()).unwrap_or_default();
        let reads_captures = uses.variables().any(|variable| self.steps.knows(variable));
        self.check_variables(&uses, path);
        self.check_order(&uses, path);
        self.uses.extend(&uses);
        let test = Test { event: rest, steps: Arc::clone(&self.steps) };
        let condition = self.words.add(test, reads_captures);
        if condition.is_none() {
            self.refuse(
                path,
                "there are more conditions in the workspace than can be numbered",
                "merge some",
            );
        }
        EventTest { class, condition, reads_captures }
    }

    fn check_variables(&mut self, uses: &Uses, path: &str) {
        let unknown: Vec<String> = uses
            .variables()
            .filter(|name| !matches!(*name, "event" | "customer") && !self.steps.knows(name))
            .map(str::to_owned)
            .collect();
        for name in unknown {
            let mut known = vec!["event", "customer"];
            let steps = Arc::clone(&self.steps);
            known.extend(steps.names());
            self.refuse(
                &format!("{path}.where"),
                &format!("there is no `{name}` here"),
                &format!("known here: {}", known.join(", ")),
            );
        }
    }

    /// A step that comes only later has taken nothing yet.
    fn check_order(&mut self, uses: &Uses, path: &str) {
        let later: Vec<String> = uses
            .variables()
            .filter(|name| self.steps.knows(name) && !self.reached.iter().any(|reached| reached == name))
            .map(str::to_owned)
            .collect();
        for name in later {
            self.refuse(
                &format!("{path}.where"),
                &format!("`{name}` has taken no event yet when this is asked"),
                "look at earlier steps; the event at hand is `event`",
            );
        }
    }

    fn refuse(&mut self, path: &str, reason: &str, hint: &str) {
        let problem =
            PatternProblem { path: path.to_owned(), reason: reason.to_owned(), hint: hint.to_owned() };
        self.problems.push(problem);
    }
}

fn contiguity(contiguity: Contiguity) -> engine::Contiguity {
    match contiguity {
        Contiguity::Strict => engine::Contiguity::Strict,
        Contiguity::Relaxed => engine::Contiguity::Relaxed,
        Contiguity::Any => engine::Contiguity::Any,
    }
}

fn after_match(after_match: &AfterMatch) -> engine::AfterMatch {
    match after_match {
        AfterMatch::NoSkip => engine::AfterMatch::NoSkip,
        AfterMatch::SkipToNext => engine::AfterMatch::SkipToNext,
        AfterMatch::SkipPastLast => engine::AfterMatch::SkipPastLast,
        AfterMatch::SkipToFirst(step) => engine::AfterMatch::SkipToFirst(step.to_string()),
        AfterMatch::SkipToLast(step) => engine::AfterMatch::SkipToLast(step.to_string()),
    }
}
