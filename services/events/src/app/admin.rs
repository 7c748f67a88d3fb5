//! Workspaces, keys and switches.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use elate_domain::system::{ImportMark, PauseChanged, name};
use elate_domain::{SourceId, WorkspaceId};
use lru::LruCache;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use uuid::Uuid;

use super::customers::request_draft;
use super::{App, Core, Error, KEY_CACHE};
use crate::model::draft::Target;
use crate::model::key::{Key, NewKey, NewSecret, Principal, Role};
use crate::model::page::{Page, PageRequest};
use crate::ports::Admin;
use crate::store::{customers, keys, requests};

/// Secrets that are kept resolved, unknown ones included, so that a flood of wrong keys does not reach the database.
const CACHED_KEYS: usize = 10_000;
/// How long the old secret of a rotated key may be valid.
const MAX_OVERLAP: Duration = Duration::from_secs(7 * 24 * 3600);

/// Resolved secrets, each with the time until which it may be kept.
#[derive(Debug)]
pub(crate) struct KeyCache(Mutex<LruCache<[u8; 32], Kept>>);

/// Whose the secret is, and until when that may be believed.
type Kept = (Option<Principal>, Instant);

impl Default for KeyCache {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(NonZeroUsize::new(CACHED_KEYS).unwrap_or(NonZeroUsize::MIN))))
    }
}

impl KeyCache {
    fn get(&self, hash: &[u8; 32]) -> Option<Option<Principal>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(hash).filter(|(_, until)| *until > Instant::now()).map(|(principal, _)| principal.clone())
    }

    fn put(&self, hash: [u8; 32], principal: Option<Principal>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.put(hash, (principal, Instant::now() + KEY_CACHE));
    }

    fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// A new secret: `elk_` and 32 bytes from the system's generator.
fn new_secret() -> (String, [u8; 32]) {
    // Three random UUIDs carry 366 random bits; their hash spreads them over 32 bytes.
    let mut hash = Sha256::new();
    (0..3).for_each(|_| hash.update(Uuid::new_v4().as_bytes()));
    let secret = format!("elk_{}", URL_SAFE_NO_PAD.encode(hash.finalize()));
    let digest = Sha256::digest(secret.as_bytes()).into();
    (secret, digest)
}

/// A source id made of a key's name, as far as it can be.
fn source_of(name: &str) -> Result<SourceId, Error> {
    let slug: String = name
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' })
        .take(63)
        .collect();
    SourceId::try_new(slug.trim_matches('-')).map_err(|error| Error::field("source_id", error.to_string()))
}

fn new_key(core: &Core, key: NewKey) -> Result<Key, Error> {
    let name = key.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(Error::field("name", "must have 1 to 100 characters and no control characters"));
    }
    if key.role == Role::Service {
        return Err(Error::field("role", "of services is given by the configuration"));
    }
    let source = match key.source {
        Some(source) => source,
        None => source_of(&name)?,
    };
    if source.as_str() == crate::model::own::SOURCE {
        return Err(Error::field("source_id", "must not be `elate`, which is Elate's own"));
    }
    let id = Uuid::now_v7().simple().to_string();
    Ok(Key { id, name, role: key.role, source, created_at: core.clock().now(), revoked_at: None })
}

impl App {
    async fn workspace_with_key(&self, workspace: &WorkspaceId, time_zone: &str) -> Result<NewSecret, Error> {
        let core = &self.core;
        let source = Some(source_of("admin")?);
        let key = new_key(core, NewKey { name: "admin".to_owned(), role: Role::Admin, source })?;
        let (secret, hash) = new_secret();
        let tx = core.database.begin().await?;
        let zone = if time_zone.is_empty() { "UTC" } else { time_zone };
        if !customers::create_workspace(&tx, workspace, zone, core.clock().now().0).await? {
            return Err(Error::AlreadyExists { what: "workspace" });
        }
        keys::create(&tx, workspace, &key).await?;
        keys::add_secret(&tx, &key.id, &hash).await?;
        tx.commit().await.map_err(elate_storage::Error::from)?;
        core.keys.clear();
        Ok(NewSecret { key, secret })
    }

    async fn key_of(&self, workspace: &WorkspaceId, key_id: &str) -> Result<Key, Error> {
        let found = keys::find(self.core.database.read(), workspace, key_id).await?;
        found.ok_or(Error::NotFound { what: "key" })
    }
}

