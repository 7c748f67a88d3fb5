//! The health of endpoints and servers, as it is kept over restarts.

use elate_domain::Timestamp;
use elate_storage::bulk::{Conflict, Rows};
use elate_storage::{Error as StorageError, Transaction};

use super::ChannelKey;

/// The health of an endpoint, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointRow {
    /// Its channel.
    pub key: ChannelKey,
    /// Provider; for a webhook the channel's own name.
    pub provider: String,
    /// Of the channel's manifest: another one starts afresh.
    pub fingerprint: String,
    /// Since when it fails.
    pub failing_since: Option<Timestamp>,
    /// Since when it takes no messages.
    pub disabled_at: Option<Timestamp>,
}

pub(super) async fn write(tx: &Transaction, rows: &[EndpointRow]) -> Result<(), StorageError> {
    let newest = "(workspace, channel, provider) DO UPDATE SET fingerprint = excluded.fingerprint,
        failing_since = excluded.failing_since, disabled_at = excluded.disabled_at";
    Rows::new()
        .text("workspace", rows.iter().map(|r| r.key.workspace.as_str().to_owned()))
        .text("channel", rows.iter().map(|r| r.key.channel.clone()))
        .text("provider", rows.iter().map(|r| r.provider.clone()))
        .text("fingerprint", rows.iter().map(|r| r.fingerprint.clone()))
        .i64_opt("failing_since", rows.iter().map(|r| r.failing_since.map(|t| t.0)))
        .i64_opt("disabled_at", rows.iter().map(|r| r.disabled_at.map(|t| t.0)))
        .insert(tx, "endpoint", Conflict::Do(newest))
        .await
        .map(|_| ())
}
