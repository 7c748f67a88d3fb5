//! Following a workspace.

use super::customer::{CustomerRef, TimelineEntry};

/// What a workspace's follower wants.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WorkspaceFollow {
    /// Where to go on; empty starts at the present end, `begin` at the first record kept.
    pub cursor: String,
    /// Only events with one of these names; empty for all.
    pub names: Vec<String>,
    /// Only this customer.
    pub customer: Option<CustomerRef>,
    /// Ends where the log ends now, rather than wait for what comes.
    pub until_present: bool,
}

/// One record, or only a new cursor.
#[derive(Debug, Clone, PartialEq)]
pub struct FollowedEntry {
    /// The record; `None` where only the cursor moves.
    pub entry: Option<TimelineEntry>,
    /// Go on after this with it.
    pub cursor: String,
}
