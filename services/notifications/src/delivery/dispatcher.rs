//! Turns: claim, start, collect, record; and taking over from a dead owner.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use elate_consumer::{Held, Lane, Ownership};
use elate_domain::Partition;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::attempt::{self, Context, Delivered};
use crate::config::DeliverySettings;
use crate::store::dispatch::{Claimed, Error, Outcome, Work};
use crate::store::{ChannelKey, Store};

/// A channel that was named and has nothing yet is looked at so often, after 1, 2, 4, … ms: the word comes before the
/// commit.
const LOOKS: u32 = 9;
/// First pause after a failed turn; it doubles.
const RETRY_FIRST: Duration = Duration::from_millis(20);
/// Longest pause after failed turns.
const RETRY_LONGEST: Duration = Duration::from_secs(2);
/// Outcomes in one transaction.
const MAX_OUTCOMES: usize = 1_000;

/// Delivers the messages of the partitions that this process holds.
#[derive(Debug)]
pub struct Dispatcher {
    store: Store,
    lane: Lane,
    ownership: Ownership,
    context: Arc<Context>,
    settings: DeliverySettings,
    /// Deliveries under way.
    tasks: JoinSet<Delivered>,
    in_flight: HashMap<Id, Arc<Claimed>>,
    per_channel: HashMap<ChannelKey, usize>,
    /// What the next turn records.
    work: Work,
    /// Channels to look at, and how often they had nothing.
    hot: HashMap<ChannelKey, u32>,
    /// The epoch for which each partition was taken over.
    taken_over: BTreeMap<Partition, i64>,
    failures: u32,
    swept: Option<Instant>,
}

impl Dispatcher {
    /// A dispatcher; it starts with [`Dispatcher::run`].
    pub fn new(
        store: Store,
        lane: Lane,
        ownership: Ownership,
        context: Arc<Context>,
        settings: DeliverySettings,
    ) -> Self {
        Self {
            store,
            lane,
            ownership,
            context,
            settings,
            tasks: JoinSet::new(),
            in_flight: HashMap::new(),
            per_channel: HashMap::new(),
            work: Work::default(),
            hot: HashMap::new(),
            taken_over: BTreeMap::new(),
            failures: 0,
            swept: None,
        }
    }

