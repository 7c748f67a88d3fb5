//! Reading a customer's records, in both directions, those of merged customers included.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use elate_domain::{CustomerId, WorkspaceId};
use elate_log::Stored;
use elate_proto::record;
use tracing::warn;
use uuid::Uuid;

use super::indexer::not_indexed;
use super::{Core, Error};
use crate::model::customer::{TimelineEntry, TimelineQuery};
use crate::model::page::Page;
use crate::store::timeline;

/// Records that one page looks at for its names before it answers with what it has.
const MAX_SCAN: usize = 4_000;

/// Where each customer of a timeline stands: the next record lies beyond.
type Places = BTreeMap<CustomerId, u64>;

/// Offsets of one customer beyond `from`, at most `limit`.
pub(crate) async fn offsets(
    core: &Core,
    customer: CustomerId,
    from: u64,
    oldest_first: bool,
    limit: usize,
) -> Result<Vec<u64>, Error> {
    let partition = customer.partition(core.log.partitions());
    // Read first: what is indexed meanwhile is then read from the log, and not twice.
    let indexed = timeline::indexed_of(core.database.read(), partition).await?;
    let mut newer = Vec::new();
    if oldest_first || from > indexed.0 {
        newer = not_indexed(core, customer, partition, indexed).await?;
        newer.retain(|offset| if oldest_first { *offset > from } else { *offset < from });
    }
    let ask = |from| timeline::offsets(core.database.read(), customer, from, oldest_first, limit);
    let mut found = if oldest_first {
        let mut found = ask(from).await?;
        found.retain(|offset| *offset <= indexed.0);
        found.extend(newer);
        found
    } else {
        newer.reverse();
        newer.extend(ask(from.min(indexed.0 + 1)).await?);
        newer
    };
    found.truncate(limit);
    Ok(found)
}

/// Reads a page of the timeline of these customers (one and those merged into it).
pub(crate) async fn page(
    core: &Core,
    workspace: &WorkspaceId,
    customers: &[CustomerId],
    query: &TimelineQuery,
) -> Result<Page<TimelineEntry>, Error> {
    let start = if query.oldest_first { 0 } else { u64::MAX };
    let mut places: Places = customers.iter().map(|customer| (*customer, start)).collect();
    for (customer, place) in read_token(&query.page.token)? {
        // Others than the present ones are ignored: a token is no way to somebody else's records.
        places.entry(customer).and_modify(|at| *at = place);
    }
    let limit = query.page.limit();
    let (mut items, mut scanned, mut end) = (Vec::new(), 0, false);
    while items.len() < limit && scanned < MAX_SCAN && !end {
        let want = if query.names.is_empty() { limit - items.len() } else { limit * 2 };
        let merged = merge(core, &places, query.oldest_first, want).await?;
        end = merged.len() < want;
        scanned += merged.len();
        for (customer, stored) in merged {
            if items.len() == limit {
                end = false;
                break;
            }
            places.insert(customer, stored.offset.0);
            items.extend(entry(workspace, stored).filter(|entry| {
                query.names.is_empty() || query.names.iter().any(|name| name == entry.event.match_name())
            }));
        }
    }
    let next = if end { String::new() } else { write_token(&places) };
    Ok(Page { items, next })
}

/// The next records of several customers in order of log time.
async fn merge(
    core: &Core,
    places: &Places,
    oldest_first: bool,
    want: usize,
) -> Result<Vec<(CustomerId, Stored)>, Error> {
    let mut records = Vec::new();
    for (customer, from) in places {
        let offsets = offsets(core, *customer, *from, oldest_first, want).await?;
        let partition = customer.partition(core.log.partitions());
        let stored = core.log.read_at(partition, &offsets).await?;
        records.extend(stored.into_iter().map(|stored| (*customer, stored)));
    }
    records.sort_by_key(|(_, stored)| (stored.received_at, stored.partition, stored.offset));
    if !oldest_first {
        records.reverse();
    }
    records.truncate(want);
    Ok(records)
}

/// Decodes a record; `None` for a tombstone, another workspace's, or one that can't be read.
pub(crate) fn entry(workspace: &WorkspaceId, stored: Stored) -> Option<TimelineEntry> {
    match record::decode(stored.record) {
        Ok(event) => event.filter(|event| event.workspace == *workspace).map(|event| TimelineEntry {
            partition: stored.partition,
            offset: stored.offset,
            received_at: stored.received_at,
            event,
        }),
        Err(error) => {
            warn!(%error, partition = stored.partition.0, offset = stored.offset.0, "a record can't be read");
            None
        }
    }
}

fn write_token(places: &Places) -> String {
    let mut bytes = Vec::with_capacity(places.len() * 24);
    for (customer, place) in places {
        bytes.extend_from_slice(customer.0.as_bytes());
        bytes.extend_from_slice(&place.to_be_bytes());
    }
    URL_SAFE_NO_PAD.encode(bytes)
}

fn read_token(token: &str) -> Result<Places, Error> {
    let wrong = || Error::field("page.page_token", "is none of this list; begin again without it");
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| wrong())?;
    if bytes.len() % 24 != 0 {
        return Err(wrong());
    }
    let place = |chunk: &[u8]| {
        let customer = CustomerId(Uuid::from_slice(chunk.get(..16)?).ok()?);
        Some((customer, u64::from_be_bytes(chunk.get(16..)?.try_into().ok()?)))
    };
    bytes.chunks(24).map(|chunk| place(chunk).ok_or_else(wrong)).collect()
}
