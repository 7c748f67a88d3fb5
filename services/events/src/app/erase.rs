//! Erasing a customer, and everybody who was merged into it.

use std::collections::{BTreeMap, BTreeSet};

use elate_domain::system::{Erased, name};
use elate_domain::{CustomerId, Offset, Partition, RawJson, WorkspaceId};
use elate_log::Change;
use elate_proto::record;
use elate_storage::Transaction;
use uuid::Uuid;

use super::append::own_event;
use super::{Core, Error, customers as people, indexer};
use crate::model::customer::CustomerRef;
use crate::store::{customers, erasures, requests, timeline};

const ATTEMPTS: u32 = 20;
/// Offsets that are looked up at once.
const PAGE: usize = 10_000;

/// Erases; answers the erasure's id. A repeat of the request answers the same.
pub(crate) async fn erase(
    core: &Core,
    workspace: &WorkspaceId,
    request_id: &str,
    customer: &CustomerRef,
) -> Result<String, Error> {
    if let Some(done) = answered(core, workspace, request_id).await? {
        return Ok(done);
    }
    let (survivor, _) = people::find(core, workspace, customer).await?;
    for attempt in 1.. {
        match run(core, workspace, request_id, survivor).await {
            Ok(Some(id)) => return Ok(id),
            Ok(None) if attempt < ATTEMPTS => {}
            Err(Error::Storage(error)) if error.is_conflict() && attempt < ATTEMPTS => {}
            Ok(None) => break,
            Err(error) => return Err(error),
        }
    }
    Err(Error::Overloaded { retry_after: std::time::Duration::from_secs(1) })
}

async fn answered(core: &Core, workspace: &WorkspaceId, request_id: &str) -> Result<Option<String>, Error> {
    let tx = core.database.begin().await?;
    let answer = requests::claim(&tx, workspace, "erase", request_id, "", 0).await?;
    // Dropped: the claim itself is made with the erasure.
    drop(tx);
    Ok(answer)
}

/// One run; `None` where somebody was merged into the customer meanwhile.
async fn run(
    core: &Core,
    workspace: &WorkspaceId,
    request_id: &str,
    survivor: CustomerId,
) -> Result<Option<String>, Error> {
    let now = core.clock().now();
    let erasure_id = Uuid::now_v7().simple().to_string();
    let mut all: BTreeSet<CustomerId> =
        customers::merged_into(core.database.read(), survivor).await?.into_iter().collect();
    all.insert(survivor);
    let tx = core.database.begin().await?;
    if let Some(done) = requests::claim(&tx, workspace, "erase", request_id, &erasure_id, now.0).await? {
        return Ok(Some(done));
    }
    let mut rows = customers::lock(&tx, &all).await?;
    let Some(row) = rows.get(&survivor) else { return Err(Error::NotFound { what: "customer" }) };
    if row.erased {
        return Err(Error::NotFound { what: "customer" });
    }
    // Who merges into the survivor locks its row: from here on the set stands.
    let again: BTreeSet<CustomerId> = customers::merged_into(&tx, survivor).await?.into_iter().collect();
    if row.merged_into.is_some() || !again.iter().all(|loser| all.contains(loser)) {
        return Ok(None);
    }
    let identifiers = erasures::identifier_keys(&tx, survivor).await?;
    erasures::refuse(&tx, &core.install.secret, &identifiers).await?;
    customers::unlink(&tx, &all).await?;
    for row in rows.values_mut() {
        row.erased = true;
        row.traits = "{}".to_owned();
    }
    customers::update(&tx, &rows).await?;
    erasures::create(&tx, &erasure_id, workspace, all.len(), now).await?;
    overwrite(core, tx, workspace, &all, &erasure_id).await?;
    Ok(Some(erasure_id))
}

/// Puts tombstones in the place of the records, appends the `erased` records, and commits.
async fn overwrite(
    core: &Core,
    tx: Transaction,
    workspace: &WorkspaceId,
    all: &BTreeSet<CustomerId>,
    erasure_id: &str,
) -> Result<(), Error> {
    let partitions = core.log.partitions();
    let touched: BTreeSet<Partition> = all.iter().map(|customer| customer.partition(partitions)).collect();
    for partition in &touched {
        // The index must not be written while it is removed.
        timeline::lock_waiting(&tx, *partition).await?;
    }
    let locked = core.log.lock(&tx, touched.iter().copied()).await?;
    // Nobody appends to these partitions now, so what is committed is all there is.
    let tombstone = record::tombstone(workspace);
    let mut changes: BTreeMap<Partition, Change> = BTreeMap::new();
    for customer in all {
        let partition = customer.partition(partitions);
        let offsets = all_offsets(core, *customer, partition).await?;
        core.log.overwrite(&tx, partition, &offsets, &tombstone).await?;
        timeline::remove(&tx, *customer).await?;
        let mut event = own_event(workspace.clone(), name::ERASED, format!("erased:{customer}"))?;
        event.customer = *customer;
        event.occurred_at = core.clock().now();
        event.properties = RawJson::of(&Erased { erasure_id: erasure_id.to_owned() });
        let change = changes.entry(partition).or_default();
        change.records.push(record::encode(&event));
        change.epoch = true;
        change.erasure = true;
    }
    let heads = locked.heads().clone();
    let written = core.log.write(&tx, locked, changes).await?;
    tx.commit().await.map_err(elate_storage::Error::from)?;
    core.log.publish(written);
    for (partition, head) in heads {
        core.cache.observe(partition, head.epoch + 1);
    }
    Ok(())
}

async fn all_offsets(core: &Core, customer: CustomerId, partition: Partition) -> Result<Vec<Offset>, Error> {
    let indexed = timeline::indexed_of(core.database.read(), partition).await?;
    let mut found = indexer::not_indexed(core, customer, partition, indexed).await?;
    let mut from = 0;
    loop {
        let page = timeline::offsets(core.database.read(), customer, from, true, PAGE).await?;
        let Some(last) = page.last() else { break };
        from = *last;
        found.extend(page);
    }
    Ok(found.into_iter().map(Offset).collect())
}
