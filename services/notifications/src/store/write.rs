//! Writing: the rows of one micro-batch, a statement a table.

use std::collections::{BTreeMap, HashSet};

use elate_consumer::ProcessorStore;
use elate_domain::system::PauseScope;
use elate_domain::{CustomerId, WorkspaceId};
use elate_storage::bulk::{Conflict, Rows};
use elate_storage::{Error, Transaction, execute, query_all};

use super::{ChannelKey, Store};
use crate::model::rows::{Change, DefinitionsRow, NewNotification, PauseRow, Row, Stop};

/// Versions of definitions that are kept besides the newest one.
const KEPT_VERSIONS: i64 = 20;

/// The word of a scope in the table.
pub(super) fn scope_word(scope: PauseScope) -> &'static str {
    match scope {
        PauseScope::All => "all",
        PauseScope::Channel => "channel",
        PauseScope::Play => "play",
    }
}

/// What a batch does to one message; the last change counts.
#[derive(Default)]
struct Pending {
    insert: Option<Box<NewNotification>>,
    change: Option<Change>,
    stop: Option<Stop>,
}

#[derive(Default)]
struct Batch {
    messages: BTreeMap<(WorkspaceId, String), Pending>,
}

#[async_trait::async_trait]
impl ProcessorStore<Row> for Store {
    async fn write(&self, tx: &Transaction, rows: Vec<Row>) -> Result<(), Error> {
        let mut batch = Batch::default();
        let mut woken = HashSet::new();
        for row in rows {
            match row {
                Row::Definitions(row) => write_definitions(tx, row).await?,
                Row::Pause(row) => {
                    write_pause(tx, &row).await?;
                }
                Row::Reassign { workspace, loser, survivor } => {
                    // What was written before belongs to the loser, what comes after does not.
                    std::mem::take(&mut batch).write(tx).await?;
                    reassign(tx, &workspace, loser, survivor).await?;
                }
                Row::Insert(row) => {
                    let key = (row.workspace.clone(), row.request.notification_id.clone());
                    batch.messages.entry(key).or_default().insert.get_or_insert(row);
                }
                Row::Change(change) => {
                    if let Some(ready) = &change.ready {
                        let workspace = change.workspace.clone();
                        woken.insert(ChannelKey { workspace, channel: ready.channel.clone() });
                    }
                    let key = (change.workspace.clone(), change.notification_id.clone());
                    let pending = batch.messages.entry(key).or_default();
                    (pending.change, pending.stop) = (Some(change), None);
                }
                Row::Stop(stop) => {
                    let key = (stop.workspace.clone(), stop.notification_id.clone());
                    batch.messages.entry(key).or_default().stop = Some(stop);
                }
            }
        }
        batch.write(tx).await?;
        self.wake.tell(woken);
        Ok(())
    }

    async fn purge(
        &self,
        tx: &Transaction,
        workspace: &WorkspaceId,
        customer: CustomerId,
    ) -> Result<u64, Error> {
        // The messages first: a delivery that is being recorded is waited for, and its attempt is there then.
        let messages =
            "DELETE FROM notification WHERE workspace = $1 AND customer = $2 RETURNING notification_id";
        let values = [workspace.as_str().into(), customer.0.into()];
        let messages = query_all(tx, messages, values).await?;
        let ids = messages.iter().map(|row| row.try_get::<String>("", "notification_id"));
        let ids: Vec<String> = ids.collect::<Result<_, _>>()?;
        let attempts = "DELETE FROM attempt
            WHERE (workspace, notification_id) IN (SELECT workspace, notification_id FROM v)";
        let rows = Rows::new()
            .text("workspace", ids.iter().map(|_| workspace.as_str().to_owned()))
            .text("notification_id", ids);
        let purged = messages.len() as u64;
        Ok(purged + rows.execute(tx, attempts).await?)
    }
}

/// Gives the loser's messages to the survivor. They stay with the dispatcher of the loser's partition.
async fn reassign(
    tx: &Transaction,
    workspace: &WorkspaceId,
    loser: CustomerId,
    survivor: CustomerId,
) -> Result<(), Error> {
    let sql = "UPDATE notification SET customer = $3 WHERE workspace = $1 AND customer = $2";
    execute(tx, sql, [workspace.as_str().into(), loser.0.into(), survivor.0.into()]).await.map(|_| ())
}

async fn write_definitions(tx: &Transaction, row: DefinitionsRow) -> Result<(), Error> {
    let version = row.version.cast_signed();
    let insert = "INSERT INTO definitions (workspace, version, documents) VALUES ($1, $2, $3)
        ON CONFLICT DO NOTHING";
    execute(tx, insert, [row.workspace.as_str().into(), version.into(), row.documents.into()]).await?;
    let tidy = "DELETE FROM definitions WHERE workspace = $1 AND version < $2";
    let oldest = version - KEPT_VERSIONS;
    execute(tx, tidy, [row.workspace.as_str().into(), oldest.into()]).await.map(|_| ())
}

async fn write_pause(tx: &Transaction, row: &PauseRow) -> Result<u64, Error> {
    let values = [row.workspace.as_str().into(), scope_word(row.scope).into(), row.target.as_str().into()];
    let sql = if row.paused {
        "INSERT INTO pause (workspace, scope, target) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
    } else {
        "DELETE FROM pause WHERE workspace = $1 AND scope = $2 AND target = $3"
    };
    execute(tx, sql, values).await
}

