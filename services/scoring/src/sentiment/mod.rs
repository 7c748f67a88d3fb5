//! Comments read by a model outside: asynchronously, within a budget, and written to the log.
//!
//! The lexicon scores every comment while its record is taken in, so there is a score (or an honest *not scored*) from
//! the start and for good, whatever becomes of the model. Where the operator has configured a model, a worker beside the
//! consumer looks for comments that it has not read, asks it, and puts what it says on the customer's timeline
//! (`elate.feedback.scored`). Only that record changes what is stored: no partition ever waits for the model, and a
//! replay of the log comes to the same scores without asking again.
//!
//! One process at a time works, the one that holds the first partition. The budget is counted in the database before a
//! call is made, so a crash can make it smaller, never larger.

mod endpoint;
pub mod reply;

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use elate_consumer::{Held, Lane, LaneEvent, Ownership};
use elate_domain::system::{FeedbackScored, name};
use elate_domain::{Clock, Partition, RawJson, Timestamp};
use futures::StreamExt as _;
use lru::LruCache;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use crate::config::SentimentSettings;
use crate::metrics;
use crate::store::{Allowance, Store, Waiting};

pub use endpoint::{Endpoint, Failure, Misconfigured};
use reply::Compound;

/// The lane of the worker.
pub const LANE: &str = "scoring-sentiment";

const DAY_MILLIS: i64 = 86_400_000;
/// Comments that are taken at a time, for each call that may be under way.
const TAKEN: usize = 4;
/// First pause after an endpoint that does not work; it doubles.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// Longest pause, but for one that the endpoint asks for.
const PAUSE_LONGEST: Duration = Duration::from_secs(300);

/// The worker.
pub struct Scorer {
    store: Store,
    lane: Lane,
    ownership: Ownership,
    clock: Arc<dyn Clock>,
    settings: SentimentSettings,
    endpoint: Endpoint,
    /// By hash of the comment: of what customers wrote nothing is kept here.
    cache: Mutex<LruCache<[u8; 32], Compound>>,
}

/// What came of one comment.
enum Outcome {
    /// The model has read it.
    Scored(Waiting, Compound),
    /// It could not be read.
    Failed(Waiting, Failure),
    /// The workspace's budget for the day is used up.
    Spent,
    /// The database does not work for now.
    Broken(elate_consumer::Error),
}

impl Scorer {
    /// A worker; it starts with [`Scorer::run`]. Ask the consumer for its lane before that runs.
    pub fn new(
        store: Store,
        lane: Lane,
        ownership: Ownership,
        clock: Arc<dyn Clock>,
        settings: SentimentSettings,
        endpoint: Endpoint,
    ) -> Self {
        let cache = LruCache::new(NonZeroUsize::new(settings.cache).unwrap_or(NonZeroUsize::MIN));
        Self { store, lane, ownership, clock, settings, endpoint, cache: Mutex::new(cache) }
    }

