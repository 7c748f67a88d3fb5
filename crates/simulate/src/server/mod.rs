//! Simulations for others: how many at once, how much they may read, and what is answered.

pub mod error;
mod watch;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use elate_domain::{Record, WorkspaceId};
use elate_runtime::ByteSize;

use crate::config::SimulationLimits;
use crate::metrics::{EVENTS_REPLAYED, NO_LABELS, SIMULATIONS};
use crate::report::Compared;
use crate::{Definitions, History, Options, Recording, Report, simulate};
pub use error::Error;
pub use watch::{Standing, StopsWithMe, Watch};

/// What is asked.
#[derive(Debug)]
pub struct Question {
    /// The definitions.
    pub definitions: Definitions,
    /// Other ones, to compare.
    pub other: Option<Definitions>,
    /// How it is replayed.
    pub options: Options,
    /// Whether the page is wanted.
    pub page: bool,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The report, or both and their difference.
    pub json: String,
    /// The page, where it is wanted.
    pub page: Option<String>,
}

/// How many simulations run, of which workspace.
type Running = Arc<Mutex<HashMap<WorkspaceId, usize>>>;

/// Runs simulations within the limits.
#[derive(Debug, Clone)]
pub struct Simulations {
    limits: SimulationLimits,
    running: Running,
}

/// A place among the simulations that may run at once.
#[derive(Debug)]
pub struct Place {
    workspace: WorkspaceId,
    running: Running,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = running.get_mut(&self.workspace) {
            *count -= 1;
            if *count == 0 {
                running.remove(&self.workspace);
            }
        }
    }
}

impl Simulations {
    /// None runs yet.
    pub fn new(limits: SimulationLimits) -> Self {
        Self { limits, running: Running::default() }
    }

    /// The limits.
    pub fn limits(&self) -> &SimulationLimits {
        &self.limits
    }

    /// The threads that one simulation has.
    pub fn threads(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.limits.threads).unwrap_or(NonZeroUsize::MIN)
    }

    /// Takes a place for a simulation of `workspace`.
    ///
    /// # Errors
    /// [`Error::Busy`] and [`Error::WorkspaceBusy`] where none is free.
    pub fn place(&self, workspace: &WorkspaceId) -> Result<Place, Error> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let ours = running.get(workspace).copied().unwrap_or_default();
        let all = running.values().sum();
        if ours >= self.limits.per_workspace {
            return Err(Error::WorkspaceBusy { running: ours });
        }
        if all >= self.limits.concurrency {
            return Err(Error::Busy { running: all });
        }
        *running.entry(workspace.clone()).or_default() += 1;
        Ok(Place { workspace: workspace.clone(), running: Arc::clone(&self.running) })
    }
}

/// Takes records in, as many as are allowed.
#[derive(Debug)]
pub struct Intake {
    history: History,
    events: u64,
    bytes: u64,
    most_events: u64,
    most_bytes: ByteSize,
}

impl Intake {
    /// Nothing yet.
    pub fn new(options: &Options, limits: &SimulationLimits) -> Self {
        let (most_events, most_bytes) = (limits.events, limits.bytes);
        Self { history: History::new(options), events: 0, bytes: 0, most_events, most_bytes }
    }

    /// Takes a record that has so many bytes.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where it is more than may be held.
    pub fn take(&mut self, record: Record, bytes: u64) -> Result<(), Error> {
        if !self.history.take(record) {
            return Ok(());
        }
        self.events += 1;
        self.bytes += bytes;
        if self.events > self.most_events {
            return Err(Error::TooLarge { limit: format!("{} records", self.most_events) });
        }
        if self.bytes > self.most_bytes.0 {
            return Err(Error::TooLarge { limit: self.most_bytes.to_string() });
        }
        Ok(())
    }

    /// Replays what was taken in. Work for a thread of its own.
    ///
    /// # Errors
    /// [`Error::Empty`] where nothing was taken in, [`Error::GivenUp`] where nobody waits any more.
    pub fn replay(self, question: &Question, watch: &Watch) -> Result<Answer, Error> {
        let recording = self.history.finish()?;
        let before = replay(&question.definitions, &recording, &question.options, watch)?;
        let Some(other) = &question.other else {
            let page = question.page.then(|| before.to_html(None)).transpose()?;
            return Ok(Answer { json: before.to_json()?, page });
        };
        let after = replay(other, &recording, &question.options, watch)?;
        let page = question.page.then(|| after.to_html(Some(&before))).transpose()?;
        Ok(Answer { json: Compared::new(before, after).to_json()?, page })
    }
}

fn replay(
    definitions: &Definitions,
    recording: &Recording,
    options: &Options,
    watch: &Watch,
) -> Result<Report, Error> {
    let report = simulate(definitions, recording, options, watch);
    let replayed = watch.standing().map_or(0, |standing| standing.done);
    EVENTS_REPLAYED.counter(NO_LABELS).increment(replayed);
    Ok(report?)
}

/// Counts how a simulation ended: as given up, if nothing else was said.
#[derive(Debug)]
pub struct Ended(&'static str);

impl Default for Ended {
    fn default() -> Self {
        Self("given_up")
    }
}

impl Ended {
    /// It came to its end.
    pub fn complete(&mut self) {
        self.0 = "complete";
    }

    /// It did not.
    pub fn with(&mut self, error: &Error) {
        self.0 = match error {
            Error::Busy { .. } | Error::WorkspaceBusy { .. } => "busy",
            Error::Definitions(_) | Error::Empty => "refused",
            Error::TooLarge { .. } => "too_large",
            Error::TooLong { .. } => "too_long",
            Error::GivenUp => "given_up",
            Error::Log(_) | Error::Unreadable(_) | Error::Simulation(_) => "failed",
        };
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        SIMULATIONS.counter(&[("ended", self.0)]).increment(1);
    }
}
