//! From identifiers to customers within an append transaction, and the changes that this brings.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use elate_domain::{CustomerId, EventType, Timestamp, system};
use elate_storage::Transaction;

use super::cache::{Epochs, Standing};
use super::{Core, Error};
use crate::model::draft::{Draft, Target};
use crate::model::identity::{IdKey, IdKind, Resolver, key};
use crate::model::traits::Traits;
use crate::store::{customers, erasures};

/// The keys of a draft's identifiers: user, anonymous, previous.
pub(crate) type DraftKeys = [Option<IdKey>; 3];

/// Hashes the identifiers of a draft; once, whatever happens to the transaction.
pub(crate) fn keys(draft: &Draft) -> DraftKeys {
    if draft.target != Target::Ids {
        return [None; 3];
    }
    let event = &draft.event;
    let hash = |kind, id: &Option<String>| id.as_deref().map(|id| key(&event.workspace, kind, id));
    [
        hash(IdKind::User, &event.user_id),
        hash(IdKind::Anonymous, &event.anonymous_id),
        hash(IdKind::Anonymous, &draft.previous_id),
    ]
}

/// What the transaction knows about who is who.
#[derive(Debug, Default)]
pub(crate) struct Identities {
    pub(crate) resolver: Resolver,
    /// Identifiers of customers who were erased.
    pub(crate) erased: HashSet<IdKey>,
    /// Customers that drafts name by id.
    pub(crate) standings: HashMap<CustomerId, Standing>,
}

/// Looks up everybody whom the drafts speak of: in memory, and the rest in one query. With `fresh` all in the database.
pub(crate) async fn load(
    core: &Core,
    tx: &Transaction,
    epochs: &Epochs,
    drafts: &[&Draft],
    keys: &[DraftKeys],
    fresh: bool,
) -> Result<Identities, Error> {
    let mut identities = Identities::default();
    let wanted: HashSet<IdKey> = keys.iter().flatten().filter_map(|key| *key).collect();
    let mut missing: Vec<IdKey> = Vec::new();
    if fresh {
        missing.extend(&wanted);
    } else {
        let resolver = &mut identities.resolver;
        core.cache.leads(
            epochs,
            wanted.iter().copied(),
            |key, lead| resolver.learn(key, lead),
            |key| missing.push(key),
        );
    }
    if !missing.is_empty() {
        missing.sort_unstable();
        let found = customers::leads(tx, &missing).await?;
        // Asked after the identifiers: who erases takes them away in the transaction that notes them here.
        let unknown: Vec<IdKey> = missing.iter().filter(|key| !found.contains_key(*key)).copied().collect();
        if !unknown.is_empty() {
            identities.erased = erasures::erased(tx, &core.install.secret, &unknown).await?;
        }
        for (key, lead) in &found {
            identities.resolver.learn(*key, *lead);
        }
    }
    let named = drafts.iter().filter_map(|draft| match draft.target {
        Target::Customer(customer) => Some(customer),
        Target::Ids | Target::Partition(_) | Target::Everywhere => None,
    });
    identities.standings = standings(core, tx, epochs, named.collect(), fresh).await?;
    Ok(identities)
}

/// Who stands for these customers now. Unknown ones are not in the answer.
async fn standings(
    core: &Core,
    tx: &Transaction,
    epochs: &Epochs,
    named: BTreeSet<CustomerId>,
    fresh: bool,
) -> Result<HashMap<CustomerId, Standing>, Error> {
    let mut standings = HashMap::new();
    let mut asked: Vec<(CustomerId, CustomerId)> = Vec::new();
    for customer in named {
        match core.cache.standing(epochs, customer).filter(|_| !fresh) {
            Some(standing) => {
                standings.insert(customer, standing);
            }
            None => asked.push((customer, customer)),
        }
    }
    // Chains of merges are short: a survivor was merged away only where it was anonymous itself.
    while !asked.is_empty() {
        let rows = customers::find(tx, &asked.iter().map(|(_, at)| *at).collect()).await?;
        let mut further = Vec::new();
        for (customer, at) in asked {
            let Some(row) = rows.get(&at) else { continue };
            match row.merged_into {
                Some(survivor) => further.push((customer, survivor)),
                None => {
                    let standing = Standing { survivor: at, erased: row.erased };
                    core.cache.keep_standing(epochs, customer, standing);
                    standings.insert(customer, standing);
                }
            }
        }
        asked = further;
    }
    Ok(standings)
}

