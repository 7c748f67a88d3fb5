//! Reading and changing customers.

use std::collections::BTreeSet;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use elate_domain::system::{PreferencesChanged, Redrive, name};
use elate_domain::{CustomerId, RawJson, Timestamp, WorkspaceId};
use futures::stream::BoxStream;
use serde::Serialize;
use uuid::Uuid;

use super::append::own_event;
use super::{App, Core, Error, timeline};
use crate::model::catalog::CatalogEvent;
use crate::model::customer::{Customer, CustomerRef, Erasure, TimelineEntry, TimelineQuery};
use crate::model::draft::{Draft, Drafts, Target, Verdict};
use crate::model::fingerprint::{self, Fingerprint};
use crate::model::follow::{FollowedEntry, WorkspaceFollow};
use crate::model::identity::{IdKind, key};
use crate::model::own;
use crate::model::page::{Page, PageRequest};
use crate::model::traits::Traits;
use crate::ports::Customers;
use crate::store::customers::{self, CustomerRow};
use crate::store::{catalog, erasures};

const NO_CUSTOMER: Error = Error::NotFound { what: "customer" };

/// Finds a customer of the workspace: the survivor, and its row. Erased ones are not found.
pub(crate) async fn find(
    core: &Core,
    workspace: &WorkspaceId,
    customer: &CustomerRef,
) -> Result<(CustomerId, CustomerRow), Error> {
    let mut at = match customer {
        CustomerRef::Id(id) => *id,
        CustomerRef::User(id) => by_identifier(core, workspace, IdKind::User, id).await?,
        CustomerRef::Anonymous(id) => by_identifier(core, workspace, IdKind::Anonymous, id).await?,
    };
    loop {
        let mut rows = customers::find(core.database.read(), &BTreeSet::from([at])).await?;
        let row = rows.remove(&at).filter(|row| row.workspace == workspace.as_str()).ok_or(NO_CUSTOMER)?;
        match row.merged_into {
            Some(survivor) => at = survivor,
            None if row.erased => return Err(NO_CUSTOMER),
            None => return Ok((at, row)),
        }
    }
}

async fn by_identifier(
    core: &Core,
    workspace: &WorkspaceId,
    kind: IdKind,
    id: &str,
) -> Result<CustomerId, Error> {
    let key = key(workspace, kind, id);
    let leads = customers::leads(core.database.read(), &[key]).await?;
    leads.get(&key).map(|lead| lead.customer).ok_or(NO_CUSTOMER)
}

/// A record that a request puts into the log; a repeat of the request id is found like any repeated message.
pub(crate) fn request_draft<T: Serialize>(
    core: &Core,
    workspace: &WorkspaceId,
    event_name: &str,
    request_id: &str,
    target: Target,
    payload: &T,
) -> Result<Draft, Error> {
    if request_id.chars().count() > 100 || request_id.chars().any(char::is_control) {
        return Err(Error::field(
            "request_id",
            "may have 100 characters at the most, and no control characters",
        ));
    }
    let id = if request_id.is_empty() { Uuid::now_v7().to_string() } else { request_id.to_owned() };
    let mut event = own_event(workspace.clone(), event_name, format!("{event_name}:{id}"))?;
    event.occurred_at = core.clock().now();
    event.properties = RawJson::of(payload);
    let seed = core.install.seed;
    let key = fingerprint::key(seed, workspace.as_str(), own::SOURCE, &event.message_id);
    // Whatever the repeat says, the request was done.
    let fingerprint = (!request_id.is_empty()).then_some(Fingerprint { key, content: 0 });
    Ok(Draft { event, target, fingerprint, previous_id: None, encoded: None })
}

impl App {
    /// Appends the record of a request.
    pub(crate) async fn request(&self, workspace: &WorkspaceId, draft: Draft) -> Result<(), Error> {
        let drafts = Drafts { workspace: workspace.clone(), import: false, drafts: vec![draft] };
        match self.appender.submit(drafts).await?.pop() {
            Some(Verdict::Rejected { reason, .. }) if reason == "erased" => Err(Error::Erased),
            Some(Verdict::Rejected { field, reason }) => Err(Error::field(field, reason)),
            Some(Verdict::Appended { .. } | Verdict::Duplicate { .. }) | None => Ok(()),
        }
    }
}

