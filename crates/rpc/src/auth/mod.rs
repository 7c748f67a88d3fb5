//! Who is calling.
//!
//! A secret travels as `authorization: Bearer <secret>` (or Basic, with the secret as the user). An [`Authenticator`]
//! makes an [`Identity`] of it, the layer puts that into the request's extensions, and handlers ask it for the
//! workspace and for the role that they need:
//!
//! ```
//! # use elate_rpc::{identity, Role};
//! # fn handler(request: tonic::Request<()>) -> Result<(), tonic::Status> {
//! let caller = identity(&request)?.require(Role::Reader)?;
//! let workspace = caller.workspace()?;
//! # Ok(())
//! # }
//! ```

mod extract;
mod remote;
mod role;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use elate_domain::{SourceId, WorkspaceId};
use sha2::{Digest as _, Sha256};

use crate::error::{Reason, ServiceError};
use crate::{Secret, reasons};

pub use extract::{WORKSPACE, secret_from_headers};
pub use remote::RemoteAuthenticator;
pub use role::Role;

/// What went wrong with the credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is none.
    #[error("no credential: send `authorization: Bearer <key>`")]
    Missing,
    /// Nobody has this one.
    #[error("the credential is unknown or was revoked")]
    Unknown,
    /// It may not do this.
    #[error("this needs a credential of role {needed}, this one is of role {has}")]
    Role {
        /// The least role that would do.
        needed: Role,
        /// The role at hand.
        has: Role,
    },
    /// A service credential without a workspace, where one is needed.
    #[error("a service credential must name the workspace in the metadata `elate-workspace`")]
    Workspace,
    /// It can't be checked.
    #[error("the credential can't be checked just now: {0}")]
    Unavailable(String),
}

impl ServiceError for Error {
    fn reason(&self) -> &'static Reason {
        match self {
            Self::Missing => &reasons::CREDENTIAL_MISSING,
            Self::Unknown => &reasons::CREDENTIAL_UNKNOWN,
            Self::Role { .. } => &reasons::ROLE_INSUFFICIENT,
            Self::Workspace => &reasons::WORKSPACE_MISSING,
            Self::Unavailable(_) => &reasons::CREDENTIAL_CHECK_UNAVAILABLE,
        }
    }
}

crate::impl_status!(Error);

/// Whoever made the request, as the credential says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    workspace: Option<WorkspaceId>,
    role: Role,
    key_id: Arc<str>,
    source: Option<SourceId>,
}

impl Identity {
    /// A key of a workspace; its events come from `source`.
    pub fn key(workspace: WorkspaceId, role: Role, key_id: impl Into<Arc<str>>, source: SourceId) -> Self {
        Self { workspace: Some(workspace), role, key_id: key_id.into(), source: Some(source) }
    }

    /// One of Elate's own services, over all workspaces.
    pub fn service() -> Self {
        Self { workspace: None, role: Role::Service, key_id: "service".into(), source: None }
    }

    /// The same service, acting in one workspace. A key stays in its own.
    #[must_use]
    pub fn acting_in(mut self, workspace: WorkspaceId) -> Self {
        if self.role == Role::Service {
            self.workspace = Some(workspace);
        }
        self
    }

    /// The workspace that all of the request is about.
    pub fn workspace(&self) -> Result<&WorkspaceId, Error> {
        self.workspace.as_ref().ok_or(Error::Workspace)
    }

    /// The role.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The key's id: for rate limits and the log, never for labels.
    pub fn key_id(&self) -> &Arc<str> {
        &self.key_id
    }

    /// Where this key's events come from; `None` for services.
    pub fn source(&self) -> Option<&SourceId> {
        self.source.as_ref()
    }

    /// This identity, if it may do what `needed` may.
    pub fn require(&self, needed: Role) -> Result<&Self, Error> {
        if self.role.covers(needed) { Ok(self) } else { Err(Error::Role { needed, has: self.role }) }
    }
}

/// The identity of a request that came through the stack.
pub fn identity<T>(request: &tonic::Request<T>) -> Result<&Identity, Error> {
    request.extensions().get::<Identity>().ok_or(Error::Missing)
}

/// Makes an identity of a secret.
#[async_trait]
pub trait Authenticator: Send + Sync + fmt::Debug + 'static {
    /// Who holds this secret. `Error::Unknown` where nobody does, `Error::Unavailable` where it can't be said now.
    async fn resolve(&self, secret: &str) -> Result<Identity, Error>;
}

/// The SHA-256 of a secret: what is stored, and what travels between services.
pub fn hash_secret(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// Knows the shared service credential, and asks another authenticator for all others.
#[derive(Debug)]
pub struct WithServiceToken {
    token: Secret,
    keys: Arc<dyn Authenticator>,
}

impl WithServiceToken {
    /// Takes `token` for one of our own services. An empty token is nobody's.
    pub fn new(token: Secret, keys: Arc<dyn Authenticator>) -> Self {
        Self { token, keys }
    }
}

#[async_trait]
impl Authenticator for WithServiceToken {
    async fn resolve(&self, secret: &str) -> Result<Identity, Error> {
        if self.token.matches(secret) { Ok(Identity::service()) } else { self.keys.resolve(secret).await }
    }
}

/// Nobody has a key here: for servers that only services call.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoKeys;

#[async_trait]
impl Authenticator for NoKeys {
    async fn resolve(&self, _secret: &str) -> Result<Identity, Error> {
        Err(Error::Unknown)
    }
}

/// How long an answer about a key is kept at the most, whatever its origin allows: a revoked key works that much
/// longer.
pub const MAX_CACHE: Duration = Duration::from_secs(60);