    /// Works until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let turns = async {
            let mut failures = 0_u32;
            loop {
                let pause = match self.turn().await {
                    Ok(Turn::Worked) => Duration::ZERO,
                    Ok(Turn::Idle) => self.settings.every.0,
                    Ok(Turn::Down(wish)) => {
                        failures += 1;
                        wish.unwrap_or(Duration::ZERO).max(growing(failures))
                    }
                    Err(error) => {
                        failures += 1;
                        tracing::warn!(%error, "comments were not handed over, trying again");
                        growing(failures)
                    }
                };
                if pause <= self.settings.every.0 {
                    failures = 0;
                }
                tokio::time::sleep(pause).await;
            }
        };
        let _stopped: Option<()> = stop.run_until_cancelled(turns).await;
    }

    /// Has some comments read, and hands over what came of it.
    async fn turn(&self) -> Result<Turn, elate_consumer::Error> {
        let Some(held) = self.ownership.get(Partition(0)) else { return Ok(Turn::Idle) };
        let now = self.clock.now();
        let since = now.plus_millis(-self.settings.max_age.as_millis());
        let limit = self.settings.concurrency * TAKEN;
        let waiting = self.store.comments_waiting(since, day(now), limit as u64).await?;
        if waiting.is_empty() {
            return Ok(Turn::Idle);
        }
        let outcomes: Vec<Outcome> = futures::stream::iter(waiting)
            .map(|waiting| self.read(waiting, now))
            .buffer_unordered(self.settings.concurrency)
            .collect()
            .await;
        self.record(held, outcomes, now).await
    }

    async fn read(&self, waiting: Waiting, now: Timestamp) -> Outcome {
        let hash: [u8; 32] = Sha256::digest(waiting.text.as_bytes()).into();
        let known = self.cache.lock().unwrap_or_else(PoisonError::into_inner).get(&hash).copied();
        if let Some(compound) = known {
            count("cached");
            return Outcome::Scored(waiting, compound);
        }
        let reserved = reply::tokens(&waiting.text);
        let allowance =
            Allowance { calls: self.settings.calls_per_day, tokens: self.settings.tokens_per_day };
        match self.store.reserve(&waiting.workspace, day(now), reserved, allowance).await {
            Ok(true) => {}
            Ok(false) => {
                count("budget");
                return Outcome::Spent;
            }
            Err(error) => return Outcome::Broken(error.into()),
        }
        let reply = self.endpoint.score(&waiting.text).await;
        // A call without an answer may have been paid for all the same, and keeps what was reserved.
        let used = reply.as_ref().ok().and_then(|reply| reply.tokens).unwrap_or(reserved);
        if let Err(error) = self.store.settle(&waiting.workspace, day(now), reserved, used).await {
            return Outcome::Broken(error.into());
        }
        match reply {
            Ok(reply) => {
                count(if reply.compound.is_some() { "scored" } else { "unsure" });
                let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
                cache.put(hash, reply.compound);
                Outcome::Scored(waiting, reply.compound)
            }
            Err(failure) => {
                count(failure.word());
                // What the endpoint said is not logged: it may repeat the comment.
                tracing::warn!(workspace = %waiting.workspace, %failure, "a comment was not scored by the model");
                Outcome::Failed(waiting, failure)
            }
        }
    }

    async fn record(
        &self,
        held: Held,
        outcomes: Vec<Outcome>,
        now: Timestamp,
    ) -> Result<Turn, elate_consumer::Error> {
        let (mut scored, mut events, mut tried) = (Vec::new(), Vec::new(), Vec::new());
        let (mut down, mut broken) = (None, None);
        for outcome in outcomes {
            match outcome {
                Outcome::Scored(waiting, compound) => {
                    events.push(self.event(&waiting, compound, now));
                    scored.push(waiting);
                }
                Outcome::Failed(waiting, failure) => {
                    if failure.may_be_endpoint() {
                        down = down.max(Some(failure.retry_after()));
                    }
                    if failure.may_be_comment() {
                        tried.push(waiting);
                    }
                }
                Outcome::Spent => {}
                Outcome::Broken(error) => broken = Some(error),
            }
        }
        if !events.is_empty() {
            let tx = self.store.begin().await?;
            let appended = self.lane.append(&tx, vec![(held, events)]).await?;
            self.store.handed_over(&tx, &scored).await?;
            tx.commit().await.map_err(elate_storage::Error::from)?;
            self.lane.committed(appended);
        }
        self.store.tried(&tried).await?;
        match (broken, down) {
            (Some(error), _) => Err(error),
            (None, Some(wish)) => Ok(Turn::Down(wish)),
            (None, None) if scored.is_empty() && tried.is_empty() => Ok(Turn::Idle),
            (None, None) => Ok(Turn::Worked),
        }
    }

    /// The record of a score. Its id is that of the answer's state: handed over twice, it is taken once.
    fn event(&self, waiting: &Waiting, compound: Compound, now: Timestamp) -> LaneEvent {
        let scored = FeedbackScored {
            answer: waiting.answer.clone(),
            fingerprint: waiting.fingerprint.clone(),
            submission_id: waiting.submission.clone(),
            survey: waiting.survey.clone(),
            touchpoint: waiting.touchpoint.clone(),
            compound,
            scorer: self.endpoint.model().to_owned(),
        };
        LaneEvent {
            workspace: waiting.workspace.clone(),
            customer: waiting.customer,
            name: Arc::from(name::FEEDBACK_SCORED),
            occurred_at: now,
            properties: RawJson::of(&scored),
            id: format!("{}/{}", waiting.answer, waiting.fingerprint),
            cause: None,
            historical: false,
            trace_parent: None,
        }
    }
}

/// What a turn came to.
enum Turn {
    /// There may be more.
    Worked,
    /// There is nothing to do for now.
    Idle,
    /// The endpoint does not work, and may have said for how long.
    Down(Option<Duration>),
}

fn count(outcome: &'static str) {
    metrics::SENTIMENT.counter(&[("outcome", outcome)]).increment(1);
}

/// Days since 1970 (UTC), by which budgets are counted.
fn day(now: Timestamp) -> i64 {
    now.0.div_euclid(DAY_MILLIS)
}

/// A pause that doubles with each failure.
fn growing(failures: u32) -> Duration {
    PAUSE_FIRST.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1).min(16))).min(PAUSE_LONGEST)
}