#[async_trait]
impl Admin for App {
    async fn bootstrap(&self, workspace: &WorkspaceId) -> Result<Option<NewSecret>, Error> {
        if keys::any_workspace(self.core.database.read()).await? {
            return Ok(None);
        }
        match self.workspace_with_key(workspace, "").await {
            Ok(secret) => Ok(Some(secret)),
            // Another process was faster.
            Err(Error::AlreadyExists { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn create_workspace(&self, workspace: &WorkspaceId, time_zone: &str) -> Result<NewSecret, Error> {
        self.workspace_with_key(workspace, time_zone).await
    }

    async fn create_key(
        &self,
        workspace: &WorkspaceId,
        request_id: &str,
        key: NewKey,
    ) -> Result<NewSecret, Error> {
        if !customers::workspace_exists(self.core.database.read(), workspace).await? {
            return Err(Error::NotFound { what: "workspace" });
        }
        let key = new_key(&self.core, key)?;
        let (secret, hash) = new_secret();
        let tx = self.core.database.begin().await?;
        let now = key.created_at.0;
        if requests::claim(&tx, workspace, "create_key", request_id, &key.id, now).await?.is_some() {
            return Err(Error::AlreadyExists { what: "key" });
        }
        keys::create(&tx, workspace, &key).await?;
        keys::add_secret(&tx, &key.id, &hash).await?;
        tx.commit().await.map_err(elate_storage::Error::from)?;
        Ok(NewSecret { key, secret })
    }

    async fn rotate_key(
        &self,
        workspace: &WorkspaceId,
        key_id: &str,
        overlap: Duration,
    ) -> Result<NewSecret, Error> {
        if overlap > MAX_OVERLAP {
            return Err(Error::field("overlap_seconds", "may be 7 days at the most"));
        }
        let key = self.key_of(workspace, key_id).await?;
        if key.revoked_at.is_some() {
            return Err(Error::Precondition("the key is revoked; create another".to_owned()));
        }
        let (secret, hash) = new_secret();
        let until = self.core.database.now().await?.saturating_add(overlap.as_millis() as i64);
        let tx = self.core.database.begin().await?;
        keys::expire_secrets(&tx, key_id, until).await?;
        keys::add_secret(&tx, key_id, &hash).await?;
        tx.commit().await.map_err(elate_storage::Error::from)?;
        self.core.keys.clear();
        Ok(NewSecret { key, secret })
    }

    async fn revoke_key(&self, workspace: &WorkspaceId, key_id: &str) -> Result<(), Error> {
        self.key_of(workspace, key_id).await?;
        let tx = self.core.database.begin().await?;
        keys::revoke(&tx, workspace, key_id, self.core.clock().now().0).await?;
        tx.commit().await.map_err(elate_storage::Error::from)?;
        self.core.keys.clear();
        Ok(())
    }

    async fn keys(&self, workspace: &WorkspaceId, page: &PageRequest) -> Result<Page<Key>, Error> {
        let limit = page.limit();
        let items = keys::list(self.core.database.read(), workspace, &page.token, limit).await?;
        let next =
            items.last().filter(|_| items.len() == limit).map(|key| key.id.clone()).unwrap_or_default();
        Ok(Page { items, next })
    }

    async fn resolve(&self, secret_sha256: [u8; 32]) -> Result<Option<Principal>, Error> {
        if let Some(known) = self.core.keys.get(&secret_sha256) {
            return Ok(known);
        }
        // Wall time: secrets end by the calendar, whatever the log's clock plays back.
        let now = self.core.database.now().await?;
        let found = keys::resolve(self.core.database.read(), &secret_sha256, now).await?;
        self.core.keys.put(secret_sha256, found.clone());
        Ok(found)
    }

    async fn register(
        &self,
        workspace: &WorkspaceId,
        name: &str,
        role: Role,
        source: &SourceId,
        secret_sha256: [u8; 32],
    ) -> Result<(), Error> {
        let core = &self.core;
        let now = core.clock().now();
        let tx = core.database.begin().await?;
        customers::create_workspace(&tx, workspace, "UTC", now.0).await?;
        let id = Uuid::now_v7().simple().to_string();
        if keys::add_secret(&tx, &id, &secret_sha256).await? {
            let (name, source) = (name.to_owned(), source.clone());
            keys::create(&tx, workspace, &Key { id, name, role, source, created_at: now, revoked_at: None })
                .await?;
        }
        tx.commit().await.map_err(elate_storage::Error::from)?;
        core.keys.clear();
        Ok(())
    }

    async fn mark_import(&self, workspace: &WorkspaceId, mark: ImportMark, end: bool) -> Result<(), Error> {
        if mark.import_id.is_empty() {
            return Err(Error::field("import_id", "is required"));
        }
        let event = if end { name::IMPORT_ENDED } else { name::IMPORT_BEGUN };
        let draft = request_draft(&self.core, workspace, event, &mark.import_id, Target::Everywhere, &mark)?;
        self.request(workspace, draft).await
    }

    async fn set_pause(
        &self,
        workspace: &WorkspaceId,
        request_id: &str,
        pause: PauseChanged,
    ) -> Result<(), Error> {
        let event = name::PAUSE_CHANGED;
        let draft = request_draft(&self.core, workspace, event, request_id, Target::Everywhere, &pause)?;
        self.request(workspace, draft).await
    }
}
