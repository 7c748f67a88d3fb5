//! Identifiers and customers.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use elate_domain::{CustomerId, WorkspaceId};
use elate_storage::bulk::{Conflict, Rows};
use elate_storage::{Backend, ConnectionTrait, Error, Row, Transaction, execute, query_all, query_one};
use uuid::Uuid;

use super::get;
use crate::model::identity::{IdKey, IdKind, Lead, Resolver};
use crate::model::traits::Traits;

/// A customer's row.
#[derive(Debug, Clone)]
pub(crate) struct CustomerRow {
    pub(crate) workspace: String,
    pub(crate) known: bool,
    pub(crate) merged_into: Option<CustomerId>,
    pub(crate) erased: bool,
    pub(crate) traits: String,
    pub(crate) created_at: i64,
}

const COLUMNS: &str = "c.id, c.workspace, c.known, c.merged_into, c.erased, c.traits, c.created_at_ms";

fn customer(row: &Row) -> Result<(CustomerId, CustomerRow), Error> {
    Ok((
        CustomerId(get(row, "id")?),
        CustomerRow {
            workspace: get(row, "workspace")?,
            known: get(row, "known")?,
            merged_into: get::<Option<Uuid>>(row, "merged_into")?.map(CustomerId),
            erased: get(row, "erased")?,
            traits: get(row, "traits")?,
            created_at: get(row, "created_at_ms")?,
        },
    ))
}

/// Where identifiers lead; those that are not there are not in the answer.
pub(crate) async fn leads<C: ConnectionTrait>(
    connection: &C,
    keys: &[IdKey],
) -> Result<HashMap<IdKey, Lead>, Error> {
    let sql = "SELECT i.key, i.customer_id, c.known FROM v JOIN identifier i ON i.key = v.key \
               JOIN customer c ON c.id = i.customer_id";
    let rows = Rows::new().uuid("key", keys.iter().copied()).query(connection, sql).await?;
    let lead = |row: &Row| {
        let lead = Lead { customer: CustomerId(get(row, "customer_id")?), known: get(row, "known")? };
        Ok((get(row, "key")?, lead))
    };
    rows.iter().map(lead).collect()
}

/// Customers by id.
pub(crate) async fn find<C: ConnectionTrait>(
    connection: &C,
    ids: &BTreeSet<CustomerId>,
) -> Result<BTreeMap<CustomerId, CustomerRow>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM v JOIN customer c ON c.id = v.id");
    let rows = Rows::new().uuid("id", ids.iter().map(|id| id.0)).query(connection, &sql).await?;
    rows.iter().map(customer).collect()
}

/// Customers by id, locked until the transaction ends, in order of their ids.
pub(crate) async fn lock(
    tx: &Transaction,
    ids: &BTreeSet<CustomerId>,
) -> Result<BTreeMap<CustomerId, CustomerRow>, Error> {
    let lock = if tx.get_database_backend() == Backend::Sqlite { "" } else { "FOR UPDATE OF c" };
    let sql = format!("SELECT {COLUMNS} FROM v JOIN customer c ON c.id = v.id ORDER BY c.id {lock}");
    let rows = Rows::new().uuid("id", ids.iter().map(|id| id.0)).query(tx, &sql).await?;
    rows.iter().map(customer).collect()
}

/// Customers and everybody who was merged into them, directly or not.
pub(crate) async fn merged_into<C: ConnectionTrait>(
    connection: &C,
    survivor: CustomerId,
) -> Result<Vec<CustomerId>, Error> {
    let sql = "WITH RECURSIVE gone AS (SELECT id FROM customer WHERE merged_into = $1 \
               UNION SELECT c.id FROM customer c JOIN gone ON c.merged_into = gone.id) SELECT id FROM gone ORDER BY id";
    let rows = query_all(connection, sql, [survivor.0.into()]).await?;
    rows.iter().map(|row| Ok(CustomerId(get(row, "id")?))).collect()
}

/// The identifiers of a customer, sorted.
pub(crate) async fn identifiers<C: ConnectionTrait>(
    connection: &C,
    customer: CustomerId,
) -> Result<Vec<(IdKind, String)>, Error> {
    let sql = "SELECT kind, value FROM identifier WHERE customer_id = $1 ORDER BY kind, value";
    let rows = query_all(connection, sql, [customer.0.into()]).await?;
    let identifier = |row: &Row| {
        let kind =
            if get::<i64>(row, "kind")? == IdKind::User.number() { IdKind::User } else { IdKind::Anonymous };
        Ok((kind, get(row, "value")?))
    };
    rows.iter().map(identifier).collect()
}

