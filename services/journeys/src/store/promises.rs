//! What is known of promises, and of what became of them.

use std::collections::HashMap;

use elate_domain::{CustomerId, PromiseState, Timestamp, WorkspaceId};
use elate_storage::Error;
use uuid::Uuid;

use super::Store;
use super::company::outlook;
use super::query::{Order, Reader, Select};
use super::read::{owner, read, time};
use crate::model::rows::{Outlook, PromiseChangeRow, PromiseRow};
use crate::page::{After, Page, PageOf};

/// Which promises are asked for; what is empty leaves all in.
#[derive(Debug, Clone, Default)]
pub struct PromiseFilter {
    /// In one of these states.
    pub states: Vec<PromiseState>,
    /// Of this moment.
    pub moment: Option<String>,
    /// Due at this time or later.
    pub due_from: Option<Timestamp>,
    /// Due before this time.
    pub due_before: Option<Timestamp>,
    /// Of this customer.
    pub customer: Option<CustomerId>,
}

const BY_DUE: Order = Order { time: "due_at", id: "promise_id", newest_first: false };
const COLUMNS: &str = "promise_id, customer_id, moment, correlation_key, state, due_at, first_due_at, fulfilled_at, \
                       reason, touchpoint, journey, created_at, updated_at";
/// Far above what becomes of a promise; a date may be moved often.
const MAX_CHANGES: u64 = 1_000;

impl Store {
    /// Promises, the earliest due first.
    pub async fn promises(
        &self,
        workspace: &WorkspaceId,
        filter: &PromiseFilter,
        page: PageOf,
    ) -> Result<Page<PromiseRow>, Error> {
        let words: Vec<_> = filter.states.iter().map(|state| state.as_str()).collect();
        let mut select = Select::of(COLUMNS, "promises", workspace)
            .and_customer(filter.customer)
            .and_one_of("state", &words);
        if let Some(moment) = &filter.moment {
            select = select.and("moment", "=", moment.as_str());
        }
        if let Some(from) = filter.due_from {
            select = select.and("due_at", ">=", from.0);
        }
        if let Some(before) = filter.due_before {
            select = select.and("due_at", "<", before.0);
        }
        let rows = select.page(BY_DUE, page.after, page.limit + 1).all(&self.database).await?;
        let mut rows = read(&rows, "promises", |r| promise(r, workspace))?;
        self.look(workspace, &mut rows).await?;
        Ok(Page::cut(rows, page.limit, |row| After { at: row.due.0, id: row.promise_id }))
    }

    /// One promise with its history, in order.
    pub async fn promise(
        &self,
        workspace: &WorkspaceId,
        promise_id: Uuid,
    ) -> Result<Option<(PromiseRow, Vec<PromiseChangeRow>)>, Error> {
        let select = Select::of(COLUMNS, "promises", workspace).and("promise_id", "=", promise_id);
        let rows = select.order_by("promise_id", 1).all(&self.database).await?;
        let mut rows = read(&rows, "promises", |r| promise(r, workspace))?;
        self.look(workspace, &mut rows).await?;
        let Some(found) = rows.pop() else { return Ok(None) };
        let columns = "promise_id, customer_id, sequence, at, state, due_at, reason";
        let select = Select::of(columns, "promise_changes", workspace).and("promise_id", "=", promise_id);
        let rows = select.order_by("sequence", MAX_CHANGES).all(&self.database).await?;
        Ok(Some((found, read(&rows, "promise_changes", |r| change(r, workspace))?)))
    }
}

impl Store {
    /// Puts in how promises look by what was learned.
    async fn look(&self, workspace: &WorkspaceId, promises: &mut [PromiseRow]) -> Result<(), Error> {
        if promises.is_empty() {
            return Ok(());
        }
        let ids: Vec<Uuid> = promises.iter().map(|row| row.promise_id).collect();
        let columns = "promise_id, milestone, samples, least, chance, at";
        let select = Select::of(columns, "promise_outlooks", workspace).and_one_of_ids("promise_id", &ids);
        let rows = select.order_by("promise_id", ids.len() as u64).all(&self.database).await?;
        let found = read(&rows, "promise_outlooks", |r| Ok((r.uuid("promise_id")?, outlook(r)?)))?;
        let mut found: HashMap<Uuid, Outlook> = found.into_iter().collect();
        for row in promises {
            row.outlook = found.remove(&row.promise_id);
        }
        Ok(())
    }
}

fn promise(r: &Reader<'_>, workspace: &WorkspaceId) -> Result<PromiseRow, Error> {
    Ok(PromiseRow {
        owner: owner(r, workspace)?,
        promise_id: r.uuid("promise_id")?,
        moment: r.text("moment")?,
        key: r.text("correlation_key")?,
        state: r.domain("state")?,
        due: time(r, "due_at")?,
        first_due: time(r, "first_due_at")?,
        fulfilled_at: r.i64_opt("fulfilled_at")?.map(Timestamp),
        reason: r.text("reason")?,
        outlook: None,
        touchpoint: r.text("touchpoint")?,
        journey: r.text("journey")?,
        created_at: time(r, "created_at")?,
        updated_at: time(r, "updated_at")?,
    })
}

fn change(r: &Reader<'_>, workspace: &WorkspaceId) -> Result<PromiseChangeRow, Error> {
    let sequence =
        u32::try_from(r.i64("sequence")?).map_err(|error| Error::corrupt(r.table, "sequence", error))?;
    Ok(PromiseChangeRow {
        owner: owner(r, workspace)?,
        promise_id: r.uuid("promise_id")?,
        sequence,
        at: time(r, "at")?,
        state: r.domain("state")?,
        due: time(r, "due_at")?,
        reason: r.text("reason")?,
    })
}
