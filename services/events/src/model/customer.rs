//! Customers as events knows them.

use elate_domain::{CustomerId, Event, Offset, Partition, RawJson, Timestamp};

use super::page::PageRequest;

/// How a customer is named.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CustomerRef {
    /// By Elate's id.
    Id(CustomerId),
    /// By the sender's id of a known user.
    User(String),
    /// By the sender's id of a device or browser.
    Anonymous(String),
}

/// A customer.
#[derive(Debug, Clone, PartialEq)]
pub struct Customer {
    /// Elate's id.
    pub id: CustomerId,
    /// Known user ids, sorted.
    pub user_ids: Vec<String>,
    /// Anonymous ids that lead here, sorted.
    pub anonymous_ids: Vec<String>,
    /// Traits; each the value of the newest identify that named it.
    pub traits: RawJson,
    /// When it was first seen.
    pub created_at: Timestamp,
    /// Customers that were merged into it, directly or not.
    pub merged: Vec<CustomerId>,
}

/// One entry of a timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct TimelineEntry {
    /// Partition of the log.
    pub partition: Partition,
    /// Offset in the partition.
    pub offset: Offset,
    /// Log time.
    pub received_at: Timestamp,
    /// The event, with the customer id that it was appended under.
    pub event: Event,
}

/// Which part of a timeline is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct TimelineQuery {
    /// Whose.
    pub customer: CustomerRef,
    /// Only events with one of these names (a type's own name, `page`, where the event has none); empty for all.
    pub names: Vec<String>,
    /// Oldest first instead of newest first.
    pub oldest_first: bool,
    /// Which page.
    pub page: PageRequest,
}

/// A service's answer to an erasure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The service.
    pub service: String,
    /// When it had purged.
    pub purged_at: Timestamp,
    /// Rows that it removed.
    pub purged: u64,
}

/// How far an erasure is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// The receipts so far, a service each, in order of the service's name.
    pub receipts: Vec<Receipt>,
    /// Every service has answered.
    pub complete: bool,
}