impl Batch {
    async fn write(self, tx: &Transaction) -> Result<(), Error> {
        let (mut inserts, mut changes, mut readies, mut stops) = (vec![], vec![], vec![], vec![]);
        for pending in self.messages.into_values() {
            if let Some(insert) = pending.insert {
                inserts.push(*insert);
            }
            if let Some(change) = pending.change {
                if change.ready.is_some() { readies.push(change) } else { changes.push(change) }
            }
            stops.extend(pending.stop);
        }
        insert(tx, inserts).await?;
        change(tx, changes).await?;
        ready(tx, readies).await?;
        stop(tx, stops).await
    }
}

async fn insert(tx: &Transaction, rows: Vec<NewNotification>) -> Result<(), Error> {
    let json = |value: &dyn Fn() -> serde_json::Result<String>, column| {
        value().map_err(|error| Error::corrupt("notification", column, error))
    };
    let mut requests = Vec::with_capacity(rows.len());
    let mut causes = Vec::with_capacity(rows.len());
    for row in &rows {
        requests.push(json(&|| serde_json::to_string(&row.request), "request")?);
        causes.push(json(&|| serde_json::to_string(&row.cause), "cause")?);
    }
    Rows::new()
        .text("workspace", rows.iter().map(|r| r.workspace.as_str().to_owned()))
        .text("notification_id", rows.iter().map(|r| r.request.notification_id.clone()))
        .uuid("customer", rows.iter().map(|r| r.customer.0))
        .i64("partition", rows.iter().map(|r| i64::from(r.partition.0)))
        .text("play", rows.iter().map(|r| r.request.play.clone()))
        .text("instance_id", rows.iter().map(|r| r.request.instance_id.clone()))
        .text("channel", rows.iter().map(|r| r.request.channel.clone()))
        .text("template", rows.iter().map(|r| r.request.template.clone()))
        .text("state", rows.iter().map(|_| "held".to_owned()))
        .text("reason", rows.iter().map(|_| String::new()))
        .i64("requested_at", rows.iter().map(|r| r.requested_at.0))
        .i64("changed_at", rows.iter().map(|r| r.requested_at.0))
        .i64("expires_at", rows.iter().map(|r| r.expires_at.0))
        .i64("attempts", rows.iter().map(|_| 0))
        .i64("version", rows.iter().map(|_| 0))
        .i64("epoch", rows.iter().map(|_| 0))
        .text("address", rows.iter().map(|_| String::new()))
        .bool("resend", rows.iter().map(|_| false))
        .text("request", requests)
        .text("cause", causes)
        .text_opt("trace_parent", rows.iter().map(|r| r.trace_parent.clone()))
        .insert(tx, "notification", Conflict::Ignore)
        .await
        .map(|_| ())
}

/// What a redrive makes ready again has ended before; all else that has ended stays ended.
async fn change(tx: &Transaction, rows: Vec<Change>) -> Result<(), Error> {
    let sql = "UPDATE notification SET state = v.state, reason = v.reason, changed_at = v.changed_at,
            next_at = v.next_at
        FROM v WHERE notification.workspace = v.workspace
          AND notification.notification_id = v.notification_id AND notification.state <> 'sent'";
    keyed(&rows)
        .text("state", rows.iter().map(|r| r.state.to_owned()))
        .text("reason", rows.iter().map(|r| r.reason.clone()))
        .i64("changed_at", rows.iter().map(|r| r.changed_at.0))
        .i64_opt("next_at", rows.iter().map(|r| r.next_at.map(|at| at.0)))
        .execute(tx, sql)
        .await
        .map(|_| ())
}

async fn ready(tx: &Transaction, rows: Vec<Change>) -> Result<(), Error> {
    let sql =
        "UPDATE notification SET state = 'ready', reason = '', changed_at = v.changed_at, next_at = NULL,
            version = v.version, address = v.address, locale = v.locale, resend = v.resend,
            expires_at = v.expires_at, stop_state = NULL, stop_reason = NULL
        FROM v WHERE notification.workspace = v.workspace
          AND notification.notification_id = v.notification_id
          AND notification.state NOT IN ('sent', 'sending') AND notification.attempts <= v.attempts";
    let of = |r: &Change| r.ready.clone();
    let readies: Vec<_> = rows.iter().filter_map(of).collect();
    keyed(&rows)
        .i64("changed_at", rows.iter().map(|r| r.changed_at.0))
        .i64("attempts", readies.iter().map(|r| i64::from(r.attempts)))
        .i64("version", readies.iter().map(|r| r.version.cast_signed()))
        .text("address", readies.iter().map(|r| r.address.clone()))
        .text_opt("locale", readies.iter().map(|r| r.locale.clone()))
        .bool("resend", readies.iter().map(|r| r.resend))
        .i64("expires_at", readies.iter().map(|r| r.expires_at.0))
        .execute(tx, sql)
        .await
        .map(|_| ())
}

async fn stop(tx: &Transaction, rows: Vec<Stop>) -> Result<(), Error> {
    let sql = "UPDATE notification SET stop_state = v.stop_state, stop_reason = v.stop_reason
        FROM v WHERE notification.workspace = v.workspace
          AND notification.notification_id = v.notification_id AND notification.state = 'ready'";
    Rows::new()
        .text("workspace", rows.iter().map(|r| r.workspace.as_str().to_owned()))
        .text("notification_id", rows.iter().map(|r| r.notification_id.clone()))
        .text("stop_state", rows.iter().map(|r| r.state.to_owned()))
        .text("stop_reason", rows.iter().map(|r| r.reason.clone()))
        .execute(tx, sql)
        .await
        .map(|_| ())
}

fn keyed(rows: &[Change]) -> Rows {
    Rows::new()
        .text("workspace", rows.iter().map(|r| r.workspace.as_str().to_owned()))
        .text("notification_id", rows.iter().map(|r| r.notification_id.clone()))
}
