//! What the service can do, as its callers (gRPC, HTTP, the all-in-one process) see it, and what it needs from others.
//!
//! Everything here speaks the types of [`crate::model`]. The workspace of every call comes from the caller's
//! credential. `app` implements the driving ports; [`Manifests`] is the one driven port besides the store.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use elate_domain::system::{ImportMark, PauseChanged, PreferencesChanged};
use elate_domain::{CustomerId, Event, Offset, Partition, SourceId, WorkspaceId};
use futures::stream::BoxStream;

use crate::app::Error;
use crate::model::catalog::{CatalogEvent, SeenProperty};
use crate::model::customer::{Customer, CustomerRef, Erasure, TimelineEntry, TimelineQuery};
use crate::model::definitions::{Applied, Apply, Fit, InForce, Plan};
use crate::model::follow::{FollowedEntry, WorkspaceFollow};
use crate::model::key::{Key, NewKey, NewSecret, Principal, Role};
use crate::model::message::{Batch, Outcome};
use crate::model::page::{Page, PageRequest};

/// Takes messages in.
#[async_trait]
pub trait Ingest: Send + Sync {
    /// Appends the messages that are in order, and answers when they are durable: one outcome for each message, in
    /// the order of the messages. A bad message is rejected alone. Fails as a whole where nothing of it was done
    /// ([`Error::Overloaded`], too many messages) or where its outcome is unknown (repeat it: duplicates are found).
    async fn append(&self, batch: Batch) -> Result<Vec<Outcome>, Error>;
}

/// Reads and changes customers.
#[async_trait]
pub trait Customers: Send + Sync {
    /// The customer; the survivor where the asked one was merged away.
    async fn get(&self, workspace: &WorkspaceId, customer: &CustomerRef) -> Result<Customer, Error>;

    /// A page of the customer's timeline, the records of customers merged into it included.
    async fn timeline(
        &self,
        workspace: &WorkspaceId,
        query: &TimelineQuery,
    ) -> Result<Page<TimelineEntry>, Error>;

    /// Appends what the customer allows and prefers. A repeat of the request id does nothing.
    async fn set_preferences(
        &self,
        workspace: &WorkspaceId,
        request_id: &str,
        customer: &CustomerRef,
        change: PreferencesChanged,
    ) -> Result<(), Error>;

    /// Erases the customer; answers the id under which receipts are collected. A repeat answers the same id.
    async fn erase(
        &self,
        workspace: &WorkspaceId,
        request_id: &str,
        customer: &CustomerRef,
    ) -> Result<String, Error>;

    /// How far an erasure is.
    async fn erasure(&self, workspace: &WorkspaceId, erasure_id: &str) -> Result<Erasure, Error>;

    /// Asks a service to process a set-aside customer again. A repeat of the request id does nothing.
    async fn redrive(
        &self,
        workspace: &WorkspaceId,
        request_id: &str,
        service: &str,
        customer: &CustomerRef,
    ) -> Result<(), Error>;

    /// Follows the workspace's own records. The stream ends only with an error or when it is dropped.
    async fn follow(
        &self,
        workspace: &WorkspaceId,
        follow: WorkspaceFollow,
    ) -> Result<BoxStream<'static, Result<FollowedEntry, Error>>, Error>;

    /// What has been seen in the workspace.
    async fn catalog(&self, workspace: &WorkspaceId, page: &PageRequest)
    -> Result<Page<CatalogEvent>, Error>;
}

/// Definitions of a workspace.
#[async_trait]
pub trait Definitions: Send + Sync {
    /// Validates manifests and publishes them as one version in every partition. `applied_by` is the key's name.
    async fn apply(&self, workspace: &WorkspaceId, applied_by: &str, apply: Apply) -> Result<Applied, Error>;

    /// The manifests in force, filtered by kind and name where they are not empty.
    async fn list(&self, workspace: &WorkspaceId, kind: &str, name: &str) -> Result<InForce, Error>;
}

/// Workspaces, keys and switches.
#[async_trait]
pub trait Admin: Send + Sync {
    /// Makes the first workspace and its admin key where there is no workspace yet; `None` where there is one.
    async fn bootstrap(&self, workspace: &WorkspaceId) -> Result<Option<NewSecret>, Error>;

