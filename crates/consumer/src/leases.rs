//! The task that keeps the leases: says that this member lives, prolongs what it holds, takes its fair share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use elate_domain::Partition;
use tokio::sync::{Notify, watch};
use tracing::{info, warn};

use crate::backoff::Backoff;
use crate::ownership::Holdings;
use crate::tables::{Tables, lease as table};
use crate::{Error, Held, LogSource, Settings};

/// The leases of this process.
pub(crate) struct Leases {
    tables: Tables,
    settings: Settings,
    log: Arc<dyn LogSource>,
    holdings: watch::Sender<Holdings>,
    /// Partitions above the share; the loop gives them back between two batches.
    surplus: Mutex<BTreeSet<Partition>>,
    /// There is a surplus: the loop may be waiting for records.
    called: Notify,
    /// One change at a time: a look at the database and what follows from it belong together.
    turn: tokio::sync::Mutex<Turn>,
}

/// What the task knows between two looks.
#[derive(Default)]
struct Turn {
    /// How many partitions the log has; 0 before it was asked.
    partitions: usize,
    /// The first look takes back at once what a former process of the same name left.
    seen: bool,
}

impl Leases {
    pub(crate) fn new(tables: Tables, settings: Settings, log: Arc<dyn LogSource>) -> Self {
        Self {
            tables,
            settings,
            log,
            holdings: watch::Sender::new(Arc::new(BTreeMap::new())),
            surplus: Mutex::new(BTreeSet::new()),
            called: Notify::new(),
            turn: tokio::sync::Mutex::new(Turn::default()),
        }
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Holdings> {
        self.holdings.subscribe()
    }

    /// The partitions to give back.
    pub(crate) fn surplus(&self) -> Vec<Partition> {
        self.lock().iter().copied().collect()
    }

    /// Waits until there is a surplus.
    pub(crate) async fn called(&self) {
        self.called.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<Partition>> {
        self.surplus.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lease_millis(&self) -> i64 {
        self.settings.lease.as_millis()
    }

    /// Keeps the leases until it is dropped.
    pub(crate) async fn run(self: Arc<Self>) -> Result<(), Error> {
        let mut backoff = Backoff::new(&self.settings);
        loop {
            match self.look().await {
                Ok(()) => {
                    backoff.reset();
                    tokio::time::sleep(self.settings.lease.0 / 3).await;
                }
                Err(error) => {
                    warn!(%error, "leases could not be kept, trying again");
                    backoff.pause().await;
                }
            }
        }
    }

    /// Looks at the database once: prolongs, takes, and says what is too much.
    pub(crate) async fn look(&self) -> Result<(), Error> {
        let mut turn = self.turn.lock().await;
        if turn.partitions == 0 {
            turn.partitions = self.log.shape().await?.heads.len();
        }
        let before = self.held();
        let (partitions, reclaim) = (turn.partitions, !turn.seen);
        let work = self.transact(&before, partitions, reclaim);
        let (after, share) = self.tables.call("keep leases", work).await?;
        turn.seen = true;
        let surplus = after.iter().rev().take(after.len().saturating_sub(share));
        *self.lock() = surplus.map(|held| held.partition).collect();
        if after.len() > share {
            // Workers that are waiting now, and one that is about to; all others look before they wait.
            self.called.notify_waiters();
            self.called.notify_one();
        }
        if after != before {
            info!(partitions = after.len(), share, "leases changed");
            self.publish(&after);
        }
        Ok(())
    }

    async fn transact(
        &self,
        before: &[Held],
        partitions: usize,
        reclaim: bool,
    ) -> Result<(Vec<Held>, usize), Error> {
        let lease = self.lease_millis();
        let tx = self.tables.database.begin().await?;
        if reclaim {
            table::lay_out(&tx, partitions).await?;
        }
        let members = table::announce(&self.tables, &tx, lease).await?;
        let share = share(&members, &self.tables.member, partitions);
        let mut after = table::renew(&self.tables, &tx, before, lease).await?;
        if after.len() < share {
            let most = share - after.len();
            after.extend(table::take(&self.tables, &tx, most, reclaim, lease).await?);
            after.sort_unstable();
        }
        tx.commit().await?;
        Ok((after, share))
    }

    /// Gives partitions back, so that others can take them at once.
    pub(crate) async fn release(&self, partitions: &[Partition]) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        let (given, kept): (Vec<_>, Vec<_>) =
            self.held().into_iter().partition(|held| partitions.contains(&held.partition));
        // Whatever becomes of the statement, this process works on them no longer.
        self.publish(&kept);
        self.lock().retain(|partition| !partitions.contains(partition));
        let work = async {
            let tx = self.tables.database.begin().await?;
            table::release(&self.tables, &tx, &given).await?;
            Ok(tx.commit().await?)
        };
        self.tables.call("release leases", work).await
    }

    /// Gives everything back; the last thing that this process does.
    pub(crate) async fn leave(&self) -> Result<(), Error> {
        let all: Vec<_> = self.held().iter().map(|held| held.partition).collect();
        self.release(&all).await?;
        let work = async {
            let tx = self.tables.database.begin().await?;
            table::leave(&self.tables, &tx).await?;
            Ok(tx.commit().await?)
        };
        self.tables.call("leave", work).await
    }

    fn held(&self) -> Vec<Held> {
        let holdings = self.holdings.borrow();
        holdings.iter().map(|(&partition, &epoch)| Held { partition, epoch }).collect()
    }

    fn publish(&self, held: &[Held]) {
        let holdings = held.iter().map(|held| (held.partition, held.epoch)).collect();
        self.holdings.send_replace(Arc::new(holdings));
    }
}

/// How many of `partitions` are `member`'s: an equal part, and the remainder goes to the first by name.
fn share(members: &[String], member: &str, partitions: usize) -> usize {
    let rank = members.iter().position(|other| other == member).unwrap_or(members.len());
    let count = members.len().max(1);
    partitions / count + usize::from(rank < partitions % count)
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn shares_add_up_and_differ_by_one_at_most() {
        for (partitions, count) in [(64, 3), (8, 5), (1, 4), (10, 1)] {
            let members: Vec<String> = (0..count).map(|i| format!("m{i}")).collect();
            let shares: Vec<usize> = members.iter().map(|m| share(&members, m, partitions)).collect();
            assert_eq!(shares.iter().sum::<usize>(), partitions);
            assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1);
        }
    }
}
