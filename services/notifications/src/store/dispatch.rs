//! What the dispatcher does to its messages: claim them, record what became of them, take over from a dead owner.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use elate_consumer::{Appended, Held, Lane, LaneEvent};
use elate_domain::system::{NotificationReceipt, name};
use elate_domain::{Cause, CustomerId, Partition, RawJson, Timestamp, WorkspaceId};
use elate_storage::bulk::{Conflict, Rows};
use elate_storage::{Error as StorageError, Row, Transaction, query_all};

use super::endpoint::{self, EndpointRow};
use super::{ChannelKey, Store};

/// Why a turn of the dispatcher failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The lease is gone, or the outbox is out of reach.
    #[error(transparent)]
    Consumer(#[from] elate_consumer::Error),
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A ready message, not claimed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Workspace.
    pub workspace: WorkspaceId,
    /// The message.
    pub notification_id: String,
    /// Whose dispatcher sends it.
    pub partition: Partition,
}

/// A message that is claimed: nobody else sends it.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    /// Its channel.
    pub key: ChannelKey,
    /// The message.
    pub notification_id: String,
    /// Customer.
    pub customer: CustomerId,
    /// Whose dispatcher sends it.
    pub partition: Partition,
    /// The epoch under which it was claimed.
    pub epoch: i64,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// Version of the definitions.
    pub version: u64,
    /// The customer's address; empty where the channel needs none.
    pub address: String,
    /// The customer's language.
    pub locale: Option<String>,
    /// Not handed over at or after this time.
    pub expires_at: Timestamp,
    /// Sent again where the outcome is unknown.
    pub resend: bool,
    /// The request, as JSON.
    pub request: String,
    /// What asked for it.
    pub cause: Option<Cause>,
    /// The trace.
    pub trace_parent: Option<Arc<str>>,
    /// It is not to be sent: state and reason.
    pub stop: Option<(String, String)>,
    /// Template.
    pub template: String,
    /// Play.
    pub play: String,
    /// Instance.
    pub instance_id: String,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The message.
    pub claimed: Arc<Claimed>,
    /// The message's state from here on: `retrying` where another attempt follows.
    pub state: &'static str,
    /// Stable reason.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// When the next attempt is due.
    pub next_at: Option<Timestamp>,
    /// Which provider took or refused it.
    pub provider: String,
    /// What the provider said.
    pub detail: String,
    /// `sent`, `failed`, `rejected` or `unknown`; `None` where nothing was attempted.
    pub attempt: Option<&'static str>,
    /// The topic, for the receipt.
    pub topic: String,
}

const COLUMNS: &str = "notification.workspace, notification.notification_id, notification.customer,
    notification.partition, notification.channel, notification.template, notification.play,
    notification.instance_id, notification.epoch, notification.attempts, notification.version,
    notification.address, notification.locale, notification.expires_at, notification.resend,
    notification.request, notification.cause, notification.trace_parent, notification.stop_state,
    notification.stop_reason";

impl Store {
    /// All channels with ready messages.
    pub async fn ready_channels(&self) -> Result<Vec<ChannelKey>, StorageError> {
        let sql = "SELECT DISTINCT workspace, channel FROM notification WHERE state = 'ready'";
        query_all(self.database.read(), sql, []).await?.iter().map(channel_key).collect()
    }

