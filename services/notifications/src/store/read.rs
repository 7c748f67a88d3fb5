//! Reading: what the use-cases and the dispatcher ask for.

use elate_domain::system::PauseScope;
use elate_domain::{CustomerId, Timestamp, WorkspaceId};
use elate_storage::{Error, Row, query_all, query_one};

use super::endpoint::EndpointRow;
use super::write::scope_word;
use super::{ChannelKey, Store};

/// A message, as readers see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The message.
    pub notification_id: String,
    /// Customer.
    pub customer: CustomerId,
    /// Play.
    pub play: String,
    /// Instance.
    pub instance_id: String,
    /// Channel.
    pub channel: String,
    /// Template.
    pub template: String,
    /// State.
    pub state: String,
    /// Reason of the state.
    pub reason: String,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When the state was reached.
    pub changed_at: Timestamp,
    /// When something is due.
    pub next_at: Option<Timestamp>,
    /// Attempts so far.
    pub attempts: u32,
    /// The request, as JSON.
    pub request: String,
}

/// An attempt, as readers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAttempt {
    /// From 1.
    pub number: u32,
    /// When.
    pub at: Timestamp,
    /// Provider.
    pub provider: String,
    /// `sent`, `failed`, `rejected` or `unknown`.
    pub outcome: String,
    /// What the provider said.
    pub detail: String,
}

/// Attempts of a provider in some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderCounts {
    /// Channel.
    pub channel: String,
    /// Provider.
    pub provider: String,
    /// All.
    pub attempts: u64,
    /// Those that did not end with `sent`.
    pub failures: u64,
}

/// Which messages are asked for.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only of this customer.
    pub customer: Option<CustomerId>,
    /// Only of this play.
    pub play: Option<String>,
    /// Only over this channel.
    pub channel: Option<String>,
    /// Only in this state.
    pub state: Option<&'static str>,
}

const COLUMNS: &str = "notification_id, customer, play, instance_id, channel, template, state, reason,
    requested_at, changed_at, next_at, attempts, request";

impl Store {
    /// Messages, newest first, after the given place; at most `limit`.
    pub async fn notifications(
        &self,
        workspace: &WorkspaceId,
        filter: &Filter,
        after: Option<(i64, String)>,
        limit: u64,
    ) -> Result<Vec<Stored>, Error> {
        let (before, id) = after.unwrap_or((i64::MAX, String::new()));
        let mut sql = format!(
            "SELECT {COLUMNS} FROM notification WHERE workspace = $1
              AND (requested_at < $2 OR (requested_at = $2 AND notification_id < $3))"
        );
        let mut values = vec![workspace.as_str().into(), before.into(), id.into()];
        let mut restrict = |column: &str, value: Option<elate_storage::Value>| {
            if let Some(value) = value {
                values.push(value);
                sql.push_str(&format!(" AND {column} = ${}", values.len()));
            }
        };
        restrict("customer", filter.customer.map(|c| c.0.into()));
        restrict("play", filter.play.clone().map(Into::into));
        restrict("channel", filter.channel.clone().map(Into::into));
        restrict("state", filter.state.map(Into::into));
        values.push(limit.cast_signed().into());
        sql.push_str(&format!(" ORDER BY requested_at DESC, notification_id DESC LIMIT ${}", values.len()));
        query_all(self.database.read(), &sql, values).await?.iter().map(stored).collect()
    }