/// Writes identifiers that are new. Answers `false` where another transaction was faster with one of them.
pub(crate) async fn link(tx: &Transaction, resolver: &Resolver) -> Result<bool, Error> {
    let mut linked: Vec<_> = resolver.linked.iter().collect();
    linked.sort_unstable_by_key(|(key, _)| **key);
    let inserted = Rows::new()
        .uuid("key", linked.iter().map(|(key, _)| **key))
        .uuid("customer_id", linked.iter().map(|(_, (_, customer))| resolver.survivor(*customer).0))
        .text("workspace", linked.iter().map(|(_, (id, _))| id.workspace.as_str().to_owned()))
        .i64("kind", linked.iter().map(|(_, (id, _))| id.kind.number()))
        .text("value", linked.iter().map(|(_, (id, _))| id.value.clone()))
        .insert(tx, "identifier", Conflict::Ignore)
        .await?;
    Ok(inserted == linked.len() as u64)
}

/// Writes customers that are new.
pub(crate) async fn create(
    tx: &Transaction,
    resolver: &Resolver,
    traits: &BTreeMap<CustomerId, Traits>,
    now: i64,
) -> Result<(), Error> {
    let created = &resolver.created;
    let merged = |id: &CustomerId| resolver.merged.get(id).map(|survivor| survivor.0);
    Rows::new()
        .uuid("id", created.keys().map(|id| id.0))
        .text("workspace", created.values().map(|new| new.workspace.as_str().to_owned()))
        .bool("known", created.values().map(|new| new.known))
        .uuid_opt("merged_into", created.keys().map(merged))
        .bool("erased", created.keys().map(|_| false))
        .text(
            "traits",
            created.keys().map(|id| traits.get(id).map_or_else(|| "{}".to_owned(), Traits::write)),
        )
        .i64("created_at_ms", created.keys().map(|_| now))
        .insert(tx, "customer", Conflict::Fail)
        .await
        .map(|_| ())
}

/// Writes changed customers (locked before).
pub(crate) async fn update(tx: &Transaction, rows: &BTreeMap<CustomerId, CustomerRow>) -> Result<(), Error> {
    Rows::new()
        .uuid("id", rows.keys().map(|id| id.0))
        .bool("known", rows.values().map(|row| row.known))
        .uuid_opt("merged_into", rows.values().map(|row| row.merged_into.map(|id| id.0)))
        .bool("erased", rows.values().map(|row| row.erased))
        .text("traits", rows.values().map(|row| row.traits.clone()))
        .execute(
            tx,
            "UPDATE customer SET known = v.known, merged_into = v.merged_into, erased = v.erased, traits = v.traits \
             FROM v WHERE customer.id = v.id",
        )
        .await
        .map(|_| ())
}

/// Lets identifiers lead elsewhere: all of those who were merged, and single devices.
pub(crate) async fn redirect(tx: &Transaction, resolver: &Resolver) -> Result<bool, Error> {
    Rows::new()
        .uuid("loser", resolver.merged.keys().map(|loser| loser.0))
        .uuid("survivor", resolver.merged.keys().map(|loser| resolver.survivor(*loser).0))
        .execute(
            tx,
            "UPDATE identifier SET customer_id = v.survivor FROM v WHERE identifier.customer_id = v.loser",
        )
        .await?;
    let moved: BTreeMap<_, _> = resolver.moved.iter().collect();
    let touched = Rows::new()
        .uuid("key", moved.keys().map(|key| **key))
        .uuid("target", moved.values().map(|moved| resolver.survivor(moved.0).0))
        .execute(tx, "UPDATE identifier SET customer_id = v.target FROM v WHERE identifier.key = v.key")
        .await?;
    Ok(touched == moved.len() as u64)
}

/// Removes the identifiers of customers.
pub(crate) async fn unlink(tx: &Transaction, customers: &BTreeSet<CustomerId>) -> Result<(), Error> {
    Rows::new()
        .uuid("id", customers.iter().map(|id| id.0))
        .execute(tx, "DELETE FROM identifier WHERE customer_id IN (SELECT id FROM v)")
        .await
        .map(|_| ())
}

/// Whether the workspace exists, locked against nothing.
pub(crate) async fn workspace_exists<C: ConnectionTrait>(
    connection: &C,
    workspace: &WorkspaceId,
) -> Result<bool, Error> {
    let sql = "SELECT id FROM workspace WHERE id = $1";
    Ok(query_one(connection, sql, [workspace.as_str().into()]).await?.is_some())
}

/// Makes a workspace; answers whether it is new.
pub(crate) async fn create_workspace(
    tx: &Transaction,
    workspace: &WorkspaceId,
    time_zone: &str,
    now: i64,
) -> Result<bool, Error> {
    let sql =
        "INSERT INTO workspace (id, time_zone, created_at_ms) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    Ok(execute(tx, sql, [workspace.as_str().into(), time_zone.into(), now.into()]).await? > 0)
}