    /// The oldest ready messages of a channel in some partitions, paused plays and channels left out.
    pub async fn candidates(
        &self,
        key: &ChannelKey,
        partitions: &[Partition],
        limit: usize,
    ) -> Result<Vec<Candidate>, StorageError> {
        let among = list(partitions.iter().copied());
        let sql = format!(
            "SELECT notification_id, partition FROM notification n
            WHERE state = 'ready' AND workspace = $1 AND channel = $2 AND partition IN ({among})
              AND NOT EXISTS (SELECT 1 FROM pause p WHERE p.workspace = n.workspace
                AND (p.scope = 'all' OR (p.scope = 'channel' AND p.target = n.channel)
                  OR (p.scope = 'play' AND p.target = n.play)))
            ORDER BY changed_at LIMIT $3"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values = [key.workspace.as_str().into(), key.channel.as_str().into(), limit.into()];
        let rows = query_all(self.database.read(), &sql, values).await?;
        let candidate = |row: &Row| {
            Ok(Candidate {
                workspace: key.workspace.clone(),
                notification_id: row.try_get("", "notification_id")?,
                partition: partition(row)?,
            })
        };
        rows.iter().map(candidate).collect()
    }

    /// Messages that were claimed in these partitions and have no outcome.
    pub async fn sending(&self, partitions: &[Partition]) -> Result<Vec<Claimed>, StorageError> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let among = list(partitions.iter().copied());
        let sql =
            format!("SELECT {COLUMNS} FROM notification WHERE state = 'sending' AND partition IN ({among})");
        query_all(self.database.read(), &sql, []).await?.iter().map(claimed).collect()
    }

    /// One transaction of the dispatcher: records outcomes with their receipts, gives messages back that were never
    /// handed over, and claims others. The epochs of all partitions concerned are checked first.
    pub async fn turn(
        &self,
        lane: &Lane,
        held: &BTreeMap<Partition, Held>,
        work: &Work,
    ) -> Result<Vec<Claimed>, Error> {
        let tx = self.database.begin().await?;
        let concerned = work.partitions().into_iter().filter_map(|partition| held.get(&partition).copied());
        lane.fence(&tx, &concerned.collect::<Vec<_>>()).await?;
        let recorded = record(&tx, &work.outcomes).await?;
        let appended = append(lane, &tx, held, recorded).await?;
        give_back(&tx, &work.give_back).await?;
        endpoint::write(&tx, &work.endpoints).await?;
        let claimed = claim(&tx, held, &work.claims).await?;
        tx.commit().await.map_err(StorageError::from)?;
        lane.committed(appended);
        Ok(claimed)
    }
}

/// What one transaction does.
#[derive(Debug, Clone, Default)]
pub struct Work {
    /// What became of claimed messages.
    pub outcomes: Vec<Outcome>,
    /// Messages to be ready again.
    pub give_back: Vec<Arc<Claimed>>,
    /// Messages to claim.
    pub claims: Vec<Candidate>,
    /// Health of endpoints that has changed.
    pub endpoints: Vec<EndpointRow>,
}

impl Work {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.outcomes.is_empty() && self.give_back.is_empty() && self.claims.is_empty()
    }

    /// The partitions concerned, ascending: the order in which they are locked.
    fn partitions(&self) -> BTreeSet<Partition> {
        let outcomes = self.outcomes.iter().map(|o| o.claimed.partition);
        let given = self.give_back.iter().map(|c| c.partition);
        outcomes.chain(given).chain(self.claims.iter().map(|c| c.partition)).collect()
    }
}

