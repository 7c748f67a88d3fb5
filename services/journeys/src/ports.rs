//! What the use-cases need from outside, in our own types.

use elate_domain::{CustomerId, WorkspaceId};
use uuid::Uuid;

/// How a caller names a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CustomerName {
    /// By Elate's id.
    Id(CustomerId),
    /// By the sender's id of a known user.
    User(String),
    /// By the sender's id of a device or browser.
    Anonymous(String),
}

/// Why a customer could not be found.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// Nobody is known by this name.
    #[error("no such customer")]
    Unknown,
    /// Events does not answer; it may later.
    #[error("events does not answer: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Finds customers by their names: events knows them.
#[async_trait::async_trait]
pub trait Customers: Send + Sync + 'static {
    /// The customer, or the survivor where it was merged away.
    async fn find(&self, workspace: &WorkspaceId, name: &CustomerName) -> Result<CustomerId, LookupError>;
}

/// The last row of a page: the next page begins after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct After {
    /// The time that the list is ordered by, in milliseconds.
    pub at: i64,
    /// The id of the row, which orders those of one instant.
    pub id: Uuid,
}

/// Which page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageOf {
    /// After which row; `None` for the first page.
    pub after: Option<After>,
    /// How many rows at most.
    pub limit: u64,
}

/// A page, and where the next one begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// `None` where this was the last page.
    pub next: Option<After>,
}

impl<T> Page<T> {
    /// Cuts a page out of one row more than was asked for: that it is there says that there is a next page.
    pub(crate) fn cut(mut items: Vec<T>, limit: u64, place: impl Fn(&T) -> After) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(place) } else { None };
        Self { items, next }
    }
}
