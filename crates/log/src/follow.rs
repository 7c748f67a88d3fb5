//! Following partitions: a stream of batches and marks.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use elate_domain::{Offset, Partition, Timestamp};
use futures::future::BoxFuture;
use futures::{FutureExt, Stream};
use tokio::sync::watch;

use crate::log::Inner;
use crate::ring::Look;
use crate::{Batch, Error};

/// No record with a log time before `time` will come in the partition. Delivered after all records that it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The partition.
    pub partition: Partition,
    /// Its last offset when the mark was made.
    pub last: Offset,
    /// Log time.
    pub time: Timestamp,
}

/// What a follower gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// Records, without a gap after those before.
    Batch(Arc<Batch>),
    /// A mark.
    Mark(Mark),
}

#[derive(Debug)]
struct Position {
    partition: Partition,
    after: u64,
    /// The log time up to which the follower knows all.
    time: Timestamp,
}

/// The state between two items.
struct Cursor {
    inner: Arc<Inner>,
    positions: Vec<Position>,
    /// Which partition is looked at first, so that a busy one does not starve the others.
    turn: usize,
    bell: watch::Receiver<Option<String>>,
    ready: VecDeque<Item>,
}

impl Drop for Cursor {
    fn drop(&mut self) {
        self.inner.tail.unfollow(self.positions.iter().map(|position| position.partition));
    }
}

type Step = BoxFuture<'static, (Cursor, Option<Result<Item, Error>>)>;

/// A stream of batches and marks that ends only with an error. Pulled: an idle consumer costs nothing.
pub struct Follow(Option<Step>);

impl std::fmt::Debug for Follow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Follow")
    }
}

impl Follow {
    pub(crate) fn new(inner: Arc<Inner>, after: &[(Partition, Offset)]) -> Self {
        let bell = inner.tail.listen();
        inner.tail.follow(after.iter().map(|(partition, _)| *partition));
        let position = |(partition, after): &(Partition, Offset)| Position {
            partition: *partition,
            after: after.0,
            time: Timestamp::default(),
        };
        let positions = after.iter().map(position).collect();
        let cursor = Cursor { inner, positions, turn: 0, bell, ready: VecDeque::new() };
        Self(Some(cursor.step().boxed()))
    }
}

impl Stream for Follow {
    type Item = Result<Item, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(step) = self.0.as_mut() else { return Poll::Ready(None) };
        let (mut cursor, mut item) = match step.poll_unpin(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(done) => done,
        };
        if item.is_none() {
            item = cursor.ready.pop_front().map(Ok);
        }
        self.0 = match &item {
            Some(Ok(_)) => Some(cursor.step().boxed()),
            Some(Err(_)) | None => None,
        };
        Poll::Ready(item)
    }
}

impl Cursor {
    /// Returns with the next item, or with an error that ends the stream.
    async fn step(mut self) -> (Self, Option<Result<Item, Error>>) {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return (self, Some(Ok(item)));
            }
            // Seen before looking: a change that comes while we look rings again.
            let failed = self.bell.borrow_and_update().clone();
            if let Some(current) = failed {
                let given = self.inner.generation.clone();
                return (self, Some(Err(Error::Generation { given, current })));
            }
            if let Err(error) = self.gather().await {
                return (self, Some(Err(error)));
            }
            if self.ready.is_empty() && self.bell.changed().await.is_err() {
                return (self, None);
            }
        }
    }

    /// Collects what there is, at most about `read_bytes`, beginning with the partition whose turn it is.
    async fn gather(&mut self) -> Result<(), Error> {
        let mut budget = self.inner.options.read_bytes;
        for i in 0..self.positions.len() {
            let index = (self.turn + i) % self.positions.len();
            let Some(position) = self.positions.get(index) else { continue };
            let (partition, after) = (position.partition, position.after);
            // Read before the ring: the mark then covers nothing that the ring could not have had.
            let mark = self.inner.tail.mark(partition);
            let batches = match self.inner.tail.look(partition, after, budget) {
                Look::Batches(batches) => batches,
                Look::AskSql => self.inner.backfill(partition, after, budget).await?,
                Look::AtEnd => Vec::new(),
            };
            budget = budget.saturating_sub(self.take(index, batches, mark));
            if budget == 0 {
                self.turn = (index + 1) % self.positions.len();
                break;
            }
        }
        Ok(())
    }

    /// Moves one partition on; answers the bytes taken.
    fn take(&mut self, index: usize, batches: Vec<Arc<Batch>>, mark: (Offset, Timestamp)) -> usize {
        let Some(position) = self.positions.get_mut(index) else { return 0 };
        let mut bytes = 0;
        for batch in batches {
            bytes += batch.bytes();
            position.after = batch.last().0;
            position.time = position.time.max(batch.received_at);
            self.ready.push_back(Item::Batch(batch));
        }
        let (last, time) = mark;
        if position.after >= last.0 && time > position.time {
            position.time = time;
            let partition = position.partition;
            self.ready.push_back(Item::Mark(Mark { partition, last, time }));
        }
        bytes
    }
}