/// Records outcomes; answers those that were not recorded before, by a commit whose answer was lost.
async fn record(tx: &Transaction, outcomes: &[Outcome]) -> Result<Vec<Outcome>, StorageError> {
    if outcomes.is_empty() {
        return Ok(Vec::new());
    }
    let sql = "UPDATE notification SET state = v.state, reason = v.reason, changed_at = v.changed_at,
            next_at = v.next_at, attempts = v.attempts
        FROM v WHERE notification.workspace = v.workspace
          AND notification.notification_id = v.notification_id
          AND notification.state = 'sending' AND notification.epoch = v.epoch
        RETURNING notification.workspace, notification.notification_id, notification.customer";
    let rows = Rows::new()
        .text("workspace", outcomes.iter().map(|o| o.claimed.key.workspace.as_str().to_owned()))
        .text("notification_id", outcomes.iter().map(|o| o.claimed.notification_id.clone()))
        .i64("epoch", outcomes.iter().map(|o| o.claimed.epoch))
        .text("state", outcomes.iter().map(|o| o.state.to_owned()))
        .text("reason", outcomes.iter().map(|o| o.reason.clone()))
        .i64("changed_at", outcomes.iter().map(|o| o.at.0))
        .i64_opt("next_at", outcomes.iter().map(|o| o.next_at.map(|at| at.0)))
        .i64("attempts", outcomes.iter().map(|o| i64::from(o.attempts_made())))
        .query(tx, sql)
        .await?;
    // A merge in between has given the message to another customer.
    let mut customers = HashMap::new();
    for row in &rows {
        let key = (row.try_get::<String>("", "workspace")?, row.try_get::<String>("", "notification_id")?);
        customers.insert(key, CustomerId(row.try_get("", "customer")?));
    }
    let mut recorded = Vec::with_capacity(rows.len());
    for outcome in outcomes {
        let claimed = &outcome.claimed;
        let key = (claimed.key.workspace.as_str().to_owned(), claimed.notification_id.clone());
        let Some(customer) = customers.get(&key) else { continue };
        let mut outcome = outcome.clone();
        if *customer != claimed.customer {
            outcome.claimed = Arc::new(Claimed { customer: *customer, ..claimed.as_ref().clone() });
        }
        recorded.push(outcome);
    }
    let attempts: Vec<(&Outcome, &str)> = recorded.iter().filter_map(|o| Some((o, o.attempt?))).collect();
    Rows::new()
        .text("workspace", attempts.iter().map(|(o, _)| o.claimed.key.workspace.as_str().to_owned()))
        .text("notification_id", attempts.iter().map(|(o, _)| o.claimed.notification_id.clone()))
        .i64("number", attempts.iter().map(|(o, _)| i64::from(o.claimed.attempt)))
        .i64("attempted_at", attempts.iter().map(|(o, _)| o.at.0))
        .text("channel", attempts.iter().map(|(o, _)| o.claimed.key.channel.clone()))
        .text("provider", attempts.iter().map(|(o, _)| o.provider.clone()))
        .text("outcome", attempts.iter().map(|(_, word)| (*word).to_owned()))
        .text("detail", attempts.iter().map(|(o, _)| o.detail.clone()))
        .insert(tx, "attempt", Conflict::Ignore)
        .await?;
    Ok(recorded)
}

/// Puts receipts on the timelines.
async fn append(
    lane: &Lane,
    tx: &Transaction,
    held: &BTreeMap<Partition, Held>,
    outcomes: Vec<Outcome>,
) -> Result<Appended, Error> {
    let mut events: BTreeMap<Partition, Vec<LaneEvent>> = BTreeMap::new();
    for outcome in outcomes {
        events.entry(outcome.claimed.partition).or_default().push(outcome.into_event());
    }
    let ours = events.into_iter().filter_map(|(partition, events)| Some((*held.get(&partition)?, events)));
    Ok(lane.append(tx, ours.collect()).await?)
}

impl Outcome {
    fn attempts_made(&self) -> u32 {
        if self.attempt.is_some() { self.claimed.attempt } else { self.claimed.attempt.saturating_sub(1) }
    }

    /// The receipt for the timeline.
    pub(crate) fn into_event(self) -> LaneEvent {
        let claimed = &self.claimed;
        let state = if self.state == "retrying" { "attempt_failed" } else { self.state };
        let receipt = NotificationReceipt {
            notification_id: claimed.notification_id.clone(),
            state: state.to_owned(),
            reason: self.reason.clone(),
            channel: claimed.key.channel.clone(),
            template: claimed.template.clone(),
            play: claimed.play.clone(),
            instance_id: claimed.instance_id.clone(),
            attempt: self.attempts_made(),
            next_at: self.next_at,
            provider: self.provider.clone(),
            detail: self.detail.clone(),
            topic: self.topic.clone(),
        };
        LaneEvent {
            workspace: claimed.key.workspace.clone(),
            customer: claimed.customer,
            name: Arc::from(name::NOTIFICATION_RECEIPT),
            occurred_at: self.at,
            properties: RawJson::of(&receipt),
            id: format!("{}/{}/{state}", claimed.notification_id, claimed.attempt),
            cause: claimed.cause.clone(),
            historical: false,
            trace_parent: claimed.trace_parent.clone(),
        }
    }
}

