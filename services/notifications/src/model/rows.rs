//! What is written for readers and for the dispatcher.

use elate_domain::system::{NotificationRequested, PauseScope};
use elate_domain::{Cause, CustomerId, Partition, Timestamp, WorkspaceId};

/// A change to the tables of notifications.
#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    /// Channels and templates of one version of a workspace's definitions.
    Definitions(DefinitionsRow),
    /// A switch was thrown.
    Pause(PauseRow),
    /// A message was asked for.
    Insert(Box<NewNotification>),
    /// A message is in another state.
    Change(Change),
    /// A message that is with the dispatcher is not to be sent.
    Stop(Stop),
    /// Everything of a merged customer belongs to the survivor.
    Reassign {
        /// Workspace.
        workspace: WorkspaceId,
        /// Who was merged away.
        loser: CustomerId,
        /// Who stays.
        survivor: CustomerId,
    },
}

/// Channels and templates, as JSON documents in one array.
#[derive(Debug, Clone, PartialEq)]
pub struct DefinitionsRow {
    /// Workspace.
    pub workspace: WorkspaceId,
    /// Version.
    pub version: u64,
    /// The documents.
    pub documents: String,
}

/// A switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PauseRow {
    /// Workspace.
    pub workspace: WorkspaceId,
    /// What it covers.
    pub scope: PauseScope,
    /// The channel or play.
    pub target: String,
    /// Paused or resumed.
    pub paused: bool,
}

/// A message as it was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct NewNotification {
    /// Workspace.
    pub workspace: WorkspaceId,
    /// Customer.
    pub customer: CustomerId,
    /// Partition of the customer.
    pub partition: Partition,
    /// The request, whole.
    pub request: NotificationRequested,
    /// When.
    pub requested_at: Timestamp,
    /// When it may no longer be handed over.
    pub expires_at: Timestamp,
    /// What asked for it.
    pub cause: Cause,
    /// The trace that it belongs to.
    pub trace_parent: Option<String>,
}

/// The state of a message, as the step function decided it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Workspace.
    pub workspace: WorkspaceId,
    /// The message.
    pub notification_id: String,
    /// `held`, `ready`, `refused`, `expired` or `cancelled`.
    pub state: &'static str,
    /// Why; empty for `ready`.
    pub reason: String,
    /// When.
    pub changed_at: Timestamp,
    /// When it is looked at again.
    pub next_at: Option<Timestamp>,
    /// For `ready`: what the dispatcher needs.
    pub ready: Option<Ready>,
}

/// What the dispatcher needs besides the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// The channel, to wake its delivery.
    pub channel: String,
    /// Attempts that were made.
    pub attempts: u32,
    /// Version of the definitions that the chain ran under.
    pub version: u64,
    /// The customer's address; empty where the channel needs none.
    pub address: String,
    /// The customer's language.
    pub locale: Option<String>,
    /// Whether it is sent again where a crash left the outcome unknown.
    pub resend: bool,
    /// When it may no longer be handed over.
    pub expires_at: Timestamp,
}

/// A word to the dispatcher. It answers with a receipt, unless it had handed the message over already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// Workspace.
    pub workspace: WorkspaceId,
    /// The message.
    pub notification_id: String,
    /// `refused` or `cancelled`.
    pub state: &'static str,
    /// Why.
    pub reason: String,
}
