//! Repeats are found, and each event gets its customer, by the rules of the events service.

use std::collections::HashMap;

use elate_domain::{CustomerId, Event, Timestamp};
use elate_events::model::fingerprint::{Fingerprint, conflicting_id, key};
use elate_events::model::identity::Resolver;
use elate_events::model::own::{merged_away, seeded_customer};
use uuid::Uuid;

use crate::options::PARTITIONS;
use crate::recording::{Arrival, Counts};
use crate::{Error, Options, Progress};

/// Events after which progress is told.
const STEP: u64 = 8_192;

/// Message keys seen, and what they stood for.
type Seen = HashMap<Uuid, u64>;

/// Gives each event its customer; answers the events of each partition, in order. A customer who is merged away lies in
/// the partition of the one who stays.
pub(crate) fn resolve(
    arrivals: Vec<Arrival>,
    options: &Options,
    counts: &mut Counts,
    progress: &dyn Progress,
) -> Result<Vec<Vec<(Timestamp, Event)>>, Error> {
    let mut resolver = Resolver::default();
    let mut seen = Seen::with_capacity(arrivals.len());
    let mut events: Vec<(Timestamp, Event)> = Vec::with_capacity(arrivals.len());
    let mut since = 0;
    for Arrival { at, draft } in arrivals {
        since += 1;
        if since == STEP {
            progress.advance(std::mem::take(&mut since));
        }
        let mut event = draft.event;
        match draft.fingerprint.map(|print| settle(&mut seen, &event, print)) {
            Some(Found::Repeat) => {
                counts.duplicates += 1;
                continue;
            }
            Some(Found::Conflict(id)) => {
                counts.conflicts += 1;
                event.message_id = id;
                event.conflicting = true;
            }
            Some(Found::New) | None => {}
        }
        counts.accepted += 1;
        let mut mint = || seeded_customer(&options.customer_seed, &event);
        let resolved = resolver.resolve(
            &event.workspace,
            event.user_id.as_deref(),
            event.anonymous_id.as_deref(),
            draft.previous_id.as_deref(),
            &mut mint,
        );
        event.customer = resolved.customer.0;
        for loser in resolved.losers {
            events.push((at, merged_away(&event, loser)?));
        }
        events.push((at, event));
    }
    progress.advance(since);
    counts.customers = resolver.created.len() as u64;
    counts.merged = resolver.merged.len() as u64;
    Ok(divide(events, |customer| resolver.survivor(customer)))
}

/// Puts each event into the partition of the customer who stays.
pub(crate) fn divide(
    events: Vec<(Timestamp, Event)>,
    survivor: impl Fn(CustomerId) -> CustomerId,
) -> Vec<Vec<(Timestamp, Event)>> {
    let home = |customer: CustomerId| survivor(customer).partition(PARTITIONS).0 as usize;
    let mut partitions: Vec<Vec<_>> = (0..PARTITIONS).map(|_| Vec::new()).collect();
    for (at, event) in events {
        if let Some(partition) = partitions.get_mut(home(event.customer)) {
            partition.push((at, event));
        }
    }
    partitions
}

/// What a message turned out to be.
enum Found {
    New,
    Repeat,
    /// Another payload under a used id; it gets an id of its own.
    Conflict(String),
}

fn settle(seen: &mut Seen, event: &Event, print: Fingerprint) -> Found {
    match seen.get(&print.key) {
        None => {
            seen.insert(print.key, print.content);
            Found::New
        }
        Some(content) if *content == print.content => Found::Repeat,
        Some(_) => {
            let id = conflicting_id(&event.message_id, print.content);
            let renamed = key(0, event.workspace.as_str(), event.source.as_str(), &id);
            match seen.insert(renamed, print.content) {
                Some(_) => Found::Repeat,
                None => Found::Conflict(id),
            }
        }
    }
}
