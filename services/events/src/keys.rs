//! Keys of this service's own store, as the stack wants them resolved.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use elate_rpc::auth::{Authenticator, Error, Identity, hash_secret};

use crate::ports::Admin;

/// Resolves keys in this process.
pub struct KeyAuthenticator {
    admin: Arc<dyn Admin>,
}

impl KeyAuthenticator {
    /// Asks `admin`.
    pub fn new(admin: Arc<dyn Admin>) -> Self {
        Self { admin }
    }
}

impl fmt::Debug for KeyAuthenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyAuthenticator")
    }
}

#[async_trait]
impl Authenticator for KeyAuthenticator {
    async fn resolve(&self, secret: &str) -> Result<Identity, Error> {
        let found = self.admin.resolve(hash_secret(secret)).await;
        let principal = found.map_err(|error| {
            // The caller only learns that it can't be said now; why is for the operators.
            tracing::warn!(%error, "resolving a key failed");
            Error::Unavailable("the store of keys does not answer".to_owned())
        })?;
        let principal = principal.ok_or(Error::Unknown)?;
        let key = principal.key;
        Ok(Identity::key(principal.workspace, key.role, key.id, key.source))
    }
}
