//! Faults at every call of the loop to its database and to the log, by a seed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use elate_consumer::{Error, Followed, LogError, LogShape, LogSource, Point, Probe, memory::MemoryLog};
use elate_domain::{CustomerId, Offset, Partition, Record, WorkspaceId};
use elate_storage::{Database, execute, now_millis_sql};
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::Notify;

/// Decides, from a seed and a counter alone, which calls fail and how. Stops after so many faults.
pub(crate) struct Chaos {
    seed: u64,
    calls: AtomicU64,
    left: AtomicU64,
    one_in: u64,
    pub(crate) crash: Notify,
    pub(crate) log: Mutex<Vec<String>>,
    database: Database,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Error,
    Crash,
    Steal,
}

impl Chaos {
    pub(crate) fn new(seed: u64, faults: u64, one_in: u64, database: Database) -> Arc<Self> {
        Arc::new(Self {
            seed,
            calls: AtomicU64::new(0),
            left: AtomicU64::new(faults),
            one_in,
            crash: Notify::new(),
            log: Mutex::new(Vec::new()),
            database,
        })
    }

    /// How many faults there were.
    pub(crate) fn faults(&self) -> usize {
        self.log.lock().unwrap().len()
    }

    fn draw(&self, call: &str) -> Option<Fault> {
        let n = self.calls.fetch_add(1, Ordering::SeqCst);
        let mut x = self.seed.wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^= x >> 31;
        if !x.is_multiple_of(self.one_in) {
            return None;
        }
        self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).ok()?;
        let fault = match (x / self.one_in) % 8 {
            0 | 1 => Fault::Crash,
            2 => Fault::Steal,
            _ => Fault::Error,
        };
        self.log.lock().unwrap().push(format!("{call}: {fault:?}"));
        Some(fault)
    }

    /// Does what the draw says; a crash never comes back.
    async fn strike(&self, call: &str) -> Result<(), ()> {
        match self.draw(call) {
            None => Ok(()),
            Some(Fault::Error) => Err(()),
            Some(Fault::Crash) => {
                self.crash.notify_one();
                std::future::pending().await
            }
            Some(Fault::Steal) => {
                self.steal().await;
                Ok(())
            }
        }
    }

    /// Somebody else takes all leases for a moment, by the rules.
    async fn steal(&self) {
        let now = now_millis_sql(self.database.backend());
        let sql = format!(
            "UPDATE consumer_partition SET owner = 'thief', epoch = epoch + 1, expires_at = {now} + 40"
        );
        let database = self.database.clone();
        // On SQLite the loop may hold the only writing connection at this point: steal behind its back, later.
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(async move {
            let tx = database.begin().await.unwrap();
            execute(&tx, &sql, []).await.unwrap();
            tx.commit().await.unwrap();
        });
        tasks.detach_all();
    }
}

#[async_trait]
impl Probe for Chaos {
    async fn at(&self, point: Point) -> Result<(), Error> {
        let side = if point.after { "after" } else { "before" };
        self.strike(&format!("{side} {}", point.call)).await.map_err(|()| Error::Injected { at: point.call })
    }
}

/// The memory log behind a bad line.
pub(crate) struct BadLine {
    pub(crate) log: MemoryLog,
    pub(crate) chaos: Arc<Chaos>,
}

fn lost() -> LogError {
    LogError::Unavailable { reason: "injected".to_owned() }
}

#[async_trait]
impl LogSource for BadLine {
    async fn shape(&self) -> Result<LogShape, LogError> {
        self.chaos.strike("shape").await.map_err(|()| lost())?;
        self.log.shape().await
    }

    async fn follow(
        &self,
        from: Vec<(Partition, Offset)>,
        generation: &str,
    ) -> Result<BoxStream<'static, Result<Followed, LogError>>, LogError> {
        self.chaos.strike("follow").await.map_err(|()| lost())?;
        let stream = self.log.follow(from, generation).await?;
        let chaos = Arc::clone(&self.chaos);
        let broken = stream.then(move |answer| {
            let chaos = Arc::clone(&chaos);
            async move { chaos.strike("stream").await.map_err(|()| lost()).and(answer) }
        });
        Ok(broken.boxed())
    }

    async fn append(&self, records: Vec<Bytes>) -> Result<u32, LogError> {
        self.chaos.strike("before append").await.map_err(|()| lost())?;
        let appended = self.log.append(records).await;
        self.chaos.strike("after append").await.map_err(|()| lost())?;
        appended
    }

    async fn read_customer(
        &self,
        workspace: &WorkspaceId,
        customer: CustomerId,
        partition: Partition,
        up_to: Offset,
    ) -> Result<Vec<Record>, LogError> {
        self.chaos.strike("read customer").await.map_err(|()| lost())?;
        self.log.read_customer(workspace, customer, partition, up_to).await
    }
}