#[async_trait]
impl Customers for App {
    async fn get(&self, workspace: &WorkspaceId, customer: &CustomerRef) -> Result<Customer, Error> {
        let (id, row) = find(&self.core, workspace, customer).await?;
        let read = self.core.database.read();
        let (mut user_ids, mut anonymous_ids) = (Vec::new(), Vec::new());
        for (kind, value) in customers::identifiers(read, id).await? {
            match kind {
                IdKind::User => user_ids.push(value),
                IdKind::Anonymous => anonymous_ids.push(value),
            }
        }
        Ok(Customer {
            id,
            user_ids,
            anonymous_ids,
            traits: Traits::read(&row.traits).shown(),
            created_at: Timestamp(row.created_at),
            merged: customers::merged_into(read, id).await?,
        })
    }

    async fn timeline(
        &self,
        workspace: &WorkspaceId,
        query: &TimelineQuery,
    ) -> Result<Page<TimelineEntry>, Error> {
        let (id, _) = find(&self.core, workspace, &query.customer).await?;
        let mut all = customers::merged_into(self.core.database.read(), id).await?;
        all.push(id);
        timeline::page(&self.core, workspace, &all, query).await
    }

    async fn set_preferences(
        &self,
        workspace: &WorkspaceId,
        request_id: &str,
        customer: &CustomerRef,
        change: PreferencesChanged,
    ) -> Result<(), Error> {
        let (id, _) = find(&self.core, workspace, customer).await?;
        let event = name::PREFERENCES_CHANGED;
        let draft = request_draft(&self.core, workspace, event, request_id, Target::Customer(id), &change)?;
        self.request(workspace, draft).await
    }

    async fn erase(
        &self,
        workspace: &WorkspaceId,
        request_id: &str,
        customer: &CustomerRef,
    ) -> Result<String, Error> {
        super::erase::erase(&self.core, workspace, request_id, customer).await
    }

    async fn erasure(&self, workspace: &WorkspaceId, erasure_id: &str) -> Result<Erasure, Error> {
        let receipts = erasures::receipts(self.core.database.read(), workspace, erasure_id).await?;
        let receipts = receipts.ok_or(Error::NotFound { what: "erasure" })?;
        let answered = |service: &String| receipts.iter().any(|receipt| receipt.service == *service);
        let complete = self.core.settings.services.iter().all(answered);
        Ok(Erasure { receipts, complete })
    }

    async fn redrive(
        &self,
        workspace: &WorkspaceId,
        request_id: &str,
        service: &str,
        customer: &CustomerRef,
    ) -> Result<(), Error> {
        if !self.core.settings.services.iter().any(|known| known == service) {
            return Err(Error::field(
                "service",
                format!("must be one of {}", self.core.settings.services.join(", ")),
            ));
        }
        let (id, _) = find(&self.core, workspace, customer).await?;
        let payload = Redrive { service: service.to_owned() };
        let draft =
            request_draft(&self.core, workspace, name::REDRIVE, request_id, Target::Customer(id), &payload)?;
        self.request(workspace, draft).await
    }

    async fn follow(
        &self,
        workspace: &WorkspaceId,
        follow: WorkspaceFollow,
    ) -> Result<BoxStream<'static, Result<FollowedEntry, Error>>, Error> {
        super::follow::follow(&self.core, workspace, follow).await
    }

    async fn catalog(
        &self,
        workspace: &WorkspaceId,
        page: &PageRequest,
    ) -> Result<Page<CatalogEvent>, Error> {
        let after = read_catalog_token(&page.token)?;
        let limit = page.limit();
        let items = catalog::list(self.core.database.read(), workspace, (&after.0, &after.1), limit).await?;
        let next = match items.last() {
            Some(last) if items.len() == limit => {
                URL_SAFE_NO_PAD.encode(format!("{}\0{}", last.name, last.event_type.as_str()))
            }
            Some(_) | None => String::new(),
        };
        Ok(Page { items, next })
    }
}

fn read_catalog_token(token: &str) -> Result<(String, String), Error> {
    if token.is_empty() {
        return Ok((String::new(), String::new()));
    }
    let text = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.as_deref()
        .and_then(|text| text.split_once('\0'))
        .map(|(name, event_type)| (name.to_owned(), event_type.to_owned()))
        .ok_or_else(|| Error::field("page.page_token", "is none of this list; begin again without it"))
}
