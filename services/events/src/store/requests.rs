//! Answers to requests that must not be done twice.

use elate_domain::WorkspaceId;
use elate_storage::bulk::{Conflict, Rows};
use elate_storage::{Error, Transaction, query_one};

use super::get;

/// Claims a request id within the transaction. `Some` is the answer that was given before; then nothing is to be done.
/// A second transaction with the same id waits for the first one's end.
pub(crate) async fn claim(
    tx: &Transaction,
    workspace: &WorkspaceId,
    kind: &str,
    request_id: &str,
    answer: &str,
    now: i64,
) -> Result<Option<String>, Error> {
    if request_id.is_empty() {
        return Ok(None);
    }
    let inserted = Rows::new()
        .text("workspace", [workspace.as_str().to_owned()])
        .text("kind", [kind.to_owned()])
        .text("request_id", [request_id.to_owned()])
        .text("answer", [answer.to_owned()])
        .i64("created_at_ms", [now])
        .insert(tx, "request", Conflict::Ignore)
        .await?;
    if inserted > 0 {
        return Ok(None);
    }
    let sql = "SELECT answer FROM request WHERE workspace = $1 AND kind = $2 AND request_id = $3";
    let row = query_one(tx, sql, [workspace.as_str().into(), kind.into(), request_id.into()]).await?;
    row.map(|row| get(&row, "answer")).transpose()
}
