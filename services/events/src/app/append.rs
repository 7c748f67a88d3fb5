//! The append transaction.
//!
//! In this order, in every transaction, so that no two wait for each other in a circle: the open segment of seen messages, lookups, message
//! keys (sorted), producers (sorted), identifiers (sorted), customers (sorted), and last of all the heads of the partitions (sorted).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use elate_domain::system::{ErasureReceipt, name};
use elate_domain::{CustomerId, Event, Partition};
use elate_log::Change;
use elate_proto::record;
use elate_storage::Transaction;
use tracing::debug;
use uuid::Uuid;

use super::cache::Epochs;
use super::duplicates::{Kind, settle};
use super::identities::{self, DraftKeys, Identities, Said};
use super::{Core, Error};
use crate::model::draft::{Draft, Target, Verdict};
use crate::model::fingerprint::conflicting_id;
use crate::model::identity::Resolver;
use crate::model::own;
use crate::store::erasures::ReceiptRow;
use crate::store::{erasures, producers};

/// How often a transaction is run again because others were faster.
const ATTEMPTS: u32 = 20;

/// What one run of the transaction came to.
enum Attempt {
    Done(Vec<Verdict>),
    /// Others were faster; what was cached may be wrong.
    Again,
}

/// Appends drafts in one transaction, in their order; answers what became of each when it is durable.
pub(crate) async fn append(core: &Core, drafts: &[&Draft]) -> Result<Vec<Verdict>, Error> {
    let keys: Vec<DraftKeys> = drafts.iter().map(|draft| identities::keys(draft)).collect();
    let mut fresh = false;
    for attempt in 1.. {
        match run(core, drafts, &keys, fresh).await {
            Ok(Attempt::Done(verdicts)) => return Ok(verdicts),
            Ok(Attempt::Again) if attempt < ATTEMPTS => {
                debug!(attempt, "appending again, others were faster")
            }
            Err(Error::Storage(error)) if error.is_conflict() && attempt < ATTEMPTS => {
                debug!(%error, attempt, "appending again after a conflict");
            }
            Ok(Attempt::Again) => break,
            Err(error) => return Err(error),
        }
        fresh = true;
    }
    Err(Error::Overloaded { retry_after: std::time::Duration::from_secs(1) })
}

async fn run(core: &Core, drafts: &[&Draft], keys: &[DraftKeys], fresh: bool) -> Result<Attempt, Error> {
    let epochs = core.cache.epochs();
    let careful = fresh || core.careful.load(Ordering::Relaxed);
    let tx = core.database.begin().await?;
    let mut people = identities::load(core, &tx, &epochs, drafts, keys, fresh).await?;
    let mut verdicts: Vec<Option<Verdict>> =
        drafts.iter().zip(keys).map(|(draft, keys)| refused(&people, draft, keys)).collect();
    let Some(kinds) = settle(core, &tx, drafts, |index| verdicts[index].is_none(), careful).await? else {
        return Ok(Attempt::Again);
    };
    for (verdict, kind) in verdicts.iter_mut().zip(&kinds) {
        if *kind == Kind::Repeat {
            *verdict = Some(Verdict::Duplicate { customer: None });
        }
    }
    advance_producers(&tx, drafts, &mut verdicts).await?;
    let mut plan = Plan::new(core);
    for (index, draft) in drafts.iter().enumerate() {
        if verdicts[index].is_none() {
            verdicts[index] = Some(plan.add(&mut people, draft, kinds[index])?);
        }
    }
    name_repeats(&people.resolver, &mut verdicts, keys);
    if !identities::write(core, &tx, &people.resolver, plan.said).await? {
        return Ok(Attempt::Again);
    }
    if !plan.receipts.is_empty() {
        erasures::note(&tx, plan.receipts).await?;
    }
    let verdicts = verdicts.into_iter().flatten().collect();
    let moved = people.resolver.moved.values().map(|(_, before)| *before);
    for customer in moved.chain(people.resolver.merged.keys().copied()) {
        let partition = customer.partition(core.log.partitions());
        plan.changes.entry(partition).or_default().epoch = true;
    }
    if commit(core, tx, &epochs, plan.changes, &people.resolver, keys).await? {
        core.catalog.feed(drafts, &kinds);
        return Ok(Attempt::Done(verdicts));
    }
    Ok(Attempt::Again)
}