    /// Works until `stop`; then begins nothing new, waits for what is under way (as long as the settings say), and
    /// records it. Call it off before the consumer gives its leases back.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let worked = self.guarded_turn(true).await;
            if !worked {
                self.rest(&stop).await;
            }
        }
        let deadline = Instant::now() + self.settings.stop.0;
        while !(self.in_flight.is_empty() && self.work.is_empty()) && Instant::now() < deadline {
            if !self.guarded_turn(false).await {
                let pause = tokio::time::sleep(Duration::from_millis(50));
                tokio::select! {
                    Some(ended) = self.tasks.join_next_with_id() => self.collect(ended),
                    () = pause => {}
                }
            }
        }
        if !self.in_flight.is_empty() {
            warn!(messages = self.in_flight.len(), "deliveries were under way at the stop");
        }
    }

    /// A turn whose failure is logged and waited out. `true` where there was something to do.
    async fn guarded_turn(&mut self, may_claim: bool) -> bool {
        match self.turn(may_claim).await {
            Ok(worked) => {
                self.failures = 0;
                worked
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                crate::metrics::TURNS_FAILED.counter(crate::metrics::NO_LABELS).increment(1);
                warn!(%error, failures = self.failures, "a turn of the dispatcher failed");
                // Whether it was committed is not known: look what the table says before the next one.
                self.taken_over.clear();
                let pause = RETRY_FIRST * 2_u32.saturating_pow(self.failures.min(10) - 1);
                tokio::time::sleep(pause.min(RETRY_LONGEST)).await;
                true
            }
        }
    }

    async fn turn(&mut self, may_claim: bool) -> Result<bool, Error> {
        self.collect_all();
        let held: BTreeMap<Partition, Held> =
            self.ownership.all().into_iter().map(|held| (held.partition, held)).collect();
        self.drop_lost(&held);
        self.take_over(&held).await?;
        let mut work = Work {
            outcomes: self.work.outcomes.iter().take(MAX_OUTCOMES).cloned().collect(),
            give_back: self.work.give_back.clone(),
            endpoints: self.work.endpoints.clone(),
            claims: Vec::new(),
        };
        if may_claim {
            self.look(&held, &mut work).await?;
        }
        if work.is_empty() {
            return Ok(false);
        }
        let claimed = self.store.turn(&self.lane, &held, &work).await?;
        self.work.outcomes.drain(..work.outcomes.len());
        self.work.give_back.drain(..work.give_back.len());
        self.work.endpoints.drain(..work.endpoints.len());
        for claimed in claimed {
            self.start(claimed);
        }
        crate::metrics::IN_FLIGHT.gauge(crate::metrics::NO_LABELS).set(self.in_flight.len() as f64);
        Ok(true)
    }

    /// Forgets what belongs to partitions that somebody else owns by now: the new owner knows what to do.
    fn drop_lost(&mut self, held: &BTreeMap<Partition, Held>) {
        let is_ours = |partition: &Partition| held.contains_key(partition);
        self.work.outcomes.retain(|outcome| is_ours(&outcome.claimed.partition));
        self.work.give_back.retain(|claimed| is_ours(&claimed.partition));
        self.taken_over.retain(|partition, epoch| held.get(partition).is_some_and(|h| h.epoch == *epoch));
    }

    /// Looks for messages that were claimed and have no outcome, in partitions that are new to us or after a turn
    /// whose end is unknown.
    async fn take_over(&mut self, held: &BTreeMap<Partition, Held>) -> Result<(), Error> {
        let fresh: Vec<Partition> =
            held.keys().filter(|partition| !self.taken_over.contains_key(partition)).copied().collect();
        if fresh.is_empty() {
            return Ok(());
        }
        let known: HashSet<(ChannelKey, String)> = self
            .in_flight
            .values()
            .chain(self.work.outcomes.iter().map(|outcome| &outcome.claimed))
            .map(|claimed| (claimed.key.clone(), claimed.notification_id.clone()))
            .collect();
        let now = self.context.clock.now();
        for claimed in self.store.sending(&fresh).await? {
            if known.contains(&(claimed.key.clone(), claimed.notification_id.clone())) {
                continue;
            }
            let is_ours = held.get(&claimed.partition).is_some_and(|held| held.epoch == claimed.epoch);
            let claimed = Arc::new(claimed);
            if is_ours || claimed.resend {
                // Claimed by us in a commit whose answer was lost, and never begun; or safe to send again.
                self.hot.insert(claimed.key.clone(), 0);
                self.work.give_back.push(claimed);
            } else {
                let mut outcome = attempt::settled(
                    &claimed,
                    now,
                    "outcome_unknown",
                    "owner_lost",
                    "the sender stopped before the answer",
                );
                outcome.attempt = Some("unknown");
                self.work.outcomes.push(outcome);
            }
        }
        for partition in fresh {
            if let Some(held) = held.get(&partition) {
                self.taken_over.insert(partition, held.epoch);
            }
        }
        self.swept = None;
        Ok(())
    }

    /// Looks for messages to claim, as many of each channel as have room.
    async fn look(&mut self, held: &BTreeMap<Partition, Held>, work: &mut Work) -> Result<(), Error> {
        for key in self.store.wake().take() {
            self.hot.insert(key, 0);
        }
        if self.swept.is_none_or(|at| at.elapsed() >= self.settings.sweep.0) && !held.is_empty() {
            self.swept = Some(Instant::now());
            for key in self.store.ready_channels().await? {
                self.hot.entry(key).or_insert(0);
            }
        }
        let partitions: Vec<Partition> = held.keys().copied().collect();
        if partitions.is_empty() {
            return Ok(());
        }
        let hot: Vec<ChannelKey> = self.hot.keys().cloned().collect();
        for key in hot {
            let under_way = self.per_channel.get(&key).copied().unwrap_or(0);
            let room = self.context.channels.claims(&key).saturating_sub(under_way);
            if room == 0 {
                continue;
            }
            let found = self.store.candidates(&key, &partitions, room).await?;
            let looks = self.hot.entry(key.clone()).or_insert(0);
            *looks = if found.is_empty() { *looks + 1 } else { 0 };
            if *looks >= LOOKS {
                self.hot.remove(&key);
            }
            work.claims.extend(found);
        }
        Ok(())
    }

    fn start(&mut self, claimed: Claimed) {
        let claimed = Arc::new(claimed);
        *self.per_channel.entry(claimed.key.clone()).or_default() += 1;
        let (context, message) = (Arc::clone(&self.context), Arc::clone(&claimed));
        let task = self.tasks.spawn(async move { Box::pin(attempt::deliver(&context, &message)).await });
        self.in_flight.insert(task.id(), claimed);
    }

    fn collect_all(&mut self) {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.collect(ended);
        }
    }

    fn collect(&mut self, ended: Result<(Id, Delivered), JoinError>) {
        let id = match &ended {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let Some(claimed) = self.in_flight.remove(&id) else { return };
        if let Some(count) = self.per_channel.get_mut(&claimed.key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.per_channel.remove(&claimed.key);
            }
        }
        // There is room again.
        self.hot.entry(claimed.key.clone()).or_insert(0);
        match ended {
            Ok((_, Delivered::Outcome(outcome, endpoint))) => {
                self.work.outcomes.push(*outcome);
                self.work.endpoints.extend(endpoint);
                self.work.endpoints = newest(std::mem::take(&mut self.work.endpoints));
            }
            Ok((_, Delivered::GiveBack)) => self.work.give_back.push(claimed),
            Err(error) => {
                tracing::error!(%error, "a delivery panicked");
                self.work.outcomes.push(broken(&claimed, self.context.clock.now()));
            }
        }
    }

    /// Waits until there may be something to do.
    async fn rest(&mut self, stop: &CancellationToken) {
        let looks = self.hot.values().min().copied();
        let pause = looks.map_or(self.settings.sweep.0, |looks| Duration::from_millis(1 << looks.min(LOOKS)));
        let wake = self.store.wake();
        tokio::select! {
            () = stop.cancelled() => {}
            () = wake.named() => {}
            Some(ended) = self.tasks.join_next_with_id() => self.collect(ended),
            true = self.ownership.changed() => {}
            () = tokio::time::sleep(pause.min(self.settings.sweep.0)) => {}
        }
    }
}

/// Of several rows of one endpoint the last counts.
fn newest(rows: Vec<crate::store::endpoint::EndpointRow>) -> Vec<crate::store::endpoint::EndpointRow> {
    let mut newest: BTreeMap<_, _> = BTreeMap::new();
    for row in rows {
        newest.insert((row.key.clone(), row.provider.clone()), row);
    }
    newest.into_values().collect()
}

/// What a delivery that broke in the middle leaves: it may have been handed over.
fn broken(claimed: &Arc<Claimed>, now: elate_domain::Timestamp) -> Outcome {
    let mut outcome = attempt::settled(claimed, now, "outcome_unknown", "delivery_broken", "");
    outcome.attempt = Some("unknown");
    outcome
}
