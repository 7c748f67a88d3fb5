//! What is about to be appended.

use bytes::Bytes;
use elate_domain::{CustomerId, Event, Partition, WorkspaceId};

use super::fingerprint::Fingerprint;

/// Where a draft goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// To the customer that its ids lead to.
    Ids,
    /// To this customer, or whom it was merged into.
    Customer(CustomerId),
    /// To this partition, as a record about the partition as a whole.
    Partition(Partition),
    /// To every partition.
    Everywhere,
}

/// An event that was checked, without its place and, for [`Target::Ids`], without its customer.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The event.
    pub event: Event,
    /// Where it goes.
    pub target: Target,
    /// How a repeat is recognised; `None` where the event has a producer, or may be repeated.
    pub fingerprint: Option<Fingerprint>,
    /// For alias: the id that is given up.
    pub previous_id: Option<String>,
    /// The event as a service of ours has encoded it: what is appended, if it stays with its customer.
    pub encoded: Option<Bytes>,
}

impl Draft {
    /// About how many bytes it takes in the log.
    pub fn bytes(&self) -> usize {
        let event = &self.event;
        128 + event.properties.as_bytes().len()
            + event.traits.as_bytes().len()
            + event.context.as_bytes().len()
    }
}

/// What became of a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Appended.
    Appended {
        /// The id that it has in the log.
        message_id: String,
        /// Whose it is.
        customer: CustomerId,
    },
    /// In the log already.
    Duplicate {
        /// Whose it is, where its ids are known.
        customer: Option<CustomerId>,
    },
    /// Refused.
    Rejected {
        /// The field that is wrong.
        field: &'static str,
        /// Why.
        reason: String,
    },
}

/// Drafts of one caller, appended in one transaction and in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct Drafts {
    /// Whose turn it is in the queue.
    pub workspace: WorkspaceId,
    /// Lowest rank: imports.
    pub import: bool,
    /// The drafts.
    pub drafts: Vec<Draft>,
}
