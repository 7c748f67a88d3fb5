//! Channels and templates of a version, read and compiled once.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use elate_domain::WorkspaceId;
use elate_manifest::spec::{Channel, Survey};
use lru::LruCache;
use serde_json::Value as Json;

use crate::model::rules::manifests;
use crate::model::template::Templates;
use crate::store::Store;

/// Versions that are kept compiled.
const KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(63);

/// One version of a workspace.
#[derive(Debug)]
pub struct Definitions {
    /// Channels by name.
    pub channels: BTreeMap<String, Arc<Channel>>,
    /// Templates.
    pub templates: Templates,
    /// Surveys by name.
    pub surveys: BTreeMap<String, Survey>,
}

impl Definitions {
    /// Reads and compiles documents.
    pub fn of(documents: &[Json]) -> Self {
        let channels: BTreeMap<String, Channel> = manifests(documents, "Channel");
        Self {
            channels: channels.into_iter().map(|(name, channel)| (name, Arc::new(channel))).collect(),
            templates: Templates::compile(manifests(documents, "Template")),
            surveys: manifests(documents, "Survey"),
        }
    }
}

type Key = (WorkspaceId, u64);

/// The versions in use.
#[derive(Debug)]
pub struct Cache {
    store: Store,
    kept: Mutex<LruCache<Key, Arc<Definitions>>>,
}

impl Cache {
    /// An empty cache over the stored definitions.
    pub fn new(store: Store) -> Self {
        Self { store, kept: Mutex::new(LruCache::new(KEPT)) }
    }

    /// The definitions of a version, or the newest ones where that version is not kept any more. `None` where the
    /// workspace has none.
    pub async fn get(
        &self,
        workspace: &WorkspaceId,
        version: Option<u64>,
    ) -> Result<Option<Arc<Definitions>>, elate_storage::Error> {
        if let Some(version) = version
            && let Some(found) = self.kept().get(&(workspace.clone(), version))
        {
            return Ok(Some(Arc::clone(found)));
        }
        let Some((found, documents)) = self.store.definitions(workspace, version).await? else {
            return Ok(None);
        };
        let key = (workspace.clone(), version.unwrap_or(found));
        if let Some(found) = self.kept().get(&key) {
            return Ok(Some(Arc::clone(found)));
        }
        let documents: Vec<Json> = serde_json::from_str(&documents)
            .map_err(|error| elate_storage::Error::corrupt("definitions", "documents", error))?;
        let compiled = Arc::new(Definitions::of(&documents));
        self.kept().put(key, Arc::clone(&compiled));
        Ok(Some(compiled))
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, LruCache<Key, Arc<Definitions>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
