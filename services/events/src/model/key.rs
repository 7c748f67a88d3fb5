//! Keys and what they may do.

use elate_domain::{SourceId, Timestamp, WorkspaceId};
pub use elate_rpc::Role;

/// A key without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The source of its events; survives rotation.
    pub source: SourceId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// A key to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// Its name.
    pub name: String,
    /// What it may do; `Service` is refused.
    pub role: Role,
    /// The source of its events; `None` takes the name, as far as it is a valid source id.
    pub source: Option<SourceId>,
}

/// A key with its secret, which is shown this once.
#[derive(Clone, PartialEq, Eq)]
pub struct NewSecret {
    /// The key.
    pub key: Key,
    /// `elk_` and 32 random bytes in base64url.
    pub secret: String,
}

impl std::fmt::Debug for NewSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewSecret").field("key", &self.key).finish_non_exhaustive()
    }
}

/// Who a secret belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The key.
    pub key: Key,
}
