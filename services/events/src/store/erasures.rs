//! Erasures, their receipts, and by what a late retry of an erased customer is recognised.

use std::collections::{BTreeMap, HashSet};

use elate_domain::{CustomerId, Timestamp, WorkspaceId};
use elate_storage::bulk::{Conflict, Rows};
use elate_storage::{ConnectionTrait, Error, Transaction, execute, query_all, query_one};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::get;
use crate::model::customer::Receipt;
use crate::model::identity::IdKey;

/// The keyed hash of an identifier. Without the installation's secret nobody can tell whether an address was erased.
pub(crate) fn hash(secret: &[u8], key: IdKey) -> Vec<u8> {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return Vec::new() };
    mac.update(key.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// Which of these identifiers were erased.
pub(crate) async fn erased<C: ConnectionTrait>(
    connection: &C,
    secret: &[u8],
    keys: &[IdKey],
) -> Result<HashSet<IdKey>, Error> {
    let by_hash: BTreeMap<Vec<u8>, IdKey> = keys.iter().map(|key| (hash(secret, *key), *key)).collect();
    let sql = "SELECT e.hash FROM v JOIN erased_identifier e ON e.hash = v.hash";
    let rows = Rows::new().bytes("hash", by_hash.keys().cloned()).query(connection, sql).await?;
    let mut found = HashSet::new();
    for row in rows {
        found.extend(by_hash.get(&get::<Vec<u8>>(&row, "hash")?));
    }
    Ok(found)
}

/// Remembers identifiers as erased.
pub(crate) async fn refuse(tx: &Transaction, secret: &[u8], keys: &[IdKey]) -> Result<(), Error> {
    let mut hashes: Vec<Vec<u8>> = keys.iter().map(|key| hash(secret, *key)).collect();
    hashes.sort_unstable();
    Rows::new().bytes("hash", hashes).insert(tx, "erased_identifier", Conflict::Ignore).await.map(|_| ())
}

/// The keys of a customer's identifiers.
pub(crate) async fn identifier_keys(tx: &Transaction, customer: CustomerId) -> Result<Vec<IdKey>, Error> {
    let rows =
        query_all(tx, "SELECT key FROM identifier WHERE customer_id = $1", [customer.0.into()]).await?;
    rows.iter().map(|row| get(row, "key")).collect()
}

/// Notes an erasure of so many customers (the survivor and everybody merged into it).
pub(crate) async fn create(
    tx: &Transaction,
    id: &str,
    workspace: &WorkspaceId,
    customers: usize,
    now: Timestamp,
) -> Result<(), Error> {
    let sql = "INSERT INTO erasure (id, workspace, customers, created_at_ms) VALUES ($1, $2, $3, $4)";
    let values = [id.into(), workspace.as_str().into(), (customers as i64).into(), now.0.into()];
    execute(tx, sql, values).await.map(|_| ())
}

/// A service's answer for one customer of an erasure.
#[derive(Debug, Clone)]
pub(crate) struct ReceiptRow {
    pub(crate) erasure_id: String,
    pub(crate) service: String,
    pub(crate) customer: CustomerId,
    pub(crate) purged_at: Timestamp,
    pub(crate) purged: u64,
}

/// Notes receipts; repeats do nothing.
pub(crate) async fn note(tx: &Transaction, mut receipts: Vec<ReceiptRow>) -> Result<(), Error> {
    receipts.sort_by(|a, b| {
        (&a.erasure_id, &a.service, a.customer).cmp(&(&b.erasure_id, &b.service, b.customer))
    });
    Rows::new()
        .text("erasure_id", receipts.iter().map(|receipt| receipt.erasure_id.clone()))
        .text("service", receipts.iter().map(|receipt| receipt.service.clone()))
        .uuid("customer_id", receipts.iter().map(|receipt| receipt.customer.0))
        .i64("purged_at_ms", receipts.iter().map(|receipt| receipt.purged_at.0))
        .i64("purged", receipts.iter().map(|receipt| i64::try_from(receipt.purged).unwrap_or(i64::MAX)))
        .insert(tx, "erasure_receipt", Conflict::Ignore)
        .await
        .map(|_| ())
}

/// Receipts by service, only of services that have answered for every customer; `None` for an unknown erasure.
pub(crate) async fn receipts<C: ConnectionTrait>(
    connection: &C,
    workspace: &WorkspaceId,
    id: &str,
) -> Result<Option<Vec<Receipt>>, Error> {
    let sql = "SELECT customers FROM erasure WHERE id = $1 AND workspace = $2";
    let Some(row) = query_one(connection, sql, [id.into(), workspace.as_str().into()]).await? else {
        return Ok(None);
    };
    let customers: i64 = get(&row, "customers")?;
    let sql = "SELECT service, MAX(purged_at_ms) AS purged_at, CAST(SUM(purged) AS BIGINT) AS purged FROM erasure_receipt \
               WHERE erasure_id = $1 GROUP BY service HAVING COUNT(*) >= $2 ORDER BY service";
    let rows = query_all(connection, sql, [id.into(), customers.into()]).await?;
    let receipt = |row: &elate_storage::Row| {
        let purged = get::<i64>(row, "purged")?.unsigned_abs();
        Ok(Receipt { service: get(row, "service")?, purged_at: Timestamp(get(row, "purged_at")?), purged })
    };
    rows.iter().map(receipt).collect::<Result<Vec<_>, Error>>().map(Some)
}
