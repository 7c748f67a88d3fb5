//! Pages of lists, as the use-cases and the store speak of them.

use uuid::Uuid;

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