    /// One message.
    pub async fn notification(&self, workspace: &WorkspaceId, id: &str) -> Result<Option<Stored>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM notification WHERE workspace = $1 AND notification_id = $2");
        let row = query_one(self.database.read(), &sql, [workspace.as_str().into(), id.into()]).await?;
        row.as_ref().map(stored).transpose()
    }

    /// The attempts of a message, in order.
    pub async fn attempts(&self, workspace: &WorkspaceId, id: &str) -> Result<Vec<StoredAttempt>, Error> {
        let sql = "SELECT number, attempted_at, provider, outcome, detail FROM attempt
            WHERE workspace = $1 AND notification_id = $2 ORDER BY number";
        let attempt = |row: &Row| {
            Ok(StoredAttempt {
                number: u32::try_from(row.try_get::<i64>("", "number")?).unwrap_or_default(),
                at: Timestamp(row.try_get("", "attempted_at")?),
                provider: row.try_get("", "provider")?,
                outcome: row.try_get("", "outcome")?,
                detail: row.try_get("", "detail")?,
            })
        };
        let rows = query_all(self.database.read(), sql, [workspace.as_str().into(), id.into()]).await?;
        rows.iter().map(attempt).collect()
    }

    /// Channels and templates of a version as JSON documents; of the newest version where that one is not kept, or
    /// none is given.
    pub async fn definitions(
        &self,
        workspace: &WorkspaceId,
        version: Option<u64>,
    ) -> Result<Option<(u64, String)>, Error> {
        let sql = "SELECT version, documents FROM definitions WHERE workspace = $1
            ORDER BY CASE WHEN version = $2 THEN 0 ELSE 1 END, version DESC LIMIT 1";
        let wanted = version.map_or(-1, u64::cast_signed);
        let row = query_one(self.database.read(), sql, [workspace.as_str().into(), wanted.into()]).await?;
        let read = |row: Row| {
            Ok((row.try_get::<i64>("", "version")?.cast_unsigned(), row.try_get("", "documents")?))
        };
        row.map(read).transpose()
    }

    /// Whether sending over a channel is paused, alone or with all others.
    pub async fn is_paused(&self, workspace: &WorkspaceId, channel: &str) -> Result<bool, Error> {
        let sql = "SELECT 1 AS paused FROM pause WHERE workspace = $1
            AND (scope = $2 OR (scope = $3 AND target = $4)) LIMIT 1";
        let (all, one) = (scope_word(PauseScope::All), scope_word(PauseScope::Channel));
        let values = [workspace.as_str().into(), all.into(), one.into(), channel.into()];
        Ok(query_one(self.database.read(), sql, values).await?.is_some())
    }

    /// Attempts since a time, by channel and provider.
    pub async fn provider_counts(
        &self,
        workspace: &WorkspaceId,
        since: Timestamp,
    ) -> Result<Vec<ProviderCounts>, Error> {
        let sql = "SELECT channel, provider, count(*) AS attempts,
                CAST(sum(CASE WHEN outcome = 'sent' THEN 0 ELSE 1 END) AS BIGINT) AS failures
            FROM attempt WHERE workspace = $1 AND attempted_at >= $2 GROUP BY channel, provider";
        let counts = |row: &Row| {
            Ok(ProviderCounts {
                channel: row.try_get("", "channel")?,
                provider: row.try_get("", "provider")?,
                attempts: row.try_get::<i64>("", "attempts")?.cast_unsigned(),
                failures: row.try_get::<i64>("", "failures")?.cast_unsigned(),
            })
        };
        let rows = query_all(self.database.read(), sql, [workspace.as_str().into(), since.0.into()]).await?;
        rows.iter().map(counts).collect()
    }

    /// The stored health of a channel's endpoints.
    pub async fn endpoints(&self, key: &ChannelKey) -> Result<Vec<EndpointRow>, Error> {
        let sql = "SELECT provider, fingerprint, failing_since, disabled_at FROM endpoint
            WHERE workspace = $1 AND channel = $2";
        let endpoint = |row: &Row| {
            Ok(EndpointRow {
                key: key.clone(),
                provider: row.try_get("", "provider")?,
                fingerprint: row.try_get("", "fingerprint")?,
                failing_since: row.try_get::<Option<i64>>("", "failing_since")?.map(Timestamp),
                disabled_at: row.try_get::<Option<i64>>("", "disabled_at")?.map(Timestamp),
            })
        };
        let values = [key.workspace.as_str().into(), key.channel.as_str().into()];
        query_all(self.database.read(), sql, values).await?.iter().map(endpoint).collect()
    }
}

fn stored(row: &Row) -> Result<Stored, Error> {
    Ok(Stored {
        notification_id: row.try_get("", "notification_id")?,
        customer: CustomerId(row.try_get("", "customer")?),
        play: row.try_get("", "play")?,
        instance_id: row.try_get("", "instance_id")?,
        channel: row.try_get("", "channel")?,
        template: row.try_get("", "template")?,
        state: row.try_get("", "state")?,
        reason: row.try_get("", "reason")?,
        requested_at: Timestamp(row.try_get("", "requested_at")?),
        changed_at: Timestamp(row.try_get("", "changed_at")?),
        next_at: row.try_get::<Option<i64>>("", "next_at")?.map(Timestamp),
        attempts: u32::try_from(row.try_get::<i64>("", "attempts")?).unwrap_or_default(),
        request: row.try_get("", "request")?,
    })
}