async fn give_back(tx: &Transaction, rows: &[Arc<Claimed>]) -> Result<(), StorageError> {
    let sql = "UPDATE notification SET state = 'ready' FROM v
        WHERE notification.workspace = v.workspace AND notification.notification_id = v.notification_id
          AND notification.state = 'sending' AND notification.epoch = v.epoch";
    Rows::new()
        .text("workspace", rows.iter().map(|r| r.key.workspace.as_str().to_owned()))
        .text("notification_id", rows.iter().map(|r| r.notification_id.clone()))
        .i64("epoch", rows.iter().map(|r| r.epoch))
        .execute(tx, sql)
        .await
        .map(|_| ())
}

async fn claim(
    tx: &Transaction,
    held: &BTreeMap<Partition, Held>,
    candidates: &[Candidate],
) -> Result<Vec<Claimed>, StorageError> {
    let ours: Vec<(&Candidate, i64)> =
        candidates.iter().filter_map(|c| Some((c, held.get(&c.partition)?.epoch))).collect();
    let sql = format!(
        "UPDATE notification SET state = 'sending', epoch = v.epoch FROM v
        WHERE notification.workspace = v.workspace AND notification.notification_id = v.notification_id
          AND notification.state = 'ready' RETURNING {COLUMNS}"
    );
    let rows = Rows::new()
        .text("workspace", ours.iter().map(|(c, _)| c.workspace.as_str().to_owned()))
        .text("notification_id", ours.iter().map(|(c, _)| c.notification_id.clone()))
        .i64("epoch", ours.iter().map(|(_, epoch)| *epoch))
        .query(tx, &sql)
        .await?;
    rows.iter().map(claimed).collect()
}

fn list(partitions: impl Iterator<Item = Partition>) -> String {
    partitions.map(|p| p.0.to_string()).collect::<Vec<_>>().join(",")
}

fn partition(row: &Row) -> Result<Partition, StorageError> {
    let number: i64 = row.try_get("", "partition")?;
    let number = u32::try_from(number).map_err(|e| StorageError::corrupt("notification", "partition", e))?;
    Ok(Partition(number))
}

fn channel_key(row: &Row) -> Result<ChannelKey, StorageError> {
    let workspace: String = row.try_get("", "workspace")?;
    let workspace = WorkspaceId::try_new(&workspace)
        .map_err(|error| StorageError::corrupt("notification", "workspace", error))?;
    Ok(ChannelKey { workspace, channel: row.try_get("", "channel")? })
}

fn claimed(row: &Row) -> Result<Claimed, StorageError> {
    let attempts: i64 = row.try_get("", "attempts")?;
    let stop: Option<String> = row.try_get("", "stop_state")?;
    let reason: Option<String> = row.try_get("", "stop_reason")?;
    let cause: String = row.try_get("", "cause")?;
    Ok(Claimed {
        key: channel_key(row)?,
        notification_id: row.try_get("", "notification_id")?,
        customer: CustomerId(row.try_get("", "customer")?),
        partition: partition(row)?,
        epoch: row.try_get("", "epoch")?,
        attempt: u32::try_from(attempts).unwrap_or(u32::MAX).saturating_add(1),
        version: row.try_get::<i64>("", "version")?.cast_unsigned(),
        address: row.try_get("", "address")?,
        locale: row.try_get("", "locale")?,
        expires_at: Timestamp(row.try_get("", "expires_at")?),
        resend: row.try_get("", "resend")?,
        request: row.try_get("", "request")?,
        cause: serde_json::from_str(&cause).ok(),
        trace_parent: row.try_get::<Option<String>>("", "trace_parent")?.map(Arc::from),
        stop: stop.map(|state| (state, reason.unwrap_or_default())),
        template: row.try_get("", "template")?,
        play: row.try_get("", "play")?,
        instance_id: row.try_get("", "instance_id")?,
    })
}
