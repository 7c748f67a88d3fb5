//! What the loop keeps around a service's state: for a customer, and for a partition.

use std::collections::BTreeMap;
use std::sync::Arc;

use elate_domain::{CustomerId, Offset, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::imports::Imports;

/// Everything kept for a customer, stored as MessagePack with field names, [packed](crate::packed).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(bound(serialize = "S: Serialize", deserialize = "S: DeserializeOwned + Default"), default)]
pub(crate) struct Envelope<S> {
    /// The service's own.
    pub(crate) state: S,
    /// By key.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) timers: BTreeMap<String, Timer>,
    /// Set aside from here on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) aside: Option<Boundary>,
    /// Merged into another customer; nothing is kept here any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) merged_into: Option<CustomerId>,
    /// Erased; the row stays so that nothing that was on its way brings the customer back.
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) erased: bool,
    /// The hour of log time that `emitted` counts.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) hour: i64,
    /// Events emitted in that hour.
    #[serde(skip_serializing_if = "is_none_emitted")]
    pub(crate) emitted: u32,
}

impl<S: Default> Default for Envelope<S> {
    fn default() -> Self {
        Self {
            state: S::default(),
            timers: BTreeMap::new(),
            aside: None,
            merged_into: None,
            erased: false,
            hour: 0,
            emitted: 0,
        }
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_zero(value: &i64) -> bool {
    *value == 0
}

fn is_none_emitted(value: &u32) -> bool {
    *value == 0
}

/// A deadline, and what is needed to emit in its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Timer {
    /// When it is due.
    #[serde(rename = "d")]
    pub(crate) deadline: Timestamp,
    /// Log time when it was set.
    #[serde(rename = "s")]
    pub(crate) set_at: Timestamp,
    /// Partition of the record that set it.
    #[serde(rename = "p")]
    pub(crate) partition: u32,
    /// Offset of that record.
    #[serde(rename = "o")]
    pub(crate) offset: Offset,
    /// Message id of that record.
    #[serde(rename = "m")]
    pub(crate) message_id: Arc<str>,
    /// Hops up to that record.
    #[serde(rename = "h", default, skip_serializing_if = "is_none_emitted")]
    pub(crate) hops: u32,
    /// How many timers in a row were set at or before their own instant; guards against going round for ever.
    #[serde(rename = "n", default, skip_serializing_if = "is_none_emitted")]
    pub(crate) spins: u32,
    /// Set while an import with this number was open: held until it ends.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub(crate) import: Option<u32>,
    /// Set by a record of an import.
    #[serde(rename = "q", default, skip_serializing_if = "is_false")]
    pub(crate) historical: bool,
    /// The trace of the record that set it.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub(crate) trace_parent: Option<Arc<str>>,
}

/// Where a customer was set aside: the first step whose effects did not happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Boundary {
    /// The record, or the first record that a failed timer comes before.
    pub(crate) offset: Offset,
    /// The timer, where it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timer: Option<(Timestamp, String)>,
}

impl Boundary {
    /// Whether a record's step comes before the boundary, so that its effects have happened.
    pub(crate) fn is_after_record(&self, offset: Offset) -> bool {
        offset < self.offset
    }

    /// The same for a timer that fires before the record at `next`.
    pub(crate) fn is_after_timer(&self, next: Offset, deadline: Timestamp, key: &str) -> bool {
        if next < self.offset {
            return true;
        }
        match &self.timer {
            Some((failed, failed_key)) => (deadline, key) < (*failed, failed_key.as_str()),
            // Of the timers before the failed record, all had fired.
            None => next == self.offset,
        }
    }
}

/// Everything kept for a partition.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(bound(serialize = "S: Serialize", deserialize = "S: DeserializeOwned + Default"), default)]
pub(crate) struct PartitionEnvelope<S> {
    /// The service's own.
    pub(crate) state: S,
    /// Imports of all workspaces.
    pub(crate) imports: Imports,
    /// A replay that is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) replay: Option<Replay>,
}

impl<S: Default> Default for PartitionEnvelope<S> {
    fn default() -> Self {
        Self { state: S::default(), imports: Imports::default(), replay: None }
    }
}

/// How far a replay of history is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Replay {
    /// The last record replayed.
    pub(crate) at: Offset,
    /// The control record that asked for it; the replay ends before it.
    pub(crate) until: Offset,
    /// Log time of that record.
    pub(crate) ends_at: Timestamp,
    /// Records before this log time are passed over.
    pub(crate) since: Timestamp,
    /// The workspace whose history it is.
    pub(crate) workspace: elate_domain::WorkspaceId,
}

/// MessagePack with field names, so that fields can be added.
pub(crate) fn encode<T: Serialize>(what: &'static str, value: &T) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    encode_into(what, value, &mut bytes)?;
    Ok(bytes)
}

/// The same at the end of `bytes`.
pub(crate) fn encode_into<T: Serialize>(
    what: &'static str,
    value: &T,
    bytes: &mut Vec<u8>,
) -> Result<(), Error> {
    rmp_serde::encode::write_named(bytes, value)
        .map_err(|error| Error::Encode { what, reason: error.to_string() })
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, Error> {
    rmp_serde::from_slice(bytes).map_err(|error| Error::Corrupt { what, reason: error.to_string() })
}
