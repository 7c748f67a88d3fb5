//! Named tasks: none may end by itself, and all are stopped in order.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// When a task is stopped. Phases are stopped one after the other, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Answers RPCs.
    Serve,
    /// Follows the log; stops at a commit.
    Consume,
    /// Drains what consumers left: outboxes, deliveries under way.
    Drain,
    /// What the others rely on: checks, leases' heartbeats, upkeep.
    Background,
}

const PHASES: [Phase; 4] = [Phase::Serve, Phase::Consume, Phase::Drain, Phase::Background];

type Run = Box<dyn FnOnce(CancellationToken) -> BoxFuture<'static, anyhow::Result<()>> + Send>;

/// A task that runs until it is told to stop.
pub struct Task {
    name: String,
    phase: Phase,
    run: Run,
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("name", &self.name).field("phase", &self.phase).finish_non_exhaustive()
    }
}

impl Task {
    /// A task. `run` gets a token and returns soon after that is cancelled; returning before is a failure, even with `Ok`.
    pub fn new<F, T>(name: impl Into<String>, phase: Phase, run: F) -> Self
    where
        F: FnOnce(CancellationToken) -> T + Send + 'static,
        T: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        Self { name: name.into(), phase, run: Box::new(move |stop| Box::pin(run(stop))) }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Why a process ended other than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A task ended by itself.
    #[error("the task {name} ended by itself")]
    Ended {
        /// The task.
        name: String,
    },
    /// A task failed.
    #[error("the task {name} failed: {error:#}")]
    Failed {
        /// The task.
        name: String,
        /// Why.
        error: anyhow::Error,
    },
    /// A task panicked.
    #[error("the task {name} panicked")]
    Panicked {
        /// The task.
        name: String,
    },
    /// Tasks did not stop within the time.
    #[error("did not stop in time: {}", .names.join(", "))]
    Stragglers {
        /// Which.
        names: Vec<String>,
    },
}

/// Runs tasks.
#[derive(Debug, Default)]
pub struct Supervisor {
    tasks: JoinSet<anyhow::Result<()>>,
    known: HashMap<Id, (String, Phase)>,
    tokens: HashMap<Phase, CancellationToken>,
}

impl Supervisor {
    /// Nothing runs yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The token that stops a phase.
    pub fn token(&mut self, phase: Phase) -> CancellationToken {
        self.tokens.entry(phase).or_default().clone()
    }

    /// Starts a task.
    pub fn spawn(&mut self, task: Task) {
        let stop = self.token(task.phase);
        let handle = self.tasks.spawn((task.run)(stop));
        self.known.insert(handle.id(), (task.name, task.phase));
    }

    /// Waits until `stop` is done or a task ends by itself.
    pub async fn watch(&mut self, stop: impl Future<Output = ()>) -> Result<(), Failure> {
        tokio::select! {
            () = stop => Ok(()),
            Some(ended) = self.tasks.join_next_with_id() => Err(self.failure(ended)),
        }
    }

    fn forget(&mut self, id: Id) -> String {
        self.known.remove(&id).map_or_else(|| "unknown".to_owned(), |(name, _)| name)
    }

    fn failure(&mut self, ended: Result<(Id, anyhow::Result<()>), JoinError>) -> Failure {
        match ended {
            Ok((id, Ok(()))) => Failure::Ended { name: self.forget(id) },
            Ok((id, Err(error))) => Failure::Failed { name: self.forget(id), error },
            Err(error) => Failure::Panicked { name: self.forget(error.id()) },
        }
    }

    /// Stops the phases in order, within `grace`. Each phase gets an equal share of the time that is left, so that a peer
    /// who doesn't hang up can't take the consumers' time to commit.
    pub async fn stop(mut self, grace: Duration) -> Result<(), Failure> {
        let deadline = Instant::now() + grace;
        let mut stragglers = Vec::new();
        for (index, phase) in PHASES.into_iter().enumerate() {
            self.token(phase).cancel();
            let left = deadline.saturating_duration_since(Instant::now());
            // At most four phases.
            let share = left / (PHASES.len() - index) as u32;
            if tokio::time::timeout(share, self.join(phase)).await.is_err() {
                let late: Vec<_> = self.of(phase).map(|(_, name)| name.to_owned()).collect();
                warn!(?phase, tasks = late.join(", "), "tasks did not stop in time");
                stragglers.extend(late);
                self.known.retain(|_, (_, of)| *of != phase);
            }
        }
        // Dropping the set aborts whatever is left.
        if stragglers.is_empty() { Ok(()) } else { Err(Failure::Stragglers { names: stragglers }) }
    }

    fn of(&self, phase: Phase) -> impl Iterator<Item = (&Id, &str)> {
        self.known.iter().filter(move |(_, (_, of))| *of == phase).map(|(id, (name, _))| (id, name.as_str()))
    }

    async fn join(&mut self, phase: Phase) {
        while self.of(phase).next().is_some() {
            match self.tasks.join_next_with_id().await {
                None => return,
                Some(Ok((id, Ok(())))) => {
                    let name = self.forget(id);
                    info!(task = name, "stopped");
                }
                Some(ended) => {
                    let failure = self.failure(ended);
                    error!(error = %failure, "a task failed while it was stopped");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    fn waiting(name: &str, phase: Phase, log: &Arc<Mutex<Vec<String>>>) -> Task {
        let (log, entry) = (Arc::clone(log), name.to_owned());
        Task::new(name, phase, |stop| async move {
            stop.cancelled().await;
            log.lock().unwrap().push(entry);
            Ok(())
        })
    }

    #[tokio::test(start_paused = true)]
    async fn phases_stop_in_order() {
        let log = Arc::default();
        let mut supervisor = Supervisor::new();
        supervisor.spawn(waiting("checks", Phase::Background, &log));
        supervisor.spawn(waiting("outbox", Phase::Drain, &log));
        supervisor.spawn(waiting("port", Phase::Serve, &log));
        supervisor.spawn(waiting("consumer", Phase::Consume, &log));
        supervisor.watch(async {}).await.unwrap();
        supervisor.stop(Duration::from_secs(10)).await.unwrap();
        assert_eq!(*log.lock().unwrap(), ["port", "consumer", "outbox", "checks"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_ends_by_itself_is_a_failure() {
        let mut supervisor = Supervisor::new();
        supervisor.spawn(Task::new("quitter", Phase::Consume, |_| async { Ok(()) }));
        let failure = supervisor.watch(std::future::pending()).await.unwrap_err();
        assert_eq!(failure.to_string(), "the task quitter ended by itself");
    }

    #[tokio::test(start_paused = true)]
    async fn stragglers_are_named_and_do_not_take_the_others_time() {
        let log = Arc::default();
        let mut supervisor = Supervisor::new();
        supervisor.spawn(Task::new("stuck", Phase::Serve, |_| std::future::pending()));
        supervisor.spawn(waiting("consumer", Phase::Consume, &log));
        let began = Instant::now();
        let failure = supervisor.stop(Duration::from_secs(8)).await.unwrap_err();
        assert_eq!(failure.to_string(), "did not stop in time: stuck");
        assert_eq!(*log.lock().unwrap(), ["consumer"]);
        assert_eq!(began.elapsed(), Duration::from_secs(2));
    }
}