/// What identify events said, in order.
#[derive(Debug, Default)]
pub(crate) struct Said(Vec<(CustomerId, elate_domain::RawJson, Timestamp)>);

impl Said {
    /// Notes an event of a customer, where it says something about traits.
    pub(crate) fn note(&mut self, customer: CustomerId, draft: &Draft) {
        let event = &draft.event;
        if event.event_type == EventType::Identify && !event.traits.is_empty() {
            self.0.push((customer, event.traits.clone(), event.occurred_at));
        }
    }
}

/// Writes what the transaction changes about customers. `false`: somebody else changed the same meanwhile; run it again, fresh.
pub(crate) async fn write(
    core: &Core,
    tx: &Transaction,
    resolver: &Resolver,
    said: Said,
) -> Result<bool, Error> {
    if resolver.is_unchanged() && said.0.is_empty() {
        return Ok(true);
    }
    if !resolver.linked.is_empty() && !customers::link(tx, resolver).await? {
        return Ok(false);
    }
    let mut touched: BTreeSet<CustomerId> = resolver.recognised.clone();
    touched.extend(resolver.merged.iter().flat_map(|(loser, survivor)| [*loser, *survivor]));
    touched.extend(said.0.iter().map(|(customer, ..)| resolver.survivor(*customer)));
    touched.retain(|customer| !resolver.created.contains_key(customer));
    let mut rows = if touched.is_empty() { BTreeMap::new() } else { customers::lock(tx, &touched).await? };
    let stale = touched.iter().any(|customer| {
        rows.get(customer).is_none_or(|row| {
            let must_be_nobody =
                resolver.recognised.contains(customer) || resolver.merged.contains_key(customer);
            row.merged_into.is_some() || row.erased || (must_be_nobody && row.known)
        })
    });
    if stale {
        return Ok(false);
    }
    let mut traits: BTreeMap<CustomerId, Traits> = BTreeMap::new();
    for (customer, raw, at) in said.0 {
        load_traits(&mut traits, &rows, resolver.survivor(customer)).identify(&raw, at);
    }
    for (loser, survivor) in &resolver.merged {
        let of_loser = load_traits(&mut traits, &rows, *loser).clone();
        load_traits(&mut traits, &rows, *survivor).merge(of_loser);
    }
    let before = rows.clone();
    for (customer, row) in &mut rows {
        row.known |= resolver.recognised.contains(customer);
        row.merged_into = resolver.merged.get(customer).copied();
        if let Some(traits) = traits.get(customer) {
            row.traits = traits.write();
        }
    }
    rows.retain(|customer, row| {
        let same = |old: &customers::CustomerRow| {
            old.known == row.known && old.merged_into == row.merged_into && old.traits == row.traits
        };
        !before.get(customer).is_some_and(same)
    });
    if !resolver.created.is_empty() {
        customers::create(tx, resolver, &traits, core.clock().now().0).await?;
    }
    if !rows.is_empty() {
        customers::update(tx, &rows).await?;
    }
    if resolver.merged.is_empty() && resolver.moved.is_empty() {
        return Ok(true);
    }
    Ok(customers::redirect(tx, resolver).await?)
}

fn load_traits<'a>(
    traits: &'a mut BTreeMap<CustomerId, Traits>,
    rows: &BTreeMap<CustomerId, customers::CustomerRow>,
    customer: CustomerId,
) -> &'a mut Traits {
    traits
        .entry(customer)
        .or_insert_with(|| rows.get(&customer).map(|row| Traits::read(&row.traits)).unwrap_or_default())
}

/// Whether a service's record stays with the customer that it names, even where that one was merged away or erased.
pub(crate) fn keeps_customer(name: &str) -> bool {
    name == system::name::ERASURE_RECEIPT
}
