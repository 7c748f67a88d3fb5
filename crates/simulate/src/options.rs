//! How a recording is replayed.

use std::num::NonZeroUsize;

use elate_domain::{SourceId, Timestamp, WorkspaceId};

/// Partitions of the log in memory. Part of what a report is made of (sums are added in their order), so not an option.
pub const PARTITIONS: u32 = 64;

/// How a recording is replayed.
#[derive(Debug, Clone)]
pub struct Options {
    /// The workspace that the events belong to. Customers' ids, and so who is held out, depend on it.
    pub workspace: WorkspaceId,
    /// The source that the events come from; customers' ids depend on it.
    pub source: SourceId,
    /// What customers' ids are made from; with the seed of a running system they are the same as there.
    pub customer_seed: String,
    /// Only events from this log time on.
    pub from: Option<Timestamp>,
    /// Only events before this log time, which is also where log time ends.
    pub to: Option<Timestamp>,
    /// For how long log time runs on after the last event, in milliseconds, where `to` doesn't say.
    pub settle_millis: i64,
    /// Takes what was decided for the whole company as it fell: see [`History`](crate::History). Without it nothing is learned
    /// from all customers, plays stand at the first step of their rollout, and nothing is paused.
    pub as_recorded: bool,
    /// Threads at once. The report does not depend on it.
    pub threads: NonZeroUsize,
    /// Lines of the list of who entered which play at the most; how many more there are is counted.
    pub entries: usize,
}

impl Options {
    /// For how long log time runs on by default: a week, in milliseconds.
    pub const SETTLE_MILLIS: u64 = 7 * 86_400_000;

    /// The usual ones.
    ///
    /// # Errors
    /// Never in practice: the default ids are valid.
    pub fn try_default() -> Result<Self, elate_domain::InvalidId> {
        Ok(Self {
            workspace: WorkspaceId::try_new("simulation")?,
            source: SourceId::try_new("recording")?,
            customer_seed: "simulation".to_owned(),
            from: None,
            to: None,
            settle_millis: Self::SETTLE_MILLIS as i64,
            as_recorded: false,
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            entries: 10_000,
        })
    }
}
