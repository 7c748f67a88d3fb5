//! The use-cases of notifications. Questions read the tables; commands go through the log.

mod commands;
mod error;

use std::sync::Arc;

use elate_consumer::{Lane, Ownership, query};
use elate_domain::{CustomerId, FieldError, Timestamp, WorkspaceId};
use elate_manifest::spec::{Channel, ChannelKind, Template};
use elate_reach::{Decision, Message, zone};
use serde_json::Value as Json;

pub use commands::TestSend;
pub use error::{ALL as REASONS, Error};

use crate::delivery::definitions::Cache;
use crate::model::state::{CustomerState, PartitionState};
use crate::model::template::{self, Rendered, Templates};
use crate::model::{chain, rules};
use crate::store::endpoint::EndpointRow;
use crate::store::read::{Filter, ProviderCounts, Stored, StoredAttempt};
use crate::store::{ChannelKey, Store};

/// The span over which attempts of providers are counted: ten minutes.
const COUNTED_MILLIS: i64 = 600_000;

/// The use-cases over one store.
#[derive(Debug, Clone)]
pub struct App {
    store: Store,
    lane: Lane,
    ownership: Ownership,
    definitions: Arc<Cache>,
}

/// What the chain says of a message that nobody asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Reach {
    /// Send, hold or refuse.
    pub decision: Decision,
    /// The zone that quiet hours are judged in, and where it came from.
    pub zone: String,
}

/// A channel with the health of its providers.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelHealth {
    /// Its name.
    pub name: String,
    /// `email` or `webhook`.
    pub kind: String,
    /// It is paused.
    pub paused: bool,
    /// Its providers, in order.
    pub providers: Vec<ProviderHealth>,
}

/// A provider.
#[derive(Debug, Clone, PartialEq)]
pub struct ProviderHealth {
    /// Its name.
    pub name: String,
    /// Attempts in the last ten minutes.
    pub attempts: u64,
    /// Failures among them.
    pub failures: u64,
    /// Since when it fails without a success in between.
    pub failing_since: Option<Timestamp>,
    /// It takes no messages any more.
    pub disabled: bool,
}

impl App {
    /// The use-cases over `store`; commands are written by `lane` into partitions that are held.
    pub fn new(store: Store, lane: Lane, ownership: Ownership, definitions: Arc<Cache>) -> Self {
        Self { store, lane, ownership, definitions }
    }

    /// Messages, newest first.
    pub async fn list(
        &self,
        workspace: &WorkspaceId,
        filter: &Filter,
        after: Option<(i64, String)>,
        limit: u64,
    ) -> Result<Vec<Stored>, Error> {
        Ok(self.store.notifications(workspace, filter, after, limit).await?)
    }

    /// A message with its attempts.
    pub async fn get(
        &self,
        workspace: &WorkspaceId,
        id: &str,
    ) -> Result<(Stored, Vec<StoredAttempt>), Error> {
        let found = self.store.notification(workspace, id).await?;
        let found = found.ok_or_else(|| Error::UnknownNotification(id.to_owned()))?;
        Ok((found, self.store.attempts(workspace, id).await?))
    }

    /// What the chain says now.
    pub async fn check(
        &self,
        workspace: &WorkspaceId,
        customer: CustomerId,
        message: &Message,
        now: Timestamp,
    ) -> Result<Reach, Error> {
        let stored = query::state::<CustomerState>(self.store.database(), workspace, customer).await?;
        let partition = match &stored {
            Some(stored) => Some(stored.partition),
            // A customer of whom nothing was kept yet: all partitions have the same rules.
            None => self.ownership.all().first().map(|held| held.partition),
        };
        let rules = match partition {
            Some(partition) => {
                query::partition_state::<PartitionState>(self.store.database(), partition).await?
            }
            None => None,
        };
        let rules = rules.unwrap_or_default().rules(workspace);
        let mut state = stored.as_ref().map(|stored| stored.state.clone()).unwrap_or_default();
        state.reach.erased |= stored.is_some_and(|stored| stored.erased);
        let recipient =
            zone::recipient_zone(state.reach.zone.as_deref(), state.reach.location_zone.as_deref());
        let zone = match recipient {
            Some((zone, reason)) => format!("{zone} ({})", reason.as_str()),
            None => format!("{} (workspace)", rules.policy.zones.workspace),
        };
        Ok(Reach { decision: chain::run(&rules, &state, message, now), zone })
    }

