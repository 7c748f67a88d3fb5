//! Writes the timeline index behind the appends.

use std::collections::BTreeMap;
use std::time::Duration;

use elate_domain::{CustomerId, Offset, Partition};
use elate_log::{Batch, Head};
use elate_proto::record::front;
use tracing::warn;

use super::{Core, Error};
use crate::store::timeline;

/// How often the index is brought up to date.
const PAUSE: Duration = Duration::from_secs(1);
/// Records of a partition that are worth a run at once; fewer wait for [`PATIENCE`] looks.
const WORTH: u64 = 256;
const PATIENCE: u32 = 10;
/// Bytes of records that one run takes of a partition.
const RUN_BYTES: usize = 8 * 1024 * 1024;

/// Keeps the index up to date until it is dropped.
pub(crate) async fn run(core: &Core) {
    let mut looks = 0_u32;
    loop {
        tokio::time::sleep(PAUSE).await;
        looks = looks.wrapping_add(1);
        let worth = if looks.is_multiple_of(PATIENCE) { 1 } else { WORTH };
        if let Err(error) = index(core, worth).await {
            warn!(%error, "the timeline index can't be written");
        }
    }
}

/// Brings partitions up to date that have at least so many new records.
pub(crate) async fn index(core: &Core, worth: u64) -> Result<(), Error> {
    let indexed = timeline::indexed(core.database.read()).await?;
    let heads = core.log.shape().await?.heads;
    let behind: Vec<Partition> = heads
        .iter()
        .filter(|(partition, head)| {
            let indexed = indexed.get(partition).map_or(0, |offset| offset.0);
            head.last.0.saturating_sub(indexed) >= worth
        })
        .map(|(partition, _)| *partition)
        .collect();
    // Some partitions share a transaction, so that one flush serves them all, and none is open for long.
    for partitions in behind.chunks(16) {
        let tx = core.database.begin().await?;
        for partition in partitions {
            let head = heads.get(partition).copied().unwrap_or_default();
            one(core, &tx, *partition, head).await?;
        }
        tx.commit().await.map_err(elate_storage::Error::from)?;
    }
    Ok(())
}

async fn one(
    core: &Core,
    tx: &elate_storage::Transaction,
    partition: Partition,
    head: Head,
) -> Result<(), Error> {
    let Some(indexed) = timeline::lock(tx, partition).await? else { return Ok(()) };
    let mut runs: BTreeMap<CustomerId, Vec<u64>> = BTreeMap::new();
    let (mut at, mut taken) = (indexed, 0);
    while at < head.last && taken < RUN_BYTES {
        let batches = core.log.read(partition, at, RUN_BYTES - taken).await?;
        let Some(last) = batches.last() else { break };
        at = last.last();
        for batch in &batches {
            taken += batch.bytes();
            gather(batch, &mut runs);
        }
    }
    if at > indexed {
        timeline::write(tx, &runs, partition, at).await?;
    }
    Ok(())
}

fn gather(batch: &Batch, runs: &mut BTreeMap<CustomerId, Vec<u64>>) {
    for stored in batch.stored() {
        let whose = front(&stored.record).customer;
        if !whose.is_none() {
            runs.entry(whose).or_default().push(stored.offset.0);
        }
    }
}

/// Offsets of a customer that are not indexed yet: above `indexed`, up to the head.
pub(crate) async fn not_indexed(
    core: &Core,
    customer: CustomerId,
    partition: Partition,
    indexed: Offset,
) -> Result<Vec<u64>, Error> {
    let (mut at, mut found) = (indexed, Vec::new());
    loop {
        let batches = core.log.read(partition, at, RUN_BYTES).await?;
        let Some(last) = batches.last() else { return Ok(found) };
        at = last.last();
        for batch in &batches {
            let own = batch.stored().filter(|stored| front(&stored.record).customer == customer);
            found.extend(own.map(|stored| stored.offset.0));
        }
    }
}
