//! Keys and their secrets (hashes of them).

use elate_domain::{SourceId, Timestamp, WorkspaceId};
use elate_storage::{ConnectionTrait, Error, Row, Transaction, execute, query_all, query_one};

use super::get;
use crate::model::key::{Key, Principal, Role};

const COLUMNS: &str = "k.id, k.workspace, k.name, k.role, k.source, k.created_at_ms, k.revoked_at_ms";

fn key(row: &Row) -> Result<Principal, Error> {
    let (workspace, source, role): (String, String, String) =
        (get(row, "workspace")?, get(row, "source")?, get(row, "role")?);
    Ok(Principal {
        workspace: WorkspaceId::try_from(workspace).map_err(|e| Error::corrupt("api_key", "workspace", e))?,
        key: Key {
            id: get(row, "id")?,
            name: get(row, "name")?,
            role: Role::parse(&role).ok_or_else(|| Error::corrupt("api_key", "role", &role))?,
            source: SourceId::try_from(source).map_err(|e| Error::corrupt("api_key", "source", e))?,
            created_at: Timestamp(get(row, "created_at_ms")?),
            revoked_at: get::<Option<i64>>(row, "revoked_at_ms")?.map(Timestamp),
        },
    })
}

/// Writes a key.
pub(crate) async fn create(tx: &Transaction, workspace: &WorkspaceId, key: &Key) -> Result<(), Error> {
    let sql = "INSERT INTO api_key (id, workspace, name, role, source, created_at_ms) VALUES ($1, $2, $3, $4, $5, $6)";
    let values = [
        key.id.as_str().into(),
        workspace.as_str().into(),
        key.name.as_str().into(),
        key.role.as_str().into(),
        key.source.as_str().into(),
        key.created_at.0.into(),
    ];
    execute(tx, sql, values).await.map(|_| ())
}

/// Writes a secret's hash; answers whether it is new.
pub(crate) async fn add_secret(tx: &Transaction, key_id: &str, hash: &[u8]) -> Result<bool, Error> {
    let sql = "INSERT INTO api_secret (hash, key_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    Ok(execute(tx, sql, [hash.to_vec().into(), key_id.into()]).await? > 0)
}

/// Lets the secrets of a key end at a time, as far as they do not end sooner.
pub(crate) async fn expire_secrets(tx: &Transaction, key_id: &str, at: i64) -> Result<(), Error> {
    let sql = "UPDATE api_secret SET expires_at_ms = $2 WHERE key_id = $1 \
               AND (expires_at_ms IS NULL OR expires_at_ms > $2)";
    execute(tx, sql, [key_id.into(), at.into()]).await.map(|_| ())
}

/// A key of the workspace.
pub(crate) async fn find<C: ConnectionTrait>(
    connection: &C,
    workspace: &WorkspaceId,
    key_id: &str,
) -> Result<Option<Key>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM api_key k WHERE k.workspace = $1 AND k.id = $2");
    let row = query_one(connection, &sql, [workspace.as_str().into(), key_id.into()]).await?;
    row.as_ref().map(key).transpose().map(|found| found.map(|principal| principal.key))
}

/// Revokes a key of the workspace.
pub(crate) async fn revoke(
    tx: &Transaction,
    workspace: &WorkspaceId,
    key_id: &str,
    now: i64,
) -> Result<(), Error> {
    let sql =
        "UPDATE api_key SET revoked_at_ms = $3 WHERE workspace = $1 AND id = $2 AND revoked_at_ms IS NULL";
    execute(tx, sql, [workspace.as_str().into(), key_id.into(), now.into()]).await.map(|_| ())
}

/// Keys of the workspace above an id, in order of their ids (which are in order of time).
pub(crate) async fn list<C: ConnectionTrait>(
    connection: &C,
    workspace: &WorkspaceId,
    after: &str,
    limit: usize,
) -> Result<Vec<Key>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM api_key k WHERE k.workspace = $1 AND k.id > $2 ORDER BY k.id LIMIT $3"
    );
    let rows =
        query_all(connection, &sql, [workspace.as_str().into(), after.into(), (limit as i64).into()]).await?;
    rows.iter().map(|row| key(row).map(|principal| principal.key)).collect()
}

/// Whose secret it is, where neither secret nor key have ended.
pub(crate) async fn resolve<C: ConnectionTrait>(
    connection: &C,
    hash: &[u8],
    now: i64,
) -> Result<Option<Principal>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM api_secret s JOIN api_key k ON k.id = s.key_id \
         WHERE s.hash = $1 AND k.revoked_at_ms IS NULL AND (s.expires_at_ms IS NULL OR s.expires_at_ms > $2)"
    );
    let row = query_one(connection, &sql, [hash.to_vec().into(), now.into()]).await?;
    row.as_ref().map(key).transpose()
}

/// Whether there is any workspace.
pub(crate) async fn any_workspace<C: ConnectionTrait>(connection: &C) -> Result<bool, Error> {
    Ok(query_one(connection, "SELECT id FROM workspace LIMIT 1", []).await?.is_some())
}
