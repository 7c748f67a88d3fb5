//! The channels at work: their limits, connections and health.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use elate_domain::Timestamp;
use elate_manifest::spec::{Channel, Email};
use elate_reach::retry::{self, DISABLE_AFTER_MILLIS, EndpointHealth};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use super::secrets::Variables;
use super::smtp::Server;
use super::trust::Trust;
use super::webhook::Endpoint;
use super::{Report, Verdict};
use crate::config::DeliverySettings;
use crate::store::endpoint::EndpointRow;
use crate::store::{ChannelKey, Store};

/// Failures in a row after which a server is passed over …
const UNHEALTHY_AFTER: u32 = 3;
/// … for this long, in milliseconds, as long as there is another.
const REST_MILLIS: i64 = 30_000;

/// Why a channel can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The manifest says neither e-mail nor webhook.
    #[error("the channel is of no kind")]
    NoKind,
    /// TLS can't be set up.
    #[error("TLS can't be set up: {0}")]
    Tls(#[from] tokio_rustls::rustls::Error),
    /// Its stored health can't be read.
    #[error(transparent)]
    Storage(#[from] elate_storage::Error),
}

/// How a channel reaches people.
#[derive(Debug)]
pub enum Kind {
    /// Over SMTP; the preferred server first.
    Email {
        /// What the manifest says.
        spec: Box<Email>,
        /// Its servers, in order.
        servers: Vec<Server>,
    },
    /// Over HTTP.
    Webhook(Box<Endpoint>),
}

#[derive(Debug, Clone, Copy, Default)]
struct Health {
    endpoint: EndpointHealth,
    in_a_row: u32,
    last_failure: Option<Timestamp>,
}

/// A channel at work.
#[derive(Debug)]
pub struct Runtime {
    /// The manifest.
    pub spec: Arc<Channel>,
    /// How it reaches people.
    pub kind: Kind,
    /// Places for deliveries at a time.
    pub places: Semaphore,
    key: ChannelKey,
    fingerprint: String,
    health: Mutex<HashMap<String, Health>>,
}

impl Runtime {
    async fn new(
        key: &ChannelKey,
        spec: &Arc<Channel>,
        settings: &DeliverySettings,
        variables: &Variables,
        trust: &Trust,
        store: &Store,
    ) -> Result<Self, Error> {
        let (kind, places) = match (&spec.email, &spec.webhook) {
            (Some(email), _) => {
                let servers = email
                    .providers
                    .iter()
                    .cloned()
                    .map(|spec| Server::new(spec, variables.clone(), trust.clone()))
                    .collect();
                (Kind::Email { spec: Box::new(email.clone()), servers }, settings.email_concurrency)
            }
            (None, Some(webhook)) => (
                Kind::Webhook(Box::new(Endpoint::new(webhook.clone(), variables.clone(), trust)?)),
                settings.webhook_concurrency,
            ),
            (None, None) => return Err(Error::NoKind),
        };
        let fingerprint = fingerprint(spec);
        let mut health = HashMap::new();
        // A channel that was changed starts afresh: that is how a disabled endpoint is enabled again.
        for row in store.endpoints(key).await?.into_iter().filter(|row| row.fingerprint == fingerprint) {
            let endpoint = EndpointHealth { failing_since: row.failing_since, disabled_at: row.disabled_at };
            health.insert(row.provider, Health { endpoint, ..Health::default() });
        }
        Ok(Self {
            spec: Arc::clone(spec),
            kind,
            places: Semaphore::new(places),
            key: key.clone(),
            fingerprint,
            health: Mutex::new(health),
        })
    }

    fn health(&self) -> MutexGuard<'_, HashMap<String, Health>> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the endpoint takes no messages any more.
    pub fn is_disabled(&self, provider: &str) -> bool {
        self.health().get(provider).is_some_and(|health| health.endpoint.is_disabled())
    }

    /// The order in which servers are asked: healthy ones as the manifest has them, then the others, the one that
    /// failed longest ago first.
    pub fn order(&self, servers: &[Server], now: Timestamp) -> Vec<usize> {
        let health = self.health();
        let rest = |index: usize| {
            let name = servers.get(index).map(Server::name).unwrap_or_default();
            let health = health.get(name).copied().unwrap_or_default();
            let last = health
                .last_failure
                .filter(|last| health.in_a_row >= UNHEALTHY_AFTER && now.millis_since(*last) < REST_MILLIS);
            last.map_or(i64::MIN, |last| last.0)
        };
        let mut order: Vec<usize> = (0..servers.len()).collect();
        order.sort_by_key(|index| rest(*index));
        order
    }

    /// Takes note of how a provider did. A refused recipient says nothing against an SMTP server. Answers what is to
    /// be stored, if the endpoint's state has changed.
    pub fn note(&self, report: &Report, now: Timestamp) -> Option<EndpointRow> {
        if report.provider.is_empty() {
            return None;
        }
        let mut all = self.health();
        let health = all.entry(report.provider.clone()).or_default();
        let before = health.endpoint;
        let failed = match report.verdict {
            _ if !report.against_provider => None,
            Verdict::Delivered => None,
            Verdict::Transient | Verdict::Unknown => Some(retry::Verdict::Transient),
            Verdict::Gone => Some(retry::Verdict::Gone),
            Verdict::Permanent => Some(retry::Verdict::Permanent),
        };
        match failed {
            None => {
                (health.in_a_row, health.last_failure) = (0, None);
                health.endpoint.record(retry::Verdict::Delivered, now);
            }
            Some(verdict) => {
                health.in_a_row = health.in_a_row.saturating_add(1);
                health.last_failure = Some(now);
                self.fail(&mut health.endpoint, verdict, now);
            }
        }
        if health.endpoint.is_disabled() && !before.is_disabled() {
            crate::metrics::ENDPOINTS_DISABLED.counter(crate::metrics::NO_LABELS).increment(1);
            tracing::error!(workspace = %self.key.workspace, channel = self.key.channel, "webhook endpoint disabled");
        }
        let row = EndpointRow {
            key: self.key.clone(),
            provider: report.provider.clone(),
            fingerprint: self.fingerprint.clone(),
            failing_since: health.endpoint.failing_since,
            disabled_at: health.endpoint.disabled_at,
        };
        (health.endpoint != before).then_some(row)
    }

    /// Only webhooks are switched off; a mail server that is down is everybody's, and is watched by people.
    fn fail(&self, endpoint: &mut EndpointHealth, verdict: retry::Verdict, now: Timestamp) {
        if endpoint.is_disabled() {
            return;
        }
        let since = *endpoint.failing_since.get_or_insert(now);
        let limit = self.spec.disable_after.map_or(DISABLE_AFTER_MILLIS, |after| after.as_millis());
        let is_spent = verdict == retry::Verdict::Gone || now.millis_since(since) >= limit;
        if is_spent && matches!(self.kind, Kind::Webhook(_)) {
            endpoint.disabled_at = Some(now);
        }
    }
}

fn fingerprint(spec: &Channel) -> String {
    let digest = Sha256::digest(serde_json::to_vec(spec).unwrap_or_default());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// All channels at work.
#[derive(Debug)]
pub struct Channels {
    store: Store,
    settings: DeliverySettings,
    variables: Variables,
    trust: Trust,
    known: Mutex<HashMap<ChannelKey, Arc<Runtime>>>,
}

impl Channels {
    /// None yet.
    pub fn new(store: Store, settings: DeliverySettings, variables: Variables, trust: Trust) -> Self {
        Self { store, settings, variables, trust, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<ChannelKey, Arc<Runtime>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The channel as `spec` has it.
    pub async fn get(&self, key: &ChannelKey, spec: &Arc<Channel>) -> Result<Arc<Runtime>, Error> {
        let fits = |runtime: &Arc<Runtime>| {
            (Arc::ptr_eq(&runtime.spec, spec) || runtime.spec == *spec).then(|| Arc::clone(runtime))
        };
        if let Some(found) = self.known().get(key).and_then(fits) {
            return Ok(found);
        }
        let made = Runtime::new(key, spec, &self.settings, &self.variables, &self.trust, &self.store);
        let made = Arc::new(made.await?);
        let mut known = self.known();
        // Of two that were made at the same time the first one stays, so that limits hold.
        if let Some(found) = known.get(key).and_then(fits) {
            return Ok(found);
        }
        known.insert(key.clone(), Arc::clone(&made));
        Ok(made)
    }

    /// How many messages of a channel may be claimed at a time.
    pub fn claims(&self, key: &ChannelKey) -> usize {
        match self.known().get(key).map(|runtime| &runtime.kind) {
            Some(Kind::Webhook(_)) => self.settings.webhook_claims,
            // Of a channel that was never used only as many as of the careful kind.
            Some(Kind::Email { .. }) | None => self.settings.email_concurrency,
        }
    }
}