    /// Creates a workspace with a first admin key. `time_zone` is an IANA name, empty for UTC.
    async fn create_workspace(&self, workspace: &WorkspaceId, time_zone: &str) -> Result<NewSecret, Error>;

    /// Creates a key. A repeat of the request id answers [`Error::AlreadyExists`]: the secret is shown once only.
    async fn create_key(
        &self,
        workspace: &WorkspaceId,
        request_id: &str,
        key: NewKey,
    ) -> Result<NewSecret, Error>;

    /// Replaces the secret; the old one stays valid for `overlap` (at most 7 days).
    async fn rotate_key(
        &self,
        workspace: &WorkspaceId,
        key_id: &str,
        overlap: Duration,
    ) -> Result<NewSecret, Error>;

    /// Revokes a key at once, for every process within [`crate::app::KEY_CACHE`].
    async fn revoke_key(&self, workspace: &WorkspaceId, key_id: &str) -> Result<(), Error>;

    /// The keys, oldest first.
    async fn keys(&self, workspace: &WorkspaceId, page: &PageRequest) -> Result<Page<Key>, Error>;

    /// Resolves the SHA-256 of a secret; `None` for an unknown, expired or revoked one. Answers are cached shortly.
    async fn resolve(&self, secret_sha256: [u8; 32]) -> Result<Option<Principal>, Error>;

    /// Registers a secret that came from the configuration (service credentials); an existing one stays.
    async fn register(
        &self,
        workspace: &WorkspaceId,
        name: &str,
        role: Role,
        source: &SourceId,
        secret_sha256: [u8; 32],
    ) -> Result<(), Error>;

    /// Appends the begin or end of an import to every partition.
    async fn mark_import(&self, workspace: &WorkspaceId, mark: ImportMark, end: bool) -> Result<(), Error>;

    /// Appends a pause or its end to every partition. A repeat of the request id does nothing.
    async fn set_pause(
        &self,
        workspace: &WorkspaceId,
        request_id: &str,
        pause: PauseChanged,
    ) -> Result<(), Error>;
}

/// The log as services see it.
#[async_trait]
pub trait CustomerLog: Send + Sync {
    /// Generation and heads.
    async fn shape(&self) -> Result<elate_log::Shape, Error>;

    /// Follows whole partitions, each after the given offset. `generation` is that of the offsets; empty for none yet.
    async fn follow(
        &self,
        after: Vec<(Partition, Offset)>,
        generation: &str,
    ) -> Result<BoxStream<'static, Result<elate_log::Item, elate_log::Error>>, Error>;

    /// Appends service-emitted events, each with its bytes as a record; those with a producer sequence that is not above the last one are ignored.
    /// Answers how many were appended.
    async fn append(&self, events: Vec<(Event, Bytes)>) -> Result<usize, Error>;

    /// The customer's own records in log order, up to and including an offset ([`Offset::START`]: all), a stored
    /// batch at a time. Tombstones are left out.
    async fn read_customer(
        &self,
        workspace: &WorkspaceId,
        customer: CustomerId,
        up_to: Offset,
    ) -> Result<BoxStream<'static, Result<Vec<elate_log::Stored>, Error>>, Error>;
}

/// Parses, validates and compares manifests (the pure crate `manifest`, behind a port so that the registry can be
/// tested without it).
pub trait Manifests: Send + Sync {
    /// What the workspace would have in force after `documents` (YAML or JSON, several to a text) were put in and
    /// `delete` (`Kind/name`) taken out; or everything that is wrong, with paths.
    fn plan(
        &self,
        in_force: &[serde_json::Value],
        documents: &[String],
        delete: &[String],
    ) -> Result<Plan, Vec<elate_domain::FieldError>>;

    /// Compares the expressions of what a plan puts in force with what was seen of events.
    fn fit(&self, plan: &Plan, seen: &[SeenProperty]) -> Fit;

    /// A manifest as the YAML document that is shown to people.
    fn render(&self, manifest: &serde_json::Value) -> String;
}
