//! The newest batches of one partition, in memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::Batch;

/// What a ring has above an offset.
#[derive(Debug)]
pub(crate) enum Look {
    /// These, without a gap.
    Batches(Vec<Arc<Batch>>),
    /// Nothing, although there may be something in SQL: below the ring, or in a hole at its end.
    AskSql,
    /// Nothing: the offset is the newest that is known.
    AtEnd,
}

/// Consecutive batches, bounded by bytes. What arrives ahead of its predecessor waits aside until the hole is filled.
#[derive(Debug)]
pub(crate) struct Ring {
    batches: VecDeque<Arc<Batch>>,
    ahead: BTreeMap<u64, Arc<Batch>>,
    bytes: usize,
    ahead_bytes: usize,
    max_bytes: usize,
    erasures: u64,
    /// The newest offset of the partition that anybody told of.
    known: u64,
}

impl Ring {
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self {
            batches: VecDeque::new(),
            ahead: BTreeMap::new(),
            bytes: 0,
            ahead_bytes: 0,
            max_bytes,
            erasures: 0,
            known: 0,
        }
    }

    /// The last offset that is held without a gap.
    pub(crate) fn last(&self) -> Option<u64> {
        self.batches.back().map(|batch| batch.last().0)
    }

    /// The newest offset that anybody told of.
    pub(crate) fn known(&self) -> u64 {
        self.known
    }

    /// How many erasures the contents have seen.
    pub(crate) fn erasures(&self) -> u64 {
        self.erasures
    }

    /// Learns where the partition ends and how many erasures it has seen; answers whether that is news.
    pub(crate) fn learn(&mut self, last: u64, erasures: u64) -> bool {
        if erasures > self.erasures {
            self.erasures = erasures;
            self.clear();
        }
        let news = last > self.known;
        self.known = self.known.max(last);
        news
    }

    fn clear(&mut self) {
        self.batches.clear();
        self.ahead.clear();
        self.bytes = 0;
        self.ahead_bytes = 0;
    }

    /// Takes a batch in; answers whether it is news.
    pub(crate) fn offer(&mut self, batch: &Arc<Batch>) -> bool {
        if batch.erasures < self.erasures {
            // Written or read before an erasure: it may hold what was erased.
            return false;
        }
        let news = self.learn(batch.last().0, batch.erasures);
        match self.last() {
            Some(last) if batch.last().0 <= last => return false,
            Some(last) if batch.first.0 > last + 1 => {
                self.set_aside(Arc::clone(batch));
                return news;
            }
            Some(last) => self.push(batch.above(last)),
            None => self.push(Arc::clone(batch)),
        }
        self.join();
        true
    }

    /// Takes over what waited and now follows without a gap.
    fn join(&mut self) {
        while let Some((&first, _)) = self.ahead.first_key_value() {
            let Some(last) = self.last() else { return };
            if first > last + 1 {
                return;
            }
            if let Some(batch) = self.ahead.remove(&first) {
                self.ahead_bytes = self.ahead_bytes.saturating_sub(batch.bytes());
                if batch.last().0 > last {
                    self.push(batch.above(last));
                }
            }
        }
    }

    fn push(&mut self, batch: Arc<Batch>) {
        self.bytes += batch.bytes();
        self.batches.push_back(batch);
        while self.bytes > self.max_bytes && self.batches.len() > 1 {
            if let Some(oldest) = self.batches.pop_front() {
                self.bytes = self.bytes.saturating_sub(oldest.bytes());
            }
        }
    }

    fn set_aside(&mut self, batch: Arc<Batch>) {
        self.ahead_bytes += batch.bytes();
        self.ahead.insert(batch.first.0, Arc::clone(&batch));
        if self.ahead_bytes > self.max_bytes {
            // Nobody fills the hole, so nobody follows: begin anew with what is newest.
            self.clear();
            self.push(batch);
        }
    }

    /// What is held above `after`, about `max_bytes` of it.
    pub(crate) fn look(&self, after: u64, max_bytes: usize) -> Look {
        let held_from = self.batches.front().map(|batch| batch.first.0);
        let (Some(first), Some(last)) = (held_from, self.last()) else {
            return if self.known > after { Look::AskSql } else { Look::AtEnd };
        };
        if after >= last {
            return if self.known > after { Look::AskSql } else { Look::AtEnd };
        }
        if after + 1 < first {
            return Look::AskSql;
        }
        let from = self.batches.partition_point(|batch| batch.last().0 <= after);
        let mut found = Vec::new();
        let mut bytes = 0;
        for batch in self.batches.range(from..) {
            if bytes >= max_bytes {
                break;
            }
            bytes += batch.bytes();
            found.push(batch.above(after));
        }
        Look::Batches(found)
    }
}

#[cfg(test)]
mod tests {
    use super::{Look, Ring};
    use crate::Batch;
    use bytes::Bytes;
    use elate_domain::{Offset, Partition, Timestamp};
    use proptest::prelude::*;
    use std::sync::Arc;

    fn batch(first: u64, count: u64, erasures: u64) -> Arc<Batch> {
        let records = (first..first + count).map(|i| Bytes::from(i.to_be_bytes().to_vec())).collect();
        let (partition, received_at) = (Partition(0), Timestamp(0));
        Arc::new(Batch { partition, first: Offset(first), received_at, records, erasures })
    }

    fn offsets(look: Look) -> Option<Vec<u64>> {
        match look {
            Look::Batches(batches) => Some(batches.iter().flat_map(|b| b.first.0..=b.last().0).collect()),
            Look::AskSql => None,
            Look::AtEnd => Some(Vec::new()),
        }
    }

    #[test]
    fn a_hole_sends_readers_to_sql_until_it_is_filled() {
        let mut ring = Ring::new(1_000_000);
        assert!(ring.offer(&batch(1, 2, 0)));
        assert!(ring.offer(&batch(5, 1, 0)));
        assert_eq!(offsets(ring.look(0, 1000)), Some(vec![1, 2]));
        assert_eq!(offsets(ring.look(2, 1000)), None);
        assert!(ring.offer(&batch(3, 2, 0)));
        assert_eq!(offsets(ring.look(2, 1000)), Some(vec![3, 4, 5]));
        assert_eq!(offsets(ring.look(5, 1000)), Some(vec![]));
    }

    #[test]
    fn what_was_written_before_an_erasure_does_not_come_back() {
        let mut ring = Ring::new(1_000_000);
        ring.offer(&batch(1, 2, 0));
        ring.learn(2, 1);
        assert_eq!(offsets(ring.look(0, 1000)), None);
        assert!(!ring.offer(&batch(1, 2, 0)));
        assert!(ring.offer(&batch(3, 1, 1)));
        assert_eq!(offsets(ring.look(2, 1000)), Some(vec![3]));
    }

    proptest! {
        /// Whatever the order and however small the ring: what it answers above an offset is dense and starts there.
        #[test]
        fn answers_are_dense(order in Just((0..20_u64).collect::<Vec<_>>()).prop_shuffle(), max in 1_usize..400, after in 0_u64..60) {
            let mut ring = Ring::new(max);
            for i in order {
                ring.offer(&batch(1 + i * 3, 3, 0));
            }
            if let Some(found) = offsets(ring.look(after, usize::MAX)) {
                let expected: Vec<u64> = (after + 1..).take(found.len()).collect();
                prop_assert_eq!(&found, &expected);
                prop_assert!(!found.is_empty() || after >= 60);
            }
        }
    }
}
