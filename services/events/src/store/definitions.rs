//! Versions of definitions.

use elate_domain::WorkspaceId;
use elate_storage::{ConnectionTrait, Error, Transaction, execute, query_one};
use serde_json::Value;

use super::get;

/// The version in force and its manifests; version 0 where nothing was published.
pub(crate) async fn in_force<C: ConnectionTrait>(
    connection: &C,
    workspace: &WorkspaceId,
) -> Result<(u64, Vec<Value>), Error> {
    let sql = "SELECT version, manifests FROM definitions WHERE workspace = $1 ORDER BY version DESC LIMIT 1";
    let Some(row) = query_one(connection, sql, [workspace.as_str().into()]).await? else {
        return Ok((0, Vec::new()));
    };
    let manifests: String = get(&row, "manifests")?;
    let manifests = serde_json::from_str(&manifests)
        .map_err(|error| Error::corrupt("definitions", "manifests", error))?;
    Ok((get::<i64>(&row, "version")? as u64, manifests))
}

/// Writes a version. Two at once meet at the primary key, and the slower one fails as a unique violation.
pub(crate) async fn publish(
    tx: &Transaction,
    workspace: &WorkspaceId,
    version: u64,
    manifests: &[Value],
    applied_by: &str,
    now: i64,
) -> Result<(), Error> {
    let sql = "INSERT INTO definitions (workspace, version, manifests, applied_by, applied_at_ms) VALUES ($1, $2, $3, $4, $5)";
    let text = Value::Array(manifests.to_vec()).to_string();
    let values =
        [workspace.as_str().into(), (version as i64).into(), text.into(), applied_by.into(), now.into()];
    execute(tx, sql, values).await.map(|_| ())
}
