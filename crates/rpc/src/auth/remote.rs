//! Asking events who holds a key, with a cache.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use elate_domain::{SourceId, WorkspaceId};
use elate_proto::events::v1::log_service_client::LogServiceClient;
use elate_proto::events::v1::{ResolveKeyRequest, ResolveKeyResponse};
use lru::LruCache;
use tokio::time::Instant;
use tonic::Code;

use super::{Authenticator, Error, Identity, MAX_CACHE, Role, hash_secret};
use crate::Channel;
use crate::metrics::CREDENTIAL_LOOKUPS;

/// Keys that are remembered.
const KEYS: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();
/// How long an unknown key stays unknown: long enough to spare events a flood, short enough for a key just made.
const NEGATIVE: Duration = Duration::from_secs(2);
/// How long a known key goes on being known while events doesn't answer.
const GRACE: Duration = Duration::from_secs(300);

#[derive(Debug, Clone)]
struct Known {
    identity: Option<Identity>,
    fresh_until: Instant,
    usable_until: Instant,
}

/// Resolves keys through `LogService.ResolveKey`. Only the SHA-256 of a secret leaves the process.
///
/// Needs a channel with a service credential. While events can't be reached, keys seen within the last minutes go on
/// working: reads of journeys and scores need not fail with ingest.
#[derive(Debug)]
pub struct RemoteAuthenticator {
    events: Channel,
    known: Mutex<LruCache<[u8; 32], Known>>,
}

impl RemoteAuthenticator {
    /// Asks over `events`.
    pub fn new(events: Channel) -> Self {
        Self { events, known: Mutex::new(LruCache::new(KEYS)) }
    }

    fn remembered(&self, hash: &[u8; 32]) -> Option<Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(hash).cloned()
    }

    fn remember(&self, hash: [u8; 32], identity: Option<Identity>, fresh: Duration) {
        let fresh_until = Instant::now() + fresh;
        let usable_until = if identity.is_some() { fresh_until + GRACE } else { fresh_until };
        let known = Known { identity, fresh_until, usable_until };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).put(hash, known);
    }

    async fn ask(&self, hash: [u8; 32]) -> Result<Identity, Error> {
        let request = ResolveKeyRequest { secret_sha256: hash.to_vec().into() };
        match LogServiceClient::new(self.events.clone()).resolve_key(request).await {
            Ok(response) => {
                let response = response.into_inner();
                let fresh = Duration::from_secs(response.cache_seconds.into()).min(MAX_CACHE);
                let identity = to_identity(response)?;
                self.remember(hash, Some(identity.clone()), fresh);
                CREDENTIAL_LOOKUPS.counter(&[("outcome", "resolved")]).increment(1);
                Ok(identity)
            }
            Err(status) if status.code() == Code::NotFound => {
                self.remember(hash, None, NEGATIVE);
                CREDENTIAL_LOOKUPS.counter(&[("outcome", "unknown")]).increment(1);
                Err(Error::Unknown)
            }
            Err(status) => Err(Error::Unavailable(format!("events answered {}", status.code()))),
        }
    }
}

fn to_identity(response: ResolveKeyResponse) -> Result<Identity, Error> {
    // Events is ours; an answer that can't be read is a version that is too new, and not the caller's fault.
    let broken = |what: &str| Error::Unavailable(format!("events sent a key with a broken {what}"));
    let key = response.key.ok_or_else(|| broken("key"))?;
    let workspace = WorkspaceId::try_from(response.workspace_id).map_err(|_| broken("workspace"))?;
    let source = SourceId::try_from(key.source_id).map_err(|_| broken("source"))?;
    let role = Role::from_proto(key.role).ok_or_else(|| broken("role"))?;
    Ok(Identity::key(workspace, role, key.key_id, source))
}

#[async_trait]
impl Authenticator for RemoteAuthenticator {
    async fn resolve(&self, secret: &str) -> Result<Identity, Error> {
        let hash = hash_secret(secret);
        let known = self.remembered(&hash);
        if let Some(known) = known.as_ref().filter(|known| Instant::now() < known.fresh_until) {
            let outcome = if known.identity.is_some() { "hit" } else { "negative" };
            CREDENTIAL_LOOKUPS.counter(&[("outcome", outcome)]).increment(1);
            return known.identity.clone().ok_or(Error::Unknown);
        }
        match self.ask(hash).await {
            Err(Error::Unavailable(reason)) => {
                CREDENTIAL_LOOKUPS.counter(&[("outcome", "unavailable")]).increment(1);
                known
                    .filter(|known| Instant::now() < known.usable_until)
                    .and_then(|known| known.identity)
                    .ok_or(Error::Unavailable(reason))
            }
            answered => answered,
        }
    }
}