/// Says whose the repeats are, where their ids are known by now.
fn name_repeats(resolver: &Resolver, verdicts: &mut [Option<Verdict>], keys: &[DraftKeys]) {
    for (verdict, keys) in verdicts.iter_mut().zip(keys) {
        if let Some(Verdict::Duplicate { customer: whose @ None }) = verdict {
            let lead = keys.iter().flatten().find_map(|key| resolver.lead(*key));
            *whose = lead.map(|lead| lead.customer);
        }
    }
}

/// Refuses what concerns an erased or unknown customer.
fn refused(people: &Identities, draft: &Draft, keys: &DraftKeys) -> Option<Verdict> {
    let reject = |field, reason: &str| Some(Verdict::Rejected { field, reason: reason.to_owned() });
    const FIELDS: [&str; 3] = ["user_id", "anonymous_id", "previous_id"];
    if let Some((_, field)) =
        keys.iter().zip(FIELDS).find(|(key, _)| key.is_some_and(|key| people.erased.contains(&key)))
    {
        return reject(field, "erased");
    }
    match draft.target {
        Target::Customer(_) if identities::keeps_customer(&draft.event.name) => None,
        Target::Customer(customer) => match people.standings.get(&customer) {
            None => reject("customer_id", "unknown"),
            Some(standing) if standing.erased => reject("customer_id", "erased"),
            Some(_) => None,
        },
        Target::Ids | Target::Partition(_) | Target::Everywhere => None,
    }
}

/// Drops repeated sequences and moves the producers on.
async fn advance_producers(
    tx: &Transaction,
    drafts: &[&Draft],
    verdicts: &mut [Option<Verdict>],
) -> Result<(), Error> {
    let key = |draft: &Draft| {
        let producer = draft.event.producer.as_ref()?;
        Some(((Arc::clone(&producer.service), producer.partition.0, producer.generation), producer.sequence))
    };
    let wanted = drafts.iter().filter_map(|draft| key(draft)).map(|(key, _)| key);
    let mut sequences = producers::lock(tx, wanted).await?;
    if sequences.is_empty() {
        return Ok(());
    }
    for (draft, verdict) in drafts.iter().zip(verdicts) {
        let Some((key, sequence)) = key(draft) else { continue };
        let last = sequences.entry(key).or_default();
        if sequence <= *last {
            *verdict = Some(Verdict::Duplicate { customer: Some(draft.event.customer) });
        }
        *last = sequence.max(*last);
    }
    Ok(producers::advance(tx, &sequences).await?)
}

/// What the transaction will append.
struct Plan<'a> {
    core: &'a Core,
    changes: BTreeMap<Partition, Change>,
    receipts: Vec<ReceiptRow>,
    said: Said,
}

impl<'a> Plan<'a> {
    fn new(core: &'a Core) -> Self {
        Self { core, changes: BTreeMap::new(), receipts: Vec::new(), said: Said::default() }
    }

    fn add(&mut self, people: &mut Identities, draft: &Draft, kind: Kind) -> Result<Verdict, Error> {
        if let (Target::Customer(customer), Some(encoded)) = (draft.target, &draft.encoded)
            && self.stays(people, customer, &draft.event)
        {
            self.note_receipt(&draft.event);
            let partition = customer.partition(self.core.log.partitions());
            self.changes.entry(partition).or_default().records.push(encoded.clone());
            return Ok(Verdict::Appended { message_id: draft.event.message_id.clone(), customer });
        }
        let mut event = draft.event.clone();
        if let (Kind::Conflict, Some(print)) = (kind, draft.fingerprint) {
            event.message_id = conflicting_id(&event.message_id, print.content);
            event.conflicting = true;
        }
        let partitions = self.core.log.partitions();
        match draft.target {
            Target::Everywhere => {
                let bytes = record::encode(&event);
                for partition in (0..partitions).map(Partition) {
                    self.changes.entry(partition).or_default().records.push(bytes.clone());
                }
            }
            Target::Partition(partition) => {
                self.changes.entry(partition).or_default().records.push(record::encode(&event));
            }
            Target::Customer(customer) => {
                let standing = people.standings.get(&customer);
                event.customer = match standing {
                    Some(standing) if !identities::keeps_customer(&event.name) => standing.survivor,
                    _ => customer,
                };
                self.note_receipt(&event);
                self.push(event.customer, &event);
            }
            Target::Ids => {
                let seed = self.core.settings.customer_seed.as_deref();
                let mut mint = || new_customer(seed, &event);
                let resolved = people.resolver.resolve(
                    &event.workspace,
                    event.user_id.as_deref(),
                    event.anonymous_id.as_deref(),
                    draft.previous_id.as_deref(),
                    &mut mint,
                );
                event.customer = resolved.customer.0;
                for loser in resolved.losers {
                    let told = own::merged_away(&event, loser)
                        .map_err(|error| Error::Precondition(error.to_string()))?;
                    self.push(loser, &told);
                }
                self.said.note(event.customer, draft);
                self.push(event.customer, &event);
            }
        }
        Ok(Verdict::Appended { message_id: event.message_id, customer: event.customer })
    }

