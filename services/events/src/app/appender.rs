//! Group commit: what waits is appended together.
//!
//! Callers queue their drafts and wait. Each lane takes as much as one transaction may hold, a request of each
//! workspace in turn, appends it, and answers all of them. So a transaction costs one flush to disk however many callers it serves,
//! and a workspace that sends more than others waits behind itself.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use elate_domain::WorkspaceId;
use tokio::sync::{Notify, oneshot};
use tracing::warn;

use super::append::append;
use super::{Core, Error};
use crate::model::draft::{Draft, Drafts, Verdict};

type Reply = oneshot::Sender<Result<Vec<Verdict>, Error>>;

struct Pending {
    drafts: Vec<Draft>,
    bytes: usize,
    reply: Reply,
}

/// Requests of one rank, by workspace, taken in turn.
#[derive(Default)]
struct Rank {
    turns: VecDeque<WorkspaceId>,
    waiting: HashMap<WorkspaceId, VecDeque<Pending>>,
}

impl Rank {
    fn push(&mut self, workspace: WorkspaceId, pending: Pending) {
        let queue = self.waiting.entry(workspace.clone()).or_default();
        if queue.is_empty() {
            self.turns.push_back(workspace);
        }
        queue.push_back(pending);
    }

    /// The next request, if it fits.
    fn pop(&mut self, events: usize, bytes: usize) -> Option<Pending> {
        let workspace = self.turns.front()?;
        let queue = self.waiting.get_mut(workspace)?;
        let next = queue.front()?;
        if next.drafts.len() > events || next.bytes > bytes {
            return None;
        }
        let next = queue.pop_front();
        let workspace = self.turns.pop_front()?;
        if queue.is_empty() {
            self.waiting.remove(&workspace);
        } else {
            self.turns.push_back(workspace);
        }
        next
    }
}

#[derive(Default)]
struct Queue {
    live: Rank,
    imports: Rank,
    events: usize,
    bytes: usize,
    in_flight: usize,
    closed: bool,
    /// Events appended a second, smoothed.
    rate: f64,
}

/// The queue and its lanes.
pub(crate) struct Appender {
    core: Arc<Core>,
    queue: Mutex<Queue>,
    /// Rings when something waits.
    work: Notify,
    /// Rings when a group is done.
    done: Notify,
}

impl Appender {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core, queue: Mutex::default(), work: Notify::new(), done: Notify::new() }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues drafts and waits until they are durable.
    pub(crate) async fn submit(&self, drafts: Drafts) -> Result<Vec<Verdict>, Error> {
        if drafts.drafts.is_empty() {
            return Ok(Vec::new());
        }
        let (reply, answer) = oneshot::channel();
        let bytes = drafts.drafts.iter().map(Draft::bytes).sum();
        {
            let mut queue = self.queue();
            if queue.closed {
                return Err(Error::Stopping);
            }
            let settings = &self.core.settings;
            let full = queue.events + drafts.drafts.len() > settings.queue_events
                || queue.bytes + bytes > settings.queue_bytes;
            // One request is always taken, however large: it could never come through otherwise.
            if full && queue.events > 0 {
                return Err(Error::Overloaded { retry_after: queue.delay() });
            }
            queue.events += drafts.drafts.len();
            queue.bytes += bytes;
            let pending = Pending { drafts: drafts.drafts, bytes, reply };
            let rank = if drafts.import { &mut queue.imports } else { &mut queue.live };
            rank.push(drafts.workspace, pending);
        }
        self.work.notify_one();
        answer.await.unwrap_or(Err(Error::Stopping))
    }

    /// One lane; runs until it is dropped.
    pub(crate) async fn run(&self) {
        loop {
            let group = self.take();
            if group.is_empty() {
                self.work.notified().await;
                continue;
            }
            // More may wait than this lane takes: the next lane can start on it.
            self.work.notify_one();
            let events: usize = group.iter().map(|pending| pending.drafts.len()).sum();
            let began = Instant::now();
            self.append(group).await;
            let mut queue = self.queue();
            queue.in_flight -= 1;
            let rate = events as f64 / began.elapsed().as_secs_f64().max(1e-6);
            queue.rate = if queue.rate == 0.0 { rate } else { 0.8 * queue.rate + 0.2 * rate };
            drop(queue);
            self.done.notify_waiters();
        }
    }

    fn take(&self) -> Vec<Pending> {
        let settings = &self.core.settings;
        let (mut events, mut bytes) = (settings.group_events, settings.group_bytes);
        let mut group = Vec::new();
        let mut queue = self.queue();
        loop {
            let first = group.is_empty();
            // The first one is taken whatever its size.
            let (room_events, room_bytes) = if first { (usize::MAX, usize::MAX) } else { (events, bytes) };
            let live = queue.live.pop(room_events, room_bytes);
            // Imports go only where nobody else waits.
            let next = match live {
                None if queue.live.turns.is_empty() => queue.imports.pop(room_events, room_bytes),
                live => live,
            };
            let Some(next) = next else { break };
            events = events.saturating_sub(next.drafts.len());
            bytes = bytes.saturating_sub(next.bytes);
            queue.events -= next.drafts.len();
            queue.bytes -= next.bytes;
            group.push(next);
        }
        queue.in_flight += usize::from(!group.is_empty());
        group
    }

    async fn append(&self, group: Vec<Pending>) {
        let drafts: Vec<&Draft> = group.iter().flat_map(|pending| &pending.drafts).collect();
        match Box::pin(append(&self.core, &drafts)).await {
            Ok(verdicts) => {
                let mut verdicts = verdicts.into_iter();
                for pending in group {
                    let own = verdicts.by_ref().take(pending.drafts.len()).collect();
                    // A caller who has gone away finds its messages as duplicates when it comes again.
                    let _gone = pending.reply.send(Ok(own));
                }
            }
            Err(error) if group.len() > 1 && is_own_fault(&error) => {
                warn!(%error, requests = group.len(), "a group could not be appended, its requests go one by one");
                for pending in group {
                    let drafts: Vec<&Draft> = pending.drafts.iter().collect();
                    let answer = Box::pin(append(&self.core, &drafts)).await;
                    let _gone = pending.reply.send(answer);
                }
            }
            Err(error) => {
                for pending in group {
                    let _gone = pending.reply.send(Err(error.clone()));
                }
            }
        }
    }

    /// Takes no more, and returns when nothing waits and nothing is in flight.
    pub(crate) async fn drain(&self) {
        loop {
            let done = self.done.notified();
            {
                let mut queue = self.queue();
                queue.closed = true;
                if queue.events == 0 && queue.in_flight == 0 {
                    return;
                }
            }
            self.work.notify_one();
            // Looked at again even if a ring was missed.
            let _rung = tokio::time::timeout(Duration::from_millis(50), done).await;
        }
    }
}

/// Whether one request of a group may be to blame, rather than the database as a whole.
fn is_own_fault(error: &Error) -> bool {
    match error {
        Error::Storage(error) | Error::Log(elate_log::Error::Storage(error)) => !error.is_transient(),
        _ => false,
    }
}

impl Queue {
    /// How long the present queue will take.
    fn delay(&self) -> Duration {
        let seconds = self.events as f64 / self.rate.max(1000.0);
        Duration::from_secs_f64(seconds.clamp(0.1, 30.0))
    }
}
