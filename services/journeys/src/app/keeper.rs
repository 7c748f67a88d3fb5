//! The keeper: looks after what concerns all customers.
//!
//! Whoever holds the first partition sums up what was observed and decides how far plays go; whoever holds a partition tells it. All of it goes by
//! the log, so that a partition knows no more than a replay of its log would.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use elate_consumer::{Held, LaneEvent};
use elate_delight::habit;
use elate_delight::remaining::Remaining;
use elate_domain::system::{PopulationLearned, WayLearned, name};
use elate_domain::{CustomerId, Partition, RawJson, Timestamp, WorkspaceId};

use super::{Commands, rollout};
use crate::error::Error;
use crate::metrics;
use crate::model::rows::Measure;
use crate::store::{Announcement, Sampled, Store};

/// The newest samples that a moment is learned from.
const SAMPLES: u64 = 2_000;
/// For so long announcements are kept, in milliseconds: 30 days.
const KEEP_MILLIS: i64 = 30 * 86_400_000;

/// The newest sample of each measure that was summed up.
type Seen = BTreeMap<(WorkspaceId, String, i64), (u64, Timestamp)>;

/// Looks after what concerns all customers.
#[derive(Debug)]
pub struct Keeper {
    store: Store,
    commands: Commands,
    learned: Seen,
}

impl Keeper {
    /// Over a store and the lane of commands.
    pub fn new(store: Store, commands: Commands) -> Self {
        Self { store, commands, learned: Seen::new() }
    }

    /// Takes a turn every so often, until it is dropped. A turn that fails is taken again.
    pub async fn run(mut self, every: Duration) {
        loop {
            tokio::time::sleep(every).await;
            if let Err(error) = self.turn().await {
                metrics::KEEPER_FAILED.counter(metrics::NO_LABELS).increment(1);
                tracing::warn!(%error, "what concerns all customers was not looked after, trying again");
            }
        }
    }

    /// Sums up what is new, and tells the partitions that this process holds what they don't know yet.
    pub async fn turn(&mut self) -> Result<(), Error> {
        let held = self.commands.held();
        if held.iter().any(|held| held.partition == Partition(0)) {
            for workspace in self.store.workspaces().await? {
                self.learn(&workspace).await?;
                rollout::decide_all(&self.store, &workspace, self.commands.now()).await?;
            }
        }
        self.tell(&held).await
    }

    /// Announces what the samples of each moment say, where there are new ones.
    async fn learn(&mut self, workspace: &WorkspaceId) -> Result<(), Error> {
        let mut moments: BTreeMap<(String, i64), Vec<Sampled>> = BTreeMap::new();
        for sampled in self.store.sampled(workspace).await? {
            moments.entry((sampled.moment.clone(), sampled.wording)).or_default().push(sampled);
        }
        for ((moment, wording), measures) in moments {
            let count = measures.iter().map(|measure| measure.count).sum();
            let newest = measures.iter().map(|measure| measure.newest).max().unwrap_or_default();
            let key = (workspace.clone(), moment.clone(), wording);
            if self.learned.get(&key) == Some(&(count, newest)) {
                continue;
            }
            let mut learned = PopulationLearned {
                moment,
                wording,
                samples: 0,
                median: None,
                spread: None,
                ways: Vec::new(),
            };
            let mut forget = Vec::new();
            for measure in &measures {
                let (values, oldest) = self.store.samples(workspace, measure, SAMPLES).await?;
                sum_up(&mut learned, &measure.measure, values);
                forget.extend(oldest.filter(|_| measure.count > SAMPLES).map(|oldest| (measure, oldest)));
            }
            let now = self.commands.now();
            let tx = self.store.database().begin().await?;
            let payload = RawJson::of(&learned);
            self.store.announce(&tx, workspace, name::POPULATION_LEARNED, now, &payload).await?;
            for (measure, oldest) in forget {
                self.store.forget_samples(&tx, workspace, measure, oldest).await?;
            }
            self.store.forget_announcements(&tx, now.plus_millis(-KEEP_MILLIS)).await?;
            tx.commit().await.map_err(elate_storage::Error::from)?;
            self.learned.insert(key, (count, newest));
        }
        Ok(())
    }

    /// Tells the partitions that are held here what they don't know yet.
    async fn tell(&self, held: &[Held]) -> Result<(), Error> {
        let partitions: Vec<Partition> = held.iter().map(|held| held.partition).collect();
        for (partition, news) in self.store.untold(&partitions).await? {
            let Some(held) = held.iter().find(|held| held.partition == partition) else { continue };
            self.commands.tell(&self.store, *held, &news).await?;
        }
        Ok(())
    }
}

impl Commands {
    fn held(&self) -> Vec<Held> {
        self.ownership.all()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Puts what a partition is told on its log, and notes how far that has come, in one transaction.
    async fn tell(&self, store: &Store, held: Held, news: &[Announcement]) -> Result<(), Error> {
        let events = news.iter().map(|said| LaneEvent {
            workspace: said.workspace.clone(),
            customer: CustomerId::NONE,
            name: Arc::clone(&said.name),
            occurred_at: said.at,
            properties: said.payload.clone(),
            id: format!("announce/{}/{}", held.partition, said.number),
            cause: None,
            historical: false,
            trace_parent: None,
        });
        let tx = store.database().begin().await?;
        let appended = self.lane.append(&tx, vec![(held, events.collect())]).await?;
        for said in news {
            store.told(&tx, &said.workspace, held.partition, said.number).await?;
        }
        tx.commit().await.map_err(elate_storage::Error::from)?;
        self.lane.committed(appended);
        Ok(())
    }
}

fn sum_up(learned: &mut PopulationLearned, measure: &Measure, mut values: Vec<f64>) {
    match measure {
        Measure::Experience => {
            learned.samples = u32::try_from(values.len()).unwrap_or(u32::MAX);
            learned.spread = Some(habit::learned_tolerance(&mut values, 0.0)).filter(|_| !values.is_empty());
            learned.median = habit::median(&mut values);
        }
        Measure::Way(milestone) => {
            let known = Remaining::of(&mut values);
            learned.ways.push(WayLearned {
                milestone: milestone.clone(),
                samples: known.samples,
                points: known.points().to_vec(),
            });
        }
    }
}