    /// Whether an event that names its customer is appended to that one.
    fn stays(&self, people: &Identities, customer: CustomerId, event: &Event) -> bool {
        let moved = people.standings.get(&customer).is_some_and(|standing| standing.survivor != customer);
        event.customer == customer && (!moved || identities::keeps_customer(&event.name))
    }

    fn push(&mut self, customer: CustomerId, event: &Event) {
        let partition = customer.partition(self.core.log.partitions());
        self.changes.entry(partition).or_default().records.push(record::encode(event));
    }

    fn note_receipt(&mut self, event: &Event) {
        if event.name.as_ref() != name::ERASURE_RECEIPT {
            return;
        }
        if let Ok(receipt) = event.properties.read::<ErasureReceipt>() {
            self.receipts.push(ReceiptRow {
                erasure_id: receipt.erasure_id,
                service: receipt.service,
                customer: event.customer,
                purged_at: self.core.clock().now(),
                purged: receipt.purged,
            });
        }
    }
}

/// An event that events itself writes, without customer, time and payload.
pub(crate) fn own_event(
    workspace: elate_domain::WorkspaceId,
    name: &str,
    message_id: String,
) -> Result<Event, Error> {
    own::own_event(workspace, name, message_id).map_err(|error| Error::Precondition(error.to_string()))
}

/// Locks the heads, checks that what was resolved still holds, writes, commits and publishes. `false`: it does not hold.
async fn commit(
    core: &Core,
    tx: Transaction,
    epochs: &Epochs,
    changes: BTreeMap<Partition, Change>,
    resolver: &Resolver,
    keys: &[DraftKeys],
) -> Result<bool, Error> {
    if changes.is_empty() {
        // Only repeats, refusals and sequences.
        tx.commit().await.map_err(elate_storage::Error::from)?;
        return Ok(true);
    }
    let locked = core.log.lock(&tx, changes.keys().copied()).await?;
    let mut holds = true;
    for (partition, head) in locked.heads() {
        core.cache.observe(*partition, head.epoch);
        holds &= head.epoch == epochs.of(*partition);
    }
    if !holds {
        return Ok(false);
    }
    let bumped: BTreeSet<Partition> =
        changes.iter().filter(|(_, change)| change.epoch).map(|(partition, _)| *partition).collect();
    let written = core.log.write(&tx, locked, changes).await?;
    tx.commit().await.map_err(elate_storage::Error::from)?;
    core.log.publish(written);
    for partition in &bumped {
        core.cache.observe(*partition, epochs.of(*partition) + 1);
    }
    let leads = keys.iter().flatten().flatten().filter_map(|key| Some((*key, resolver.lead(*key)?)));
    core.cache.keep_leads(leads, |partition| epochs.of(partition) + u64::from(bumped.contains(&partition)));
    Ok(true)
}

/// The id of a new customer. Ordered by time; with a seed, the same for the same first message.
fn new_customer(seed: Option<&str>, event: &Event) -> CustomerId {
    seed.map_or_else(|| CustomerId(Uuid::now_v7()), |seed| own::seeded_customer(seed, event))
}