    /// Renders a template in force, or one that is given.
    pub async fn preview(
        &self,
        workspace: &WorkspaceId,
        template: &str,
        given: Option<Template>,
        locale: Option<&str>,
        context: &Json,
    ) -> Result<Rendered, Error> {
        if let Some(given) = given {
            let name = "preview".to_owned();
            let templates = Templates::compile([(name.clone(), given)].into());
            return Ok(templates.render(&name, locale, context)?);
        }
        let undefined = || Error::Undefined(FieldError::new("template", format!("{template:?} is unknown")));
        let definitions = self.definitions.get(workspace, None).await?.ok_or_else(undefined)?;
        match definitions.templates.render(template, locale, context) {
            Err(template::Error::Missing(_)) => Err(undefined()),
            rendered => Ok(rendered?),
        }
    }

    /// All channels with their providers' health.
    pub async fn channels(
        &self,
        workspace: &WorkspaceId,
        now: Timestamp,
    ) -> Result<Vec<ChannelHealth>, Error> {
        let Some(definitions) = self.definitions.get(workspace, None).await? else { return Ok(Vec::new()) };
        let since = now.plus_millis(-COUNTED_MILLIS);
        let counts = self.store.provider_counts(workspace, since).await?;
        let mut channels = Vec::new();
        for (name, spec) in &definitions.channels {
            let key = ChannelKey { workspace: workspace.clone(), channel: name.clone() };
            let endpoints = self.store.endpoints(&key).await?;
            channels.push(ChannelHealth {
                name: name.clone(),
                kind: spec.kind().map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
                paused: self.store.is_paused(workspace, name).await?,
                providers: provider_names(name, spec)
                    .map(|provider| provider_health(name, provider, &counts, &endpoints))
                    .collect(),
            });
        }
        Ok(channels)
    }

    /// The kind of a channel for which a template is made; both must be among the definitions in force.
    async fn kind_of(
        &self,
        workspace: &WorkspaceId,
        channel: &str,
        template: &str,
    ) -> Result<ChannelKind, Error> {
        let kind = self.channel_kind(workspace, channel).await?;
        let templates = rules::manifests::<Template>(&self.documents(workspace).await?, "Template");
        let made_for = templates.get(template).ok_or_else(|| undefined("template", template))?.channel;
        if made_for != kind {
            let reason = format!("is made for {}, the channel is {}", made_for.as_str(), kind.as_str());
            return Err(Error::Field(FieldError::new("template", reason)));
        }
        Ok(kind)
    }

    /// The kind of a channel that is among the definitions in force.
    async fn channel_kind(&self, workspace: &WorkspaceId, channel: &str) -> Result<ChannelKind, Error> {
        let channels = rules::manifests::<Channel>(&self.documents(workspace).await?, "Channel");
        channels.get(channel).and_then(Channel::kind).ok_or_else(|| undefined("channel", channel))
    }

    async fn documents(&self, workspace: &WorkspaceId) -> Result<Vec<Json>, Error> {
        let Some((_, documents)) = self.store.definitions(workspace, None).await? else {
            return Ok(Vec::new());
        };
        let documents = serde_json::from_str(&documents);
        Ok(documents.map_err(|error| elate_storage::Error::corrupt("definitions", "documents", error))?)
    }
}

fn undefined(field: &str, name: &str) -> Error {
    Error::Undefined(FieldError::new(field, format!("{name:?} is unknown")))
}

fn provider_names<'a>(channel: &'a str, spec: &'a Channel) -> Box<dyn Iterator<Item = &'a str> + Send + 'a> {
    match &spec.email {
        Some(email) => Box::new(email.providers.iter().map(|provider| provider.name.as_str())),
        None => Box::new(std::iter::once(channel)),
    }
}

fn provider_health(
    channel: &str,
    provider: &str,
    counts: &[ProviderCounts],
    endpoints: &[EndpointRow],
) -> ProviderHealth {
    let counted = counts.iter().find(|c| c.channel == channel && c.provider == provider);
    let endpoint = endpoints.iter().find(|e| e.provider == provider);
    ProviderHealth {
        name: provider.to_owned(),
        attempts: counted.map_or(0, |c| c.attempts),
        failures: counted.map_or(0, |c| c.failures),
        failing_since: endpoint.and_then(|e| e.failing_since),
        disabled: endpoint.is_some_and(|e| e.disabled_at.is_some()),
    }
}
