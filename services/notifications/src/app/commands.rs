//! Commands: test sends, redrives, suppressions. They are written to the log, and the step function does what they say.
//!
//! A command goes into the outbox by a lane of its own, under any partition that this process holds: the lane only
//! numbers it, the log takes it to its customer's partition. A repeat does no harm, because a test's message id is
//! made from the request id and each id is taken once, a redrive asks for a message that is over, and a suppression that
//! is there already changes nothing.

use std::sync::Arc;

use elate_consumer::{Held, LaneEvent};
use elate_domain::system::{NotificationRedriven, NotificationRequested, SuppressionSet, name};
use elate_domain::{CustomerId, FieldError, RawJson, Timestamp, WorkspaceId};
use elate_manifest::spec::ChannelKind;
use serde_json::Value as Json;
use uuid::Uuid;

use super::{App, Error};

/// Namespace of the ids of test messages (version 5 UUIDs).
const TESTS: Uuid = Uuid::from_u128(0x0f2d_65a4_77c1_5e0a_9d3b_6a52_d6b1_4c90);

/// A test send.
#[derive(Debug, Clone, PartialEq)]
pub struct TestSend {
    /// Makes a repeat harmless; where it is missing each call is a test of its own.
    pub request_id: Option<String>,
    /// Channel.
    pub channel: String,
    /// Template.
    pub template: String,
    /// Where it goes.
    pub to: String,
    /// On whose timeline it stands, and whose traits it sees.
    pub customer: CustomerId,
    /// Those traits.
    pub traits: Json,
    /// What it sees besides.
    pub data: Json,
}

impl App {
    /// Sends a test; answers the message's id.
    pub async fn send_test(
        &self,
        workspace: &WorkspaceId,
        test: TestSend,
        now: Timestamp,
    ) -> Result<String, Error> {
        let kind = self.kind_of(workspace, &test.channel, &test.template).await?;
        check_recipient(kind, &test.to)?;
        let id = match &test.request_id {
            Some(request) => Uuid::new_v5(&TESTS, format!("{workspace}\n{request}").as_bytes()),
            None => Uuid::new_v4(),
        };
        let request = NotificationRequested {
            notification_id: id.to_string(),
            play: String::new(),
            instance_id: String::new(),
            step: String::new(),
            channel: test.channel,
            template: test.template,
            topic: String::new(),
            // A test goes at once, in quiet hours too where urgent messages do.
            class: "urgent".to_owned(),
            expires_at: None,
            data: test.data,
            customer: test.traits,
            to: Some(test.to),
        };
        let event =
            command(workspace, test.customer, name::NOTIFICATION_REQUESTED, &request, id.to_string(), now);
        self.append(event).await?;
        Ok(id.to_string())
    }

    /// Asks for a message to be sent again that failed for good or whose outcome is unknown.
    pub async fn redrive(&self, workspace: &WorkspaceId, id: &str, now: Timestamp) -> Result<(), Error> {
        let (stored, _) = self.get(workspace, id).await?;
        if !matches!(stored.state.as_str(), "failed" | "outcome_unknown" | "expired") {
            return Err(Error::NotRedrivable(stored.state));
        }
        let request: NotificationRequested = serde_json::from_str(&stored.request)
            .map_err(|error| elate_storage::Error::corrupt("notification", "request", error))?;
        let redriven = NotificationRedriven { request, attempts: stored.attempts };
        let once = format!("redrive/{id}/{}/{}", stored.attempts, stored.changed_at.0);
        self.append(command(workspace, stored.customer, name::NOTIFICATION_REDRIVEN, &redriven, once, now))
            .await
    }

    /// Suppresses a customer's address, or lifts that.
    pub async fn set_suppression(
        &self,
        workspace: &WorkspaceId,
        request_id: Option<String>,
        customer: CustomerId,
        set: &SuppressionSet,
        now: Timestamp,
    ) -> Result<(), Error> {
        if !set.channel.is_empty() {
            self.channel_kind(workspace, &set.channel).await?;
        }
        let id = request_id.unwrap_or_else(|| Uuid::new_v4().to_string());
        let once = format!("suppression/{customer}/{id}");
        self.append(command(workspace, customer, name::SUPPRESSION_SET, set, once, now)).await
    }

    async fn append(&self, event: LaneEvent) -> Result<(), Error> {
        let held: Held = *self.ownership.all().first().ok_or(Error::NoPartition)?;
        let tx = self.store.database().begin().await?;
        let appended = self.lane.append(&tx, vec![(held, vec![event])]).await?;
        tx.commit().await.map_err(elate_storage::Error::from)?;
        self.lane.committed(appended);
        Ok(())
    }
}

/// A test that could go nowhere is refused here and not on a timeline, where nobody looks for it.
fn check_recipient(kind: ChannelKind, to: &str) -> Result<(), Error> {
    let reason = match kind {
        ChannelKind::Email if to.parse::<lettre::Address>().is_err() => "is no e-mail address",
        ChannelKind::Webhook if !is_web_address(to) => "is no address such as https://example.com/hook",
        ChannelKind::Email | ChannelKind::Webhook => return Ok(()),
    };
    Err(Error::Field(FieldError::new("to", reason)))
}

fn is_web_address(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

fn command<T: serde::Serialize>(
    workspace: &WorkspaceId,
    customer: CustomerId,
    name: &'static str,
    payload: &T,
    id: String,
    now: Timestamp,
) -> LaneEvent {
    LaneEvent {
        workspace: workspace.clone(),
        customer,
        name: Arc::from(name),
        occurred_at: now,
        properties: RawJson::of(payload),
        id,
        cause: None,
        historical: false,
        trace_parent: None,
    }
}
