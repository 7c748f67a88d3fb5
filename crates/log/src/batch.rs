//! Batches: what one append transaction put into one partition.

use std::sync::Arc;

use bytes::Bytes;
use elate_domain::{Offset, Partition, Timestamp};
use elate_proto::events::v1 as pb;
use prost::Message;

use crate::Error;

/// Consecutive records of one partition that were appended together, encoded as they are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The partition.
    pub partition: Partition,
    /// Offset of the first record.
    pub first: Offset,
    /// Log time of all of them.
    pub received_at: Timestamp,
    /// The encoded records (`elate_proto::record`), never empty.
    pub records: Vec<Bytes>,
    /// How many erasures the partition had seen when the batch was written or read.
    pub(crate) erasures: u64,
}

/// One record at its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The partition.
    pub partition: Partition,
    /// The place.
    pub offset: Offset,
    /// Log time.
    pub received_at: Timestamp,
    /// The encoded record.
    pub record: Bytes,
}

impl Batch {
    /// Offset of the last record.
    pub fn last(&self) -> Offset {
        Offset(self.first.0 + self.records.len() as u64 - 1)
    }

    /// Bytes of the records.
    pub fn bytes(&self) -> usize {
        self.records.iter().map(Bytes::len).sum()
    }

    /// The records with their places.
    pub fn stored(&self) -> impl Iterator<Item = Stored> + '_ {
        (self.first.0..).zip(&self.records).map(|(offset, record)| Stored {
            partition: self.partition,
            offset: Offset(offset),
            received_at: self.received_at,
            record: record.clone(),
        })
    }

    /// The part above `after`; the batch itself where that is all of it. Only for batches that end above `after`.
    pub(crate) fn above(self: &Arc<Self>, after: u64) -> Arc<Self> {
        if self.first.0 > after {
            return Arc::clone(self);
        }
        let skip = (after + 1 - self.first.0) as usize;
        Arc::new(Self {
            first: Offset(after + 1),
            records: self.records.get(skip..).unwrap_or_default().to_vec(),
            ..**self
        })
    }

    /// The bytes that are stored.
    pub(crate) fn encode(&self) -> Vec<u8> {
        pb::RecordBatch {
            partition: self.partition.0,
            first_offset: self.first.0,
            received_time_ms: self.received_at.0,
            records: self.records.clone(),
        }
        .encode_to_vec()
    }

    /// Reads what [`Self::encode`] wrote.
    pub(crate) fn decode(
        partition: Partition,
        last: Offset,
        payload: Bytes,
        erasures: u64,
    ) -> Result<Self, Error> {
        let corrupt = |source| Error::Corrupt { partition, last, source };
        let batch = pb::RecordBatch::decode(payload).map_err(corrupt)?;
        let (first, received_at) = (Offset(batch.first_offset), Timestamp(batch.received_time_ms));
        Ok(Self { partition, first, received_at, records: batch.records, erasures })
    }
}

impl From<Batch> for pb::RecordBatch {
    fn from(batch: Batch) -> Self {
        Self {
            partition: batch.partition.0,
            first_offset: batch.first.0,
            received_time_ms: batch.received_at.0,
            records: batch.records,
        }
    }
}
